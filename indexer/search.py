"""Searcher: what a reader can ask of the indexes: neighbours, and the images themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
from indexer.store import VectorStore
from indexer.store.presets import COARSE
from indexer.types import (
    EVERYTHING,
    Box,
    DatasetInfo,
    Distance,
    Filter,
    ResultRow,
    SearchResult,
)
from models.images import MAX_MEGAPIXELS
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder
    from indexer.types import Vector

__all__ = ["MAX_HITS", "MAX_PAGE", "MAX_SAMPLE", "Searcher"]

MAX_HITS = 1_000
"""Most hits of one row."""


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


def _check_k(k: int) -> None:
    if not 1 <= k <= MAX_HITS:
        raise InvalidRequestError(f"k = {k}: ask for 1 to {MAX_HITS} hits")
