"""Searcher: what a reader can ask of the indexes: by image, by stored id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, product, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import UUID

from indexer.errors import (
    CheckpointMismatchError,
    InvalidRequestError,
    PointNotFoundError,
)
from indexer.layout import DataFolder
from indexer.reading import read_image
from indexer.schema import check_poolings
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.store.presets import COARSE
from indexer.thumbnails import (
    THUMBNAIL_SIDE,
    is_thumbnail,
    thumbnail_path,
    write_thumbnail,
)
from indexer.types import (
    EVERYTHING,
    DatasetInfo,
    Distance,
    Filter,
    Hit,
    ImageDetails,
    Payload,
    Record,
    ResultRow,
    ScoredPoint,
    SearchResult,
)
from models.errors import UnreadableImageError
from models.images import MAX_MEGAPIXELS, open_image
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder
    from indexer.types import Vector

MAX_HITS = 1_000
"""Most hits of one row."""

MAX_SAMPLE = 1_000
"""Most images that :meth:`Searcher.sample` gives."""


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
        self._folder = DataFolder(data_dir)
        self._store = store or open_store(Settings(data_dir))
        self._load_encoder = load_encoder or _load_encoder
        self._encoders: dict[str, ImageEncoder] = {}
        self._samples: dict[str, tuple[DatasetInfo, list[ImageDetails]]] = {}
        self._lock = threading.Lock()

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

        Raises:
            DatasetNotIndexedError, UnreadableImageError, CheckpointMismatchError,
            CollectionBusyError, InvalidRequestError.
        """
        _check_k(k)
        info = self.describe(dataset)
        check_poolings(dataset, info.vector_sizes, poolings)
        if checkpoint is not None:
            _check_checkpoint(checkpoint, info)
        clock = _Clock()
        with clock.timed("load"):
            encoder = self._encoder(info)
        with clock.timed("decode"):
            opened = read_image(image, encoder.preprocess, max_megapixels=max_megapixels)
            pixels = encoder.preprocess.pixels(opened.image)
        with clock.timed("encode"):
            pooled = encoder.vectors(pixels[None], {*poolings, COARSE})
        vectors = {pooling: rows[0] for pooling, rows in pooled.items()}
        with clock.timed("search"):
            rows = self._rows(
                info,
                product(poolings, distances),
                lambda _: vectors,
                k=k,
                exact=exact,
                where=where,
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
    ) -> SearchResult:
        """The same for a stored image, which is left out of its own hits. Nothing is encoded.

        Raises:
            PointNotFoundError: no such image in the dataset.
        """
        _check_k(k)
        info = self.describe(dataset)
        check_poolings(dataset, info.vector_sizes, poolings)
        clock = _Clock()
        with clock.timed("search"):
            records = {
                distance: self._record(dataset, distance, point, with_vectors=True)
                for distance in distances
            }
            rows = self._rows(
                info,
                product(poolings, distances),
                lambda distance: records[distance].vectors,
                k=k,
                exact=exact,
                where=where,
                exclude=(point,),
            )
        self._check_still(info)
        query = _details(next(iter(records.values()))) if records else None
        return SearchResult(dataset, info.checkpoint, query, rows, clock.seconds)

    def sample(self, dataset: str, count: int) -> list[ImageDetails]:
        """Up to ``count`` stored images to choose from, spread over the labels; stable.

        At most MAX_SAMPLE. The collection is read once for each published state.
        """
        info = self.describe(dataset)
        with self._lock:
            known = self._samples.get(dataset)
        if known is None or known[0] != info:
            known = (info, _spread(map(_details, self.records(dataset)), MAX_SAMPLE))
            with self._lock:
                self._samples[dataset] = known
        return known[1][:count]

    def details(self, dataset: str, point: UUID) -> ImageDetails:
        """One stored image.

        Raises:
            PointNotFoundError: no such image in the dataset.
        """
        return _details(self._stored(dataset, point))

    def thumbnail(self, dataset: str, point: UUID) -> Path:
        """Path of the stored image's thumbnail (WebP, longest side 256).

        One that is missing is made again from the original.

        Raises:
            PointNotFoundError: no such image, or its thumbnail and its file are gone.
        """
        record = self._stored(dataset, point)
        sha256, details = str(record.payload["sha256"]), _details(record)
        path = thumbnail_path(self._folder.thumbnails, sha256)
        if is_thumbnail(path):
            return path
        original = self._original(dataset, record)
        try:
            with self._folder.errors("written"):
                # What was small enough for whoever indexed it is so here.
                megapixels = details.width * details.height / 1e6
                opened = open_image(
                    original,
                    at_least=THUMBNAIL_SIDE,
                    max_megapixels=max(megapixels, MAX_MEGAPIXELS),
                )
                return write_thumbnail(opened.image, self._folder.thumbnails, sha256)
        except UnreadableImageError as error:
            raise PointNotFoundError(f"the thumbnail of {point} is gone: {error}") from error

    def original(self, dataset: str, point: UUID) -> Path:
        """Path of the stored image's file, inside the dataset's source folder.

        Raises:
            PointNotFoundError: no such image, or the file is gone.
        """
        return self._original(dataset, self._stored(dataset, point))

    def _original(self, dataset: str, record: Record) -> Path:
        root = Path(self.describe(dataset).root).resolve()
        path = (root / str(record.payload["path"])).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise PointNotFoundError(
                f"the file {record.payload['path']!r} of dataset {dataset!r} is not in {root}; "
                "`python -m indexer sync` brings the index in line with the folder"
            )
        return path

    def _stored(self, dataset: str, point: UUID) -> Record:
        return self._record(dataset, self.describe(dataset).distances[0], point)

    def _record(
        self, dataset: str, distance: Distance, point: UUID, *, with_vectors: bool = False
    ) -> Record:
        found = self._store.retrieve(dataset, distance, [point], with_vectors=with_vectors)
        if not found:
            raise PointNotFoundError(f"no image with id {point} in dataset {dataset!r}")
        return found[0]

    def _encoder(self, info: DatasetInfo) -> ImageEncoder:
        """The encoder that made the index."""
        with self._lock:
            if info.fingerprint not in self._encoders:
                encoder = self._load_encoder(self._folder.checkpoints / info.checkpoint)
                if encoder.fingerprint != info.fingerprint:
                    raise _mismatch(info, encoder.name)
                self._encoders[info.fingerprint] = encoder
            return self._encoders[info.fingerprint]

    def _rows(
        self,
        info: DatasetInfo,
        pairs: Iterable[tuple[Pooling, Distance]],
        queries: Callable[[Distance], Mapping[Pooling, Vector]],
        *,
        k: int,
        exact: bool,
        where: Filter,
        exclude: tuple[UUID, ...] = (),
    ) -> tuple[ResultRow, ...]:
        rows = []
        for pooling, distance in pairs:
            start = time.perf_counter()
            vectors = queries(distance)
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
            rows.append(ResultRow(pooling, distance, _hits(points), time.perf_counter() - start))
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
        """Note the time spent inside as ``step``."""
        start = time.perf_counter()
        yield
        self.seconds[step] = time.perf_counter() - start


def _load_encoder(checkpoint: Path) -> ImageEncoder:
    from models.encoder import Encoder

    return Encoder.load(checkpoint)


def _check_k(k: int) -> None:
    if not 1 <= k <= MAX_HITS:
        raise InvalidRequestError(f"k = {k}: ask for 1 to {MAX_HITS} hits")


def _check_checkpoint(checkpoint: Path, info: DatasetInfo) -> None:
    from models.checkpoint import read_info

    given = read_info(checkpoint)
    if given.fingerprint != info.fingerprint:
        raise _mismatch(info, given.name)


def _mismatch(info: DatasetInfo, given: str) -> CheckpointMismatchError:
    return CheckpointMismatchError(
        f"dataset {info.name!r} was indexed with {info.checkpoint}, not with {given}; search "
        "without --checkpoint, or index it again with `python -m indexer sync`"
    )


def _hits(points: Iterable[ScoredPoint]) -> tuple[Hit, ...]:
    return tuple(_hit(rank, point) for rank, point in enumerate(points, 1))


def _hit(rank: int, point: ScoredPoint) -> Hit:
    payload = point.payload
    return Hit(
        rank=rank,
        id=point.id,
        score=point.score,
        path=str(payload["path"]),
        label=_label(payload),
        width=int(payload["width"] or 0),
        height=int(payload["height"] or 0),
    )


def _details(record: Record) -> ImageDetails:
    payload = record.payload
    return ImageDetails(
        id=record.id,
        path=str(payload["path"]),
        label=_label(payload),
        width=int(payload["width"] or 0),
        height=int(payload["height"] or 0),
        format=str(payload["format"]),
        bytes=int(payload["bytes"] or 0),
    )


def _label(payload: Payload) -> str | None:
    label = payload.get("label")
    return label if isinstance(label, str) else None


def _spread(images: Iterable[ImageDetails], count: int) -> list[ImageDetails]:
    """One of each label, then a second of each, and so on.

    Ids are hashes, so taking them in their order is a fair draw within a label.
    """
    by_label: dict[str, list[ImageDetails]] = {}
    for image in images:
        group = by_label.setdefault(image.label or "", [])
        if len(group) < count:
            group.append(image)
    rounds = zip_longest(*(by_label[label] for label in sorted(by_label)))
    return [image for image in chain.from_iterable(rounds) if image is not None][:count]
