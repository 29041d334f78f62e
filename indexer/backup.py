"""backup and restore: an index with all that it needs, in a data folder of its own.

A backup is a data folder: it is checked like every copy of an index, a second backup into it copies
only what has changed, and every command works on it (``--data-dir BACKUP``). The images themselves
stay where they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import InvalidRequestError, StoreError
from indexer.layout import DataFolder, write_atomically
from indexer.leftovers import is_copy_of_checkpoint
from indexer.migration import MigrationReport, migrate
from indexer.store.base import VectorStore
from indexer.thumbnails import is_thumbnail, thumbnail_path
from indexer.types import DatasetInfo


@dataclass(frozen=True, slots=True)
class Place:
    """Where an index is: its vectors in ``store``, the rest in ``folder``."""

    store: VectorStore
    folder: DataFolder


def copy_index(
    origin: Place, target: Place, dataset: str, *, replace: bool, progress: bool = True
) -> MigrationReport:
    """Copy the index of ``dataset`` with its checkpoint, thumbnails, failure ledger and groups.

    What belongs to the vectors comes first, so that a copy that readers see is whole. After a stop
    the same call goes on.

    Args:
        origin: where it is; it is only read.
        target: where it shall be.
        dataset: its name.
        replace: bring an index of that name, which the target has, in line with the origin's.
        progress: show a bar on stderr.

    Raises:
        DatasetNotIndexedError: there is no such index.
        InvalidRequestError: both are the same place, or the target has an index of that name and
            is not to replace it.
        DataFolderError: the target's folder cannot be written.
        StoreError: the copy differs from its origin; nothing was published.
    """
    if origin.folder.root.resolve() == target.folder.root.resolve():
        raise InvalidRequestError(
            f"{target.folder.root} is the data folder itself: give another folder"
        )
    info = origin.store.describe(dataset)
    target.folder.prepare()
    with target.folder.errors("written"):
        _copy_checkpoint(info, origin.folder, target.folder)
        _copy_thumbnails(origin, info, target.folder)
    report = migrate(origin.store, target.store, dataset, replace=replace, progress=progress)
    with target.folder.errors("written"):
        for beside in (DataFolder.failures, DataFolder.groups):
            _copy_file(beside(origin.folder, dataset), beside(target.folder, dataset))
    return report


def _copy_checkpoint(info: DatasetInfo, origin: DataFolder, target: DataFolder) -> None:
    """Copy it, and compare the copy to the byte."""
    from models.checkpoint import copy_checkpoint

    source, copy = origin.checkpoints / info.checkpoint, target.checkpoints / info.checkpoint
    if not source.is_dir():
        raise StoreError(
            f"the checkpoint of {info.name!r} is not in {source}: without it the index cannot be "
            "asked with a picture; `python -m indexer sync` brings it back"
        )
    if not is_copy_of_checkpoint(copy, source):
        shutil.rmtree(copy, ignore_errors=True)
        copy_checkpoint(source, copy)
    if not is_copy_of_checkpoint(copy, source):
        raise StoreError(f"{copy} differs from {source}: is the disk full, or failing?")


def _copy_thumbnails(origin: Place, info: DatasetInfo, target: DataFolder) -> None:
    """Those that there are; missing ones are made again when they are looked at."""
    for sha256 in _contents(origin.store, info):
        source = thumbnail_path(origin.folder.thumbnails, sha256)
        copy = thumbnail_path(target.thumbnails, sha256)
        if not is_thumbnail(copy) and is_thumbnail(source):
            write_atomically(copy, source.read_bytes(), durable=False)


def _contents(store: VectorStore, info: DatasetInfo) -> Iterator[str]:
    for record in store.scroll(info.name, info.distances[0]):
        yield str(record.payload["sha256"])


def _copy_file(source: Path, copy: Path) -> None:
    """A file beside an index; where there is none, the copy has none."""
    if source.is_file():
        write_atomically(copy, source.read_bytes())
    else:
        copy.unlink(missing_ok=True)
