"""Value types of the index. No numpy, torch or Qdrant import at run time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from indexer.errors import InvalidRequestError
from models.pooling import Pooling
from models.sources import EVERY_IMAGE, SourceOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

PayloadValue = str | int | float | None
Payload = dict[str, PayloadValue]


class Distance(StrEnum):
    """Qdrant's distances that the study uses.

    ``cosine``: score = cosine similarity, 1 is best, hits descend.
    ``euclid``: score = Euclidean distance, 0 is best, hits ascend.
    """

    COSINE = "cosine"
    EUCLID = "euclid"


@dataclass(frozen=True, slots=True)
class Point:
    """What is upserted: an id, named vectors (D,) float32, and a payload."""

    id: UUID
    vectors: Mapping[Pooling, Vector]
    payload: Payload


@dataclass(frozen=True, slots=True)
class Record:
    """What is read back; ``vectors`` is empty unless they were asked for.

    Vectors of a cosine collection come back with unit length.
    """

    id: UUID
    payload: Payload
    vectors: Mapping[Pooling, Vector] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoredPoint:
    """One answer of a store: id, score as :class:`Distance` defines it, payload."""

    id: UUID
    score: float
    payload: Payload


@dataclass(frozen=True, slots=True)
class Filter:
    """Which images a question is about (Qdrant's word); what is left empty says nothing.

    Attributes:
        labels: any of these labels; "" stands for no label.
        formats: any of these formats, Pillow's names, such as "JPEG".
        groups: any of these groups; 0 stands for no group.
        min_side: the shorter side has at least so many pixels.

    Raises:
        InvalidRequestError: a side below 1 pixel.
    """

    labels: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    min_side: int | None = None

    def __post_init__(self) -> None:
        if self.min_side is not None and self.min_side < 1:
            raise InvalidRequestError(f"a shortest side of {self.min_side} pixels: ask for 1 on")

    def matches(self, payload: Payload) -> bool:
        """Whether an image with this payload passes: what every engine's filter has to agree to."""
        side = min(int(payload.get("width") or 0), int(payload.get("height") or 0))
        return (
            (not self.labels or (payload.get("label") or "") in self.labels)
            and (not self.formats or payload.get("format") in self.formats)
            and (not self.groups or (payload.get("group") or 0) in self.groups)
            and (self.min_side is None or side >= self.min_side)
        )


EVERYTHING = Filter()
"""Every image passes."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of an upright image, as fractions of its width and height from the top left corner.

    Attributes:
        left, top, right, bottom: its edges, 0 to 1.

    Raises:
        InvalidRequestError: an edge outside the image, or nothing between two of them.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise InvalidRequestError(
                f"a crop from {self.left:g},{self.top:g} to {self.right:g},{self.bottom:g}: edges "
                "are fractions of the image, 0 to 1, left before right and top before bottom"
            )

    @property
    def smaller_side(self) -> float:
        """The smaller of its two fractions of the image."""
        return min(self.right - self.left, self.bottom - self.top)

    def edges(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of an image of this size."""
        return (
            round(self.left * width),
            round(self.top * height),
            round(self.right * width),
            round(self.bottom * height),
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """One similar image. ``rank`` starts at 1."""

    rank: int
    id: UUID
    score: float
    path: str
    label: str | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ResultRow:
    """The hits of one <pooling, distance> pair, best first, and how long the store took."""

    pooling: Pooling
    distance: Distance
    hits: tuple[Hit, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query image.

    Attributes:
        dataset: what was searched.
        checkpoint: name of the encoder, ``<arch>-<fingerprint8>``.
        query: the stored image that was the query, or None for an uploaded one.
        rows: one per <pooling, distance> pair, in the order asked for.
        seconds: by step: "decode", "encode", "search" (0.0 where nothing had to be done).
    """

    dataset: str
    checkpoint: str
    query: ImageDetails | None
    rows: tuple[ResultRow, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ImageDetails:
    """One stored image, from its payload.

    Attributes:
        id, path, label, width, height, format, bytes: as they are stored.
        group: number of its group, None where it is in none.
        mtime: modification time of the file, nanoseconds since 1970.
        taken_at: EXIF time, ISO 8601 without a zone, where it is known.
    """

    id: UUID
    path: str
    label: str | None
    width: int
    height: int
    format: str
    bytes: int
    group: int | None = None
    mtime: int | None = None
    taken_at: str | None = None


class Order(StrEnum):
    """The order in which a dataset's images are looked through; equal ones by path.

    ``newest``, ``oldest``: by modification time of the file. ``largest``, ``smallest``: by number
    of pixels. ``shuffled``: by id, which is a hash, so that it is the same every time. ``mixed``:
    one image of each label, then a second of each, and so on; within a label shuffled.
    """

    NAME = "name"
    NEWEST = "newest"
    OLDEST = "oldest"
    LARGEST = "largest"
    SMALLEST = "smallest"
    SHUFFLED = "shuffled"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class ImagePage:
    """Some of the images that pass a filter.

    Attributes:
        images: these.
        total: how many pass in all.
        offset: the place of the first of ``images`` among them, from 0.
    """

    images: tuple[ImageDetails, ...]
    total: int
    offset: int


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How many images have a label; None: how many have none."""

    label: str | None
    images: int


@dataclass(frozen=True, slots=True)
class FormatCount:
    """How many images are of a format, Pillow's name."""

    format: str
    images: int


@dataclass(frozen=True, slots=True)
class GroupCount:
    """How many images are in a group; None: how many are in none."""

    group: int | None
    images: int


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be read, and why.

    Attributes:
        path: its relative path.
        reason: why, in a few words.
        lasting: trying again is in vain until the file changes.
        passed_over: it was not tried, for it failed before and has not changed.
    """

    path: str
    reason: str
    lasting: bool = False
    passed_over: bool = False


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did: numbers of images, not of points (an image is a point per collection)."""

    dataset: str
    checkpoint: str
    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[FailedFile, ...] = ()
    collections: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed_over(self) -> int:
        """Number of ``failed`` files that were not tried again."""
        return sum(file.passed_over for file in self.failed)


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """One published index, as ``list`` and ``status`` print it.

    Attributes:
        name: the dataset's name.
        images: number of images.
        checkpoint: ``<arch>-<fingerprint8>``.
        arch, fingerprint, image_size: of that checkpoint.
        distances: those that have a collection.
        vector_sizes: the poolings that it has, and the number of values of their vectors.
        collections: physical names, in the order of ``distances``.
        source: SOURCE it was last synced with.
        root: folder that the images' relative paths start from.
        synced_at: end of the last sync, ISO 8601 UTC.
        engine: name and version of the engine, such as "qdrant-edge 0.9.0".
        generation: counts the states that were published.
        source_options: what that sync was told to take of ``source``.
    """

    name: str
    images: int
    checkpoint: str
    arch: str
    fingerprint: str
    image_size: int
    distances: tuple[Distance, ...]
    vector_sizes: Mapping[Pooling, int]
    collections: tuple[str, ...]
    source: str
    root: str
    synced_at: str
    engine: str
    generation: int = 0
    source_options: SourceOptions = EVERY_IMAGE
