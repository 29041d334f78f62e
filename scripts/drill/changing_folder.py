"""A folder of images that somebody works in: added, renamed, removed, touched, edited, broken."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from models.sources import Source

SHARE = 0.03
"""Share of the images that each kind of change takes, in one round."""


@dataclass(slots=True)
class ChangingFolder:
    """The images of ``source`` in ``root``, half of them at first; the others are added by and by.

    Attributes:
        source: where the images are taken from; it is only read.
        root: the folder; made by ``fill``.
        random: decides everything, so that the same seed makes the same changes.
    """

    source: Source
    root: Path
    random: random.Random
    _waiting: list[Path] = field(default_factory=list)
    _made: int = 0

    def fill(self) -> None:
        """Copy half of the images, with their folders."""
        files = list(self.source.files)
        self.random.shuffle(files)
        half = (len(files) + 1) // 2
        self._waiting = [file.path for file in files[half:]]
        for file in files[:half]:
            target = self.root / file.relative_path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file.path, target)

    def change(self) -> None:
        """One round: a few of every kind; never the same file twice."""
        files = sorted(path for path in self.root.rglob("*") if path.is_file())
        number = max(1, round(SHARE * len(files)))
        self.random.shuffle(files)
        kinds = (self._rename, self._remove, self._touch, self._edit, self._break)
        for kind in kinds:
            for _ in range(number if kind is not self._break else 1):
                if len(files) > 1:
                    kind(files.pop())
        for _ in range(2 * number):
            self._add()

    def _add(self) -> None:
        """A new image, or, when none is left, a removed one or a copy of one."""
        if not self._waiting:
            self._waiting = [file.path for file in self.source.files]
            self.random.shuffle(self._waiting)
        original = self._waiting.pop()
        shutil.copyfile(original, self._new_name(original))

    def _rename(self, path: Path) -> None:
        path.rename(self._new_name(path))

    def _remove(self, path: Path) -> None:
        path.unlink()

    def _touch(self, path: Path) -> None:
        path.touch()

    def _edit(self, path: Path) -> None:
        """Other content under the same name."""
        path.write_bytes(self.random.choice(self.source.files).path.read_bytes())

    def _break(self, path: Path) -> None:
        """A download that was cut off."""
        path.write_bytes(path.read_bytes()[:200])

    def _new_name(self, like: Path) -> Path:
        folders = sorted({path.parent for path in self.root.rglob("*") if path.is_file()})
        self._made += 1
        return self.random.choice(folders) / f"made-{self._made:06}{like.suffix}"
