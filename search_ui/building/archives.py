"""Uploaded archives: received under a limit, named harmlessly, kept for what is built of them."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from indexer.layout import DataFolder
from indexer.reading import hash_file
from models.archives import SUFFIXES, find_format
from models.errors import SimilarityError, SourceError

KEPT_SECONDS = 24 * 60 * 60
MOST_WAITING = 4
"""Archives that nothing was built of; more would be a way to fill the disk."""
_BUFFER = 1 << 20
_NAME_LENGTH = 100
_TOKEN = re.compile(r"[0-9a-f]{32}")


class UploadError(SimilarityError):
    """An upload that is refused."""


class UploadTooLargeError(UploadError):
    """An upload above the limit, or above what the disk has room for."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An archive that was received.

    Attributes:
        token: names it from now on; nobody else can guess it.
        file: where it lies.
        bytes: its size.
    """

    token: str
    file: Path
    bytes: int


class ArchiveUploads:
    """Archives in a data folder.

    Args:
        folder: the data folder.
        max_bytes: the largest that is taken.
    """

    def __init__(self, folder: DataFolder, *, max_bytes: int) -> None:
        self._folder = folder
        self.max_bytes = max_bytes

    async def receive(
        self, name: str, content: AsyncIterator[bytes], *, declared: int | None
    ) -> Upload:
        """Keep an archive.

        Args:
            name: what the sender calls it.
            content: its bytes, as they come.
            declared: how many there will be, by the sender's word.

        Raises:
            UploadTooLargeError: it is, by the sender's word or in fact.
            UploadError: it is no archive.
        """
        if declared is not None and declared > self.max_bytes:
            raise self._too_large()
        await asyncio.to_thread(self._make_room, declared or 0)
        token = secrets.token_hex(16)
        folder = self._folder.uploads / token
        file = folder / harmless_name(name)
        try:
            folder.mkdir(parents=True)
            size = await self._write(content, file)
            await asyncio.to_thread(_check_archive, file)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Upload(token, file, size)

    async def _write(self, content: AsyncIterator[bytes], file: Path) -> int:
        """Write ``content`` while counting it; returns the count."""
        size, waiting = 0, bytearray()
        with file.open("xb") as opened:
            async for chunk in content:
                size += len(chunk)
                if size > self.max_bytes:
                    raise self._too_large()
                waiting += chunk
                if len(waiting) >= _BUFFER:
                    await asyncio.to_thread(opened.write, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(opened.write, bytes(waiting))
        return size

    def find(self, token: str) -> Path:
        """The archive that ``token`` names.

        Raises:
            UploadError: it names none.
        """
        if _TOKEN.fullmatch(token):
            for file in _listed(self._folder.uploads / token):
                return file
        raise UploadError("that upload is not there any more: upload the archive again")

    def place_of(self, file: Path) -> Path:
        """Where an archive stays once something is built of it: the same for the same content."""
        return (self._folder.archives / hash_file(file)[:16] / file.name).resolve()

    def keep(self, file: Path, place: Path) -> None:
        """Move an archive to its place, unless an earlier upload of it is there."""
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
        shutil.rmtree(file.parent, ignore_errors=True)

    def _make_room(self, declared: int) -> None:
        """Remove what nobody came back for.

        Raises:
            UploadTooLargeError: the disk has no room for ``declared`` bytes.
        """
        self._folder.uploads.mkdir(parents=True, exist_ok=True)
        aged = sorted((_age(path), path) for path in _listed(self._folder.uploads))
        for number, (age, path) in enumerate(aged):
            if age > KEPT_SECONDS or number >= MOST_WAITING - 1:
                shutil.rmtree(path, ignore_errors=True)
        if declared > shutil.disk_usage(self._folder.uploads).free:
            raise UploadTooLargeError("the server's disk has no room for that archive")

    def _too_large(self) -> UploadTooLargeError:
        return UploadTooLargeError(
            f"the archive is larger than {self.max_bytes / 1e6:,.0f} MB, the most that this page "
            "takes: unpack it on the server, or raise --max-archive-mb"
        )


def harmless_name(text: str) -> str:
    """What is left of a sender's file name: one name, of letters, digits and a few signs."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", text))[-1]
    plain = re.sub(r"[^\w.() +-]", "_", last).strip(" .")
    # The end says what it is, and is kept.
    return plain[-_NAME_LENGTH:].strip(" .") or "archive"


def _check_archive(file: Path) -> None:
    """Find out at once, from its start, that it is no archive."""
    try:
        find_format(file)
    except OSError as error:
        raise UploadError("other uploads took its place: upload the archive again") from error
    except SourceError as error:
        raise UploadError(
            f"{file.name!r} is not an archive that can be read ({', '.join(SUFFIXES)})"
        ) from error


def _listed(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _age(path: Path) -> float:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0.0
