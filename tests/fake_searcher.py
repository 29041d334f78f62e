"""A Searcher over a few generated pictures, for tests of the page: no store, no model."""

from __future__ import annotations

import colorsys
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
from PIL import Image, ImageDraw

from indexer.catalogue import Catalogue
from indexer.duplicates import DEFAULT_BITS, Duplicates
from indexer.errors import DatasetNotIndexedError, InvalidRequestError, PointNotFoundError
from indexer.failures import Failure, FailureLedger, FailurePage
from indexer.groups import GroupingSummary
from indexer.layout import DataFolder
from indexer.payloads import details_of
from indexer.phash import perceptual_hash
from indexer.reading import MIN_CROP
from indexer.search import MAX_PAGE, Searcher
from indexer.types import (
    EVERYTHING,
    Box,
    DatasetInfo,
    Distance,
    Filter,
    FormatCount,
    GroupCount,
    Hit,
    ImageDetails,
    ImagePage,
    LabelCount,
    Order,
    Payload,
    Record,
    ResultRow,
    SearchResult,
)
from models.errors import UnreadableImageError
from models.pooling import STANDARD, Pooling
from models.similarity_maps import SimilarityMaps, similarity_maps

GRIDS = {
    Pooling.MAXPOOL: 2,
    Pooling.FLATTEN: 6,
    Pooling.AVERAGE: 1,
    Pooling.GEM: 3,
    Pooling.WHITENED: 4,
}


def draw_pictures(folder: Path, *, kinds: int = 5, of_each: int = 8) -> list[tuple[Path, str]]:
    """Files and labels of suns over hills, every kind in its own hue."""
    names = ("dawn", "meadow", "lagoon", "dusk", "rose", "amber")
    pictures = []
    for kind in range(kinds):
        for number in range(of_each):
            file = folder / names[kind] / f"{names[kind]}_{number:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            draw_hills(kind / kinds + number * 0.008, 3 + number).save(file)
            pictures.append((file, names[kind]))
    return pictures


def draw_hills(hue: float, seed: int, size: int = 128) -> Image.Image:
    """One picture: a sun over four ranges of hills."""

    def shade(lightness: float) -> tuple[int, int, int]:
        red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, 0.55)
        return int(red * 255), int(green * 255), int(blue * 255)

    image = Image.new("RGB", (size, size), shade(0.86))
    draw = ImageDraw.Draw(image)
    sun = 20 + seed * 37 % (size - 40)
    draw.ellipse((sun - 12, 18, sun + 12, 42), fill=shade(0.96))
    for layer in range(4):
        base = size * (0.45 + layer * 0.14)
        crest = [
            (x, base + 9 * math.sin(x / (13 + 4 * layer) + seed * 1.7 + layer)) for x in range(size)
        ]
        draw.polygon([(0, size), *crest, (size, size)], fill=shade(0.68 - 0.13 * layer))
    return image


class FakeSearcher(Searcher):
    """Compares coarse grids of colours; honours the documented errors.

    Attributes:
        broken: what ``failures`` lists.
        summary: what ``grouping`` tells.
    """

    def __init__(
        self,
        folder: Path,
        pictures: Sequence[tuple[Path, str | None]],
        *,
        names: Sequence[str] = ("hills",),
        distances: Sequence[Distance] = tuple(Distance),
        poolings: Sequence[Pooling] = STANDARD,
    ) -> None:
        self.folder = folder
        self._folder = DataFolder(folder)
        self.files = {uuid5(NAMESPACE_URL, str(file)): (file, label) for file, label in pictures}
        self.names = list(names)
        self.broken: list[Failure] = []
        self.distances = tuple(distances)
        self.poolings = tuple(poolings)
        self.vectors = {
            pooling: np.stack([describe(file, grid) for file, _ in pictures])
            for pooling, grid in GRIDS.items()
            if pictures
        }
        self.summary: GroupingSummary | None = None
        self.hashes = {point: hashes(file) for point, (file, _) in self.files.items()}
        self.thumbnails = folder / "thumbnails"
        self.thumbnails.mkdir(parents=True, exist_ok=True)
        for point, (file, _) in self.files.items():
            with Image.open(file) as image:
                image.thumbnail((256, 256))
                image.convert("RGB").save(self.thumbnails / f"{point}.webp")

    def datasets(self) -> list[DatasetInfo]:
        return [
            DatasetInfo(
                name=name,
                images=len(self.files),
                checkpoint="model3-1a2b3c4d",
                arch="model3",
                fingerprint="1a2b3c4d",
                image_size=64,
                distances=self.distances,
                vector_sizes={pooling: 3 * GRIDS[pooling] ** 2 for pooling in self.poolings},
                collections=(),
                source="demo",
                root=str(self.folder),
                synced_at="2026-01-01T00:00:00Z",
                engine="fake",
            )
            for name in self.names
        ]

    def describe(self, dataset: str) -> DatasetInfo:
        self._check(dataset)
        return self.datasets()[self.names.index(dataset)]

    def by_image(
        self,
        dataset: str,
        image: Path | bytes,
        *,
        poolings: Sequence[Pooling] = (Pooling.MAXPOOL,),
        distances: Sequence[Distance] = (Distance.COSINE,),
        k: int = 8,
        checkpoint: Path | None = None,
        where: Filter = EVERYTHING,
        crop: Box | None = None,
    ) -> SearchResult:
        self._check(dataset)
        assert checkpoint is None
        assert isinstance(image, Path)
        try:
            queries = {pooling: describe(image, GRIDS[pooling], crop) for pooling in poolings}
        except OSError as error:
            raise UnreadableImageError(image, "the file is damaged or cut short") from error
        rows = [
            self._row(queries[p], p, d, k, where=where, leave_out=None)
            for p in poolings
            for d in distances
        ]
        seconds = {"decode": 0.004, "encode": 0.02, "search": 0.003}
        return SearchResult(dataset, "model3-1a2b3c4d", None, tuple(rows), seconds)

    def by_id(
        self,
        dataset: str,
        point: UUID,
        *,
        poolings: Sequence[Pooling] = (Pooling.MAXPOOL,),
        distances: Sequence[Distance] = (Distance.COSINE,),
        k: int = 8,
        where: Filter = EVERYTHING,
        crop: Box | None = None,
    ) -> SearchResult:
        query = self.details(dataset, point)
        file = self.files[point][0]
        queries = {pooling: describe(file, GRIDS[pooling], crop) for pooling in poolings}
        rows = [
            self._row(queries[p], p, d, k, where=where, leave_out=point)
            for p in poolings
            for d in distances
        ]
        seconds = {"decode": 0.0, "encode": 0.0, "search": 0.003}
        return SearchResult(dataset, "model3-1a2b3c4d", query, tuple(rows), seconds)

    def explain(
        self,
        dataset: str,
        query: UUID | Path | bytes,
        hit: UUID,
        *,
        pooling: Pooling = Pooling.MAXPOOL,
        crop: Box | None = None,
    ) -> SimilarityMaps:
        assert not isinstance(query, bytes)
        for point in (query, hit):
            if isinstance(point, UUID):
                self.details(dataset, point)
        if pooling.is_fitted:
            raise InvalidRequestError(f"{pooling} vectors do not tell which part they come from")
        file = query if isinstance(query, Path) else self.files[query][0]
        latents = [
            describe(picture, 6, part).reshape(6, 6, 3).transpose(2, 0, 1)
            for picture, part in ((file, crop), (self.files[hit][0], None))
        ]
        return similarity_maps(*latents, pooling)

    def sample(self, dataset: str, count: int) -> list[ImageDetails]:
        self._check(dataset)
        step = max(1, len(self.files) // count)
        return [self.details(dataset, point) for point in list(self.files)[::step][:count]]

    def details(self, dataset: str, point: UUID) -> ImageDetails:
        self._check(dataset)
        if point not in self.files:
            raise PointNotFoundError(f"no image {point} in {dataset!r}")
        return details_of(Record(point, self._payload(point)))

    def page(
        self,
        dataset: str,
        *,
        where: Filter = EVERYTHING,
        order: Order = Order.NAME,
        offset: int = 0,
        limit: int = 72,
    ) -> ImagePage:
        check_limit(limit)
        ids, total = self._catalogue(dataset).page(
            where=where, order=order, offset=offset, limit=limit
        )
        return ImagePage(tuple(self.details(dataset, one) for one in ids), total, offset)

    def labels(self, dataset: str) -> tuple[LabelCount, ...]:
        return self._catalogue(dataset).labels()

    def formats(self, dataset: str) -> tuple[FormatCount, ...]:
        return self._catalogue(dataset).formats()

    def groups(self, dataset: str) -> tuple[GroupCount, ...]:
        return self._catalogue(dataset).groups()

    def failures(self, dataset: str, *, offset: int = 0, limit: int = 72) -> FailurePage:
        self._check(dataset)
        check_limit(limit)
        ledger = FailureLedger("fake", {one.path: one for one in self.broken})
        return ledger.page(offset=offset, limit=limit)

    def thumbnail(self, dataset: str, point: UUID) -> Path:
        self.details(dataset, point)
        return self.thumbnails / f"{point}.webp"

    def original(self, dataset: str, point: UUID) -> Path:
        self.details(dataset, point)
        return self.files[point][0]

    def _check(self, dataset: str) -> None:
        if dataset not in self.names:
            raise DatasetNotIndexedError(f"no dataset {dataset!r}")

    def _row(
        self,
        query: np.ndarray,
        pooling: Pooling,
        distance: Distance,
        k: int,
        *,
        where: Filter,
        leave_out: UUID | None,
    ) -> ResultRow:
        vectors = self.vectors[pooling]
        if distance is Distance.COSINE:
            scores = vectors @ query / (np.linalg.norm(vectors, axis=1) * np.linalg.norm(query))
            order = np.argsort(-scores, kind="stable")
        else:
            scores = np.linalg.norm(vectors - query, axis=1)
            order = np.argsort(scores, kind="stable")
        points = list(self.files)
        nearest = [
            index
            for index in order
            if points[index] != leave_out and where.matches(self._payload(points[index]))
        ][:k]
        hits = [
            self._hit(rank, points[index], float(scores[index]))
            for rank, index in enumerate(nearest, 1)
        ]
        return ResultRow(pooling, distance, tuple(hits), 0.001)

    def _payload(self, point: UUID) -> Payload:
        """As a sync writes it; images of one label are one group, those without are in none."""
        file, label = self.files[point]
        labels = sorted({known for _, known in self.files.values() if known is not None})
        return {
            "path": str(file.relative_to(self.folder)),
            "label": label,
            "group": None if label is None else 1 + labels.index(label),
            "format": file.suffix[1:].upper().replace("JPG", "JPEG"),
            "width": 128,
            "height": 128,
            "bytes": file.stat().st_size,
            "mtime": file.stat().st_mtime_ns,
            **self.hashes[point],
        }

    def described(self, dataset: str, ids: Sequence[UUID]) -> list[ImageDetails]:
        return [self.details(dataset, one) for one in ids if one in self.files]

    def grouping(self, dataset: str) -> GroupingSummary | None:
        self._check(dataset)
        return self.summary

    def duplicates(self, dataset: str, *, bits: int = DEFAULT_BITS) -> Duplicates:
        return self._catalogue(dataset).duplicates(bits)

    def _catalogue(self, dataset: str) -> Catalogue:
        self._check(dataset)
        return Catalogue(Record(one, self._payload(one)) for one in sorted(self.files))

    def _hit(self, rank: int, point: UUID, score: float) -> Hit:
        file, label = self.files[point]
        return Hit(rank, point, score, str(file.relative_to(self.folder)), label, 128, 128)


def hashes(file: Path) -> dict[str, str]:
    """What duplicates are found by."""
    with Image.open(file) as image:
        return {
            "phash": perceptual_hash(image),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        }


def check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequestError(f"limit = {limit}: ask for 1 to {MAX_PAGE}")


def describe(file: Path, grid: int, crop: Box | None = None) -> np.ndarray:
    """The colours of the picture, or of its part, on a coarse grid."""
    with Image.open(file) as image:
        if crop is not None:
            left, top, right, bottom = crop.edges(*image.size)
            if min(right - left, bottom - top) < MIN_CROP:
                raise InvalidRequestError(f"the crop has less than {MIN_CROP} pixels on a side")
            image = image.crop((left, top, right, bottom))  # noqa: PLW2901
        return np.asarray(image.convert("RGB").resize((grid, grid)), np.float32).ravel() / 255
