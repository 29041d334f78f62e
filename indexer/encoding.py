"""Files to points, several at a time.

On a CPU each worker decodes, encodes and pools one image by itself with one intra-op thread. That
keeps all cores at work without handing tensors around, and is a third faster than splitting the
work by step. A GPU wants many images at once: then workers decode ahead, and batches are encoded
as they fill.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from indexer.reading import failed_file, hash_file, image_payload, read_image
from indexer.schema import point_id
from indexer.thumbnails import write_thumbnail
from indexer.types import FailedFile, Payload, Point
from models.errors import UnreadableImageError
from models.images import MAX_MEGAPIXELS
from models.pooling import Pooling
from models.sources import ImageFile

if TYPE_CHECKING:
    from torch import Tensor

    from indexer.types import Vector
    from models.preprocess import Preprocess

GPU_BATCH = 64
"""Images that a GPU encodes at once unless the user says otherwise."""
_MOST_WORKERS = 8
_WINDOW = 4
T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Workload:
    """How many images are worked on at once. Results do not depend on it, beyond rounding.

    Attributes:
        workers: threads that read files; by default one per core, 8 at most.
        batch_size: images encoded at once; by default 1 on a CPU and GPU_BATCH on a GPU.
    """

    workers: int | None = None
    batch_size: int | None = None

    @property
    def threads(self) -> int:
        """Number of workers."""
        return self.workers or min(_MOST_WORKERS, os.cpu_count() or 1)

    def batch(self, encoder: ImageEncoder) -> int:
        """Number of images that ``encoder`` gets at once."""
        return self.batch_size or (1 if encoder.device_type == "cpu" else GPU_BATCH)


USUAL_WORKLOAD = Workload()


class ImageEncoder(Protocol):
    """What the index needs of :class:`models.encoder.Encoder`."""

    arch: str
    fingerprint: str
    preprocess: Preprocess

    @property
    def device_type(self) -> str:
        """Where it computes: "cpu", "cuda", ..."""
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
        payload: all but the norms of the vectors.
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
        poolings: the vectors that the point gets.
        thumbnails: folder of the thumbnails.
        max_megapixels: larger images are refused.
    """

    dataset: str
    encoder: ImageEncoder
    poolings: tuple[Pooling, ...]
    thumbnails: Path
    max_megapixels: float = MAX_MEGAPIXELS

    def __call__(
        self, files: Sequence[ImageFile], workload: Workload = USUAL_WORKLOAD
    ) -> Iterator[Point | FailedFile]:
        """The point of each file in order, or why there is none."""
        size = workload.batch(self.encoder)
        if size == 1:
            yield from in_parallel(self.point, files, workers=workload.threads)
            return
        reading = in_parallel(self.read, files, workers=workload.threads)
        while batch := list(islice(reading, size)):
            yield from self._points(batch)

    def point(self, file: ImageFile) -> Point | FailedFile:
        """Read and encode one file."""
        return self._points([self.read(file)])[0]

    def read(self, file: ImageFile) -> ReadFile | FailedFile:
        """Everything but the encoding."""
        try:
            return self._read(file)
        except UnreadableImageError as error:
            return failed_file(file, error)

    def _read(self, file: ImageFile) -> ReadFile:
        sha256 = hash_file(file.path)
        opened = read_image(file.path, self.encoder.preprocess, max_megapixels=self.max_megapixels)
        pixels = self.encoder.preprocess.pixels(opened.image)
        payload = image_payload(self.dataset, file, opened, sha256)
        write_thumbnail(opened.image, self.thumbnails, sha256)
        return ReadFile(file, pixels, payload)

    def _points(self, batch: Sequence[ReadFile | FailedFile]) -> list[Point | FailedFile]:
        """Encode at once what could be read."""
        rows = self._vectors([each.pixels for each in batch if isinstance(each, ReadFile)])
        return [
            each if isinstance(each, FailedFile) else self._point(each, next(rows))
            for each in batch
        ]

    def _vectors(self, images: Sequence[Tensor]) -> Iterator[dict[Pooling, Vector]]:
        """The vectors of each image."""
        import torch

        if images:
            pooled = self.encoder.vectors(torch.stack(tuple(images)), self.poolings)
            for row in range(len(images)):
                yield {pooling: vectors[row] for pooling, vectors in pooled.items()}

    def _point(self, read: ReadFile, vectors: Mapping[Pooling, Vector]) -> Point | FailedFile:
        import numpy as np

        payload = dict(read.payload)
        for pooling, vector in vectors.items():
            norm = float(np.linalg.norm(vector))
            if not 0 < norm < float("inf"):
                reason = "all zero" if norm == 0 else "not finite"
                return FailedFile(read.file.relative_path, f"its {pooling} vector is {reason}")
            payload[f"norm_{pooling}"] = norm
        return Point(point_id(self.dataset, read.file.relative_path), vectors, payload)


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
    work: Callable[[Item], T], items: Iterable[Item], *, workers: int | None = None
) -> Iterator[T]:
    """``work`` of every item, in order, on all cores; only a few results wait at a time."""
    workers = workers or USUAL_WORKLOAD.threads
    waiting: deque[Future[T]] = deque()
    with one_thread_each(), ThreadPoolExecutor(workers, thread_name_prefix="encode") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= _WINDOW * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Keep torch from using several threads inside each of the workers."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
