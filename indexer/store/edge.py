"""EdgeStore: the embedded back end, qdrant-edge in this process.

Every published state is a generation directory that is never written again; a sync works on the
next one. Reading from several processes works because nobody keeps a shard open without need.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from indexer.errors import (
    DamagedIndexError,
    DatasetNotIndexedError,
    InvalidRequestError,
    StoreError,
)
from indexer.layout import DataFolder
from indexer.parts import Part
from indexer.schema import IndexSpec, check_dataset, check_poolings
from indexer.store import edge_shard
from indexer.store.base import PartWriter
from indexer.store.checks import check_distance, check_sizes, not_indexed
from indexer.store.edge_files import EdgeFiles, write_lock
from indexer.store.edge_lease import ShardLease
from indexer.store.edge_search import nearest
from indexer.store.edge_shard import ShardGoneError
from indexer.store.edge_writer import EdgeWriter
from indexer.store.plan import Passing, Planner
from indexer.store.pointer import Pointer
from indexer.store.presets import SIZE_CLASSES, SizeClasses
from indexer.types import EVERYTHING, DatasetInfo, Distance, Filter, Record, ScoredPoint
from models.pooling import Pooling

if TYPE_CHECKING:
    from qdrant_edge import EdgeShard

    from indexer.types import Vector

_ATTEMPTS = 3
_logger = logging.getLogger(__name__)
T = TypeVar("T")


class EdgeStore:
    """VectorStore in a data folder. Several processes may read, one per dataset may write.

    Args:
        data_dir: the data folder; made by the first writer.
        classes: which collections are large, and which vectors long.
    """

    def __init__(self, data_dir: Path, *, classes: SizeClasses = SIZE_CLASSES) -> None:
        self._folder = DataFolder(data_dir)
        self._classes = classes
        self._leases: dict[tuple[str, Distance], ShardLease] = {}
        self._lock = threading.Lock()

    @property
    def server(self) -> None:
        """None: embedded."""

    def datasets(self) -> list[DatasetInfo]:
        """The published indexes, by name; a damaged one is logged and left out."""
        found = []
        for name in self._names():
            try:
                pointer = self._files(name).published()
            except DamagedIndexError as error:
                _logger.warning("%s", error)
            else:
                found += [pointer.info()] if pointer else []
        return found

    def describe(self, dataset: str) -> DatasetInfo:
        """One published index."""
        return self._pointer(dataset).info()

    def writer(self, spec: IndexSpec) -> EdgeWriter:
        """Start or continue to write ``spec``; see :class:`IndexWriter`.

        Raises:
            CollectionBusyError: another process writes this dataset.
            VectorSizeError: a vector size above MAX_VECTOR_SIZE.
            DataFolderError: the data folder cannot be written.
        """
        check_dataset(spec.dataset)
        check_sizes(spec)
        self._folder.prepare()
        return EdgeWriter(spec, self._files(spec.dataset), self._lease, self._classes)

    def part_writer(self, spec: IndexSpec, part: Part) -> PartWriter:
        """Not here: a shard is open in one process only.

        Raises:
            InvalidRequestError: always.
        """
        raise InvalidRequestError(
            f"part {part} of {spec.dataset!r}: the embedded index has one writer; many workers "
            "need a Qdrant server, --qdrant-url URL"
        )

    def finish_writer(self, spec: IndexSpec) -> EdgeWriter:
        """Not here: there are no parts.

        Raises:
            InvalidRequestError: always.
        """
        raise InvalidRequestError(
            f"{spec.dataset!r} has no parts to finish: many workers need a Qdrant server, "
            "--qdrant-url URL; without it, plain sync does all of it"
        )

    def query(
        self,
        dataset: str,
        distance: Distance,
        pooling: Pooling,
        vector: Vector,
        *,
        limit: int,
        exclude: Iterable[UUID] = (),
        exact: bool = False,
        coarse: Vector | None = None,
        where: Filter = EVERYTHING,
    ) -> list[ScoredPoint]:
        """The ``limit`` nearest points, best first; see :class:`VectorStore`."""
        passing = Passing(where, frozenset(exclude))

        def ask(shard: EdgeShard, pointer: Pointer) -> list[ScoredPoint]:
            sizes = pointer.spec.vector_sizes
            check_poolings(dataset, sizes, [pooling])
            planner = Planner(pointer.images, sizes, self._classes)
            plan = planner.plan(pooling, vector, limit=limit, exact=exact, coarse=coarse)
            return nearest(shard, distance, plan, limit=limit, passing=passing)

        return self._read(dataset, distance, ask)

    def retrieve(
        self, dataset: str, distance: Distance, ids: Sequence[UUID], *, with_vectors: bool = False
    ) -> list[Record]:
        """Records of ``ids`` in their order; unknown ids are left out."""

        def ask(shard: EdgeShard, _: Pointer) -> list[Record]:
            return edge_shard.retrieve(shard, ids, with_vectors=with_vectors)

        return self._read(dataset, distance, ask)

    def scroll(
        self, dataset: str, distance: Distance, *, with_vectors: bool = False
    ) -> Iterator[Record]:
        """Every record, by id. Across a publish it goes on in the new state from the same id."""
        offset: UUID | None = None

        def ask(shard: EdgeShard, _: Pointer) -> tuple[list[Record], UUID | None]:
            return edge_shard.page(shard, offset, with_vectors=with_vectors)

        while True:
            records, offset = self._read(dataset, distance, ask)
            yield from records
            if offset is None:
                return

    def leftovers(self, dataset: str) -> tuple[str, ...]:
        """Generations that are not published, as ``<collection>/gen-0002``."""
        files = self._files(dataset)
        published = files.generations(self._pointer(dataset))
        with self._folder.errors("read"):
            return tuple(
                f"{collection.name}/{path.name}"
                for collection in files.collections()
                for path in sorted(collection.iterdir())
                if path.is_dir() and path not in published
            )

    def drop(self, dataset: str) -> tuple[str, ...]:
        """Remove the index: every collection of every checkpoint; returns their names."""
        files = self._files(dataset)
        if dataset not in self._names() and not files.collections():
            raise self._unknown(dataset)
        with write_lock(files):
            with self._folder.errors("written"):
                files.pointer.unlink(missing_ok=True)
                files.marker.unlink(missing_ok=True)
            self._close_leases(dataset)
            collections = files.collections()
            for collection in collections:
                shutil.rmtree(collection, ignore_errors=True)
        return tuple(collection.name for collection in collections)

    def close(self) -> None:
        """Let go of every shard."""
        self._close_leases()

    def _names(self) -> list[str]:
        """Datasets that have a pointer, damaged or not."""
        with self._folder.errors("read"):
            try:
                paths = list(self._folder.indexes.iterdir())
            except FileNotFoundError:
                return []
        return sorted(path.stem for path in paths if path.suffix == ".json")

    def _files(self, dataset: str) -> EdgeFiles:
        return EdgeFiles(self._folder, check_dataset(dataset))

    def _pointer(self, dataset: str) -> Pointer:
        pointer = self._files(dataset).published()
        if pointer is None:
            raise self._unknown(dataset)
        return pointer

    def _unknown(self, dataset: str) -> DatasetNotIndexedError:
        return not_indexed(dataset, f"in {self._folder.root}", self._names())

    def _read(self, dataset: str, distance: Distance, ask: Callable[[EdgeShard, Pointer], T]) -> T:
        """Ask the published shard; a generation that went meanwhile is looked up again."""
        pointer = self._pointer(dataset)
        for _ in range(_ATTEMPTS):
            try:
                with self._lease(pointer, distance).use() as shard:
                    return ask(shard, pointer)
            except ShardGoneError as error:
                seen, pointer = pointer, self._pointer(dataset)
                if pointer == seen:
                    raise DamagedIndexError(
                        f"the index of dataset {dataset!r} is damaged ({error}); "
                        "`python -m indexer sync` rebuilds it"
                    ) from error
        raise StoreError(f"dataset {dataset!r} changed too often to be read; try again")

    def _lease(self, pointer: Pointer, distance: Distance) -> ShardLease:
        spec = pointer.spec
        check_distance(spec, distance)
        path = self._files(spec.dataset).generation(spec.collection(distance), pointer.generation)
        with self._lock:
            lease = self._leases.get((spec.dataset, distance))
            if lease is not None and lease.path == path:
                return lease
            fresh = ShardLease(path, images=pointer.images)
            self._leases[spec.dataset, distance] = fresh
        if lease is not None:
            lease.close()
        return fresh

    def _close_leases(self, dataset: str | None = None) -> None:
        with self._lock:
            keys = [key for key in self._leases if dataset in (None, key[0])]
            leases = [self._leases.pop(key) for key in keys]
        for lease in leases:
            lease.close()
