"""What a trained model has to beat: the same architecture untrained, and the pixels themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from models.encoder import Encoder
from models.images import open_image
from models.initialisation import new_model
from models.pooling import Pooling
from models.preprocess import Preprocess
from models.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

RAW_SIDE = 32
"""Raw pixels are compared at 32 x 32: more detail makes them worse, not better."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A way to describe images that needs no training.

    Attributes:
        name: for people.
        vectors: files -> vectors, by pooling or, without a network, under None. Shape: (N, D).
    """

    name: str
    vectors: Callable[[Sequence[Path]], Mapping[Pooling | None, NDArray[np.float32]]]


def baselines(
    arch: str, *, image_size: int, poolings: Iterable[Pooling], progress: bool
) -> Iterator[Baseline]:
    """All of them; random weights once for every way in which the recipes start.

    Those have the ``poolings`` that need no fitting.
    """
    unfitted = tuple(pooling for pooling in poolings if not pooling.is_fitted)
    starts: dict[str, Recipe] = {}
    for recipe in RECIPES.values():
        starts.setdefault(recipe.initialisation, recipe)
    for start, recipe in starts.items():
        encoder = random_encoder(arch, recipe, image_size=image_size)
        yield Baseline(
            f"random weights, {start} start",
            partial(_random_vectors, encoder, poolings=unfitted, progress=progress),
        )
    yield Baseline(
        "colour layout + histogram",
        lambda files: {None: colour_layout_histogram(files, progress=progress)},
    )
    yield Baseline(
        "raw pixels", lambda files: {None: raw_pixels(files, side=RAW_SIDE, progress=progress)}
    )


def random_encoder(arch: str, recipe: Recipe, *, image_size: int, seed: int = 0) -> Encoder:
    """The encoder as ``recipe`` would start it, before any training."""
    preprocess = Preprocess(image_size, recipe.mean, recipe.std)
    return Encoder(new_model(arch, recipe, seed=seed), preprocess)


def _random_vectors(
    encoder: Encoder, files: Sequence[Path], *, poolings: Sequence[Pooling], progress: bool
) -> Mapping[Pooling | None, NDArray[np.float32]]:
    vectors = encode_files(
        encoder, files, poolings=poolings, title="Random weights", progress=progress
    )
    return {pooling: vectors[pooling] for pooling in vectors}


def encode_files(
    encoder: Encoder,
    files: Sequence[Path],
    *,
    poolings: Sequence[Pooling],
    title: str,
    progress: bool,
) -> dict[Pooling, NDArray[np.float32]]:
    """Vectors of image files. Shape per pooling: (N, D).

    Raises:
        UnreadableImageError: a file cannot be read.
    """
    rows = []
    for file in tqdm(files, desc=title, unit="image", disable=not progress):
        opened = open_image(file, at_least=encoder.preprocess.image_size)
        pixels = encoder.preprocess.pixels(opened.image)
        rows.append(encoder.vectors(pixels.unsqueeze(0), poolings))
    return {pooling: np.concatenate([row[pooling] for row in rows]) for pooling in poolings}


LAYOUT_SIDE = 8
HISTOGRAM_BINS = 4


def colour_layout_histogram(files: Sequence[Path], *, progress: bool) -> NDArray[np.float32]:
    """What a classic colour search compares. Shape: (N, 8*8*3 + 4^3).

    An 8 x 8 thumbnail (Kasutani and Yamada, "The MPEG-7 color layout descriptor", ICIP 2001,
    without its cosine transform) beside the square roots of a 4 x 4 x 4 RGB histogram (Swain and
    Ballard, "Color indexing", IJCV 7(1), 1991), each of unit length.

    Raises:
        UnreadableImageError: a file cannot be read.
    """
    small, large = Preprocess(LAYOUT_SIDE), Preprocess(64)
    rows = []
    for file in tqdm(files, desc="Colour", unit="image", disable=not progress):
        image = open_image(file, at_least=large.image_size).image
        layout = small.unit(small.pixels(image)).flatten().numpy()
        bins = large.pixels(image).flatten(1).numpy().astype(np.int64) * HISTOGRAM_BINS // 256
        codes = (bins[0] * HISTOGRAM_BINS + bins[1]) * HISTOGRAM_BINS + bins[2]
        histogram = np.sqrt(np.bincount(codes, minlength=HISTOGRAM_BINS**3))
        rows.append(np.concatenate([_unit_length(layout), _unit_length(histogram)]))
    return np.stack(rows).astype(np.float32)


def _unit_length(vector: NDArray[np.floating]) -> NDArray[np.floating]:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)


def raw_pixels(files: Sequence[Path], *, side: int, progress: bool) -> NDArray[np.float32]:
    """Images as vectors of their pixels at ``side`` x ``side``, in [0, 1]. Shape: (N, 3*side^2).

    Raises:
        UnreadableImageError: a file cannot be read.
    """
    preprocess = Preprocess(side)
    rows = []
    for file in tqdm(files, desc="Raw pixels", unit="image", disable=not progress):
        opened = open_image(file, at_least=side)
        rows.append(preprocess.unit(preprocess.pixels(opened.image)).flatten().numpy())
    return np.stack(rows)
