"""Where in two images their similarity comes from.

The dot product of two pooled vectors is a sum, each part of which belongs to a cell of the latent:
Stylianou, Souvenir, Pless, "Visualizing Deep Similarity Networks", WACV 2019 (arXiv 1901.00536).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.pooling import GEM_LEAST, GEM_POWER, Pooling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SimilarityMaps:
    """What every cell of two latents adds to the cosine similarity of their vectors.

    A cell that speaks against it is below 0.

    Attributes:
        query, hit: sum to the similarity, each. Shape: (H, W).
    """

    query: Array
    hit: Array

    @property
    def similarity(self) -> float:
        """The cosine similarity, -1 to 1."""
        return float(self.query.sum())


def similarity_maps(query: Array, hit: Array, pooling: Pooling) -> SimilarityMaps:
    """Take the cosine similarity of two images' ``pooling`` vectors apart.

    ``flatten`` compares equal places, so that both maps are one. The others compare whole images:
    there a channel's part lies on each image where its value comes from.

    Args:
        query: a latent, up to a positive factor. Shape: (C, H, W).
        hit: another, likewise.
        pooling: makes the vectors.

    Raises:
        ValueError: the pooling is a fitted one, whose values belong to no cell.
    """
    if pooling.is_fitted:
        raise ValueError(f"{pooling} vectors have no cells")
    if pooling is Pooling.FLATTEN:
        shared = (query * hit).sum(axis=0) * _scale(query, hit)
        return SimilarityMaps(shared, shared)
    query_parts, hit_parts = _parts(query, pooling), _parts(hit, pooling)
    query_vector, hit_vector = query_parts.sum(axis=(1, 2)), hit_parts.sum(axis=(1, 2))
    scale = _scale(query_vector, hit_vector)
    return SimilarityMaps(
        np.einsum("chw,c->hw", query_parts, hit_vector) * scale,
        np.einsum("chw,c->hw", hit_parts, query_vector) * scale,
    )


def _parts(latent: Array, pooling: Pooling) -> Array:
    """What each cell adds to the pooled vector. Shape: (C, H, W); sums to the vector over cells."""
    channels, height, width = latent.shape
    match pooling:
        case Pooling.MAXPOOL:
            values = latent.reshape(channels, -1)
            first = values.argmax(axis=1, keepdims=True)
            parts = np.zeros_like(values)
            np.put_along_axis(parts, first, np.take_along_axis(values, first, axis=1), axis=1)
            return parts.reshape(latent.shape)
        case Pooling.AVERAGE:
            return latent / np.float32(height * width)
        case Pooling.GEM:
            powers = latent.clip(min=GEM_LEAST) ** GEM_POWER
            vector = powers.mean(axis=(1, 2), keepdims=True) ** (1 / GEM_POWER)
            return np.asarray(vector * powers / powers.sum(axis=(1, 2), keepdims=True), np.float32)
    raise AssertionError(pooling)


def _scale(query: Array, hit: Array) -> np.float32:
    """One over the product of the lengths; 0 where one of them is nothing at all."""
    lengths = np.linalg.norm(query) * np.linalg.norm(hit)
    return np.float32(1 / lengths if lengths else 0)
