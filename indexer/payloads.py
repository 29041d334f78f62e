"""What a stored payload says, in the types of answers."""

from __future__ import annotations

from collections.abc import Iterable

from indexer.types import Hit, ImageDetails, Payload, Record, ScoredPoint


def label_of(payload: Payload) -> str | None:
    """The label, None where there is none."""
    label = payload.get("label")
    return label if isinstance(label, str) else None


def details_of(record: Record) -> ImageDetails:
    """A stored image."""
    payload = record.payload
    group, mtime, taken_at = (payload.get(name) for name in ("group", "mtime", "taken_at"))
    return ImageDetails(
        id=record.id,
        path=str(payload["path"]),
        label=label_of(payload),
        width=int(payload["width"] or 0),
        height=int(payload["height"] or 0),
        format=str(payload["format"]),
        bytes=int(payload["bytes"] or 0),
        group=None if group is None else int(group),
        mtime=None if mtime is None else int(mtime),
        taken_at=None if taken_at is None else str(taken_at),
    )


def hits_of(points: Iterable[ScoredPoint]) -> tuple[Hit, ...]:
    """A store's answer, in its order."""
    return tuple(_hit(rank, point) for rank, point in enumerate(points, 1))


def _hit(rank: int, point: ScoredPoint) -> Hit:
    payload = point.payload
    return Hit(
        rank=rank,
        id=point.id,
        score=point.score,
        path=str(payload["path"]),
        label=label_of(payload),
        width=int(payload["width"] or 0),
        height=int(payload["height"] or 0),
    )
