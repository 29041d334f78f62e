"""What a training has come to, and what it needs to go on: one file beside its checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.errors import CheckpointError, TrainingError
from models.pretrained import UNLOADABLE
from models.sources import ImageFile

RESUME_FILE = "resume.pt"
BEFORE: Mapping[str, object] = {"amp": "off", "processes": 1}
"""How files were made that do not say."""


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch's figures. Losses are means per image.

    Attributes:
        epoch: from 1.
        train_loss, validation_loss: what is minimised.
        reconstruction, contrastive: its parts, on the validation part, before weighting.
        dead_channels: share of the latent channels that are zero everywhere on all of the
            validation part: they carry nothing.
        lr: learning rate of this epoch.
        seconds: wall time.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    reconstruction: float
    contrastive: float
    dead_channels: float
    lr: float
    seconds: float


class ResumeFile:
    """The state of a training after its last whole epoch.

    Args:
        out: the checkpoint folder.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._path = out / RESUME_FILE

    def write(self, state: Mapping[str, object]) -> None:
        """Replace what is there in one step.

        Raises:
            CheckpointError: it cannot be written.
        """
        beside = self._path.with_name(f"{RESUME_FILE}.new")
        try:
            torch.save(dict(state), beside)
            beside.replace(self._path)
        except (OSError, RuntimeError) as error:
            raise CheckpointError(f"cannot write {self._path}: {error}") from error

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """What was written, with its tensors on ``device``; None where nothing was.

        Raises:
            TrainingError: it is damaged.
        """
        if not self._path.exists():
            return None
        with self.damage():
            state: dict[str, Any] = torch.load(self._path, map_location=device, weights_only=True)
            return state
        return None

    def check(
        self, state: Mapping[str, Any], *, settings: Mapping[str, object], images: str
    ) -> None:
        """Refuse a state that does not lead to the result that is asked for.

        Raises:
            TrainingError: it is of other settings or images, or damaged.
        """
        with self.damage():
            before, of = {**BEFORE, **state["settings"]}, state["images"]
        for name, now in settings.items():
            if before.get(name) != now:
                raise TrainingError(
                    f"cannot resume {self._out}: its {name} is {before.get(name)}, not {now}; "
                    f"give the same settings, or start again with --overwrite"
                )
        if of != images:
            raise TrainingError(
                f"cannot resume {self._out}: the images have changed since; "
                f"start again with --overwrite"
            )

    def remove(self) -> None:
        """Nothing leads on from here."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def damage(self) -> Iterator[None]:
        """Say of whatever goes wrong with the content that the file is damaged."""
        try:
            yield
        except (OSError, *UNLOADABLE) as error:
            raise TrainingError(f"{self._path} is damaged: start again with --overwrite") from error


def identity(files: Sequence[ImageFile]) -> str:
    """A hash that changes when an image is added, removed, renamed or rewritten."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_path}\0{file.bytes}\n".encode())
    return digest.hexdigest()
