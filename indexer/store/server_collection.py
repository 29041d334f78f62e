"""One collection on a server: its name, its configuration, and our words for the client's.

The only module that builds the client's objects.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models

from indexer.errors import StoreError
from indexer.schema import PAYLOAD_INDEXES
from indexer.store.presets import Graph, Int8, SearchPreset, preset
from indexer.store.server_link import Link
from indexer.store.server_options import Quantization, ServerOptions
from indexer.types import Distance, Payload, Point, Record
from models.pooling import Pooling

METADATA = "image_similarity"
"""Key of our part of a collection's metadata."""

PAGE = 1_000
"""Records without vectors that are read in one request."""

_DISTANCES = {Distance.COSINE: models.Distance.COSINE, Distance.EUCLID: models.Distance.EUCLID}
_INDEX_TYPES = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "integer": models.PayloadSchemaType.INTEGER,
}
_NO_INDEXING = 0
_NO_GRAPH = models.HnswConfigDiff(m=0)
_ALWAYS_KB = 1
_PHYSICAL = re.compile(r"(?P<collection>.+__(?:cosine|euclid))__g(?P<generation>\d{4,})")


def physical_name(collection: str, generation: int) -> str:
    """Name of one generation of ``collection``, whose own name is an alias."""
    return f"{collection}__g{generation:04d}"


def split_physical(name: str) -> tuple[str, int] | None:
    """Collection and generation of a physical name; None: it is none of ours."""
    match = _PHYSICAL.fullmatch(name)
    return (match["collection"], int(match["generation"])) if match else None


def create(
    link: Link,
    name: str,
    distance: Distance,
    sizes: Mapping[Pooling, int],
    *,
    options: ServerOptions,
    metadata: Mapping[str, object],
) -> None:
    """Make an empty collection with the payload's indexes; what has that name is removed."""
    replicas = options.replicas

    def make(client: QdrantClient) -> None:
        client.delete_collection(name)  # the first of two tries may have been lost half way
        client.create_collection(
            name,
            vectors_config={
                pooling.value: _vector(distance, size, options) for pooling, size in sizes.items()
            },
            # Graphs are built once, when everything is there: see `arrange`.
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=_NO_INDEXING),
            on_disk_payload=True,
            shard_number=options.shards,
            replication_factor=replicas,
            # A majority of the replicas acknowledges, a majority is asked by the writer.
            write_consistency_factor=None if replicas is None else replicas // 2 + 1,
            metadata={METADATA: dict(metadata)},
        )

    link.call(f"creating {name}", make)
    for field, kind in PAYLOAD_INDEXES.items():
        _index(link, name, field, kind)


def _index(link: Link, name: str, field: str, kind: str) -> None:
    schema = _INDEX_TYPES[kind]
    link.call(
        f"indexing {field} of {name}",
        lambda client: client.create_payload_index(name, field, field_schema=schema, wait=True),
    )


def _vector(distance: Distance, size: int, options: ServerOptions) -> models.VectorParams:
    return models.VectorParams(
        size=size,
        distance=_DISTANCES[distance],
        on_disk=bool(options.on_disk) or preset(0, size).on_disk,
        hnsw_config=_NO_GRAPH,
    )


def arrange(
    link: Link, name: str, presets: Mapping[Pooling, SearchPreset], options: ServerOptions
) -> bool:
    """Bring ``name`` into the shape that ``presets`` say; whether there is anything to wait for.

    The server builds in the background: see :func:`is_at_rest`.
    """
    vectors = {
        pooling.value: _shape(chosen.graph, chosen.int8, options.quantization)
        for pooling, chosen in presets.items()
        if chosen.graph
    }
    if not vectors:
        return False
    link.call(
        f"indexing {name}",
        lambda client: client.update_collection(
            name,
            vectors_config=vectors,
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=_ALWAYS_KB),
        ),
    )
    return True


def _shape(graph: Graph, int8: Int8 | None, wanted: Quantization | None) -> models.VectorParamsDiff:
    if wanted is not None:
        int8 = Int8() if wanted is Quantization.INT8 else None
    return models.VectorParamsDiff(
        hnsw_config=models.HnswConfigDiff(m=graph.m, ef_construct=graph.ef_construct),
        quantization_config=models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(
                type=models.ScalarType.INT8, quantile=int8.quantile, always_ram=True
            )
        )
        if int8
        else None,
    )


def is_at_rest(link: Link, name: str) -> bool:
    """Whether nothing is being built in ``name``.

    Raises:
        StoreError: the server gave up building.
    """
    found = link.call(f"looking at {name}", lambda client: client.get_collection(name))
    if found.status == models.CollectionStatus.RED:
        raise StoreError(f"{link.url} cannot build {name}: {found.optimizer_status}")
    if found.status == models.CollectionStatus.GREY:  # a restarted server waits for a change
        link.call(
            f"waking {name}",
            lambda client: client.update_collection(
                name, optimizers_config=models.OptimizersConfigDiff()
            ),
        )
    return found.status == models.CollectionStatus.GREEN


def count(link: Link, name: str) -> int:
    """Exact number of points."""
    return link.call(f"counting {name}", lambda client: client.count(name, exact=True)).count


def upsert(link: Link, name: str, points: Sequence[Point], *, floats: int) -> None:
    """Write ``points``, of ``floats`` numbers each, in requests of a bounded size.

    An acknowledged request is applied (``wait``), not only received: what is read after it is there
    on every shard, and an error is told with the batch that caused it.
    """
    step = link.batch(floats)
    for start in range(0, len(points), step):
        batch = [
            models.PointStruct(
                id=str(point.id),
                vector={name.value: vector.tolist() for name, vector in point.vectors.items()},
                payload=dict(point.payload),
            )
            for point in points[start : start + step]
        ]
        _upsert(link, name, batch)


def _upsert(link: Link, name: str, batch: list[models.PointStruct]) -> None:
    link.call(f"writing to {name}", lambda client: client.upsert(name, batch, wait=True))


def set_payload(link: Link, name: str, ids: Sequence[UUID], payload: Payload) -> None:
    """Set these fields of ``ids``; one that is None is taken away."""
    for start in range(0, len(ids), PAGE):
        _set_payload(link, name, [str(one) for one in ids[start : start + PAGE]], payload)


def _set_payload(link: Link, name: str, ids: list[models.ExtendedPointId], new: Payload) -> None:
    link.call(
        f"writing to {name}",
        lambda client: client.set_payload(name, payload=dict(new), points=ids, wait=True),
    )


def delete(link: Link, name: str, ids: Sequence[UUID]) -> None:
    """Remove points; unknown ids are ignored."""
    for start in range(0, len(ids), PAGE):
        chosen = models.PointIdsList(points=[str(one) for one in ids[start : start + PAGE]])
        _delete(link, name, chosen)


def _delete(link: Link, name: str, chosen: models.PointIdsList) -> None:
    link.call(f"deleting from {name}", lambda client: client.delete(name, chosen, wait=True))


def retrieve(
    link: Link, name: str, ids: Sequence[UUID], *, floats: int, with_vectors: bool
) -> list[Record]:
    """Records of ``ids`` in their order; unknown ids are left out."""
    step = link.batch(floats) if with_vectors else PAGE
    records: dict[UUID, Record] = {}
    for start in range(0, len(ids), step):
        wanted = [str(one) for one in ids[start : start + step]]
        found = _retrieve(link, name, wanted, with_vectors=with_vectors)
        records.update((record.id, record) for record in found)
    return [records[one] for one in ids if one in records]


def _retrieve(link: Link, name: str, ids: list[str], *, with_vectors: bool) -> list[Record]:
    found = link.call(
        f"reading {name}",
        lambda client: client.retrieve(name, ids, with_payload=True, with_vectors=with_vectors),
    )
    return [_record(record) for record in found]


def page(
    link: Link,
    name: str,
    offset: UUID | None,
    *,
    limit: int = PAGE,
    with_vectors: bool = False,
    with_payload: bool = True,
    majority: bool = False,
) -> tuple[list[Record], UUID | None]:
    """Up to ``limit`` records from id ``offset`` on, by id, and the offset of the next page.

    With ``majority`` most of the replicas have to agree on every one of them.
    """
    found, following = link.call(
        f"reading {name}",
        lambda client: client.scroll(
            name,
            limit=limit,
            offset=None if offset is None else str(offset),
            with_payload=with_payload,
            with_vectors=with_vectors,
            consistency=models.ReadConsistencyType.MAJORITY if majority else None,
        ),
    )
    records = [_record(record) for record in found]
    return records, None if following is None else UUID(str(following))


def pages(link: Link, name: str, *, with_payload: bool = True) -> Iterator[list[Record]]:
    """Every record for the writer: by id, without vectors."""
    offset: UUID | None = None
    while True:
        records, offset = page(link, name, offset, with_payload=with_payload, majority=True)
        yield records
        if offset is None:
            return


def _record(record: models.Record) -> Record:
    vectors = cast("dict[str, list[float]]", record.vector or {})
    named = {Pooling(name): np.asarray(value, np.float32) for name, value in vectors.items()}
    return Record(UUID(str(record.id)), as_payload(record.payload), named)


def as_payload(payload: object) -> Payload:
    """A payload in our type."""
    return cast("Payload", payload or {})
