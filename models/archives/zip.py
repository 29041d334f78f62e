"""Read .zip archives, with the standard library."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from models.archives.unpacking import Entry, Kind, Unpacking, chunks, pour

_FLAG_ENCRYPTED = 0x1

# What zipfile and its decompressors raise on damaged archives.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class ZipFormat:
    """PKWARE's APPNOTE.TXT, as far as ``zipfile`` reads it."""

    name: str = "zip"
    suffixes: tuple[str, ...] = (".zip",)
    signatures: tuple[tuple[int, bytes], ...] = ((0, b"PK\x03\x04"), (0, b"PK\x05\x06"))

    def read(self, unpacking: Unpacking) -> None:
        """Look at every entry first, then unpack those that are wanted."""
        with unpacking.damage(self.name, *_DAMAGE), _opened(unpacking) as opened:
            accepted = [(info, unpacking.accept(_entry(info))) for info in opened.infolist()]
            for info, sink in accepted:
                if sink is None:
                    continue
                with opened.open(info) as source:
                    pour(chunks(source), sink)


FORMAT = ZipFormat()


class _ShortReads(io.FileIO):
    """A file that refuses to be read in one go above a limit.

    ``zipfile`` reads the whole list of entries at once, and makes an object of each, before anyone
    could count them.
    """

    def __init__(self, unpacking: Unpacking) -> None:
        super().__init__(unpacking.archive)
        self._unpacking = unpacking

    def read(self, size: int | None = -1, /) -> bytes:
        limit = self._unpacking.limits.header_bytes
        asked = limit + 1 if size is None or size < 0 else min(size, limit + 1)
        data = super().read(asked) or b""
        if len(data) > limit:
            raise self._unpacking.long_headers()
        return data


@contextmanager
def _opened(unpacking: Unpacking) -> Iterator[zipfile.ZipFile]:
    with _ShortReads(unpacking) as stream:
        if not zipfile.is_zipfile(stream):
            raise zipfile.BadZipFile("its end is missing")
        with zipfile.ZipFile(stream) as opened:
            yield opened


def _entry(info: zipfile.ZipInfo) -> Entry:
    kind = stat.S_IFMT(info.external_attr >> 16)
    special = kind not in (0, stat.S_IFREG, stat.S_IFDIR)
    return Entry(
        # zipfile cuts names at a null byte; whoever puts one there is up to something.
        name=info.orig_filename if "\0" in info.orig_filename else info.filename,
        kind=Kind.SPECIAL if special else Kind.FOLDER if info.is_dir() else Kind.FILE,
        encrypted=bool(info.flag_bits & _FLAG_ENCRYPTED),
        modified=_local_time(info),
        packed_bytes=info.compress_size,
    )


def _local_time(info: zipfile.ZipInfo) -> float | None:
    """The time of the entry, which zip has in local time; None where it is no time."""
    try:
        return time.mktime(cast(time.struct_time, (*info.date_time, 0, 0, -1)))
    except (ValueError, OverflowError):
        return None
