"""ServerWriter: one sync's work on one dataset, in physical collections of its own.

The published collections are never written. The first change copies them, later changes go to the
copies, and ``publish`` moves the aliases. The metadata of the copies says what they are based on;
the next writer for the same index continues them, any other removes them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING
from uuid import UUID

from indexer.errors import CollectionBusyError, DamagedIndexError, IndexerError, StoreError
from indexer.schema import IndexSpec
from indexer.store import server_collection as collection
from indexer.store.checks import check_vectors
from indexer.store.interrupted import marker_of, torn_points
from indexer.store.plan import Plan, Stage
from indexer.store.pointer import Pointer, pointer_content
from indexer.store.presets import EXACT, SizeClasses, preset
from indexer.store.server_catalog import Catalog, Published
from indexer.store.server_collection import physical_name
from indexer.store.server_lease import WriterLease, live_parts
from indexer.store.server_link import Link
from indexer.store.server_options import ServerOptions
from indexer.store.server_search import nearest
from indexer.types import DatasetInfo, Distance, Payload, Point, Record, ScoredPoint
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.types import Vector

POLL_SECONDS = 1.0
"""How often a server is asked whether a graph is built."""

_STAGES = ("copied", "written")

_logger = logging.getLogger(__name__)


class ServerWriter:
    """IndexWriter for a server; see there for what its methods promise."""

    def __init__(
        self,
        spec: IndexSpec,
        link: Link,
        catalog: Catalog,
        *,
        options: ServerOptions,
        classes: SizeClasses,
    ) -> None:
        self._spec = spec
        self._link = link
        self._catalog = catalog
        self._classes = classes
        self._floats = sum(spec.vector_sizes.values())
        self._building: dict[Distance, str] = {}
        self._held = ExitStack()
        self._lease = self._held.enter_context(self._take_lease())
        try:
            published = self._published()
            usable = published is not None and spec.can_start_from(published.pointer.spec)
            self._base = published if usable else None
            self._options = options.over(published.options if published else ServerOptions())
            self._generation = published.pointer.generation + 1 if published else 1
            self._admit()
            self._continue(published)
        except BaseException:
            self.close()
            raise

    def records(self) -> Iterator[Record]:
        """Every point that is in all of the collections being written, without vectors."""
        name = self._name(self._spec.distances[0])
        if name is not None:
            for page in collection.pages(self._link, name):
                yield from page

    def upsert(self, points: Sequence[Point]) -> None:
        """Write ``points`` to every collection; acknowledged when it returns."""
        if not points:
            return
        for point in points:
            check_vectors(point, self._spec.vector_sizes)
        self._begin()
        for name in self._building.values():
            self._lease.check()
            collection.upsert(self._link, name, points, floats=self._floats)

    def delete(self, ids: Sequence[UUID]) -> None:
        """Remove points from every collection; unknown ids are ignored."""
        if not ids:
            return
        self._begin()
        for name in self._building.values():
            self._lease.check()
            collection.delete(self._link, name, ids)

    def set_payload(self, ids: Sequence[UUID], payload: Payload) -> None:
        """Give the points ``ids`` these payload fields; their others and their vectors stay.

        A field that is None is taken away.
        """
        if not ids:
            return
        self._begin()
        for name in self._building.values():
            self._lease.check()
            collection.set_payload(self._link, name, ids, payload)

    def retrieve(self, distance: Distance, ids: Sequence[UUID]) -> list[Record]:
        """Points as they are written so far, with vectors; unknown ids are left out."""
        name = self._name(distance)
        if name is None:
            return []
        return collection.retrieve(self._link, name, ids, floats=self._floats, with_vectors=True)

    def query(
        self, distance: Distance, pooling: Pooling, vector: Vector, *, limit: int
    ) -> list[ScoredPoint]:
        """The nearest points among those written so far, compared with every one of them."""
        name = self._name(distance)
        if name is None:
            return []
        plan = Plan(Stage(pooling, vector, EXACT))
        return nearest(self._link, name, distance, plan, limit=limit)

    def publish(self) -> DatasetInfo:
        """Make the state visible to readers, all distances at once, and drop what it replaces."""
        if self._base is None or self._base.options != self._options:
            self._begin()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if self._building:
            names = self._building
            images = self._finish()
            pointer = Pointer(self._spec, self._generation, images, now, self._link.engine)
        else:
            assert self._base is not None
            names = {one: self._base.names[one] for one in self._spec.distances}
            pointer = replace(self._base.pointer, spec=self._spec, synced_at=now)
        self._lease.check()
        content = {**pointer_content(pointer), "options": asdict(self._options)}
        if self._building:  # a kill before the next line leaves it to be continued
            content["building"] = self._marker("written")
        for name in names.values():
            self._catalog.describe(name, content)
        self._catalog.switch(self._spec, names)
        self._base = Published(pointer, dict(names), self._options)
        self._generation = pointer.generation + 1
        self._building = {}
        self._tidy(set(names.values()))
        return pointer.info()

    def close(self) -> None:
        """Let go of the dataset; unpublished work stays for the next writer."""
        self._held.close()

    def generation_key(self) -> str:
        """Stands for the generation in the making, and for all that makes it up."""
        content = json.dumps([self._generation, self._marker("written")], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def _take_lease(self) -> WriterLease:
        return WriterLease(self._link, self._spec.dataset)

    def _admit(self) -> None:
        """Refuse to work beside the writers of parts."""
        dataset = self._spec.dataset
        if others := live_parts(self._link, dataset):
            raise CollectionBusyError(
                f"dataset {dataset!r} on {self._link.url} is being filled by {len(others)} "
                f"worker{'s' * (len(others) > 1)}, such as {others[0].name}; "
                "try again when they are done"
            )

    def _published(self) -> Published | None:
        try:
            return self._catalog.published(self._spec.dataset, fresh=True)
        except DamagedIndexError as error:
            _logger.warning("%s", error)
            return None

    def _name(self, distance: Distance) -> str | None:
        """Where what is written so far is: in the making, published, or nowhere."""
        return self._building.get(distance) or (self._base.names[distance] if self._base else None)

    def _continue(self, published: Published | None) -> None:
        """Take up interrupted work on the same base, and remove any other."""
        found = self._catalog.collections(self._spec.dataset)
        kept = set(published.names.values()) if published else set()
        names = self._names()
        if set(names.values()) <= set(found) and not kept & set(names.values()):
            stages = [self._stage(name) for name in names.values()]
            if all(stage == "written" for stage in stages):
                self._building = names
                kept |= set(names.values())
                self._mend()
            elif None not in stages:
                kept |= set(names.values())  # half copied: `_begin` goes on
        self._catalog.remove(name for name in found if name not in kept)

    def _names(self) -> dict[Distance, str]:
        spec, number = self._spec, self._generation
        return {one: physical_name(spec.collection(one), number) for one in spec.distances}

    def _marker(self, stage: str) -> dict[str, object]:
        """What must agree for unpublished work to be continued."""
        return {
            "stage": stage,
            **marker_of(self._spec),
            "base": self._base.pointer.generation if self._base else 0,
            "options": asdict(self._options),
        }

    def _stage(self, name: str) -> str | None:
        """How far ``name`` came: first it is "copied", then "written"; None: it is other work."""
        found = self._catalog.metadata(name).get("building")
        return next((stage for stage in _STAGES if found == self._marker(stage)), None)

    def _mend(self) -> None:
        """Remove the points that a kill left in one collection and not in the next."""
        written = (collection.pages(self._link, name) for name in self._building.values())
        self.delete(torn_points(map(chain.from_iterable, written)))

    def _begin(self) -> None:
        """Make the generation to write, once: a copy of the published one, or empty."""
        if self._building:
            return
        names = self._names()
        found = self._catalog.collections(self._spec.dataset)
        for distance, name in names.items():
            self._lease.check()
            if name not in found:
                self._create(name, distance)
        for distance, name in names.items():
            if self._base and self._stage(name) == "copied":
                self._copy(self._base.names[distance], name)
        for name in names.values():
            self._catalog.describe(name, {"building": self._marker("written")})
        self._building = names

    def _create(self, name: str, distance: Distance) -> None:
        content = {"building": self._marker("copied")}
        sizes = self._spec.vector_sizes
        collection.create(
            self._link, name, distance, sizes, options=self._options, metadata=content
        )

    def _copy(self, source: str, target: str) -> None:
        """Fill ``target`` from ``source``, in the order of the ids, from where it was left."""
        offset: UUID | None = None
        for page in collection.pages(self._link, target, with_payload=False):
            offset = page[-1].id if page else offset
        limit = min(collection.PAGE, self._link.batch(self._floats))
        while True:
            self._lease.check()
            records, offset = collection.page(
                self._link, source, offset, limit=limit, with_vectors=True, majority=True
            )
            points = [Point(one.id, one.vectors, one.payload) for one in records]
            collection.upsert(self._link, target, points, floats=self._floats)
            if offset is None:
                return

    def _finish(self) -> int:
        """Let the server finish what it builds; returns the number of images."""
        names = self._building.values()
        counts = {collection.count(self._link, name) for name in names}
        if len(counts) != 1:
            raise StoreError(f"the collections of {self._spec.dataset!r} differ: {sorted(counts)}")
        images = counts.pop()
        presets = {
            pooling: preset(images, size, self._classes)
            for pooling, size in self._spec.vector_sizes.items()
        }
        for name in [
            name for name in names
            if collection.arrange(self._link, name, presets, self._options)
        ]:  # fmt: skip
            self._wait(name)
        return images

    def _wait(self, name: str) -> None:
        """Until ``name`` is at rest twice running: building starts a moment after it is asked."""
        quiet = 0
        while quiet < 2:
            self._lease.check()
            time.sleep(POLL_SECONDS)
            quiet = quiet + 1 if collection.is_at_rest(self._link, name) else 0

    def _tidy(self, kept: set[str]) -> None:
        """Remove what is not published any more; best effort."""
        try:
            found = self._catalog.collections(self._spec.dataset)
            self._catalog.remove(name for name in found if name not in kept)
        except IndexerError as error:
            _logger.warning("what was replaced is still on the server: %s", error)
