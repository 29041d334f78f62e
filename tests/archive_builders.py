"""Write archives of every format, with whatever a hostile archive may hold."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import py7zr

TIME = 1_588_748_890  # 2020-05-06 07:08:10 UTC


@dataclass(frozen=True)
class Item:
    """One entry: a Unix file type, and what it holds or points to."""

    name: str
    data: bytes = b"not really a jpeg"
    type: int = stat.S_IFREG
    link: str = ""
    hard_link: bool = False


def build_zip(archive: Path, items: Sequence[Item]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for item in items:
            info = zipfile.ZipInfo(item.name, (2020, 5, 6, 7, 8, 10))
            info.create_system = 3
            info.external_attr = (item.type | 0o644) << 16
            opened.writestr(info, item.link.encode() or item.data, zipfile.ZIP_DEFLATED)


_TAR_TYPES = {
    stat.S_IFREG: tarfile.REGTYPE,
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
}


def build_tar(archive: Path, items: Sequence[Item], compression: str = "") -> None:
    with tarfile.open(archive, f"w:{compression}") as opened:
        for item in items:
            info = tarfile.TarInfo(item.name)
            info.type = tarfile.LNKTYPE if item.hard_link else _TAR_TYPES[item.type]
            info.linkname = item.link
            info.mtime = TIME
            info.size = len(item.data) if info.isreg() else 0
            opened.addfile(info, io.BytesIO(item.data))


def build_7z(archive: Path, items: Sequence[Item], **options: object) -> None:
    with py7zr.SevenZipFile(archive, "w", **options) as opened:
        for number, item in enumerate(items):
            opened.writestr(item.link.encode() or item.data, f"{number}")
        # Names and types come in afterwards: py7zr writes no unsafe ones.
        for facts, item in zip(opened.header.files_info.files, items, strict=True):
            facts["filename"] = item.name
            facts["lastwritetime"] = py7zr.helpers.ArchiveTimestamp.from_datetime(TIME)
            facts["attributes"] = ((item.type | 0o644) << 16) | 0x8000 | stat.FILE_ATTRIBUTE_ARCHIVE


def build_rar(archive: Path, items: Sequence[Item]) -> None:
    archive.write_bytes(rar5(*(rar5_file(item) for item in items)))


def vint(number: int) -> bytes:
    """Seven bits a byte, low ones first (RAR 5.0 technical note, "Variable length integer")."""
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def rar5(*blocks: bytes) -> bytes:
    """A RAR 5 archive: signature, main header, ``blocks``, end header."""
    return b"Rar!\x1a\x07\x01\x00" + _block(b"\x01\0\0") + b"".join(blocks) + _block(b"\x05\0\0")


def _block(header: bytes, data: bytes = b"") -> bytes:
    sized = vint(len(header)) + header
    return struct.pack("<L", zlib.crc32(sized)) + sized + data


def rar5_file(
    item: Item, *, unpacked_size: int | None = None, encrypted: bool = False, method: int = 0
) -> bytes:
    """A file header and its stored data."""
    records = b""
    if item.link:
        kind = 4 if item.hard_link else 1
        target = item.link.encode()
        records += _record(b"\x05" + vint(kind) + b"\0" + vint(len(target)) + target)
    if encrypted:
        records += _record(b"\x01\0\0\x0f" + bytes(32))
    name = item.name.encode()
    data = b"" if item.link else item.data
    folder = item.type == stat.S_IFDIR
    header = b"".join(
        (
            b"\x02",
            vint(0x2 | (0x1 if records else 0)),
            vint(len(records)) if records else b"",
            vint(len(data)),
            vint(0x2 | 0x4 | (0x1 if folder else 0)),  # time, checksum, folder
            vint(len(data) if unpacked_size is None else unpacked_size),
            vint(item.type | 0o644),
            struct.pack("<LL", TIME, zlib.crc32(data)),
            vint(method << 7),
            vint(1),  # Unix
            vint(len(name)),
            name,
            records,
        )
    )
    return _block(header, data)


def _record(content: bytes) -> bytes:
    return vint(len(content)) + content


BUILDERS: dict[str, Callable[[Path, Sequence[Item]], None]] = {
    "zip": build_zip,
    "tar": build_tar,
    "tar.gz": lambda archive, items: build_tar(archive, items, "gz"),
    "tar.bz2": lambda archive, items: build_tar(archive, items, "bz2"),
    "tar.xz": lambda archive, items: build_tar(archive, items, "xz"),
    "7z": build_7z,
    "rar": build_rar,
}
"""By the suffix: how to write an archive of that kind."""
