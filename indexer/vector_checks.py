"""Stored vectors against what they should be: their lengths, their images, their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from indexer.encoding import in_parallel
from indexer.reading import read_image
from indexer.store.base import VectorStore
from indexer.store.presets import COARSE
from indexer.types import Distance, PayloadValue, Record
from models.errors import UnreadableImageError
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder
    from indexer.types import ScoredPoint, Vector

LENGTH_TOLERANCE = 1e-4
"""Relative difference of two float32 lengths that still are the same."""

ENCODING_TOLERANCE = 1e-3
"""Relative distance of two encodings of one image: rounding differs with processor and threads."""

_SCORE_TOLERANCE = 1e-6
_BATCH = 64


@dataclass(slots=True)
class StoredVectors:
    """What was seen of the vectors of an index.

    Attributes:
        sizes: number of values of each named vector.
        seen: number of vectors looked at.
        faults: what is wrong, in words.
    """

    sizes: Mapping[Pooling, int]
    seen: int = 0
    faults: list[str] = field(default_factory=list)

    def look_at(self, record: Record, distance: Distance) -> None:
        """Note what is wrong with the vectors of one point of the collection of ``distance``."""
        for pooling, size in self.sizes.items():
            self.seen += 1
            reason = _fault(record, pooling, distance, size)
            if reason:
                path = record.payload.get("path")
                self.faults.append(f"{path}: its {pooling} vector ({distance}) {reason}")

    @property
    def summary(self) -> str:
        """In one line."""
        if not self.faults:
            return f"{self.seen:,} are finite and of the length that the payload gives"
        return f"{len(self.faults):,} of {self.seen:,} are wrong; the first: {self.faults[0]}"


def _fault(record: Record, pooling: Pooling, distance: Distance, size: int) -> str | None:
    vector = record.vectors.get(pooling)
    if vector is None:
        return "is missing"
    if vector.shape != (size,):
        return f"has shape {vector.shape} where ({size},) is stored"
    if not np.isfinite(vector).all():
        return "is not finite"
    return _length_fault(
        float(np.linalg.norm(vector)), record.payload.get(f"norm_{pooling}"), distance
    )


def _length_fault(length: float, noted: PayloadValue, distance: Distance) -> str | None:
    if length == 0:
        return "is all zero"
    if not isinstance(noted, float | int) or not noted > 0:
        return "has no length in its payload"
    expected = 1.0 if distance is Distance.COSINE else float(noted)
    if abs(length - expected) > LENGTH_TOLERANCE * expected:
        return f"has length {length:.6g} where {expected:.6g} is expected"
    return None


@dataclass(frozen=True, slots=True)
class ReEncoded:
    """Images encoded again.

    Attributes:
        sampled: number of images tried.
        compared: of those, how many have their file as it was indexed.
        differing: paths of those whose vectors are not the stored ones.
        furthest: largest relative distance of two vectors of one image.
    """

    sampled: int
    compared: int
    differing: tuple[str, ...]
    furthest: float

    @property
    def is_wrong(self) -> bool:
        """Vectors differ, or there was nothing to compare."""
        return bool(self.differing) or (self.sampled > 0 and self.compared == 0)

    @property
    def summary(self) -> str:
        """In one line."""
        first = f"; the first: {self.differing[0]}" if self.differing else ""
        return (
            f"{self.compared:,} of {self.sampled:,} sampled images have their file as it was; "
            f"{len(self.differing):,} give other vectors than stored, at most "
            f"{self.furthest:.1e} apart{first}"
        )


def re_encoded(
    root: Path, encoder: ImageEncoder, stored: Mapping[Distance, Sequence[Record]]
) -> ReEncoded:
    """Encode images again and compare; those whose file changed since are passed over.

    Args:
        root: folder that the images' paths start from.
        encoder: the index's own.
        stored: the same images in each collection, with vectors.
    """
    images: dict[UUID, dict[Distance, Record]] = {}
    for distance, records in stored.items():
        for record in records:
            images.setdefault(record.id, {})[distance] = record

    def compared(image: Mapping[Distance, Record]) -> tuple[str, float | None]:
        path = str(next(iter(image.values())).payload["path"])
        return path, _deviation(root / path, encoder, image)

    outcomes = in_parallel(compared, images.values())
    found = [(path, value) for path, value in outcomes if value is not None]
    return ReEncoded(
        sampled=len(images),
        compared=len(found),
        differing=tuple(path for path, value in found if value > ENCODING_TOLERANCE),
        furthest=max((value for _, value in found), default=0.0),
    )


def _deviation(
    file: Path, encoder: ImageEncoder, stored: Mapping[Distance, Record]
) -> float | None:
    """Largest relative distance of one image's vectors; infinite where it cannot be read."""
    first = next(iter(stored.values()))
    if not _is_as_indexed(file, first):
        return None
    try:
        pixels = encoder.preprocess.pixels(read_image(file, encoder.preprocess).image)
    except UnreadableImageError:
        return float("inf")
    fresh = encoder.vectors(pixels[None], tuple(first.vectors))
    return max(
        _relative_distance(fresh[pooling][0], vector, distance)
        for distance, record in stored.items()
        for pooling, vector in record.vectors.items()
    )


def _is_as_indexed(file: Path, record: Record) -> bool:
    try:
        status = file.stat()
    except OSError:
        return False
    payload = record.payload
    return (status.st_size, status.st_mtime_ns) == (payload.get("bytes"), payload.get("mtime"))


def _relative_distance(fresh: Vector, stored: Vector, distance: Distance) -> float:
    expected = fresh / np.linalg.norm(fresh) if distance is Distance.COSINE else fresh
    if expected.shape != stored.shape:
        return float("inf")
    apart = float(np.linalg.norm(expected - stored) / np.linalg.norm(expected))
    return apart if np.isfinite(apart) else float("inf")


def stored_ann_recall(
    store: VectorStore,
    dataset: str,
    pooling: Pooling,
    distance: Distance,
    queries: Sequence[Record],
    *,
    k: int,
) -> float:
    """:func:`indexer.metrics.ann_recall_at_k` of a store, asked with vectors that it holds.

    Images at the same distance stand for one another: a hit counts when its score is no worse than
    that of the last exact neighbour, as ann-benchmarks counts. 1 without queries.
    """
    shares = []
    for vectors in _vectors(store, dataset, distance, queries):
        ask = partial(store.query, dataset, distance, pooling, vectors[pooling], limit=k)
        exact = ask(exact=True)
        found = ask(coarse=vectors.get(COARSE))  # as a searcher asks
        shares.append(_share(found, exact, distance))
    return float(np.mean(shares)) if shares else 1.0


def _share(found: list[ScoredPoint], exact: list[ScoredPoint], distance: Distance) -> float:
    sign = -1.0 if distance is Distance.COSINE else 1.0
    worst = sign * exact[-1].score
    tolerance = _SCORE_TOLERANCE * max(1.0, abs(worst))
    return sum(sign * hit.score <= worst + tolerance for hit in found) / len(exact)


def _vectors(
    store: VectorStore,
    dataset: str,
    distance: Distance,
    records: Sequence[Record],
) -> Iterator[Mapping[Pooling, Vector]]:
    for start in range(0, len(records), _BATCH):
        ids = [record.id for record in records[start : start + _BATCH]]
        for record in store.retrieve(dataset, distance, ids, with_vectors=True):
            yield record.vectors
