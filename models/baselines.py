"""What a trained model has to beat: the same architecture untrained, and the pixels themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from models.encoder import Encoder
from models.images import open_image
from models.initialisation import new_model
from models.pooling import Pooling
from models.preprocess import Preprocess
from models.recipes import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray


def random_encoder(arch: str, recipe: Recipe, *, image_size: int, seed: int = 0) -> Encoder:
    """The encoder as ``recipe`` would start it, before any training."""
    preprocess = Preprocess(image_size, recipe.mean, recipe.std)
    return Encoder(new_model(arch, recipe, seed=seed), preprocess)


def encode_files(
    encoder: Encoder, files: Sequence[Path], *, title: str, progress: bool
) -> dict[Pooling, NDArray[np.float32]]:
    """Vectors of image files. Shape per pooling: (N, D).

    Raises:
        UnreadableImageError: a file cannot be read.
    """
    rows = []
    for file in tqdm(files, desc=title, unit="image", disable=not progress):
        opened = open_image(file, at_least=encoder.preprocess.image_size)
        pixels = encoder.preprocess.pixels(opened.image)
        rows.append(encoder.vectors(pixels.unsqueeze(0), Pooling))
    return {pooling: np.concatenate([row[pooling] for row in rows]) for pooling in Pooling}


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
