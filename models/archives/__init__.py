"""Unpack the images of an archive that nobody vouches for.

Headers of an archive may lie, so bytes are counted while they come out. An archive that tries to
write outside its folder, or holds links or devices, is refused as a whole: it is damaged or
hostile. Archives inside an archive are files like any other that is no image: left out.

Each format is a small reader of its own; what an archive may do is decided in one place,
``models.archives.unpacking``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from models.archives import rar, sevenzip, tar, zip
from models.archives.limits import DEFAULT_LIMITS, UnpackLimits
from models.archives.unpacking import ArchiveFormat, Unpacking
from models.errors import SourceError

__all__ = ["FORMATS", "SUFFIXES", "UnpackLimits", "archive_stem", "find_format", "unpack_images"]

FORMATS: tuple[ArchiveFormat, ...] = (zip.FORMAT, tar.FORMAT, sevenzip.FORMAT, rar.FORMAT)
"""Every archive format there is a reader for."""

SUFFIXES = tuple(suffix for format_ in FORMATS for suffix in format_.suffixes)
"""What names of archives end with, for messages; the content decides, not the name."""

_START = 512


def unpack_images(
    archive: Path,
    folder: Path,
    *,
    wanted: Callable[[PurePosixPath], bool],
    limits: UnpackLimits = DEFAULT_LIMITS,
) -> int:
    """Unpack the wanted files of ``archive`` into ``folder``, which exists and is empty.

    Modification times are kept. On an error the folder may hold a part of the files.

    Args:
        archive: the file; its content says which format it has.
        folder: where the files go.
        wanted: told the path of each file in the archive; the others are left out.
        limits: what the archive may cost.

    Returns:
        How many files were unpacked.

    Raises:
        SourceError: not an archive, damaged, encrypted, unsafe, or above a limit.
    """
    try:
        format_ = find_format(archive)
        unpacking = Unpacking(archive, folder, wanted, limits)
        format_.read(unpacking)
    except OSError as error:
        # Decompressors raise OSError too; what has no number is not the system's.
        if error.errno is None:
            raise SourceError(f"{str(archive)!r} is damaged: {error}") from error
        raise SourceError(f"cannot unpack {str(archive)!r}: {error.strerror}") from error
    return unpacking.files


def archive_stem(name: str) -> str:
    """The file name without the suffix of an archive, as in ``pets`` for ``pets.tar.gz``."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return Path(name).stem


def find_format(archive: Path) -> ArchiveFormat:
    """By content; by name where the content is silent, as in a damaged or a very old archive.

    Raises:
        SourceError: neither is that of an archive.
        OSError: the file cannot be read.
    """
    with archive.open("rb") as stream:
        start = stream.read(_START)
    for format_ in FORMATS:
        if any(start[at : at + len(mark)] == mark for at, mark in format_.signatures):
            return format_
    for format_ in FORMATS:
        if archive.name.lower().endswith(format_.suffixes):
            return format_
    known = ", ".join(SUFFIXES)
    raise SourceError(
        f"{str(archive)!r} is not an archive that can be read ({known}); give one, or a folder"
    )
