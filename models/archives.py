"""Unpack the images of a zip archive that nobody vouches for.

Headers of an archive may lie, so sizes are counted while reading. An archive that tries to write
outside its folder, or holds links, is refused as a whole: it is damaged or hostile.
"""

from __future__ import annotations

import lzma
import os
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.errors import SourceError
from models.sources import SOURCE_KINDS

_CHUNK = 1 << 20
_FLAG_ENCRYPTED = 0x1

# What zipfile and its decompressors raise on damaged archives.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What an archive may cost.

    Attributes:
        entries: most files and folders in it.
        total_bytes: most bytes unpacked.
        ratio: most bytes unpacked per byte packed, for each entry and for the archive.
        ratio_free_bytes: the ratio is not asked below this many bytes unpacked.
    """

    entries: int = 200_000
    total_bytes: int = 20_000_000_000
    ratio: int = 200
    ratio_free_bytes: int = 10_000_000


DEFAULT_LIMITS = UnpackLimits()


def unpack_images(
    archive: Path,
    folder: Path,
    *,
    wanted: Callable[[PurePosixPath], bool],
    limits: UnpackLimits = DEFAULT_LIMITS,
) -> int:
    """Unpack the wanted files of the zip ``archive`` into ``folder``, which exists and is empty.

    Modification times are kept. On an error the folder may hold a part of the files.

    Args:
        archive: the zip file.
        folder: where the files go.
        wanted: told the path of each file in the archive; the others are left out.
        limits: what the archive may cost.

    Returns:
        How many files were unpacked.

    Raises:
        SourceError: not a zip archive, damaged, encrypted, unsafe, or above a limit.
    """
    _check_is_zip(archive)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = list(_wanted_entries(opened, archive, wanted, limits))
            return _unpack(opened, entries, archive, folder, limits)
    except _DAMAGE as error:
        raise SourceError(f"{str(archive)!r} is a damaged zip archive: {error}") from error
    except OSError as error:
        reason = error.strerror or error
        raise SourceError(f"cannot unpack {str(archive)!r}: {reason}") from error


def _check_is_zip(archive: Path) -> None:
    """Tell a damaged archive from a file of another kind."""
    try:
        with archive.open("rb") as stream:
            start = stream.read(4)
            if zipfile.is_zipfile(stream):
                return
    except OSError as error:
        raise SourceError(f"cannot read {str(archive)!r}: {error.strerror}") from error
    if start == b"PK\x03\x04":
        raise SourceError(f"{str(archive)!r} is a damaged zip archive: its end is missing")
    raise SourceError(f"{str(archive)!r} is not a zip archive; give {SOURCE_KINDS}")


def _wanted_entries(
    opened: zipfile.ZipFile,
    archive: Path,
    wanted: Callable[[PurePosixPath], bool],
    limits: UnpackLimits,
) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The files to unpack, after a look at every entry."""
    entries = opened.infolist()
    if len(entries) > limits.entries:
        raise SourceError(
            f"{str(archive)!r} has {len(entries)} entries, the limit is {limits.entries}"
        )
    for entry in entries:
        path = _safe_path(entry, archive)
        if entry.is_dir() or not wanted(path):
            continue
        if entry.flag_bits & _FLAG_ENCRYPTED:
            raise SourceError(f"{str(archive)!r} is encrypted; unpack it and give the folder")
        yield entry, path


def _safe_path(entry: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    """The entry's path, if it stays below the folder and names a plain file or folder."""
    # Some archivers on Windows write backslashes, which would be a part of the name elsewhere.
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    drive = len(name) > 1 and name[1] == ":"
    if path.is_absolute() or drive or ".." in path.parts or "\0" in entry.orig_filename:
        raise SourceError(f"{str(archive)!r} is unsafe: {entry.filename!r} leads out of its folder")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise SourceError(f"{str(archive)!r} is unsafe: {entry.filename!r} is a link or a device")
    return path


def _unpack(
    opened: zipfile.ZipFile,
    entries: list[tuple[zipfile.ZipInfo, PurePosixPath]],
    archive: Path,
    folder: Path,
    limits: UnpackLimits,
) -> int:
    packed = archive.stat().st_size
    total = 0
    for entry, path in entries:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # The last line holds whatever a header says of its entry's packed size.
        allowed = min(
            limits.total_bytes - total,
            max(limits.ratio_free_bytes, limits.ratio * entry.compress_size),
            max(limits.ratio_free_bytes, limits.ratio * packed) - total,
        )
        total += _unpack_entry(opened, entry, target, allowed, archive)
        _keep_time(entry, target)
    return len(entries)


def _unpack_entry(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, allowed: int, archive: Path
) -> int:
    """Write one file and return its size; stop at ``allowed`` bytes, whatever the header says."""
    written = 0
    with opened.open(entry) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > allowed:
                raise SourceError(
                    f"{str(archive)!r} unpacks to far more than an archive of images does "
                    f"(at {entry.filename!r}); unpack it yourself and give the folder"
                )
            sink.write(chunk)
    return written


def _keep_time(entry: zipfile.ZipInfo, target: Path) -> None:
    """Set the modification time of the entry (local time, as zip has it), where it is one."""
    try:
        modified = time.mktime((*entry.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return
    os.utime(target, (modified, modified))
