"""migrate: copy an index from one store to another, check the copy, then publish it.

The source is only read. What was copied before a kill is there for the next run. Raw vectors, which
an Euclid collection keeps, serve both distances; of a Cosine collection alone, unit vectors do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from typing import TypeVar
from uuid import UUID

import numpy as np
from tqdm import tqdm

from indexer.errors import InvalidRequestError, StoreError
from indexer.schema import IndexSpec
from indexer.store.base import IndexWriter, VectorStore
from indexer.types import DatasetInfo, Distance, Payload, PayloadValue, Point, Record, ScoredPoint

BATCH = 128
"""Points written in one call of the store."""

SAMPLE = 20
"""Images whose vectors and neighbours are compared, spread over the ids."""

NEIGHBOURS = 8
"""How many neighbours of each."""

TOLERANCE = 1e-4
"""Of values and scores: unit length is made by either engine, rounded to float32."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a migration did.

    Attributes:
        dataset: its name.
        images: number of images in the copy.
        copied: of those, the ones that were written now.
        present: the ones that an interrupted run, or an earlier copy, had left.
        removed: points of an earlier copy that the source does not have.
        compared: neighbour lists that were asked of both.
        collections: names of the copy's collections.
        seconds: how long it took.
    """

    dataset: str
    images: int
    copied: int
    present: int
    removed: int
    compared: int
    collections: tuple[str, ...]
    seconds: float


def migrate(
    source: VectorStore,
    target: VectorStore,
    dataset: str,
    *,
    replace: bool = False,
    progress: bool = True,
) -> MigrationReport:
    """Copy the index of ``dataset``; the target's readers see it when it is whole and checked.

    Args:
        source: where it is.
        target: where it shall be.
        dataset: its name, the same in both.
        replace: bring an index of that name, which the target has, in line with the source's.
        progress: show a bar on stderr.

    Raises:
        DatasetNotIndexedError: the source has no such index.
        InvalidRequestError: the target has one, and is not to replace it.
        CollectionBusyError: somebody writes it on the target.
        StoreError: the copy differs, or the source changed meanwhile; nothing was published.
    """
    started = time.perf_counter()
    info = source.describe(dataset)
    there = next((one for one in target.datasets() if one.name == dataset), None)
    if there and not replace:
        raise InvalidRequestError(
            f"there is an index of {dataset!r} already ({there.images} images, {there.checkpoint}, "
            f"synced {there.synced_at}); --replace brings it in line with the one to copy"
        )
    with closing(target.writer(IndexSpec.of(info))) as writer:
        known = {record.id: record.payload for record in writer.records()}
        copied, seen = _copy(source, info, writer, known, progress=progress)
        gone = sorted(known.keys() - seen)
        writer.delete(gone)
        _check_payloads(source, info, writer)
        compared = _check_sample(source, info, writer, sorted(seen))
        if source.describe(dataset) != info:
            raise _changed(dataset)
        published = writer.publish()
    return MigrationReport(
        dataset=dataset,
        images=published.images,
        copied=copied,
        present=published.images - copied,
        removed=len(gone),
        compared=compared,
        collections=published.collections,
        seconds=round(time.perf_counter() - started, 3),
    )


def _copy(
    source: VectorStore,
    info: DatasetInfo,
    writer: IndexWriter,
    known: dict[UUID, Payload],
    *,
    progress: bool,
) -> tuple[int, set[UUID]]:
    """Write what ``writer`` does not have; how many that were, and all ids of the source.

    With the same checkpoint, the payload (it has the file's hash) says that the vectors are too.
    """
    seen: set[UUID] = set()
    copied = 0
    raw = Distance.EUCLID if Distance.EUCLID in info.distances else info.distances[0]
    records = tqdm(
        source.scroll(info.name, raw, with_vectors=True),
        desc=f"{info.name}: copying",
        total=info.images,
        unit="image",
        disable=not progress,
    )
    for batch in _batches(records):
        seen.update(record.id for record in batch)
        fresh = [one for one in batch if not _same_payload(known.get(one.id), one.payload)]
        writer.upsert([Point(one.id, one.vectors, one.payload) for one in fresh])
        copied += len(fresh)
    return copied, seen


def _check_payloads(source: VectorStore, info: DatasetInfo, writer: IndexWriter) -> None:
    """Every id and every payload, against the source as it is now."""
    expected = {record.id: record.payload for record in source.scroll(info.name, info.distances[0])}
    found = {record.id: record.payload for record in writer.records()}
    wrong = {
        point
        for point in expected.keys() | found.keys()
        if not _same_payload(expected.get(point), found.get(point))
    }
    if wrong:
        if source.describe(info.name) != info:
            raise _changed(info.name)
        raise _different(info.name, writer, f"{len(wrong)} points, such as {min(wrong)}", wrong)


def _check_sample(
    source: VectorStore, info: DatasetInfo, writer: IndexWriter, ids: Sequence[UUID]
) -> int:
    """Vectors and neighbours of some images; the number of neighbour lists."""
    sample = ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE]
    compared = 0
    for distance in info.distances:
        expected = source.retrieve(info.name, distance, sample, with_vectors=True)
        found = {record.id: record for record in writer.retrieve(distance, sample)}
        for record in expected:
            if record.id not in found or not _same_vectors(record, found[record.id]):
                what = f"the {distance} vectors of {record.id}"
                raise _different(info.name, writer, what, ids)
        for record, pooling in product(expected, info.vector_sizes):
            vector = record.vectors[pooling]
            here = source.query(info.name, distance, pooling, vector, limit=NEIGHBOURS, exact=True)
            there = writer.query(distance, pooling, vector, limit=NEIGHBOURS)
            if not _same_neighbours(here, there):
                what = f"the neighbours of {record.id} by {pooling} and {distance}"
                raise _different(info.name, writer, what, ids)
            compared += 1
    return compared


def _same_payload(one: Payload | None, other: Payload | None) -> bool:
    """Whether both are there and say the same: an engine may round the last bit of a number."""
    if one is None or other is None or one.keys() != other.keys():
        return False
    return all(_same_value(value, other[name]) for name, value in one.items())


def _same_value(one: PayloadValue, other: PayloadValue) -> bool:
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-12)
    return one == other


def _same_vectors(one: Record, other: Record) -> bool:
    return one.vectors.keys() == other.vectors.keys() and all(
        np.allclose(vector, other.vectors[pooling], rtol=TOLERANCE, atol=TOLERANCE)
        for pooling, vector in one.vectors.items()
    )


def _same_neighbours(one: Sequence[ScoredPoint], other: Sequence[ScoredPoint]) -> bool:
    """The same scores at every rank, and the same points but for ties where the lists are cut."""
    if len(one) != len(other):
        return False
    both = {point.id for point in one} & {point.id for point in other}
    at_the_cut = [point for point in (*one, *other) if point.id not in both]
    pairs = [(first.score, second.score) for first, second in zip(one, other, strict=True)]
    pairs += [(point.score, one[-1].score) for point in at_the_cut]
    return all(math.isclose(*pair, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for pair in pairs)


def _changed(dataset: str) -> StoreError:
    return StoreError(
        f"dataset {dataset!r} was synced while it was being copied; nothing was published: run the "
        "same command again, it copies the difference"
    )


def _different(
    dataset: str, writer: IndexWriter, what: str, wrong: Sequence[UUID] | set[UUID]
) -> StoreError:
    """The error; what is ``wrong`` is removed, so that the next run copies it anew."""
    writer.delete(sorted(wrong))
    return StoreError(
        f"the copy of dataset {dataset!r} differs in {what}; nothing was published: run the same "
        "command again"
    )


def _batches(items: Iterator[T] | tqdm[T]) -> Iterator[list[T]]:
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
