"""Read .rar archives, with rarfile and a program that decompresses.

rarfile reads headers and stored files itself and checks every checksum. Compressed files it hands,
one at a time, to a program: no free library decompresses RAR.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.archives.limits import Meter
from models.archives.unpacking import Entry, Kind, Unpacking, chunks, pour

_SIGNATURE_4, _SIGNATURE_5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"

# What rarfile raises on damaged headers beside its own errors.
_DAMAGE = (AttributeError, LookupError, MemoryError, OverflowError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class RarFormat:
    """RAR 2 to 5 of Eugene Roshal, as far as rarfile and the program read them."""

    name: str = "rar"
    suffixes: tuple[str, ...] = (".rar",)
    signatures: tuple[tuple[int, bytes], ...] = ((0, _SIGNATURE_4), (0, _SIGNATURE_5))

    def read(self, unpacking: Unpacking) -> None:
        """Look at every entry first, then unpack those that are wanted."""
        import rarfile

        with unpacking.damage(self.name, rarfile.Error, struct.error, *_DAMAGE):
            try:
                _unpack(unpacking)
            except rarfile.RarCannotExec as error:
                raise unpacking.refusal(
                    "is compressed, and no program to decompress .rar is installed: `apt install "
                    "unar`, or install unrar or 7-Zip; or unpack it and give the folder"
                ) from error
            except (rarfile.PasswordRequired, rarfile.NoCrypto) as error:
                raise unpacking.encrypted() from error


FORMAT = RarFormat()


def _unpack(unpacking: Unpacking) -> None:
    import rarfile

    with rarfile.RarFile(
        unpacking.archive, errors="strict", info_callback=_counter(unpacking)
    ) as opened:
        if opened.needs_password() and not opened.infolist():
            raise unpacking.encrypted()  # the list of files is encrypted too
        accepted = [(info, unpacking.accept(_entry(info))) for info in opened.infolist()]
        wanted = [(info, sink) for info, sink in accepted if sink is not None]
        if any(info.compress_type != rarfile.RAR_M0 for info, _ in wanted):
            _check_program(opened, unpacking)
        for info, sink in wanted:
            with opened.open(info) as source:
                pour(chunks(source), sink)


def _check_program(opened: Any, unpacking: Unpacking) -> None:
    """Make sure that compressed files can be read, before anything is written."""
    import rarfile

    if opened.is_solid():
        # The program would decompress all of the archive before each file.
        raise unpacking.refusal("is a solid .rar; unpack it yourself and give the folder")
    # Not bsdtar: libarchive 3.6 cuts files of RAR 5 short, and ignores checksums and encryption.
    rarfile.tool_setup(bsdtar=False)


def _counter(unpacking: Unpacking) -> Callable[[object], None]:
    """Counts headers as rarfile reads them: it keeps all of them before anyone sees the first."""
    # Beside the entries there are the start, the end, a comment, an index.
    headers = Meter(unpacking.limits.entries + 4, unpacking.too_many)
    return lambda _: headers.add(1)


def _entry(info: Any) -> Entry:
    import rarfile

    link = info.is_symlink() or (
        info.file_redir is not None and info.file_redir[0] != rarfile.RAR5_XREDIR_FILE_COPY
    )
    unix = info.host_os == rarfile.RAR_OS_UNIX
    mode = stat.S_IFMT(info.mode or 0) if unix else 0
    special = link or mode not in (0, stat.S_IFREG, stat.S_IFDIR)
    return Entry(
        name=info.filename,
        kind=Kind.SPECIAL if special else Kind.FOLDER if info.is_dir() else Kind.FILE,
        encrypted=info.needs_password(),
        modified=None if info.mtime is None else info.mtime.timestamp(),
        packed_bytes=None if info.file_redir else info.compress_size,
    )
