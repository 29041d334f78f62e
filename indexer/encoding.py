"""Files to points, several at a time.

Each worker decodes, encodes and pools one image by itself with one intra-op thread. That keeps all
cores at work without handing tensors around, and is a third faster than splitting the work by step.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from indexer.reading import failed_file, hash_file, image_payload, read_image
from indexer.schema import point_id
from indexer.thumbnails import write_thumbnail
from indexer.types import FailedFile, Point
from models.errors import UnreadableImageError
from models.images import MAX_MEGAPIXELS
from models.pooling import Pooling
from models.sources import ImageFile

if TYPE_CHECKING:
    from torch import Tensor

    from indexer.types import Vector
    from models.preprocess import Preprocess

_MOST_WORKERS = 8
_WINDOW = 4
T = TypeVar("T")
Item = TypeVar("Item")


class ImageEncoder(Protocol):
    """What the index needs of :class:`models.encoder.Encoder`."""

    arch: str
    fingerprint: str
    preprocess: Preprocess

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
class FileEncoder:
    """Makes the point of one file, and its thumbnail.

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

    def __call__(self, file: ImageFile) -> Point | FailedFile:
        """The point, or why there is none."""
        try:
            return self._point(file)
        except UnreadableImageError as error:
            return failed_file(file, error)

    def _point(self, file: ImageFile) -> Point:
        import numpy as np

        sha256 = hash_file(file.path)
        opened = read_image(file.path, self.encoder.preprocess, max_megapixels=self.max_megapixels)
        pixels = self.encoder.preprocess.pixels(opened.image)
        pooled = self.encoder.vectors(pixels[None], self.poolings)
        vectors = {pooling: rows[0] for pooling, rows in pooled.items()}
        payload = image_payload(self.dataset, file, opened, sha256)
        for pooling, vector in vectors.items():
            norm = float(np.linalg.norm(vector))
            if not 0 < norm < float("inf"):
                reason = "all zero" if norm == 0 else "not finite"
                raise UnreadableImageError(file.path, f"its {pooling} vector is {reason}")
            payload[f"norm_{pooling}"] = norm
        write_thumbnail(opened.image, self.thumbnails, sha256)
        return Point(point_id(self.dataset, file.relative_path), vectors, payload)


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


def in_parallel(work: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
    """``work`` of every item, in order, on all cores; only a few results wait at a time."""
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
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
