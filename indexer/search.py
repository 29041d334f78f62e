"""Searcher: what a reader can ask of the indexes: neighbours, and the images themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import UUID

from indexer.catalogue import Catalogues
from indexer.checkpoints import PublishedCheckpoint, published_checkpoints
from indexer.duplicates import DEFAULT_BITS, Duplicates
from indexer.encoders import Encoders, check_checkpoint
from indexer.errors import CheckpointMismatchError, InvalidRequestError, PointNotFoundError
from indexer.failures import FailurePage, read_ledger
from indexer.groups import GroupingSummary, read_summary
from indexer.layout import DataFolder
from indexer.originals import Originals, megapixels_of
from indexer.payloads import details_of, hits_of
from indexer.reading import read_image
from indexer.schema import check_poolings
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.store.presets import COARSE
from indexer.types import (
    EVERYTHING,
    Box,
    DatasetInfo,
    Distance,
    Filter,
    FormatCount,
    GroupCount,
    ImageDetails,
    ImagePage,
    LabelCount,
    Order,
    Record,
    ResultRow,
    SearchResult,
)
from models.images import MAX_MEGAPIXELS
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder
    from indexer.types import Vector

MAX_HITS = 1_000
"""Most hits of one row."""

MAX_SAMPLE = 1_000
"""Most images that :meth:`Searcher.sample` gives."""

MAX_PAGE = 1_000
"""Most entries of one page of images or of failures."""


class Searcher:
    """Answers questions from published indexes; keeps encoders loaded between them.

    Thread-safe. Torch is imported at the first search by image, not before.

    Args:
        data_dir: the data folder.
        store: where the vectors are; by default the embedded store of ``data_dir``.
        load_encoder: makes an encoder of a checkpoint folder; by default ``Encoder.load``.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        store: VectorStore | None = None,
        load_encoder: Callable[[Path], ImageEncoder] | None = None,
    ) -> None:
        self._folder = folder = DataFolder(data_dir)
        self._store = store or open_store(Settings(data_dir))
        self._encoders = Encoders(folder, load_encoder)
        self._catalogues = Catalogues(self._store)
        self._originals = Originals(folder)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """A searcher over the store that ``settings`` name."""
        return cls(settings.data_dir, store=open_store(settings))

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def datasets(self) -> list[DatasetInfo]:
        """The published indexes, by name."""
        return self._store.datasets()

    def describe(self, dataset: str) -> DatasetInfo:
        """One published index.

        Raises:
            DatasetNotIndexedError: there is none of that name.
        """
        return self._store.describe(dataset)

    def checkpoints(self) -> list[PublishedCheckpoint]:
        """What the published indexes were made with, by name."""
        return published_checkpoints(self._folder.checkpoints, self.datasets())

    def records(self, dataset: str) -> Iterator[Record]:
        """Every stored image, by id, without vectors."""
        return self._store.scroll(dataset, self.describe(dataset).distances[0])

    def by_image(
        self,
        dataset: str,
        image: Path | bytes,
        *,
        poolings: Sequence[Pooling] = (Pooling.MAXPOOL,),
        distances: Sequence[Distance] = (Distance.COSINE,),
        k: int = 8,
        checkpoint: Path | None = None,
        max_megapixels: float = MAX_MEGAPIXELS,
        exact: bool = False,
        where: Filter = EVERYTHING,
        crop: Box | None = None,
    ) -> SearchResult:
        """The ``k`` nearest images to an image file, for every <pooling, distance> pair.

        Rows are ordered by pooling, then distance, as given.

        Args:
            dataset: where to search.
            image: the query image, a file or the bytes of one.
            poolings: vectors to compare.
            distances: how to compare them.
            k: number of hits, 1 to MAX_HITS.
            checkpoint: refuse to search unless the index was made with this one.
            max_megapixels: refuse a larger query image.
            exact: compare with every image, however many there are.
            where: which images can be hits.
            crop: search with this part of the image, upright, and not with all of it.

        Raises:
            DatasetNotIndexedError, UnreadableImageError, CheckpointMismatchError,
            CollectionBusyError, InvalidRequestError.
        """
        _check_k(k)
        info = self.describe(dataset)
        check_poolings(dataset, info.vector_sizes, poolings)
        if checkpoint is not None:
            check_checkpoint(checkpoint, info)
        clock = _Clock()
        vectors = self._encode(
            info, image, poolings, clock, max_megapixels=max_megapixels, crop=crop
        )
        queries = dict.fromkeys(distances, vectors)
        with clock.timed("search"):
            rows = self._rows(
                info, product(poolings, distances), queries, k=k, exact=exact, where=where
            )
        self._check_still(info)
        return SearchResult(dataset, info.checkpoint, None, rows, clock.seconds)

    def by_id(
        self,
        dataset: str,
        point: UUID,
        *,
        poolings: Sequence[Pooling] = (Pooling.MAXPOOL,),
        distances: Sequence[Distance] = (Distance.COSINE,),
        k: int = 8,
        exact: bool = False,
        where: Filter = EVERYTHING,
        crop: Box | None = None,
    ) -> SearchResult:
        """The same for a stored image, which is left out of its own hits.

        Nothing is encoded, unless a part of the image is asked for: that is cut from its file. The
        image is left out then, too: its parts are most like itself, which nobody asks for.

        Raises:
            PointNotFoundError: no such image in the dataset, or ``crop`` needs its file and that
                is gone.
        """
        _check_k(k)
        info = self.describe(dataset)
        check_poolings(dataset, info.vector_sizes, poolings)
        clock = _Clock()
        record = self._stored(info, point)
        if crop is None:
            with clock.timed("search"):
                queries = {
                    distance: self._record(dataset, distance, point, with_vectors=True).vectors
                    for distance in distances
                }
        else:
            file, megapixels = self._originals.file(info, record), megapixels_of(record)
            vectors = self._encode(
                info, file, poolings, clock, max_megapixels=megapixels, crop=crop
            )
            queries = dict.fromkeys(distances, vectors)
        with clock.timed("search"):
            rows = self._rows(
                info,
                product(poolings, distances),
                queries,
                k=k,
                exact=exact,
                where=where,
                exclude=(point,),
            )
        self._check_still(info)
        return SearchResult(dataset, info.checkpoint, details_of(record), rows, clock.seconds)

    def sample(self, dataset: str, count: int) -> list[ImageDetails]:
        """Up to ``count`` stored images to choose from, spread over the labels; stable.

        At most MAX_SAMPLE.
        """
        ids = self._catalogues.of(dataset).spread(min(count, MAX_SAMPLE))
        return self.described(dataset, ids)

    def page(
        self,
        dataset: str,
        *,
        where: Filter = EVERYTHING,
        order: Order = Order.NAME,
        offset: int = 0,
        limit: int = 72,
    ) -> ImagePage:
        """The stored images that pass ``where``, some at a time.

        Args:
            dataset: where to look.
            where: which images.
            order: in which order.
            offset: place of the first one, from 0; there are none before 0 and after the last.
            limit: most images of the page, 1 to MAX_PAGE.

        Raises:
            DatasetNotIndexedError, InvalidRequestError.
        """
        _check_limit(limit)
        ids, total = self._catalogues.of(dataset).page(
            where=where, order=order, offset=offset, limit=limit
        )
        return ImagePage(tuple(self.described(dataset, ids)), total, offset)

    def labels(self, dataset: str) -> tuple[LabelCount, ...]:
        """The labels and how many images have each, ordered by label, those without one first."""
        return self._catalogues.of(dataset).labels()

    def formats(self, dataset: str) -> tuple[FormatCount, ...]:
        """The formats and how many images are of each, ordered by name."""
        return self._catalogues.of(dataset).formats()

    def groups(self, dataset: str) -> tuple[GroupCount, ...]:
        """The groups and how many images are in each, ordered by number, those in none first."""
        return self._catalogues.of(dataset).groups()

    def failures(self, dataset: str, *, offset: int = 0, limit: int = 72) -> FailurePage:
        """The files that the last sync could not read, by path, some at a time.

        None where that sync ran on another machine: the ledger is in the data folder, also of an
        index on a server.

        Args:
            dataset: where to look.
            offset: place of the first one, from 0; there are none before 0 and after the last.
            limit: most files of the page, 1 to MAX_PAGE.

        Raises:
            DatasetNotIndexedError, InvalidRequestError.
        """
        _check_limit(limit)
        ledger = read_ledger(self._folder.failures(self.describe(dataset).name))
        return ledger.page(offset=offset, limit=limit)

    def grouping(self, dataset: str) -> GroupingSummary | None:
        """How the groups were made; None where that is not known, or was with other vectors."""
        info = self.describe(dataset)
        summary = read_summary(self._folder.groups(dataset))
        return summary if summary and summary.fingerprint == info.fingerprint else None

    def duplicates(self, dataset: str, *, bits: int = DEFAULT_BITS) -> Duplicates:
        """Sets of near-identical images: their hashes differ in ``bits`` of 64 bits at most.

        Raises:
            DatasetNotIndexedError, InvalidRequestError.
        """
        return self._catalogues.of(dataset).duplicates(bits)

    def details(self, dataset: str, point: UUID) -> ImageDetails:
        """One stored image.

        Raises:
            PointNotFoundError: no such image in the dataset.
        """
        return details_of(self._stored(self.describe(dataset), point))

    def thumbnail(self, dataset: str, point: UUID) -> Path:
        """Path of the stored image's thumbnail (WebP, longest side 256).

        One that is missing is made again from the original.

        Raises:
            PointNotFoundError: no such image, or its thumbnail and its file are gone.
        """
        info = self.describe(dataset)
        return self._originals.thumbnail(info, self._stored(info, point))

    def original(self, dataset: str, point: UUID) -> Path:
        """Path of the stored image's file, inside the dataset's source folder.

        Raises:
            PointNotFoundError: no such image, or the file is gone.
        """
        info = self.describe(dataset)
        return self._originals.file(info, self._stored(info, point))

    def described(self, dataset: str, ids: Sequence[UUID]) -> list[ImageDetails]:
        """The stored images ``ids``, in their order; those that are not there are left out."""
        if not ids:
            return []
        found = self._store.retrieve(dataset, self.describe(dataset).distances[0], ids)
        return [details_of(record) for record in found]

    def _stored(self, info: DatasetInfo, point: UUID) -> Record:
        return self._record(info.name, info.distances[0], point)

    def _record(
        self, dataset: str, distance: Distance, point: UUID, *, with_vectors: bool = False
    ) -> Record:
        found = self._store.retrieve(dataset, distance, [point], with_vectors=with_vectors)
        if not found:
            raise PointNotFoundError(f"no image with id {point} in dataset {dataset!r}")
        return found[0]

    def _encode(
        self,
        info: DatasetInfo,
        image: Path | bytes,
        poolings: Iterable[Pooling],
        clock: _Clock,
        *,
        max_megapixels: float,
        crop: Box | None,
    ) -> Mapping[Pooling, Vector]:
        """The query's vectors of ``poolings`` and COARSE. Shape of each: (D,)."""
        with clock.timed("load"):
            encoder = self._encoders.of(info)
        with clock.timed("decode"):
            opened = read_image(image, encoder.preprocess, max_megapixels=max_megapixels, crop=crop)
            pixels = encoder.preprocess.pixels(opened.image)
        with clock.timed("encode"):
            pooled = encoder.vectors(pixels[None], {*poolings, COARSE})
        return {pooling: rows[0] for pooling, rows in pooled.items()}

    def _rows(
        self,
        info: DatasetInfo,
        pairs: Iterable[tuple[Pooling, Distance]],
        queries: Mapping[Distance, Mapping[Pooling, Vector]],
        *,
        k: int,
        exact: bool,
        where: Filter,
        exclude: tuple[UUID, ...] = (),
    ) -> tuple[ResultRow, ...]:
        rows = []
        for pooling, distance in pairs:
            start = time.perf_counter()
            vectors = queries[distance]
            points = self._store.query(
                info.name,
                distance,
                pooling,
                vectors[pooling],
                limit=k,
                exclude=exclude,
                exact=exact,
                where=where,
                coarse=vectors.get(COARSE),
            )
            rows.append(ResultRow(pooling, distance, hits_of(points), time.perf_counter() - start))
        return tuple(rows)

    def _check_still(self, info: DatasetInfo) -> None:
        """Refuse an answer that another sync overtook: its rows may be of two checkpoints."""
        now = self.describe(info.name)
        if now.fingerprint != info.fingerprint:
            raise CheckpointMismatchError(
                f"dataset {info.name!r} went from {info.checkpoint} to {now.checkpoint} while it "
                "was being searched; search again"
            )


@dataclass(slots=True)
class _Clock:
    """Seconds by step."""

    seconds: dict[str, float] = field(
        default_factory=lambda: {"decode": 0.0, "encode": 0.0, "search": 0.0}
    )

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time spent inside to ``step``."""
        start = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequestError(f"limit = {limit}: ask for 1 to {MAX_PAGE}")


def _check_k(k: int) -> None:
    if not 1 <= k <= MAX_HITS:
        raise InvalidRequestError(f"k = {k}: ask for 1 to {MAX_HITS} hits")
