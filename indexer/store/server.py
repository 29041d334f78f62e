"""ServerStore: the back end on a Qdrant server or cluster.

Every published state is a set of physical collections that is never written again; a sync works on
the next one, and publishing moves the aliases. docs/server.md says what that costs and why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from indexer.errors import DamagedIndexError, StoreError
from indexer.parts import Part
from indexer.schema import IndexSpec, check_dataset, check_poolings
from indexer.store import server_collection as collection
from indexer.store.checks import check_distance, check_sizes
from indexer.store.plan import Passing, Planner
from indexer.store.presets import SIZE_CLASSES, SizeClasses
from indexer.store.server_catalog import Catalog, Published
from indexer.store.server_collection import split_physical
from indexer.store.server_lease import WriterLease
from indexer.store.server_link import CollectionGoneError, Link
from indexer.store.server_options import ServerOptions
from indexer.store.server_parts import ServerFinishWriter, ServerPartWriter, remove_notes
from indexer.store.server_search import nearest
from indexer.store.server_writer import ServerWriter
from indexer.types import EVERYTHING, DatasetInfo, Distance, Filter, Record, ScoredPoint
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.types import Vector

_ATTEMPTS = 3
_logger = logging.getLogger(__name__)
T = TypeVar("T")
W = TypeVar("W", bound=ServerWriter)


class ServerStore:
    """VectorStore on a server. Any number of readers anywhere, one writer per dataset.

    Args:
        link: to the server; closed with the store.
        options: how collections that are written are laid out.
        classes: which collections are large, and which vectors long.
    """

    def __init__(
        self,
        link: Link,
        *,
        options: ServerOptions | None = None,
        classes: SizeClasses = SIZE_CLASSES,
    ) -> None:
        self._link = link
        self._catalog = Catalog(link)
        self._options = options or ServerOptions()
        self._classes = classes

    @property
    def server(self) -> str:
        """Its URL."""
        return self._link.url

    def datasets(self) -> list[DatasetInfo]:
        """The published indexes, by name; a damaged one is logged and left out."""
        found = []
        for name in self._catalog.datasets():
            try:
                published = self._catalog.published(name, fresh=True)
            except DamagedIndexError as error:
                _logger.warning("%s", error)
            else:
                found += [published.pointer.info()] if published else []
        return found

    def describe(self, dataset: str) -> DatasetInfo:
        """One published index."""
        return self._catalog.require(check_dataset(dataset), fresh=True).pointer.info()

    def writer(self, spec: IndexSpec) -> ServerWriter:
        """Start or continue to write ``spec``; see :class:`IndexWriter`.

        Raises:
            CollectionBusyError: another process, on any machine, writes this dataset.
            VectorSizeError: a vector size above MAX_VECTOR_SIZE.
            StoreError: its names are taken on the server.
        """
        return self._open(ServerWriter, spec)

    def part_writer(self, spec: IndexSpec, part: Part) -> ServerPartWriter:
        """Start or continue to fill ``part`` of ``spec``, beside the writers of other parts."""
        return self._open(partial(ServerPartWriter, part=part), spec)

    def finish_writer(self, spec: IndexSpec) -> ServerFinishWriter:
        """Take over what the writers of parts have filled, to publish it.

        Raises:
            InvalidRequestError: a part is missing.
        """
        return self._open(ServerFinishWriter, spec)

    def _open(self, kind: Callable[..., W], spec: IndexSpec) -> W:
        check_dataset(spec.dataset)
        check_sizes(spec)
        self._catalog.check_free(spec)
        return kind(spec, self._link, self._catalog, options=self._options, classes=self._classes)

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

        def ask(name: str, published: Published) -> list[ScoredPoint]:
            sizes = published.pointer.spec.vector_sizes
            check_poolings(dataset, sizes, [pooling])
            planner = Planner(published.pointer.images, sizes, self._classes)
            plan = planner.plan(pooling, vector, limit=limit, exact=exact, coarse=coarse)
            return nearest(self._link, name, distance, plan, limit=limit, passing=passing)

        return self._read(dataset, distance, ask)

    def retrieve(
        self, dataset: str, distance: Distance, ids: Sequence[UUID], *, with_vectors: bool = False
    ) -> list[Record]:
        """Records of ``ids`` in their order; unknown ids are left out."""

        def ask(name: str, published: Published) -> list[Record]:
            floats = sum(published.pointer.spec.vector_sizes.values())
            return collection.retrieve(
                self._link, name, ids, floats=floats, with_vectors=with_vectors
            )

        return self._read(dataset, distance, ask)

    def scroll(
        self, dataset: str, distance: Distance, *, with_vectors: bool = False
    ) -> Iterator[Record]:
        """Every record, by id. Across a publish it goes on in the new state from the same id."""
        offset: UUID | None = None

        def ask(name: str, published: Published) -> tuple[list[Record], UUID | None]:
            floats = sum(published.pointer.spec.vector_sizes.values())
            limit = min(collection.PAGE, self._link.batch(floats))
            return collection.page(
                self._link,
                name,
                offset,
                limit=limit if with_vectors else collection.PAGE,
                with_vectors=with_vectors,
            )

        while True:
            records, offset = self._read(dataset, distance, ask)
            yield from records
            if offset is None:
                return

    def leftovers(self, dataset: str) -> tuple[str, ...]:
        """Collections that are not published, by their physical names."""
        published = set(self._catalog.require(dataset).names.values())
        found = self._catalog.collections(dataset)
        return tuple(name for name in found if name not in published)

    def drop(self, dataset: str) -> tuple[str, ...]:
        """Remove the index: every generation of every checkpoint; returns the collections' names.

        The collections go one by one: a search in that moment may find only some of them.
        """
        check_dataset(dataset)
        if not self._catalog.collections(dataset):
            raise self._catalog.unknown(dataset)
        with WriterLease(self._link, dataset):
            doomed = self._catalog.collections(dataset)
            self._catalog.remove(doomed)
            remove_notes(self._link, dataset)
        names = {parts[0] for name in doomed if (parts := split_physical(name))}
        return tuple(sorted(names))

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def _read(self, dataset: str, distance: Distance, ask: Callable[[str, Published], T]) -> T:
        """Ask the published collection; one that was replaced meanwhile is looked up again."""
        for _ in range(_ATTEMPTS):
            published = self._catalog.require(dataset)
            check_distance(published.pointer.spec, distance)
            try:
                return ask(published.names[distance], published)
            except CollectionGoneError:
                continue
        raise StoreError(f"dataset {dataset!r} changed too often to be read; try again")
