"""Unpublished work of a writer that was cut off: whose it is, and what of it is torn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from indexer.schema import IndexSpec
from indexer.types import Payload, Record


def marker_of(spec: IndexSpec) -> dict[str, object]:
    """What must agree for unpublished work to be continued by a writer of ``spec``; for JSON."""
    return {
        "fingerprint": spec.fingerprint,
        "distances": sorted(spec.distances),
        "vector_sizes": {str(name): size for name, size in spec.vector_sizes.items()},
    }


def torn_points(collections: Iterable[Iterable[Record]]) -> list[UUID]:
    """Points that are not in all of the collections with the same payload, by id.

    A kill came between writing to one collection and to the next.

    Args:
        collections: every record of each.
    """
    payloads: Sequence[Mapping[UUID, Payload]] = [
        {record.id: record.payload for record in records} for records in collections
    ]
    first = payloads[0]
    known: set[UUID] = set().union(*payloads)
    return sorted(
        point
        for point in known
        if any(point not in held or held[point] != first.get(point) for held in payloads)
    )
