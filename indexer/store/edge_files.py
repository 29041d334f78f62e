"""Where one dataset's embedded index lies: pointer, marker, generations, and its writer's lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from indexer.errors import CollectionBusyError
from indexer.layout import DataFolder
from indexer.schema import dataset_of
from indexer.store.edge_lease import holder_of
from indexer.store.holder import this_process
from indexer.store.pointer import Pointer, read_pointer


@dataclass(frozen=True, slots=True)
class EdgeFiles:
    """Where one dataset's files lie."""

    folder: DataFolder
    dataset: str

    @property
    def pointer(self) -> Path:
        """The pointer that readers follow."""
        return self.folder.indexes / f"{self.dataset}.json"

    @property
    def marker(self) -> Path:
        """What the unpublished generation is based on."""
        return self.folder.indexes / f"{self.dataset}.building"

    @property
    def lock(self) -> Path:
        """Held by the writer."""
        return self.folder.indexes / f"{self.dataset}.lock"

    @property
    def writer(self) -> Path:
        """Names the writer."""
        return self.folder.indexes / f"{self.dataset}.writer"

    def published(self) -> Pointer | None:
        """The dataset's pointer, or None."""
        with self.folder.errors("read"):
            return read_pointer(self.pointer)

    def generation(self, collection: str, number: int) -> Path:
        """Directory of one generation of a collection."""
        return self.folder.collections / collection / f"gen-{number:04d}"

    def collections(self) -> list[Path]:
        """Directories of this dataset's collections, of every checkpoint."""
        if not self.folder.collections.is_dir():
            return []
        found = self.folder.collections.iterdir()
        return sorted(path for path in found if dataset_of(path.name) == self.dataset)

    def generations(self, pointer: Pointer) -> set[Path]:
        """Directories of what ``pointer`` publishes."""
        return {self.generation(name, pointer.generation) for name in pointer.spec.collections}

    def keep_only(self, generations: set[Path]) -> None:
        """Remove every other generation, and collections that have none left; best effort.

        A generation is renamed first, so that nobody opens one that is half removed.
        """
        for collection in self.collections():
            for path in sorted(collection.iterdir()):
                if path.with_suffix("") in generations:
                    continue  # the generation itself, or a note beside it
                if path.is_dir():
                    _remove(path)
                else:
                    path.unlink(missing_ok=True)
            if not any(path.is_dir() for path in collection.iterdir()):
                shutil.rmtree(collection, ignore_errors=True)


def _remove(path: Path) -> None:
    try:
        doomed = (
            path if path.suffix == ".gone" else path.rename(path.with_name(f"{path.name}.gone"))
        )
    except OSError:  # open elsewhere, on a system that forbids it: the next writer tries again
        return
    shutil.rmtree(doomed, ignore_errors=True)


@contextmanager
def write_lock(files: EdgeFiles) -> Iterator[None]:
    """Be the only writer of a dataset.

    Raises:
        CollectionBusyError: another writer is at work; it is named.
    """
    lock = FileLock(files.lock, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:  # an OSError too, so it comes first
        raise CollectionBusyError(
            f"dataset {files.dataset!r} is being written by {holder_of(files.writer)}; "
            "try again when it is done"
        ) from None
    try:
        files.writer.write_text(this_process())
        yield
    finally:
        files.writer.unlink(missing_ok=True)
        lock.release()
