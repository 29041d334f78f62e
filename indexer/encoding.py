"""Files to points, several at a time.

On a CPU each worker decodes, encodes and pools one image by itself with one intra-op thread. That
keeps all cores at work without handing tensors around, and is a third faster than splitting the
work by step. A GPU wants many images in one call: there workers only read files, and one more
thread encodes batch after batch while the next is being read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from indexer.reading import failed_file, hash_file, image_payload, read_image
from indexer.schema import point_id
from indexer.thumbnails import write_thumbnail
from indexer.types import FailedFile, Payload, Point
from indexer.workload import Workload
from models.errors import UnreadableImageError
from models.images import MAX_MEGAPIXELS
from models.pooling import Pooling
from models.sources import ImageFile
from models.threads import one_thread_each

if TYPE_CHECKING:
    from torch import Tensor

    from indexer.types import Vector
    from models.preprocess import Preprocess

_BATCHES_AHEAD = 2
T = TypeVar("T")
Item = TypeVar("Item")


class ImageEncoder(Protocol):
    """What the index needs of :class:`models.encoder.Encoder`."""

    arch: str
    fingerprint: str
    preprocess: Preprocess

    @property
    def device_type(self) -> str:
        """The kind of device that it runs on: ``cpu``, ``cuda`` or another of PyTorch's."""
        ...

    @property
    def name(self) -> str:
        """``<arch>-<first 8 digits of the fingerprint>``."""
        ...

    @property
    def vector_sizes(self) -> Mapping[Pooling, int]:
        """The poolings there are, and the number of values of their vectors."""
        ...

    def vectors(self, pixels: Tensor, poolings: Iterable[Pooling]) -> Mapping[Pooling, Vector]:
        """uint8 (B, 3, S, S) -> float32 (B, D) per pooling."""
        ...


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read, and what its point needs of it.

    Attributes:
        file: which.
        pixels: the encoder's input. uint8, shape (3, S, S).
        payload: all but the lengths of the vectors.
    """

    file: ImageFile
    pixels: Tensor
    payload: Payload


@dataclass(frozen=True, slots=True)
class FileEncoder:
    """Makes the points of files, and their thumbnails.

    Attributes:
        dataset: name of the dataset.
        encoder: what encodes.
        poolings: the vectors that the points get.
        thumbnails: folder of the thumbnails.
        max_megapixels: larger images are refused.
    """

    dataset: str
    encoder: ImageEncoder
    poolings: tuple[Pooling, ...]
    thumbnails: Path
    max_megapixels: float = MAX_MEGAPIXELS

    def __call__(
        self, files: Iterable[ImageFile], workload: Workload
    ) -> Iterator[Point | FailedFile]:
        """The point of each file, in order, or why there is none."""
        if workload.batch_size == 1:
            return in_parallel(self.point, files, workload)
        return self._points_by_batch(files, workload)

    def point(self, file: ImageFile) -> Point | FailedFile:
        """Read and encode one file."""
        return self.encode([self.read(file)])[0]

    def read(self, file: ImageFile) -> ReadFile | FailedFile:
        """All that comes before encoding, and the thumbnail."""
        try:
            sha256 = hash_file(file.path)
            opened = read_image(
                file.path, self.encoder.preprocess, max_megapixels=self.max_megapixels
            )
        except UnreadableImageError as error:
            return failed_file(file, error)
        payload = image_payload(self.dataset, file, opened, sha256)
        write_thumbnail(opened.image, self.thumbnails, sha256)
        return ReadFile(file, self.encoder.preprocess.pixels(opened.image), payload)

    def encode(self, batch: Sequence[ReadFile | FailedFile]) -> list[Point | FailedFile]:
        """Points of what could be read, encoded in one call; the rest stays what it is."""
        vectors = self._vectors([each.pixels for each in batch if isinstance(each, ReadFile)])
        return [
            self._point(each, next(vectors)) if isinstance(each, ReadFile) else each
            for each in batch
        ]

    def _vectors(self, images: Sequence[Tensor]) -> Iterator[dict[Pooling, Vector]]:
        """The vectors of each image."""
        import torch

        if images:
            rows = self.encoder.vectors(torch.stack(tuple(images)), self.poolings)
            for row in range(len(images)):
                yield {pooling: vectors[row] for pooling, vectors in rows.items()}

    def _point(self, read: ReadFile, vectors: Mapping[Pooling, Vector]) -> Point | FailedFile:
        import numpy as np

        payload = dict(read.payload)
        for pooling, vector in vectors.items():
            norm = float(np.linalg.norm(vector))
            if not 0 < norm < float("inf"):
                reason = "all zero" if norm == 0 else "not finite"
                useless = UnreadableImageError(read.file.path, f"its {pooling} vector is {reason}")
                return failed_file(read.file, useless)
            payload[f"norm_{pooling}"] = norm
        return Point(point_id(self.dataset, read.file.relative_path), vectors, payload)

    def _points_by_batch(
        self, files: Iterable[ImageFile], workload: Workload
    ) -> Iterator[Point | FailedFile]:
        with (
            one_thread_each(),
            closing(_ahead(self.read, files, workload.workers, workload.ahead)) as reading,
        ):
            batches = iter(lambda: list(islice(reading, workload.batch_size)), [])
            with closing(_ahead(self.encode, batches, 1, _BATCHES_AHEAD)) as encoding:
                for points in encoding:
                    yield from points


@dataclass(frozen=True, slots=True)
class FileCheck:
    """Says whether a file could be encoded, without encoding it."""

    preprocess: Preprocess
    max_megapixels: float = MAX_MEGAPIXELS

    def __call__(self, file: ImageFile) -> FailedFile | None:
        """Why not, or None."""
        try:
            read_image(file.path, self.preprocess, max_megapixels=self.max_megapixels)
        except UnreadableImageError as error:
            return failed_file(file, error)
        return None


def in_parallel(
    work: Callable[[Item], T], items: Iterable[Item], workload: Workload | None = None
) -> Iterator[T]:
    """``work`` of every item, in order, on all cores; only a few results wait at a time."""
    workload = workload or Workload.on("cpu")
    with (
        one_thread_each(),
        closing(_ahead(work, items, workload.workers, workload.ahead)) as results,
    ):
        yield from results


def _ahead(
    work: Callable[[Item], T], items: Iterable[Item], workers: int, ahead: int
) -> Generator[T]:
    """``work`` of every item, in order; up to ``ahead`` are begun before their turn."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="encode") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
