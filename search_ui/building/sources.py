"""What a dataset may be built of: checked, and turned into a SOURCE for the commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.archives import archive_stem
from models.errors import SimilarityError
from models.sources import DEMO
from models.sources.source import default_name
from search_ui.building.archives import ArchiveUploads
from search_ui.building.bodies import ArchiveSource, FolderSource, Source

MOST_SUBFOLDERS = 200


class BadBuildError(SimilarityError):
    """A build that cannot be begun; the text says why."""


@dataclass(frozen=True, slots=True)
class ChosenSource:
    """A source that was found.

    Attributes:
        spec: SOURCE for the commands: an absolute path, links resolved, or ``demo``.
        name: dataset name by default.
        label: what people call it.
        upload: the archive that is to be moved to ``spec`` before it is read.
    """

    spec: str
    name: str
    label: str
    upload: Path | None = None

    def is_that_of(self, spec: str) -> bool:
        """Whether an index that was built of ``spec`` was built of this."""
        if DEMO in {spec, self.spec}:
            return spec == self.spec
        return Path(spec).resolve() == Path(self.spec)


class AllowedFolders:
    """The operator's folders, by names that a browser may know.

    Args:
        folders: the folders; what is below them is allowed, too, unless a link leads out.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.by_name: dict[str, Path] = {}
        for folder in folders:
            plain = folder.name or "root"
            name, number = plain, 2
            while name in self.by_name:
                name, number = f"{plain}-{number}", number + 1
            self.by_name[name] = folder

    def find(self, name: str, path: str) -> Path:
        """The folder at ``path`` below the allowed folder ``name``, links resolved.

        Raises:
            BadBuildError: it is not there, or not below.
        """
        if name not in self.by_name:
            known = ", ".join(self.by_name) or "none"
            raise BadBuildError(f"{name[:80]!r} is not an allowed folder; there are: {known}")
        below = PurePosixPath(path)
        refusal = BadBuildError(f"there is no folder {path[:80]!r} in {name!r}")
        if below.is_absolute() or ".." in below.parts or "\\" in path:
            raise refusal
        try:
            root = self.by_name[name].resolve(strict=True)
            found = (root / below).resolve(strict=True)
            if not found.is_relative_to(root) or not found.is_dir():
                raise refusal
        except (OSError, ValueError, RuntimeError):  # not there, a null byte, links in a circle
            raise refusal from None
        return found

    def subfolders(self, name: str) -> list[str]:
        """The first folders directly in an allowed one, sorted; hidden ones and links are not."""
        try:
            with os.scandir(self.by_name[name]) as entries:
                found = [
                    entry.name
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                ]
        except OSError:
            return []
        return sorted(found)[:MOST_SUBFOLDERS]


def choose_source(asked: Source, folders: AllowedFolders, uploads: ArchiveUploads) -> ChosenSource:
    """Find what was asked for.

    Raises:
        BadBuildError, UploadError: it is not there, or not allowed.
    """
    if isinstance(asked, ArchiveSource):
        file = uploads.find(asked.token)
        place, name = uploads.place_of(file), default_name(archive_stem(file.name))
        return ChosenSource(str(place), name, file.name, upload=file)
    if isinstance(asked, FolderSource):
        folder = folders.find(asked.folder, asked.path)
        label = "/".join(filter(None, (asked.folder, asked.path.strip("/"))))
        return ChosenSource(str(folder), default_name(folder.name), label)
    return ChosenSource(DEMO, DEMO, "the demo images")
