"""What an archive is allowed to do: the one place that names, counts and writes its files.

Readers tell each entry to ``Unpacking.accept`` and write what they decompress into the ``Sink``
they get for it, or get none. A reader neither opens a file nor trusts a size.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Protocol

from models.archives.limits import Meter, UnpackLimits
from models.errors import SourceError

CHUNK = 1 << 20
"""Bytes that readers decompress at a time."""


class Kind(Enum):
    """What an entry is."""

    FILE = "a file"
    FOLDER = "a folder"
    SPECIAL = "a link or a device"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as the archive's headers describe it.

    Attributes:
        name: as it stands in the archive.
        kind: what it is.
        encrypted: whether its bytes need a password.
        modified: modification time in seconds since the epoch, or None.
        packed_bytes: what it takes in the archive, None where only the whole has a size.
    """

    name: str
    kind: Kind
    encrypted: bool = False
    modified: float | None = None
    packed_bytes: int | None = None


class ArchiveFormat(Protocol):
    """A kind of archive: how to know it, and how to read it."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What its file names end with, lower case."""

    @property
    def signatures(self) -> tuple[tuple[int, bytes], ...]:
        """(place, bytes there) of which any tells the format, within the first 512 bytes."""

    def read(self, unpacking: Unpacking) -> None:
        """Tell every entry of ``unpacking.archive``, and write those that are accepted."""


class Sink:
    """Where the bytes of one entry go, counted while they come. The file is made on entering."""

    def __init__(self, unpacking: Unpacking, path: PurePosixPath, entry: Entry) -> None:
        self._target = unpacking.folder / path
        self._meters = [unpacking.written]
        if entry.packed_bytes is not None:
            ceiling = unpacking.limits.ceiling(entry.packed_bytes)
            self._meters.append(Meter(ceiling, lambda: unpacking.bomb(entry.name)))
        self._modified = entry.modified
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Sink:
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._target.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._keep_time()

    def write(self, data: bytes | bytearray) -> None:
        """Count ``data``, then write it."""
        assert self._file is not None, "write inside the with block"
        for meter in self._meters:
            meter.add(len(data))
        self._file.write(data)

    def _keep_time(self) -> None:
        """Set the modification time, where it is one."""
        if self._modified is not None:
            try:
                os.utime(self._target, (self._modified, self._modified))
            except (ValueError, OverflowError, OSError):
                return


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """The rest of ``stream``, a piece at a time."""
    while chunk := stream.read(CHUNK):
        yield chunk


def pour(source: Iterable[bytes], sink: Sink | None) -> None:
    """Write ``source`` into ``sink``; without one, run through it all the same."""
    if sink is None:
        for _ in source:
            pass
        return
    with sink:
        for data in source:
            sink.write(data)


class Unpacking:
    """One archive on its way into one folder.

    Attributes:
        archive: the file.
        folder: what everything stays in.
        limits: what the archive may cost.
        written: counts the bytes of all files.
        files: how many files were accepted.
    """

    def __init__(
        self,
        archive: Path,
        folder: Path,
        wanted: Callable[[PurePosixPath], bool],
        limits: UnpackLimits,
    ) -> None:
        self.archive = archive
        self.folder = folder
        self.limits = limits
        self.written = self.meter()
        self.files = 0
        self._wanted = wanted
        self._entries = 0

    def meter(self) -> Meter:
        """A new meter with the ceiling of the whole archive."""
        return Meter(self.limits.ceiling(self.archive.stat().st_size), self.bomb)

    def accept(self, entry: Entry) -> Sink | None:
        """Count and check one entry; a sink for its bytes if they are wanted.

        Raises:
            SourceError: too many entries, a path out of the folder, a link, a device, a password.
        """
        self._entries += 1
        if self._entries > self.limits.entries:
            raise self.too_many()
        path = self._safe_path(entry.name)
        if entry.kind is Kind.SPECIAL:
            raise self.refusal(f"is unsafe: {entry.name!r} is {entry.kind.value}")
        if entry.kind is Kind.FOLDER or not self._wanted(path):
            return None
        if entry.encrypted:
            raise self.encrypted()
        self.files += 1
        return Sink(self, path, entry)

    def _safe_path(self, name: str) -> PurePosixPath:
        """The path of an entry, if it stays below the folder."""
        # Some archivers on Windows write backslashes, which would be a part of the name elsewhere.
        plain = name.replace("\\", "/")
        path = PurePosixPath(plain)
        drive = len(plain) > 1 and plain[1] == ":"
        if path.is_absolute() or drive or ".." in path.parts or "\0" in plain:
            raise self.refusal(f"is unsafe: {name!r} leads out of its folder")
        return path

    def refusal(self, why: str) -> SourceError:
        """The error that says why the archive is refused."""
        return SourceError(f"{str(self.archive)!r} {why}")

    def too_many(self) -> SourceError:
        """Refuses an archive with too many entries."""
        return self.refusal(f"has more than {self.limits.entries:,} entries")

    def encrypted(self) -> SourceError:
        """Refuses an archive with a password."""
        return self.refusal("is encrypted; unpack it and give the folder")

    def bomb(self, name: str | None = None) -> SourceError:
        """Refuses an archive that unpacks to too much."""
        place = "" if name is None else f" (at {name!r})"
        return self.refusal(
            f"unpacks to far more than an archive of images does{place}; "
            "unpack it yourself and give the folder"
        )

    def long_headers(self) -> SourceError:
        """Refuses an archive with more headers than fit into memory."""
        return self.refusal(
            f"is unsafe: its headers take more than {self.limits.header_bytes:,} bytes"
        )

    @contextmanager
    def damage(self, kind: str, *errors: type[BaseException]) -> Iterator[None]:
        """Say in one line what a library raised on a damaged archive."""
        try:
            yield
        except errors as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise self.refusal(f"is a damaged {kind} archive: {reason}") from error
