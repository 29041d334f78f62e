"""VectorStore: where vectors live, in our words. Every back end passes tests/contract."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from indexer.parts import Part
from indexer.schema import IndexSpec
from indexer.types import (
    EVERYTHING,
    DatasetInfo,
    Distance,
    Filter,
    Payload,
    Point,
    Record,
    ScoredPoint,
)
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.types import Vector


class IndexWriter(Protocol):
    """One sync's hold on one dataset: changes are seen by readers only after ``publish``.

    Changes that were acknowledged survive a kill: the next writer for the same spec finds them.
    A writer for the spec that is published starts from its points; for another checkpoint, or other
    vectors, it starts empty (or from its own interrupted work).
    """

    def records(self) -> Iterator[Record]:
        """Every point that is in all of the collections being written, without vectors."""
        ...

    def upsert(self, points: Sequence[Point]) -> None:
        """Write ``points`` to every collection; acknowledged when it returns.

        Raises:
            StoreError: a vector is missing, of the wrong size, not finite or all zero.
        """
        ...

    def delete(self, ids: Sequence[UUID]) -> None:
        """Remove points from every collection; unknown ids are ignored."""
        ...

    def set_payload(self, ids: Sequence[UUID], payload: Payload) -> None:
        """Give the points ``ids`` these payload fields; their others and their vectors stay.

        A field that is None is taken away.
        """
        ...

    def retrieve(self, distance: Distance, ids: Sequence[UUID]) -> list[Record]:
        """Points as they are written so far, with vectors; unknown ids are left out."""
        ...

    def query(
        self, distance: Distance, pooling: Pooling, vector: Vector, *, limit: int
    ) -> list[ScoredPoint]:
        """The nearest points among those written so far, compared with every one of them."""
        ...

    def publish(self) -> DatasetInfo:
        """Make the state visible to readers, all distances at once, and drop what it replaces.

        When nothing was changed since the published state, only ``synced_at`` and what the spec
        says of the source are.
        """
        ...

    def close(self) -> None:
        """Let go of the dataset; unpublished work stays for the next writer."""
        ...


class PartWriter(IndexWriter, Protocol):
    """One of several writers that fill one index together: see :class:`indexer.parts.Part`.

    It neither deletes nor publishes.
    """

    def note(self) -> None:
        """Say that the part is filled."""
        ...


class VectorStore(Protocol):
    """Indexes by dataset name. Safe to use from several threads; see each back end for processes.

    Every method that takes a dataset raises DatasetNotIndexedError for an unknown one.
    """

    @property
    def server(self) -> str | None:
        """URL of the server that holds the indexes; None: they are in the data folder."""
        ...

    def datasets(self) -> list[DatasetInfo]:
        """The published indexes, by name."""
        ...

    def describe(self, dataset: str) -> DatasetInfo:
        """One published index."""
        ...

    def writer(self, spec: IndexSpec) -> IndexWriter:
        """Start or continue to write ``spec``.

        Raises:
            CollectionBusyError: another process writes this dataset.
            VectorSizeError: a vector size above MAX_VECTOR_SIZE.
        """
        ...

    def part_writer(self, spec: IndexSpec, part: Part) -> PartWriter:
        """Start or continue to fill one part of ``spec``, beside the writers of other parts.

        Raises:
            CollectionBusyError: another process writes this part, or all of the dataset.
            InvalidRequestError: other parts are being filled with another spec, or the back end
                takes one writer only.
        """
        ...

    def finish_writer(self, spec: IndexSpec) -> IndexWriter:
        """A writer that starts from what the parts have filled.

        Raises:
            CollectionBusyError: a part is being written.
            InvalidRequestError: a part is missing.
        """
        ...

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
        """The ``limit`` nearest points that pass ``where``, best first, without ``exclude``.

        Fewer come back only where fewer pass: the engine filters while it searches.

        Equal scores are ordered by id, so that the same question has the same answer.

        Args:
            dataset: name of the index.
            distance: which of its collections.
            pooling: name of the vectors that are compared.
            vector: the query. Shape: (D,).
            limit: most points to return.
            exclude: ids that are left out.
            exact: compare with every vector; otherwise the preset decides (indexer.store.presets).
            coarse: the query's vector of the pooling ``presets.COARSE``, of that vector's shape.
                It lets long vectors of large collections be searched in two stages; without it
                those are compared exactly.
            where: which points are searched; all others might as well not be there.

        Raises:
            InvalidRequestError: the index has no vectors of that pooling.
            StoreError: a vector of the wrong size, not finite or all zero.
        """
        ...

    def retrieve(
        self, dataset: str, distance: Distance, ids: Sequence[UUID], *, with_vectors: bool = False
    ) -> list[Record]:
        """Records of ``ids`` in their order; unknown ids are left out."""
        ...

    def scroll(
        self, dataset: str, distance: Distance, *, with_vectors: bool = False
    ) -> Iterator[Record]:
        """Every record, ordered by id, read in bounded batches."""
        ...

    def leftovers(self, dataset: str) -> tuple[str, ...]:
        """What an interrupted or running sync has written and no reader sees, by name."""
        ...

    def drop(self, dataset: str) -> tuple[str, ...]:
        """Remove the index: every collection of every checkpoint; returns their names.

        A damaged index can be dropped too.

        Raises:
            CollectionBusyError: another process writes this dataset.
        """
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
