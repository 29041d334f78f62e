"""EdgeWriter: one sync's work on one dataset, on a generation of its own.

The published generation is never written. The first change copies it (with its write-ahead log:
without it the engine takes updates and forgets them), later changes go to the copy, and ``publish``
replaces the pointer. A marker file beside the pointer says what an unpublished generation is based
on; the next writer for the same index continues it, any other discards it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from indexer.errors import DamagedIndexError, StoreError
from indexer.folder_copy import copy_changes, copy_folder
from indexer.layout import write_atomically
from indexer.schema import IndexSpec
from indexer.store import edge_search, edge_shard
from indexer.store.checks import check_vectors
from indexer.store.edge_files import EdgeFiles, write_lock
from indexer.store.edge_lease import ShardLease
from indexer.store.edge_shard import ShardGoneError, ShardLockedError
from indexer.store.interrupted import marker_of, torn_points
from indexer.store.plan import Plan, Stage
from indexer.store.pointer import Pointer, write_pointer
from indexer.store.presets import EXACT, SizeClasses, preset
from indexer.types import DatasetInfo, Distance, Payload, Point, Record, ScoredPoint
from models.pooling import Pooling

if TYPE_CHECKING:
    from qdrant_edge import EdgeShard

    from indexer.types import Vector

FLUSH_EVERY = 2_000
"""Points after which the shards are flushed: what a power cut could cost."""

_logger = logging.getLogger(__name__)


class EdgeWriter:
    """IndexWriter for the embedded engine; see there for what its methods promise."""

    def __init__(
        self,
        spec: IndexSpec,
        files: EdgeFiles,
        lease: Callable[[Pointer, Distance], ShardLease],
        classes: SizeClasses,
    ) -> None:
        self._spec = spec
        self._files = files
        self._lease = lease
        self._classes = classes
        self._shards: dict[Distance, EdgeShard] = {}
        self._unflushed = 0
        self._held = ExitStack()
        self._held.enter_context(write_lock(files))
        try:
            published = self._published()
            self._base = self._usable(published)
            self._generation = published.generation + 1 if published else 1
            self._continue(published)
        except BaseException:
            self.close()
            raise

    def records(self) -> Iterator[Record]:
        """Every point that is in all of the collections being written, without vectors."""
        if not self._shards and self._base is None:
            return
        offset: UUID | None = None
        while True:
            records, offset = self._page(self._spec.distances[0], offset)
            yield from records
            if offset is None:
                return

    def upsert(self, points: Sequence[Point]) -> None:
        """Write ``points`` to every collection; acknowledged when it returns."""
        if not points:
            return
        for point in points:
            check_vectors(point, self._spec.vector_sizes)
        self._begin()
        for shard in self._shards.values():
            edge_shard.upsert(shard, points)
        self._acknowledge(len(points))

    def delete(self, ids: Sequence[UUID]) -> None:
        """Remove points from every collection; unknown ids are ignored."""
        if not ids:
            return
        self._begin()
        for shard in self._shards.values():
            edge_shard.delete(shard, ids)
        self._acknowledge(len(ids))

    def set_payload(self, ids: Sequence[UUID], payload: Payload) -> None:
        """Give the points ``ids`` these payload fields; their others and their vectors stay.

        A field that is None is taken away.
        """
        if not ids:
            return
        self._begin()
        for shard in self._shards.values():
            edge_shard.set_payload(shard, ids, payload)
        self._acknowledge(len(ids))

    def retrieve(self, distance: Distance, ids: Sequence[UUID]) -> list[Record]:
        """Points as they are written so far, with vectors; unknown ids are left out."""
        with self._shard(distance) as shard:
            return edge_shard.retrieve(shard, ids, with_vectors=True) if shard else []

    def query(
        self, distance: Distance, pooling: Pooling, vector: Vector, *, limit: int
    ) -> list[ScoredPoint]:
        """The nearest points among those written so far, compared with every one of them."""
        with self._shard(distance) as shard:
            if shard is None:
                return []
            plan = Plan(Stage(pooling, vector, EXACT))
            return edge_search.nearest(shard, distance, plan, limit=limit)

    def publish(self) -> DatasetInfo:
        """Make the state visible to readers, all distances at once, and drop what it replaces."""
        if self._base is None:
            self._begin()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if self._shards:
            images = self._finish()
            pointer = Pointer(self._spec, self._generation, images, now, edge_shard.ENGINE)
        else:
            assert self._base is not None
            pointer = replace(self._base, spec=self._spec, synced_at=now)
        with self._files.folder.errors("written"):
            write_pointer(self._files.pointer, pointer)
            self._files.marker.unlink(missing_ok=True)
        self._files.keep_only(self._files.generations(pointer))
        self._base = pointer
        self._generation = pointer.generation + 1
        return pointer.info()

    def close(self) -> None:
        """Let go of the dataset; unpublished work stays for the next writer."""
        try:
            self._close_shards()
        finally:
            self._held.close()

    def _published(self) -> Pointer | None:
        try:
            return self._files.published()
        except DamagedIndexError as error:
            _logger.warning("%s", error)
            return None

    def _usable(self, published: Pointer | None) -> Pointer | None:
        """The published state when this index can start from it, and it is not damaged."""
        spec = self._spec
        if published is None or not spec.can_start_from(published.spec):
            return None
        try:
            for distance in spec.distances:
                with self._lease(published, distance).use():
                    pass
        except (ShardGoneError, StoreError) as error:
            _logger.warning("the index of %s is damaged (%s): rebuilding", spec.dataset, error)
            return None
        return published

    def _paths(self, generation: int) -> dict[Distance, Path]:
        spec = self._spec
        return {
            distance: self._files.generation(spec.collection(distance), generation)
            for distance in spec.distances
        }

    def _marker(self) -> dict[str, object]:
        """What must agree for unpublished work to be continued."""
        return {
            **marker_of(self._spec),
            "base": self._base.generation if self._base else None,
            "generation": self._generation,
        }

    def _continue(self, published: Pointer | None) -> None:
        """Take up an interrupted generation of the same base, or clear away any other."""
        try:
            same = json.loads(self._files.marker.read_bytes()) == self._marker()
        except (OSError, ValueError):
            same = False
        if same:
            try:
                self._open_interrupted()
                return
            except (ShardGoneError, ShardLockedError, StoreError) as error:
                _logger.warning("an interrupted sync cannot be continued: %s", error)
                self._close_shards()
        self._files.marker.unlink(missing_ok=True)
        self._files.keep_only(self._files.generations(published) if published else set())

    def _open_interrupted(self) -> None:
        for distance, path in self._paths(self._generation).items():
            self._shards[distance] = shard = edge_shard.load_shard(path)
            edge_shard.index_payload(shard)
        self.delete(torn_points(map(_all_records, self._shards.values())))

    def _begin(self) -> None:
        """Make the generation to write, once: a copy of the published one, or empty."""
        if self._shards:
            return
        try:
            with self._files.folder.errors("written"):
                for distance, path in self._paths(self._generation).items():
                    self._shards[distance] = self._new_shard(distance, path)
                # Last, so that a marker always stands for whole directories.
                write_atomically(self._files.marker, json.dumps(self._marker()).encode())
        except BaseException:
            self._close_shards()
            self._files.keep_only(self._files.generations(self._base) if self._base else set())
            raise

    def _new_shard(self, distance: Distance, path: Path) -> EdgeShard:
        if self._base is None:
            return edge_shard.create_shard(path, distance, self._spec.vector_sizes, self._classes)
        source = self._paths(self._base.generation)[distance]
        copied = copy_folder(source, path)  # a large one takes long, and searches go on meanwhile
        with self._lease(self._base, distance).use():  # now nobody else has it open
            copy_changes(source, path, copied)
        shard = edge_shard.load_shard(path, images=self._base.images)
        edge_shard.index_payload(shard)  # of fields that were not known when the first was made
        return shard

    @contextmanager
    def _shard(self, distance: Distance) -> Iterator[EdgeShard | None]:
        """What is written so far: the generation in the making, the published one, or nothing."""
        if self._shards or self._base is None:
            yield self._shards.get(distance)
            return
        with self._lease(self._base, distance).use() as shard:
            yield shard

    def _page(self, distance: Distance, offset: UUID | None) -> tuple[list[Record], UUID | None]:
        with self._shard(distance) as shard:
            assert shard is not None
            return edge_shard.page(shard, offset, with_vectors=False)

    def _acknowledge(self, points: int) -> None:
        self._unflushed += points
        if self._unflushed >= FLUSH_EVERY:
            self._flush()

    def _flush(self) -> None:
        for shard in self._shards.values():
            with edge_shard.engine_errors("flushing"):
                shard.flush()
        self._unflushed = 0

    def _finish(self) -> int:
        """Bring the generation to rest on disk; returns the number of its images."""
        self._flush()
        counts = {edge_shard.count(shard) for shard in self._shards.values()}
        if len(counts) != 1:
            raise StoreError(f"the collections of {self._spec.dataset!r} differ: {sorted(counts)}")
        images = counts.pop()
        self._close_shards()
        sizes = self._spec.vector_sizes
        presets = {name: preset(images, size, self._classes) for name, size in sizes.items()}
        for distance, path in self._paths(self._generation).items():
            edge_shard.arrange(path, distance, sizes, presets)
        return images

    def _close_shards(self) -> None:
        while self._shards:
            _, shard = self._shards.popitem()
            with edge_shard.engine_errors("closing"):
                shard.close()


def _all_records(shard: EdgeShard) -> Iterator[Record]:
    offset: UUID | None = None
    while True:
        records, offset = edge_shard.page(shard, offset, with_vectors=False)
        yield from records
        if offset is None:
            return
