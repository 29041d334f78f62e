"""One qdrant-edge shard: its configuration, opening it, and our words for its own.

This module and ``edge_search`` alone build the engine's objects. Its errors are bare ``Exception``
with a text; they are translated here, once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import numpy as np
import qdrant_edge as edge

from indexer.errors import IndexerError, StoreError
from indexer.schema import PAYLOAD_INDEXES
from indexer.store.presets import Graph, Int8, SearchPreset, SizeClasses, preset
from indexer.types import Distance, Payload, Point, Record
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.types import Vector

ENGINE = f"qdrant-edge {version('qdrant-edge-py')}"

PAGE = 1_000
"""Records read in one call: the engine holds the interpreter for the length of a call."""

_DISTANCES = {Distance.COSINE: edge.Distance.Cosine, Distance.EUCLID: edge.Distance.Euclid}
_INDEX_TYPES = {
    "keyword": edge.PayloadSchemaType.Keyword,
    "integer": edge.PayloadSchemaType.Integer,
}
_FULL_SCAN_KB = 10_000
_NEVER_KB = 1 << 40
_ALWAYS_KB = 1
_WITH_PAYLOAD = True
_PANIC = "PanicException"  # on damaged files; below BaseException, and not importable


class ShardLockedError(IndexerError):
    """Another handle, in this process or another, has the shard open."""


class ShardGoneError(IndexerError):
    """The directory is not there, or does not hold what was published."""


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Translate the engine's errors; only calls of the engine belong inside."""
    try:
        yield
    except BaseException as error:  # the engine raises nothing narrower
        if not isinstance(error, Exception) and type(error).__name__ != _PANIC:
            raise
        if "WouldBlock" in str(error):
            raise ShardLockedError(f"{doing}: locked") from error
        raise StoreError(f"the engine failed while {doing}: {error}") from error


def create_shard(
    path: Path, distance: Distance, sizes: Mapping[Pooling, int], classes: SizeClasses
) -> edge.EdgeShard:
    """A new, empty shard with the payload's indexes, arranged for few images."""
    with engine_errors(f"creating {path}"):
        path.mkdir(parents=True)
        presets = {name: preset(0, size, classes) for name, size in sizes.items()}
        shard = edge.EdgeShard.create(str(path), _config(distance, sizes, presets))
    index_payload(shard)
    return shard


def index_payload(shard: edge.EdgeShard) -> None:
    """See to it that the payload fields that are searched by have an index; again is no error."""
    with engine_errors("indexing"):
        for field, kind in PAYLOAD_INDEXES.items():
            shard.update(edge.UpdateOperation.create_field_index(field, _INDEX_TYPES[kind]))
        shard.flush()


def load_shard(path: Path, *, images: int | None = None) -> edge.EdgeShard:
    """Open the shard at ``path``.

    Args:
        path: its directory.
        images: number of points it must hold. The engine itself opens a directory that lost its
            segments without a word, as an empty shard.

    Raises:
        ShardLockedError: it is open elsewhere.
        ShardGoneError: nothing there, damaged, or not that number of points.
    """
    if not (path / "edge_config.json").is_file():
        raise ShardGoneError(f"{path} is missing")
    try:
        with engine_errors(f"opening {path}"):
            shard = edge.EdgeShard.load(str(path))
    except StoreError as error:
        raise ShardGoneError(str(error)) from error
    if images is not None and (found := count(shard)) != images:
        shard.close()
        raise ShardGoneError(f"{path} holds {found} images instead of {images}")
    return shard


def arrange(
    path: Path,
    distance: Distance,
    sizes: Mapping[Pooling, int],
    presets: Mapping[Pooling, SearchPreset],
) -> None:
    """Bring the (closed) shard at ``path`` into the shape that ``presets`` say.

    Blocks the interpreter for as long as that takes: never call it in a process that answers.
    """
    with engine_errors(f"indexing {path}"):
        shard = edge.EdgeShard.load(str(path), _config(distance, sizes, presets))
        shard.optimize()
        shard.close()


def _config(
    distance: Distance,
    sizes: Mapping[Pooling, int],
    presets: Mapping[Pooling, SearchPreset],
) -> edge.EdgeConfig:
    graphs = any(chosen.graph for chosen in presets.values())
    return edge.EdgeConfig(
        vectors={
            name.value: _vector(distance, size, presets[name]) for name, size in sizes.items()
        },
        # The engine's own threshold counts bytes, ours images.
        optimizers=edge.EdgeOptimizersConfig(
            indexing_threshold=_ALWAYS_KB if graphs else _NEVER_KB, default_segment_number=2
        ),
    )


def _vector(distance: Distance, size: int, chosen: SearchPreset) -> edge.EdgeVectorParams:
    graph = chosen.graph or Graph(m=0)
    return edge.EdgeVectorParams(
        size,
        _DISTANCES[distance],
        hnsw_config=edge.HnswIndexConfig(graph.m, graph.ef_construct, _FULL_SCAN_KB),
        quantization_config=_quantization(chosen.int8) if chosen.int8 else None,
        memory=edge.Memory.Cold if chosen.on_disk else edge.Memory.Cached,
    )


def _quantization(int8: Int8) -> edge.ScalarQuantizationConfig:
    return edge.ScalarQuantizationConfig(
        edge.ScalarType.Int8, quantile=int8.quantile, memory=edge.Memory.Pinned
    )


def count(shard: edge.EdgeShard) -> int:
    """Exact number of points."""
    with engine_errors("counting"):
        return shard.count(edge.CountRequest(exact=True))


def upsert(shard: edge.EdgeShard, points: Sequence[Point]) -> None:
    """Write ``points``; their vectors must have been checked by ``checks.check_vectors``."""
    converted = [
        edge.Point(
            point.id,
            {name.value: handed(vector) for name, vector in point.vectors.items()},
            dict(point.payload),
        )
        for point in points
    ]
    with engine_errors("writing"):
        shard.update(edge.UpdateOperation.upsert_points(converted))


def delete(shard: edge.EdgeShard, ids: Sequence[UUID]) -> None:
    """Remove points; unknown ids are ignored."""
    with engine_errors("deleting"):
        shard.update(edge.UpdateOperation.delete_points(list(ids)))


def set_payload(shard: edge.EdgeShard, ids: Sequence[UUID], payload: Payload) -> None:
    """Set these fields of ``ids``; one that is None is taken away."""
    with engine_errors("writing"):
        shard.update(edge.UpdateOperation.set_payload(list(ids), dict(payload)))


def retrieve(shard: edge.EdgeShard, ids: Sequence[UUID], *, with_vectors: bool) -> list[Record]:
    """Records of ``ids`` in their order; unknown ids are left out."""
    with engine_errors("reading"):
        found = shard.retrieve(list(ids), _WITH_PAYLOAD, with_vectors)
    records = {record.id: record for record in map(_record, found)}
    return [records[point] for point in ids if point in records]


def page(
    shard: edge.EdgeShard, offset: UUID | None, *, with_vectors: bool
) -> tuple[list[Record], UUID | None]:
    """Up to PAGE records from id ``offset`` on, by id, and the offset of the next page."""
    request = edge.ScrollRequest(
        offset=offset,
        limit=PAGE if not with_vectors else PAGE // 8,
        with_payload=True,
        with_vector=with_vectors,
    )
    with engine_errors("reading"):
        found, following = shard.scroll(request)
    return [_record(record) for record in found], None if following is None else as_uuid(following)


def _record(record: edge.Record) -> Record:
    vectors = cast("dict[str, list[float]]", record.vector or {})
    named = {Pooling(name): np.asarray(value, np.float32) for name, value in vectors.items()}
    return Record(as_uuid(record.id), as_payload(record.payload), named)


def as_uuid(point: object) -> UUID:
    """An id as the engine gives it."""
    return point if isinstance(point, UUID) else UUID(str(point))


def as_payload(payload: object) -> Payload:
    """A payload as the engine gives it."""
    return cast("Payload", payload or {})


def handed(vector: Vector) -> Any:
    """``vector`` as the engine takes it fastest: six times as fast as a list."""
    return memoryview(np.ascontiguousarray(vector, dtype=np.float32))  # type: ignore[arg-type]
