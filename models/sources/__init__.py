"""SOURCE strings -> image files with labels.

A SOURCE is what a user names on a command line: a folder, an archive, ``demo``, ``procedural``, or
a public data set: ``torchvision:NAME``, ``kaggle:OWNER/NAME``. What is not a folder is placed below
a workspace folder, so that every image is a plain file afterwards and can be shown again.
docs/sources.md says what each of them takes, gives and refuses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from models.errors import SourceError
from models.sources import kaggle, torchvision_datasets
from models.sources.exclusion import Exclusion
from models.sources.generated import DEMO, PROCEDURAL, demo_folder, procedural_folder
from models.sources.labels import apply_labels
from models.sources.listing import list_images
from models.sources.source import (
    EVERY_IMAGE,
    ImageFile,
    Source,
    SourceOptions,
    dataset_name,
    default_name,
)
from models.sources.unpacked import unpacked_folder

__all__ = [
    "DEMO",
    "EVERY_IMAGE",
    "SOURCE_KINDS",
    "ImageFile",
    "PlacedSource",
    "Source",
    "SourceOptions",
    "dataset_name",
    "open_source",
    "place_source",
]

SOURCE_KINDS = (
    "a folder, an archive (.zip, .tar, .tar.gz, .7z, .rar, ...), demo, procedural[:COUNT], "
    f"{torchvision_datasets.PREFIX}:NAME[:SPLIT], or {kaggle.PREFIX}:OWNER/NAME"
)
"""What help texts say of SOURCE."""


@dataclass(frozen=True, slots=True)
class PlacedSource:
    """A SOURCE whose images are plain files now, and are not listed yet.

    Attributes:
        spec, name, root: as in :class:`Source`.
    """

    spec: str
    name: str
    root: Path

    def listed(self, options: SourceOptions = EVERY_IMAGE) -> Source:
        """The images below the root.

        Raises:
            EmptySourceError: there are none; it has the source without them.
            SourceError: not a pattern to exclude, or not a file of labels.
        """
        exclusion = Exclusion([*_copies(self.spec), *options.exclude])
        empty = Source(self.spec, self.name, self.root, (), options=options)
        source = list_images(empty, exclusion)
        return source if options.labels is None else apply_labels(source, Path(options.labels))


def open_source(
    spec: str, *, workspace: Path, exclude: Iterable[str] = (), labels: Path | None = None
) -> Source:
    """Find the images that ``spec`` names.

    Args:
        spec: as :func:`place_source` takes it.
        workspace: folder for what is unpacked, generated or downloaded; made when needed.
        exclude: patterns of files and folders to pass over, as in a ``.gitignore``.
        labels: a CSV file with the columns ``path`` and ``label``, instead of folder labels.

    Raises:
        EmptySourceError: no image files in it.
        SourceError: nothing there, not understood, an unsafe archive, a download that failed, not a
            pattern, or not a file of labels.
    """
    return place_source(spec, workspace=workspace).listed(SourceOptions.of(exclude, labels))


def place_source(spec: str, *, workspace: Path) -> PlacedSource:
    """Unpack, draw or download what ``spec`` names, if it is not a folder or there already.

    Args:
        spec: a folder; an archive; ``demo``; ``procedural`` for 4,000 pictures to train on and
            ``procedural:COUNT`` for more or fewer; ``torchvision:NAME`` and
            ``torchvision:NAME:SPLIT``; ``kaggle:OWNER/NAME``. ``./demo`` is a folder of that name.
        workspace: folder for what is unpacked, generated or downloaded; made when needed.

    Raises:
        SourceError: nothing there, not understood, an unsafe archive, or a download that failed.
    """
    if spec == DEMO:
        return PlacedSource(spec, DEMO, demo_folder(workspace))
    if spec.partition(":")[0] == PROCEDURAL:
        return PlacedSource(spec, PROCEDURAL, procedural_folder(spec, workspace))
    if spec.startswith(f"{torchvision_datasets.PREFIX}:"):
        return PlacedSource(spec, *torchvision_datasets.find(spec, workspace))
    if spec.startswith(f"{kaggle.PREFIX}:"):
        return PlacedSource(spec, *kaggle.find(spec))
    return _place_path(spec, workspace)


def _copies(spec: str) -> tuple[str, ...]:
    """Patterns that the kind of source itself excludes."""
    return kaggle.copies(spec) if spec.startswith(f"{kaggle.PREFIX}:") else ()


def _place_path(spec: str, workspace: Path) -> PlacedSource:
    """A folder or an archive, under its absolute path."""
    try:
        # Not resolve(): a link that the user named is shown by its own name.
        path = Path(os.path.abspath(Path(spec).expanduser()))  # noqa: PTH100
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, an unknown ~user
        is_folder = is_file = False
    if spec and is_folder:
        return PlacedSource(str(path), default_name(path.name), path)
    if spec and is_file:
        return PlacedSource(str(path), *unpacked_folder(path, workspace))
    raise SourceError(f"no such file or folder: {spec!r}; give {SOURCE_KINDS}")
