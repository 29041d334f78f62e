"""Searcher: what a reader can ask of the indexes: by image, by stored id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from indexer.types import DatasetInfo, Distance, ImageDetails, SearchResult
from models.pooling import Pooling


class Searcher:
    """Answers questions from published indexes; keeps encoders loaded between them.

    Thread-safe. Torch is imported at the first search by image, not before.
    """

    def datasets(self) -> list[DatasetInfo]:
        """The published indexes, by name."""
        raise NotImplementedError

    def by_image(
        self,
        dataset: str,
        image: Path | bytes,
        *,
        poolings: Sequence[Pooling] = (Pooling.MAXPOOL,),
        distances: Sequence[Distance] = (Distance.COSINE,),
        k: int = 8,
    ) -> SearchResult:
        """The ``k`` nearest images to an image file, for every <pooling, distance> pair.

        Rows are ordered by pooling, then distance, as given.

        Raises:
            DatasetNotIndexedError, UnreadableImageError, CheckpointMismatchError,
            CollectionBusyError.
        """
        raise NotImplementedError

    def by_id(
        self,
        dataset: str,
        point: UUID,
        *,
        poolings: Sequence[Pooling] = (Pooling.MAXPOOL,),
        distances: Sequence[Distance] = (Distance.COSINE,),
        k: int = 8,
    ) -> SearchResult:
        """The same for a stored image, which is left out of its own hits. Nothing is encoded.

        Raises:
            PointNotFoundError: no such image in the dataset.
        """
        raise NotImplementedError

    def sample(self, dataset: str, count: int) -> list[ImageDetails]:
        """Up to ``count`` stored images to choose from, spread over the labels; stable."""
        raise NotImplementedError

    def details(self, dataset: str, point: UUID) -> ImageDetails:
        """One stored image.

        Raises:
            PointNotFoundError: no such image in the dataset.
        """
        raise NotImplementedError

    def thumbnail(self, dataset: str, point: UUID) -> Path:
        """Path of the stored image's thumbnail (WebP, longest side 256).

        Raises:
            PointNotFoundError: no such image, or its thumbnail is gone.
        """
        raise NotImplementedError

    def original(self, dataset: str, point: UUID) -> Path:
        """Path of the stored image's file, inside the dataset's source folder.

        Raises:
            PointNotFoundError: no such image, or the file is gone.
        """
        raise NotImplementedError
