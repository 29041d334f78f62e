"""SOURCE strings -> image files with labels.

A SOURCE is what a user names on a command line: a folder, an archive, ``demo``, ``procedural``, or
a public data set: ``torchvision:NAME``, ``kaggle:OWNER/NAME``. What is not a folder is placed below
a workspace folder, so that every image is a plain file afterwards and can be shown again.
docs/sources.md says what each of them takes, gives and refuses.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from models.errors import SourceError
from models.sources import kaggle, torchvision_datasets
from models.sources.exclusion import Exclusion
from models.sources.generated import DEMO, PROCEDURAL, demo_folder, procedural_folder
from models.sources.labels import apply_labels
from models.sources.listing import list_images
from models.sources.source import ImageFile, Source, dataset_name, default_name
from models.sources.unpacked import unpacked_folder

__all__ = [
    "DEMO",
    "SOURCE_KINDS",
    "ImageFile",
    "Source",
    "dataset_name",
    "open_source",
]

SOURCE_KINDS = (
    "a folder, an archive (.zip, .tar, .tar.gz, .7z, .rar, ...), demo, procedural[:COUNT], "
    f"{torchvision_datasets.PREFIX}:NAME[:SPLIT], or {kaggle.PREFIX}:OWNER/NAME"
)
"""What help texts say of SOURCE."""


def open_source(
    spec: str, *, workspace: Path, exclude: Iterable[str] = (), labels: Path | None = None
) -> Source:
    """Find the images that ``spec`` names.

    Args:
        spec: a folder; an archive; ``demo``; ``procedural`` for 4,000 pictures to train on and
            ``procedural:COUNT`` for more or fewer; ``torchvision:NAME`` and
            ``torchvision:NAME:SPLIT``; ``kaggle:OWNER/NAME``. ``./demo`` is a folder of that name.
        workspace: folder for what is unpacked, generated or downloaded; made when needed.
        exclude: patterns of files and folders to pass over, as in a ``.gitignore``.
        labels: a CSV file with the columns ``path`` and ``label``, instead of folder labels.

    Raises:
        EmptySourceError: no image files in it.
        SourceError: nothing there, not understood, an unsafe archive, a download that failed, not a
            pattern, or not a file of labels.
    """
    name, root, spec, copies = _find(spec, workspace)
    source = list_images(spec, name, root, Exclusion([*copies, *exclude]))
    return source if labels is None else apply_labels(source, labels)


def _find(spec: str, workspace: Path) -> tuple[str, Path, str, tuple[str, ...]]:
    """(default name, root, spec as it is kept, patterns that the kind itself excludes)."""
    if spec == DEMO:
        return DEMO, demo_folder(workspace), spec, ()
    if spec.partition(":")[0] == PROCEDURAL:
        return PROCEDURAL, procedural_folder(spec, workspace), spec, ()
    if spec.startswith(f"{torchvision_datasets.PREFIX}:"):
        return (*torchvision_datasets.find(spec, workspace), spec, ())
    if spec.startswith(f"{kaggle.PREFIX}:"):
        name, root = kaggle.find(spec)
        return name, root, spec, kaggle.copies(spec)
    return (*_find_path(spec, workspace), ())


def _find_path(spec: str, workspace: Path) -> tuple[str, Path, str]:
    """(default name, root, absolute path) of a folder or an archive."""
    try:
        # Not resolve(): a link that the user named is shown by its own name.
        path = Path(os.path.abspath(Path(spec).expanduser()))  # noqa: PTH100
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, an unknown ~user
        is_folder = is_file = False
    if spec and is_folder:
        return default_name(path.name), path, str(path)
    if spec and is_file:
        name, root = unpacked_folder(path, workspace)
        return name, root, str(path)
    raise SourceError(f"no such file or folder: {spec!r}; give {SOURCE_KINDS}")
