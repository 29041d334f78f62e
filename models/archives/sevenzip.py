"""Read .7z archives, with py7zr.

py7zr (1.1) keeps whole headers in memory and lets a header ask for millions of entries, and its
decompressors for Deflate, Deflate64 and Zstandard ignore how many bytes they are asked for. So the
header is looked at before py7zr reads it, its own limits are lowered, and those methods refused.
"""

from __future__ import annotations

import io
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from typing import IO, TYPE_CHECKING, cast

from models.archives.limits import UnpackLimits
from models.archives.unpacking import Entry, Kind, Sink, Unpacking

if TYPE_CHECKING:
    from py7zr import SevenZipFile, WriterFactory
    from py7zr.archiveinfo import Folder
    from py7zr.py7zr import ArchiveFile

_SIGNATURE = b"7z\xbc\xaf\x27\x1c"
_SIGNATURE_HEADER = struct.Struct("<6s2sLQQL")  # 7zFormat.txt, "SignatureHeader"
_ENCODED_HEADER = b"\x17"
_AES = "06f10701"
_BOUNDED_METHODS = {
    "00": "Copy",
    "03": "Delta",
    "04": "x86 filter",
    "05": "PowerPC filter",
    "06": "IA-64 filter",
    "07": "ARM filter",
    "08": "ARM Thumb filter",
    "09": "SPARC filter",
    "21": "LZMA2",
    "030101": "LZMA",
    "03030103": "x86 filter",
    "030401": "PPMd",
    "040202": "bzip2",
}
"""By the numbers of 7-Zip's Methods.txt: what decompresses no more than it is asked for."""

# What py7zr raises on damaged headers beside its own errors: it expects them to be well formed.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    LZMAError,
    MemoryError,
    NotImplementedError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class SevenZipFormat:
    """Igor Pavlov's 7zFormat.txt, as far as py7zr reads it."""

    name: str = "7z"
    suffixes: tuple[str, ...] = (".7z",)
    signatures: tuple[tuple[int, bytes], ...] = ((0, _SIGNATURE),)

    def read(self, unpacking: Unpacking) -> None:
        """Look at every entry first, then unpack those that are wanted."""
        from py7zr.exceptions import ArchiveError, DecompressionBombError, PasswordRequired

        with (
            unpacking.archive.open("rb") as stream,
            unpacking.damage(self.name, ArchiveError, *_DAMAGE),
        ):
            try:
                _check_header(stream, unpacking)
                _unpack(stream, unpacking)
            except PasswordRequired as error:
                raise unpacking.encrypted() from error
            except DecompressionBombError as error:
                raise unpacking.bomb() from error


FORMAT = SevenZipFormat()


def _check_header(stream: IO[bytes], unpacking: Unpacking) -> None:
    """Refuse a header that would be too large in memory, packed or unpacked."""
    from py7zr.archiveinfo import HeaderStreamsInfo

    start = _SIGNATURE_HEADER.unpack(stream.read(_SIGNATURE_HEADER.size))
    offset, size = start[3:5]
    if size > unpacking.limits.header_bytes:
        raise unpacking.long_headers()
    stream.seek(offset, io.SEEK_CUR)
    header = io.BytesIO(stream.read(size))
    stream.seek(0)
    if header.read(1) != _ENCODED_HEADER:
        return
    with _lower_limits(unpacking.limits):
        folders = HeaderStreamsInfo.retrieve(header).unpackinfo.folders
    _check_methods(folders, unpacking)
    if sum(max(folder.unpacksizes) for folder in folders) > unpacking.limits.header_bytes:
        raise unpacking.long_headers()


@contextmanager
def _lower_limits(limits: UnpackLimits) -> Iterator[None]:
    """Let py7zr make no more objects than ``limits`` allows entries; its own limits are globals."""
    from py7zr import archiveinfo

    names = ("MAX_NUMFILES", "MAX_NUMFOLDERS", "MAX_SUBSTREAMS")
    usual = {name: getattr(archiveinfo, name) for name in names}
    try:
        for name in names:
            setattr(archiveinfo, name, limits.entries)
        yield
    finally:
        for name, value in usual.items():
            setattr(archiveinfo, name, value)


def _check_methods(folders: Iterable[Folder], unpacking: Unpacking) -> None:
    methods = {coder["method"].hex() for folder in folders for coder in folder.coders}
    if _AES in methods:
        raise unpacking.encrypted()
    if unknown := sorted(methods - _BOUNDED_METHODS.keys()):
        raise unpacking.refusal(
            f"is packed with a method that cannot be read within limits ({', '.join(unknown)}); "
            "unpack it and give the folder"
        )


def _unpack(stream: IO[bytes], unpacking: Unpacking) -> None:
    from py7zr import SevenZipFile

    ceiling = unpacking.written.ceiling
    with _lower_limits(unpacking.limits):
        opened = SevenZipFile(stream, max_extract_size=ceiling)
    with opened:
        streams = opened.header.main_streams
        _check_methods(streams.unpackinfo.folders if streams else (), unpacking)
        sinks = _Sinks(unpacking)
        for file in opened.files:
            if (sink := unpacking.accept(_entry(file))) is not None:
                sinks.add(file.filename, sink)
        with sinks:
            _extract(opened, sinks, unpacking)


def _extract(opened: SevenZipFile, sinks: _Sinks, unpacking: Unpacking) -> None:
    wanted = sinks.names
    # Sizes of a 7z header cannot be understated, only overstated. Pieces of up to 128 MB are
    # decompressed before anyone sees them, so that what is too large is not even begun.
    for file in opened.files:
        if file.filename in wanted and file.uncompressed > unpacking.written.ceiling:
            raise unpacking.bomb(file.filename)
    if wanted:
        opened.extract(
            unpacking.folder.absolute(), targets=wanted, factory=cast("WriterFactory", sinks)
        )
    if sinks.waiting:
        raise unpacking.refusal(f"is a damaged 7z archive: {len(sinks.waiting)} files are missing")


class _Sinks:
    """The sinks of all wanted files by the path that py7zr asks for; one is open at a time."""

    def __init__(self, unpacking: Unpacking) -> None:
        self.names: set[str] = set()
        self.waiting: dict[str, Sink] = {}
        self._unpacking = unpacking
        self._current = ExitStack()

    def __enter__(self) -> _Sinks:
        return self

    def __exit__(self, *_: object) -> None:
        self._current.close()

    def add(self, name: str, sink: Sink) -> None:
        """Expect a file; py7zr renames the second one of the same name, so there may be none."""
        place = (self._unpacking.folder.absolute() / name).as_posix()
        if place in self.waiting:
            raise self._unpacking.refusal(f"is damaged: it has {name!r} twice")
        self.names.add(name)
        self.waiting[place] = sink

    def create(self, filename: str) -> _Writer:
        """What py7zr calls for each file."""
        self._current.close()
        return _Writer(self._current.enter_context(self.waiting.pop(filename)), self._current)


class _Writer:
    """A sink as py7zr wants it (``py7zr.io.Py7zIO``)."""

    def __init__(self, sink: Sink, current: ExitStack) -> None:
        self._sink = sink
        self._current = current

    def write(self, data: bytes | bytearray) -> int:
        """Pass on one piece."""
        self._sink.write(data)
        return len(data)

    def seekable(self) -> bool:
        """Whether py7zr may go back to the start at the end."""
        return False

    def close(self) -> None:
        """All of the file is there."""
        self._current.close()


def _entry(file: ArchiveFile) -> Entry:
    mode = file.st_fmt
    special = file.is_symlink or file.is_junction or mode not in (None, stat.S_IFREG, stat.S_IFDIR)
    folder = file.is_directory or mode == stat.S_IFDIR
    modified = file.lastwritetime
    return Entry(
        name=file.filename,
        kind=Kind.SPECIAL if special else Kind.FOLDER if folder else Kind.FILE,
        modified=None if modified is None else modified.totimestamp(),
    )
