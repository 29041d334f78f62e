"""Searcher: what a reader can ask of the indexes: neighbours, and the images themselves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from indexer.encoders import Encoders, check_checkpoint
from indexer.errors import CheckpointMismatchError, InvalidRequestError
from indexer.originals import megapixels_of
from indexer.payloads import details_of, hits_of
from indexer.published import MAX_PAGE, MAX_SAMPLE, PublishedIndexes
from indexer.reading import read_image
from indexer.schema import check_poolings
from indexer.step_clock import StepClock
from indexer.store import VectorStore
from indexer.store.presets import COARSE
from indexer.types import (
    EVERYTHING,
    Box,
    DatasetInfo,
    Distance,
    Filter,
    Record,
    ResultRow,
    SearchResult,
)
from models.images import MAX_MEGAPIXELS
from models.pooling import Pooling
from models.similarity_maps import SimilarityMaps, similarity_maps

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder
    from indexer.types import Vector

__all__ = ["MAX_HITS", "MAX_PAGE", "MAX_SAMPLE", "Searcher"]

MAX_HITS = 1_000
"""Most hits of one row."""
FLATTEN = Pooling.FLATTEN


class Searcher(PublishedIndexes):
    """Finds neighbours in published indexes; keeps encoders loaded between questions.

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
        super().__init__(data_dir, store=store)
        self._encoders = Encoders(self._folder, load_encoder)

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
        clock = StepClock()
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
        clock = StepClock()
        record = self._stored(info, point)
        if crop is None:
            with clock.timed("search"):
                queries = {
                    distance: self._record(dataset, distance, point, with_vectors=True).vectors
                    for distance in distances
                }
        else:
            vectors = self._encode_part(info, record, poolings, clock, crop)
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

    def explain(
        self,
        dataset: str,
        query: UUID | Path | bytes,
        hit: UUID,
        *,
        pooling: Pooling = Pooling.MAXPOOL,
        max_megapixels: float = MAX_MEGAPIXELS,
        crop: Box | None = None,
    ) -> SimilarityMaps:
        """Where in the query and in a stored image their cosine similarity comes from.

        Nothing is encoded for a whole stored query: the latents are the ``flatten`` vectors.

        Args:
            dataset: has the hit.
            query: a stored image, an image file or the bytes of one.
            hit: the stored image that was found.
            pooling: makes the vectors; one that follows from the latent alone.
            max_megapixels: refuse a larger query image.
            crop: only this part of the query, upright.

        Raises:
            DatasetNotIndexedError, UnreadableImageError, PointNotFoundError,
            CheckpointMismatchError, CollectionBusyError, InvalidRequestError.
        """
        info = self.describe(dataset)
        check_poolings(dataset, info.vector_sizes, [pooling])
        if pooling.is_fitted:
            raise InvalidRequestError(f"{pooling} vectors do not tell which part they come from")
        if not isinstance(query, UUID):
            vectors = self._encode(
                info, query, [FLATTEN], StepClock(), max_megapixels=max_megapixels, crop=crop
            )
        elif crop is not None:
            record = self._stored(info, query)
            vectors = self._encode_part(info, record, [FLATTEN], StepClock(), crop)
        else:
            vectors = self._vectors(info, query)
        found = self._vectors(info, hit)
        self._check_still(info)
        return similarity_maps(
            _latent(info, vectors[FLATTEN]), _latent(info, found[FLATTEN]), pooling
        )

    def _vectors(self, info: DatasetInfo, point: UUID) -> Mapping[Pooling, Vector]:
        return self._record(info.name, info.distances[0], point, with_vectors=True).vectors

    def _encode_part(
        self,
        info: DatasetInfo,
        record: Record,
        poolings: Iterable[Pooling],
        clock: StepClock,
        crop: Box,
    ) -> Mapping[Pooling, Vector]:
        file, megapixels = self._originals.file(info, record), megapixels_of(record)
        return self._encode(info, file, poolings, clock, max_megapixels=megapixels, crop=crop)

    def _encode(
        self,
        info: DatasetInfo,
        image: Path | bytes,
        poolings: Iterable[Pooling],
        clock: StepClock,
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


def _latent(info: DatasetInfo, flat: Vector) -> Vector:
    """The latent that ``flat`` is of; square, as what encoders are given. Shape: (C, H, H)."""
    channels = info.vector_sizes[Pooling.MAXPOOL]
    side = math.isqrt(flat.size // channels)
    return flat.reshape(channels, side, side)


def _check_k(k: int) -> None:
    if not 1 <= k <= MAX_HITS:
        raise InvalidRequestError(f"k = {k}: ask for 1 to {MAX_HITS} hits")
