"""What an index needs beside its vectors, and what no index needs any more."""

from __future__ import annotations

import filecmp
import json
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import DamagedIndexError, IndexerError
from indexer.layout import DataFolder, write_atomically
from indexer.store.base import VectorStore
from indexer.store.pointer import read_pointer
from indexer.thumbnails import thumbnail_path
from indexer.types import DatasetInfo
from models.errors import CheckpointError

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder

_logger = logging.getLogger(__name__)


def keep_checkpoint(checkpoint: Path, encoder: ImageEncoder, folder: DataFolder) -> Path:
    """Copy ``checkpoint``, which ``encoder`` was loaded from, into the data folder.

    Raises:
        CheckpointError: it cannot be copied, or was replaced since it was loaded.
    """
    from models.checkpoint import copy_checkpoint, read_info

    if read_info(checkpoint).fingerprint != encoder.fingerprint:
        raise CheckpointError(f"{checkpoint} was written while it was being read; try again")
    kept = folder.checkpoints / encoder.name
    if not is_copy_of_checkpoint(kept, checkpoint):
        shutil.rmtree(kept, ignore_errors=True)
        copy_checkpoint(checkpoint, kept)
    return kept


def remove_leftovers(store: VectorStore, folder: DataFolder) -> None:
    """Remove checkpoints, thumbnails, ledgers and summaries that belong to no published index.

    A data folder serves indexes in it and, at the same time, indexes on servers: what those of
    another store need stays. Another dataset's unpublished sync may lose thumbnails by it; they
    are made again when asked for. Its checkpoint it keeps, as long as that is being written or
    waits to be continued.
    """
    datasets = store.datasets()
    elsewhere = _indexes_elsewhere(store, datasets, folder)
    names = {info.name for info in datasets} | {dataset for dataset, _ in elsewhere}
    kept = {beside(name) for name in names for beside in (folder.failures, folder.groups)}
    for path in _listed(folder.indexes):
        if path.suffix in {".failures", ".groups"} and path not in kept:
            path.unlink(missing_ok=True)
    if not any(folder.indexes.glob("*.building")):
        checkpoints = {info.checkpoint for info in datasets}
        checkpoints |= {checkpoint for _, checkpoint in elsewhere}
        for path in _listed(folder.checkpoints):
            if path.name not in checkpoints:
                shutil.rmtree(path, ignore_errors=True)
    if elsewhere:
        return  # their thumbnails cannot be told from here
    try:
        wanted = _shown(store, datasets, folder)
    except IndexerError as error:  # of another dataset: damaged, or busy for long
        _logger.warning("thumbnails are not tidied up: %s", error)
        return
    for shard in _listed(folder.thumbnails):
        for path in _listed(shard):
            if path not in wanted:
                path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            shard.rmdir()


def _indexes_elsewhere(
    store: VectorStore, datasets: Sequence[DatasetInfo], folder: DataFolder
) -> set[tuple[str, str]]:
    """Dataset and checkpoint of the folder's indexes outside of ``store``.

    What ``store`` has, if it is on a server, is noted for the others.
    """
    try:
        notes: dict[str, dict[str, str]] = json.loads(folder.servers.read_bytes())
    except (OSError, ValueError):
        notes = {}
    if store.server:
        notes[store.server] = {info.name: info.checkpoint for info in datasets}
        write_atomically(folder.servers, json.dumps(notes, indent=2).encode())
    found = {pair for url, used in notes.items() if url != store.server for pair in used.items()}
    if not store.server:
        return found
    for path in sorted(folder.indexes.glob("*.json")):
        try:
            pointer = read_pointer(path)
        except DamagedIndexError as error:
            _logger.warning("no checkpoint is removed: %s", error)
            return found | {(path.stem, kept.name) for kept in _listed(folder.checkpoints)}
        found |= {(path.stem, pointer.spec.checkpoint)} if pointer else set()
    return found


def _shown(store: VectorStore, datasets: Sequence[DatasetInfo], folder: DataFolder) -> set[Path]:
    """The thumbnails of all published images."""
    return {
        thumbnail_path(folder.thumbnails, str(record.payload["sha256"]))
        for info in datasets
        for record in store.scroll(info.name, info.distances[0])
    }


def _listed(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def is_copy_of_checkpoint(kept: Path, checkpoint: Path) -> bool:
    """Whether ``kept`` encodes like ``checkpoint``; notes on the training may differ."""
    from models.checkpoint import WEIGHTS_FILE, read_info

    try:
        same = read_info(kept).fingerprint == read_info(checkpoint).fingerprint
        return same and filecmp.cmp(kept / WEIGHTS_FILE, checkpoint / WEIGHTS_FILE, shallow=False)
    except (CheckpointError, OSError):
        return False
