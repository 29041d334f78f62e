"""One writer per dataset, whatever machine it runs on: a lease that is kept up while it works.

A lease is a point with an expiry in a collection of its own. A server applies the writes to a point
one after the other (``strong`` ordering: in a cluster, by way of one node), so taking a lease is a
write that only inserts, or that only replaces the very lease that was found abandoned, and a look
at who got it. Machines whose clocks are a minute apart could take a lease that is still kept.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from qdrant_client import QdrantClient, models

from indexer.errors import CollectionBusyError, IndexerError, StoreError
from indexer.parts import Part
from indexer.schema import point_id
from indexer.store.holder import this_process
from indexer.store.server_link import CollectionGoneError, Link

COLLECTION = "image_similarity_writers"
"""Where the leases are."""

LEASE_SECONDS = 60.0
"""A lease that was not renewed for so long may be taken by others."""

RENEW_SECONDS = 15.0
"""How often it is renewed."""

_NOTES = 256

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who writes.

    Attributes:
        name: for messages.
        machine, pid: to tell on the same machine at once that it died.
        token: of this one lease.
        expires: seconds since 1970.
        dataset: what is written, where that is only a part of it.
        part: which part; empty: all of it.
    """

    name: str
    machine: str
    pid: int
    token: str
    expires: float
    dataset: str = ""
    part: str = ""

    def is_gone(self) -> bool:
        """Whether the lease is up, or its process on this machine has died."""
        if time.time() > self.expires:
            return True
        if self.machine != _machine() or os.name != "posix":
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return False


def live_parts(link: Link, dataset: str) -> list[Holder]:
    """Who fills a part of ``dataset`` at this moment, on whatever machine."""
    holders = [Holder(**note) for note in scroll_notes(link, dataset, "part")]
    return [holder for holder in holders if not holder.is_gone()]


def notes_of(dataset: str, field: str) -> models.Filter:
    """The points about ``dataset`` that have ``field``."""
    match = models.FieldCondition(key="dataset", match=models.MatchValue(value=dataset))
    empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=field))
    return models.Filter(must=[match], must_not=[empty])


def scroll_notes(link: Link, dataset: str, field: str) -> list[dict[str, Any]]:
    """Their payloads."""
    found: list[dict[str, Any]] = []
    offset: models.ExtendedPointId | None = None
    while True:
        try:
            records, offset = _page_of_notes(link, notes_of(dataset, field), offset)
        except CollectionGoneError:
            return []
        found += [record.payload for record in records if record.payload]
        if offset is None:
            return found


def _page_of_notes(
    link: Link, chosen: models.Filter, offset: models.ExtendedPointId | None
) -> tuple[list[models.Record], models.ExtendedPointId | None]:
    return link.call(
        "looking who fills parts",
        lambda client: client.scroll(
            COLLECTION,
            scroll_filter=chosen,
            offset=offset,
            limit=_NOTES,
            consistency=models.ReadConsistencyType.MAJORITY,
        ),
    )


class WriterLease:
    """The hold on one dataset, or one part of it; a thread renews it until ``release``.

    Raises:
        CollectionBusyError: another process writes the dataset; it is named.
    """

    def __init__(self, link: Link, dataset: str, *, part: Part | None = None) -> None:
        self._link = link
        self._dataset = dataset
        self._part = part
        self._id = str(point_id(dataset, f"part {part}" if part else ""))
        self._token = uuid.uuid4().hex
        self._lost: CollectionBusyError | None = None
        self._end = threading.Event()
        self._take()
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def check(self) -> None:
        """Before anything is written.

        Raises:
            CollectionBusyError: the lease went to somebody else, as when this machine slept.
        """
        if self._lost:
            raise self._lost

    def release(self) -> None:
        """Let others write."""
        self._end.set()
        self._thread.join()
        mine = models.FilterSelector(filter=self._held_by(self._token))
        try:
            self._link.call(
                f"releasing {self._dataset}",
                lambda client: client.delete(
                    COLLECTION, mine, wait=True, ordering=models.WriteOrdering.STRONG
                ),
            )
        except IndexerError as error:  # it runs out by itself
            _logger.warning("%s", error)

    def _take(self) -> None:
        found = None
        for _ in range(2):  # the second time if the other let go meanwhile
            try:
                found = self._read()
            except CollectionGoneError:
                self._make_collection()
            if found is None:
                self._write(models.UpdateMode.INSERT_ONLY)
            elif found.is_gone():
                self._write(models.UpdateMode.UPDATE_ONLY, of=found.token)
            found = self._read()
            if found is not None:
                break
        if found is None or found.token != self._token:
            raise self._busy(found)

    def _keep(self) -> None:
        while not self._end.wait(RENEW_SECONDS):
            try:
                self._write(models.UpdateMode.UPDATE_ONLY, of=self._token)
                found = self._read()
            except IndexerError as error:
                _logger.warning("the lease on %s could not be renewed: %s", self._dataset, error)
                if time.monotonic() > self._renewed + LEASE_SECONDS:
                    self._lost = self._busy(None)
                continue
            if found is None or found.token != self._token:
                self._lost = self._busy(found)
                return
            self._renewed = time.monotonic()

    def _read(self) -> Holder | None:
        found = self._link.call(
            "looking who writes",
            lambda client: client.retrieve(
                COLLECTION, [self._id], consistency=models.ReadConsistencyType.MAJORITY
            ),
        )
        return Holder(**found[0].payload) if found and found[0].payload else None

    def _write(self, mode: models.UpdateMode, *, of: str | None = None) -> None:
        """Write this process's lease: where there is none, or over the lease with token ``of``."""
        expires = time.time() + LEASE_SECONDS
        holder = Holder(this_process(), _machine(), os.getpid(), self._token, expires)
        if self._part:
            holder = replace(holder, dataset=self._dataset, part=str(self._part))
        content = {name: value for name, value in asdict(holder).items() if value != ""}
        point = models.PointStruct(id=self._id, vector=[1.0], payload=content)
        self._link.call(
            f"taking {self._dataset}",
            lambda client: client.upsert(
                COLLECTION,
                [point],
                wait=True,
                ordering=models.WriteOrdering.STRONG,
                update_mode=mode,
                update_filter=self._held_by(of) if of else None,
            ),
        )

    def _held_by(self, token: str) -> models.Filter:
        match = models.FieldCondition(key="token", match=models.MatchValue(value=token))
        return models.Filter(must=[models.HasIdCondition(has_id=[self._id]), match])

    def _make_collection(self) -> None:
        def make(client: QdrantClient) -> None:
            client.create_collection(
                COLLECTION,
                # Every server takes a vector; not every one takes points without.
                vectors_config=models.VectorParams(size=1, distance=models.Distance.DOT),
                shard_number=1,
            )

        def index(client: QdrantClient) -> None:
            keyword = models.PayloadSchemaType.KEYWORD
            for field in ("token", "dataset"):
                client.create_payload_index(COLLECTION, field, field_schema=keyword, wait=True)

        try:
            self._link.call(f"creating {COLLECTION}", make)
        except StoreError:
            self._read()  # somebody was faster, or it raises
        self._link.call(f"indexing {COLLECTION}", index)

    def _busy(self, found: Holder | None) -> CollectionBusyError:
        holder = f"{found.name} on {found.machine.split('/')[0]}" if found else "another process"
        return CollectionBusyError(
            f"{f'part {self._part} of ' if self._part else ''}dataset {self._dataset!r} "
            f"on {self._link.url} is being written by {holder}; "
            f"try again when it is done, or {LEASE_SECONDS:.0f} s after it died"
        )


def _machine() -> str:
    """Name of this machine, its boot and, in a container, its process numbers."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)
