"""What a source is: its files, their labels, and its name."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from models.errors import SourceError

_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file of a source that looks like an image; it has not been opened yet.

    Attributes:
        path: where its bytes can be read now.
        relative_path: its place below the source's root, with ``/``; the image's identity.
        label: first folder below the root (a wrapping folder is passed over, see
            ``models.sources.labels``) or what a file of labels says; ``None`` where there is none.
        bytes: size of the file.
        mtime_ns: modification time in nanoseconds since the epoch.
    """

    path: Path
    relative_path: str
    label: str | None
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What of a source is taken, and what gives the labels.

    Attributes:
        exclude: patterns of files and folders to pass over, as in a ``.gitignore``.
        labels: absolute path of a CSV file with the columns ``path`` and ``label``; None: the
            folders give the labels.
    """

    exclude: tuple[str, ...] = ()
    labels: str | None = None

    @classmethod
    def of(cls, exclude: Iterable[str] = (), labels: Path | None = None) -> Self:
        """The options that a command line gives, such that they hold in every folder."""
        return cls(tuple(exclude), None if labels is None else str(labels.absolute()))


EVERY_IMAGE = SourceOptions()
"""Nothing is excluded, and folders give the labels."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was found: where its files lie, and what they are.

    Attributes:
        spec: the SOURCE string as the user gave it (made absolute for folders and archives).
        name: default dataset name: ``[a-z0-9_-]+``, from the folder, archive or data set's name,
            or "demo" or "procedural".
        root: folder that ``relative_path`` is relative to.
        files: sorted by ``relative_path``.
        unreadable: folders that could not be listed, and files whose names are not text, as
            (relative path, reason).
        options: what it was listed with.
    """

    spec: str
    name: str
    root: Path
    files: tuple[ImageFile, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    options: SourceOptions = EVERY_IMAGE


def dataset_name(text: str) -> str:
    """A dataset name (``[a-z0-9_-]+``) from any text, such as a folder name.

    Accents are dropped, and anything else becomes ``-``; no ``__`` remains, for it separates the
    parts of collection names.

    Raises:
        SourceError: nothing usable remains.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    dashed = re.sub(r"_{2,}", "_", re.sub(r"[^a-z0-9_]+", "-", plain))
    name = dashed.strip("-_")[:_NAME_LENGTH].rstrip("-_")
    if not name:
        raise SourceError(f"no dataset name can be made of {text!r}; use letters a-z and digits")
    return name


def default_name(text: str) -> str:
    """A dataset name for any folder or archive, whatever its script."""
    try:
        return dataset_name(text)
    except SourceError:
        return f"images-{hashlib.sha256(os.fsencode(text)).hexdigest()[:8]}"
