"""PublishedIndexes: what the published indexes hold, as readers ask for it; nothing is encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self
from uuid import UUID

from indexer.catalogue import Catalogues
from indexer.checkpoints import PublishedCheckpoint, published_checkpoints
from indexer.duplicates import DEFAULT_BITS, Duplicates
from indexer.errors import InvalidRequestError, PointNotFoundError
from indexer.failures import FailurePage, read_ledger
from indexer.groups import GroupingSummary, read_summary
from indexer.layout import DataFolder
from indexer.originals import Originals
from indexer.payloads import details_of
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.types import (
    EVERYTHING,
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
)

MAX_SAMPLE = 1_000
"""Most images that :meth:`PublishedIndexes.sample` gives."""

MAX_PAGE = 1_000
"""Most entries of one page of images or of failures."""


class PublishedIndexes:
    """Datasets, their images and the files of these. Thread-safe.

    Args:
        data_dir: the data folder.
        store: where the vectors are; by default the embedded store of ``data_dir``.
    """

    def __init__(self, data_dir: Path, *, store: VectorStore | None = None) -> None:
        self._folder = DataFolder(data_dir)
        self._store = store or open_store(Settings(data_dir))
        self._catalogues = Catalogues(self._store)
        self._originals = Originals(self._folder)

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Over the store that ``settings`` name."""
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


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequestError(f"limit = {limit}: ask for 1 to {MAX_PAGE}")
