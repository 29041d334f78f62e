"""The data folder: where each thing lies, and writing to it without half-written files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import DataFolderError


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths below one data folder.

    ::

        collections/<collection>/gen-0001/   one engine directory per published or building state
        indexes/<dataset>.json               which generation of which collections is published
        indexes/<dataset>.failures           the files that could not be read
        indexes/<dataset>.groups             how its groups were made, and what they are like
        checkpoints/<arch>-<fingerprint8>/   copy of the checkpoint each index was made with
        thumbnails/<2 hex>/<sha256>.webp     by content, shared by all datasets
        sources/                             unpacked archives and generated images
        archives/<16 hex of sha256>/<name>   uploaded archives that datasets were built of
        uploads/<token>/<name>               archives that nothing was built of yet, for a day
        jobs/<id>/                           builds from the page: request, state, log, checkpoint
        servers.json                         checkpoints that indexes on Qdrant servers need
    """

    root: Path

    @property
    def collections(self) -> Path:
        """Folder of the collections."""
        return self.root / "collections"

    @property
    def indexes(self) -> Path:
        """Folder of the pointers, one per dataset."""
        return self.root / "indexes"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoint copies."""
        return self.root / "checkpoints"

    @property
    def thumbnails(self) -> Path:
        """Folder of the thumbnails."""
        return self.root / "thumbnails"

    @property
    def sources(self) -> Path:
        """Workspace for sources that are not plain folders."""
        return self.root / "sources"

    @property
    def archives(self) -> Path:
        """Uploaded archives that something was built of, by content."""
        return self.root / "archives"

    @property
    def uploads(self) -> Path:
        """Uploaded archives that nothing was built of yet."""
        return self.root / "uploads"

    @property
    def jobs(self) -> Path:
        """Folder of the page's background jobs."""
        return self.root / "jobs"

    def failures(self, dataset: str) -> Path:
        """The failure ledger of a dataset."""
        return self.indexes / f"{dataset}.failures"

    def groups(self, dataset: str) -> Path:
        """The summary of a dataset's groups."""
        return self.indexes / f"{dataset}.groups"

    @property
    def servers(self) -> Path:
        """Which checkpoints the indexes on each server were made with."""
        return self.root / "servers.json"

    def prepare(self) -> None:
        """Make the folders that every sync needs and prove that they can be written.

        Raises:
            DataFolderError: they cannot.
        """
        with self.errors("written"):
            for folder in (self.collections, self.indexes, self.checkpoints, self.thumbnails):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass

    @contextmanager
    def errors(self, what: str) -> Iterator[None]:
        """Translate OSError below this folder; ``what`` is "read" or "written"."""
        try:
            yield
        except OSError as error:
            raise DataFolderError(
                f"data folder {self.root} cannot be {what}: {error.strerror or error}; "
                "choose another with --data-dir or IMAGE_SIMILARITY_DATA"
            ) from error


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace ``path`` by ``content``: a reader, or a crash, sees the old or the new, whole.

    Without ``durable`` that holds for readers and a killed process; a power cut may leave an empty
    file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(name).chmod(0o644)  # mkstemp's 0600 would hide the file from other users' tools
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def disk_bytes(folder: Path) -> int:
    """Bytes that the files below ``folder`` take up; holes in them, as in logs, take none."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # a file may go while it is counted
            status = path.stat()
            total += getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
    return total
