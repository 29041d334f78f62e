"""How many directions vectors use: what is left of a latent when most of its channels are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.types import Vector

    Spectrum = NDArray[np.float64]

MOST_IMAGES = 2_000
"""Vectors looked at, spread evenly: bounds the matrix whose eigenvalues are needed."""


SHOWN_DIRECTIONS = 64
"""Of the singular values that results keep, the largest."""


def spectrum(vectors: Vector) -> Spectrum:
    """Singular values of the vectors less their mean, as shares of their sum, largest first.

    None where there are no differences.

    Args:
        vectors: Shape: (N, D).
    """
    chosen = np.linspace(0, len(vectors) - 1, min(len(vectors), MOST_IMAGES)).round().astype(int)
    centred = vectors[chosen].astype(np.float64)
    centred -= centred.mean(axis=0)
    gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    values: Spectrum = np.sqrt(np.linalg.eigvalsh(gram).clip(min=0))[::-1]
    # Below this the square root of rounding errors would count as directions.
    values = values[values > values.max(initial=0) * len(gram) * np.finfo(np.float32).eps]
    shares: Spectrum = values / values.sum()
    return shares


def effective_rank(shares: Spectrum) -> float:
    """The exponential of the entropy of the singular values, as shares of their sum.

    1 where all differences lie on one line, min(N - 1, D) where they fill every direction alike, 0
    where there are none. Roy and Vetterli, "The effective rank: a measure of effective
    dimensionality", EUSIPCO 2007; here of the vectors less their mean.
    """
    if not len(shares):
        return 0.0
    return float(np.exp(-(shares * np.log(shares)).sum()))
