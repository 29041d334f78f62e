"""Vectors of real images in a known order, to search in: encoded once, kept in a folder.

The first images of the order are only asked with. The rest are the collection; when it is to be
larger than there are images, it goes on with augmented views of them all (models/augment.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from tqdm import tqdm

from models.pooling import STANDARD, Pooling

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from models.preprocess import Preprocess

_SEED = 0
_DESCRIPTION = "vectors.json"


class PixelEncoder(Protocol):
    """What is needed of :class:`models.encoder.Encoder`."""

    fingerprint: str
    preprocess: Preprocess

    @property
    def vector_sizes(self) -> Mapping[Pooling, int]:
        """Number of values of the vectors of each pooling."""
        ...

    def vectors(
        self, pixels: Tensor, poolings: Sequence[Pooling]
    ) -> Mapping[Pooling, NDArray[np.float32]]:
        """uint8 (B, 3, S, S) -> float32 (B, D) per pooling."""
        ...


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder of vectors holds; equal ones hold equal vectors.

    Attributes:
        sources: SOURCE strings that the images are from.
        fingerprint: of the checkpoint that encoded them.
        files: number of images there are.
        rows: number of vectors.
    """

    sources: tuple[str, ...]
    fingerprint: str
    files: int
    rows: int

    def serves(self, wanted: Contents) -> bool:
        """Whether the first rows are what is ``wanted``."""
        same = (self.sources, self.fingerprint, self.files)
        return same == (wanted.sources, wanted.fingerprint, wanted.files) and (
            self.rows >= wanted.rows
        )


@dataclass(frozen=True, slots=True, eq=False)
class RealVectors:
    """Queries and a collection of the same encoder.

    Attributes:
        queries: Shape by pooling: (Q, D).
        collection: Shape by pooling: (N, D); mapped files.
        views: how many of the collection are augmented views.
    """

    queries: Mapping[Pooling, NDArray[np.float32]]
    collection: Mapping[Pooling, NDArray[np.float32]]
    views: int


def real_vectors(
    sources: Sequence[str], encoder: PixelEncoder, *, images: int, queries: int, folder: Path
) -> RealVectors:
    """Vectors of ``images`` images, and of ``queries`` others.

    Args:
        sources: SOURCE strings.
        encoder: makes the vectors.
        images: size of the collection.
        queries: number of images that are only asked with.
        folder: the vectors are kept there, and found there again.

    Raises:
        SourceError: nothing in a source, or not more images in all than ``queries``.
        UnreadableImageError: an image cannot be read.
    """
    from models.errors import SourceError
    from models.sources import open_source

    workspace = folder / "sources"
    files = [file.path for each in sources for file in open_source(each, workspace=workspace).files]
    if len(files) <= queries:
        raise SourceError(
            f"{len(files)} images in {', '.join(sources)}, and {queries} of them are only asked "
            "with: give more with --source, or ask less with --queries"
        )
    wanted = Contents(tuple(sources), encoder.fingerprint, len(files), queries + images)
    if not _kept(folder, wanted):
        order = np.random.default_rng(_SEED).permutation(len(files))
        _write(folder, wanted, encoder, [files[index] for index in order])
    kept = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in STANDARD}
    return RealVectors(
        queries={name: np.array(rows[:queries]) for name, rows in kept.items()},
        collection={name: rows[queries : queries + images] for name, rows in kept.items()},
        views=max(0, wanted.rows - len(files)),
    )


def _kept(folder: Path, wanted: Contents) -> bool:
    try:
        content = json.loads((folder / _DESCRIPTION).read_bytes())
    except FileNotFoundError:
        return False
    return Contents(**{**content, "sources": tuple(content["sources"])}).serves(wanted)


def _write(folder: Path, wanted: Contents, encoder: PixelEncoder, files: Sequence[Path]) -> None:
    """Encode row by row into files; the description comes last, so it stands for whole ones."""
    from indexer.encoding import in_parallel

    (folder / _DESCRIPTION).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    targets = {
        name: np.lib.format.open_memmap(
            folder / f"{name}.npy",
            mode="w+",
            dtype=np.float32,
            shape=(wanted.rows, encoder.vector_sizes[name]),
        )
        for name in STANDARD
    }
    rows = tqdm(range(wanted.rows), desc="Encoding", unit="image")
    for row, vectors in enumerate(in_parallel(_row_encoder(encoder, files), rows)):
        for name, target in targets.items():
            target[row] = vectors[name][0]
    for target in targets.values():
        target.flush()
    (folder / _DESCRIPTION).write_text(json.dumps(asdict(wanted)) + "\n")


def _row_encoder(
    encoder: PixelEncoder, files: Sequence[Path]
) -> Callable[[int], Mapping[Pooling, NDArray[np.float32]]]:
    """Row number -> its vectors: the image itself in the first round, a view in later ones."""
    import torch

    from indexer.reading import read_image
    from models.augment import JITTERS, random_view

    preprocess = encoder.preprocess

    def encode(row: int) -> Mapping[Pooling, NDArray[np.float32]]:
        again, index = divmod(row, len(files))
        pixels = preprocess.pixels(read_image(files[index], preprocess).image)[None]
        if again:
            generator = torch.Generator().manual_seed(row)
            view = random_view(preprocess.unit(pixels), JITTERS["keep"], generator)
            pixels = view.mul(255).round().to(torch.uint8)
        return encoder.vectors(pixels, STANDARD)

    return encode


def blocks(count: int, size: int) -> Iterator[slice]:
    """Slices of ``size`` that cover ``count`` rows."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
