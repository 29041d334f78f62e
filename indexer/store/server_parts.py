"""Writers of parts: several processes fill one unpublished generation, another one publishes it.

There is no coordinator. Who comes first makes the collections, under the dataset's lease, and gives
that lease back for one on its own part; whoever comes later finds them. A part that is filled
leaves a note. The notes stand for a generation with all that makes it up, so that none is taken
for another checkpoint's, or for an earlier state's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from qdrant_client import models

from indexer.errors import CollectionBusyError, InvalidRequestError, StoreError
from indexer.parts import Part
from indexer.schema import point_id
from indexer.store import server_collection as collection
from indexer.store.server_lease import (
    COLLECTION,
    WriterLease,
    live_parts,
    notes_of,
    scroll_notes,
)
from indexer.store.server_link import Link
from indexer.store.server_writer import ServerWriter
from indexer.types import DatasetInfo, Record

JOIN_SECONDS = 600.0
"""How long a worker waits for another one to make the collections, which may mean to copy them."""

JOIN_POLL_SECONDS = 1.0


class ServerPartWriter(ServerWriter):
    """Fills one part. It neither removes nor publishes: ``note`` says that the part is done."""

    def __init__(self, *given: object, part: Part, **named: object) -> None:
        self._part = part
        super().__init__(*given, **named)  # type: ignore[arg-type]
        try:
            self._begin()
            door = self._lease
            self._lease = self._held.enter_context(
                WriterLease(self._link, self._spec.dataset, part=part)
            )
            door.release()
        except BaseException:
            self.close()
            raise

    def records(self) -> Iterator[Record]:
        """Every point that is in all of the collections being written, without vectors.

        Points are written to one collection after the other: what a kill left in the first of them
        alone is not here, and is written again by whoever has its part.
        """
        for page in collection.pages(self._link, self._building[self._spec.distances[-1]]):
            yield from page

    def note(self) -> None:
        """Say that this part is filled."""
        self._lease.check()
        write_note(self._link, self._spec.dataset, self._part, self.generation_key())

    def publish(self) -> DatasetInfo:
        """Not here.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"part {self._part} of {self._spec.dataset!r} cannot be published alone")

    def _take_lease(self) -> WriterLease:
        """Wait for another worker that makes the collections."""
        until = time.monotonic() + JOIN_SECONDS
        while True:
            try:
                return super()._take_lease()
            except CollectionBusyError:
                if time.monotonic() > until:
                    raise
                time.sleep(JOIN_POLL_SECONDS)

    def _admit(self) -> None:
        """Other parts may be at work, on the same generation."""
        others = live_parts(self._link, self._spec.dataset)
        if others and any(self._stage(name) is None for name in self._names().values()):
            raise InvalidRequestError(
                f"{others[0].name} fills {self._spec.dataset!r} with another checkpoint, other "
                "vectors or another layout: give all workers the same arguments"
            )

    def _stage(self, name: str) -> str | None:
        found = self._catalog.collections(self._spec.dataset)
        return super()._stage(name) if name in found else None

    def _mend(self) -> None:
        """Nothing: what looks torn may be what another worker is just writing."""


class ServerFinishWriter(ServerWriter):
    """Sweeps and publishes what the parts have filled, and nothing before all of them have."""

    def _admit(self) -> None:
        super()._admit()
        dataset, notes = self._spec.dataset, read_notes(self._link, self._spec.dataset)
        found = [part for part, key in notes.items() if key == self.generation_key()]
        if not found:
            raise InvalidRequestError(
                f"no part of {dataset!r} was filled: run sync with --worker-index and "
                "--worker-count first, with the same other arguments"
            )
        count = found[0].count
        missing = sorted(set(range(count)) - {part.index for part in found if part.count == count})
        if any(part.count != count for part in found) or missing:
            raise InvalidRequestError(
                f"{dataset!r} is not complete: of {count} workers, "
                f"{', '.join(map(str, missing)) or 'some'} "
                "have not finished; run them (again), all with the same --worker-count"
            )

    def publish(self) -> DatasetInfo:
        """Make the state visible to readers, and forget its parts."""
        info = super().publish()
        remove_notes(self._link, self._spec.dataset)
        return info


def write_note(link: Link, dataset: str, part: Part, key: str) -> None:
    """Note that ``part`` is filled in the generation ``key``."""
    payload = {"dataset": dataset, "index": part.index, "count": part.count, "filled": key}
    note = str(point_id(dataset, f"filled part {part}"))
    point = models.PointStruct(id=note, vector=[1.0], payload=payload)
    link.call(
        f"noting part {part}",
        lambda client: client.upsert(
            COLLECTION, [point], wait=True, ordering=models.WriteOrdering.STRONG
        ),
    )


def read_notes(link: Link, dataset: str) -> dict[Part, str]:
    """The parts of ``dataset`` that were filled, each with the key of its generation."""
    found = scroll_notes(link, dataset, "filled")
    return {Part(one["index"], one["count"]): one["filled"] for one in found}


def remove_notes(link: Link, dataset: str) -> None:
    """Forget them."""
    link.call(
        f"forgetting the parts of {dataset}",
        lambda client: client.delete(
            COLLECTION,
            models.FilterSelector(filter=notes_of(dataset, "filled")),
            wait=True,
            ordering=models.WriteOrdering.STRONG,
        ),
    )
