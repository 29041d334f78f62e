"""Read .tar archives, plain or compressed, with the standard library.

The archive is read once from front to back, so a compressed one is never decompressed twice.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Self, cast

from models.archives.limits import Meter
from models.archives.unpacking import Entry, Kind, Unpacking, chunks, pour

_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"

# What tarfile and the decompressors raise on damaged archives.
_DAMAGE = (
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class TarFormat:
    """POSIX ustar and pax, GNU and old tar, as far as ``tarfile`` reads them."""

    name: str = "tar"
    suffixes: tuple[str, ...] = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
    signatures: tuple[tuple[int, bytes], ...] = (
        (257, b"ustar"),
        (0, _GZIP),
        (0, _BZIP2),
        (0, _XZ),
    )

    def read(self, unpacking: Unpacking) -> None:
        """Check and unpack entry by entry, in the order of the archive."""
        with unpacking.damage(self.name, *_DAMAGE), ExitStack() as stack:
            raw = stack.enter_context(unpacking.archive.open("rb"))
            stream = _Metered(stack.enter_context(_decompressed(raw)), unpacking)
            opened = stack.enter_context(
                tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|", tarinfo=_StrictInfo)
            )
            while (info := opened.next()) is not None:
                sink = unpacking.accept(_entry(info))
                if source := opened.extractfile(info) if info.isreg() else None:
                    # Unwanted files are read too, so that all that is left are headers.
                    with source, stream.reading_content():
                        pour(chunks(source), sink)


FORMAT = TarFormat()


class _StrictInfo(tarfile.TarInfo):
    """A header that says so when it is damaged.

    ``tarfile`` takes a damaged header, or a missing one, for the end of the archive, and whatever
    comes after it would be left out in silence. The end is a block of null bytes.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf and not any(buf):
                raise
            reason = "its end is missing" if len(buf) < tarfile.BLOCKSIZE else str(error)
            raise tarfile.ReadError(reason) from error


class _Metered:
    """The decompressed archive, counted, with a limit on what is read between two contents.

    ``tarfile`` reads a long name or a pax header into memory whole, whatever its size.
    """

    def __init__(self, plain: IO[bytes], unpacking: Unpacking) -> None:
        self._plain = plain
        self._unpacking = unpacking
        self._all = unpacking.meter()
        self._headers = Meter(unpacking.limits.header_bytes, unpacking.long_headers)
        self._in_content = False

    @contextmanager
    def reading_content(self) -> Iterator[None]:
        """Inside, what is read is the content of a file and not kept."""
        self._in_content = True
        try:
            yield
        finally:
            self._in_content = False
            self._headers.count = 0

    def read(self, size: int) -> bytes:
        """Read and count; called by tarfile with its small block size."""
        data = self._plain.read(size)
        self._all.add(len(data))
        if not self._in_content:
            self._headers.add(len(data))
        return data


def _decompressed(raw: IO[bytes]) -> IO[bytes]:
    """The archive without its compression, which its first bytes tell."""
    start = raw.read(len(_XZ))
    raw.seek(0)
    if start.startswith(_GZIP):
        return cast(IO[bytes], gzip.GzipFile(fileobj=raw))
    if start.startswith(_BZIP2):
        return bz2.BZ2File(raw)
    if start.startswith(_XZ):
        return lzma.LZMAFile(raw)
    return raw


def _entry(info: tarfile.TarInfo) -> Entry:
    kind = Kind.FILE if info.isreg() else Kind.FOLDER if info.isdir() else Kind.SPECIAL
    return Entry(name=info.name, kind=kind, modified=float(info.mtime))
