"""SOURCE strings -> image files with labels.

A SOURCE is what a user names on a command line: a folder, a ``.zip`` archive, or ``demo``.
Archives and generated images are placed below a workspace folder, so that every image is a plain
file afterwards and can be shown again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file of a source that looks like an image; it has not been opened yet.

    Attributes:
        path: where its bytes can be read now.
        relative_path: its place below the source's root, with ``/``; the image's identity.
        label: first folder below the root, ``None`` for files that lie in the root itself.
        bytes: size of the file.
        mtime_ns: modification time in nanoseconds since the epoch.
    """

    path: Path
    relative_path: str
    label: str | None
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was found: where its files lie, and what they are.

    Attributes:
        spec: the SOURCE string as the user gave it (made absolute for folders and archives).
        name: default dataset name: ``[a-z0-9_-]+``, from the folder or archive name, or "demo".
        root: folder that ``relative_path`` is relative to.
        files: sorted by ``relative_path``.
        unreadable: folders that could not be listed, as (relative path, reason).
    """

    spec: str
    name: str
    root: Path
    files: tuple[ImageFile, ...]
    unreadable: tuple[tuple[str, str], ...] = ()


def open_source(spec: str, *, workspace: Path) -> Source:
    """Find the images that ``spec`` names.

    Args:
        spec: a folder, a ``.zip`` file, or ``demo``.
        workspace: folder for unpacked archives and generated images; made when needed.

    Raises:
        SourceError: nothing there, not understood, no image files in it, or an unsafe archive.
    """
    raise NotImplementedError


def dataset_name(text: str) -> str:
    """A dataset name (``[a-z0-9_-]+``) from any text, such as a folder name.

    Raises:
        SourceError: nothing usable remains.
    """
    raise NotImplementedError
