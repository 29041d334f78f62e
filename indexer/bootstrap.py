"""What per-query values can show: bootstrap intervals of their means, and of paired differences.

The percentile bootstrap of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
13: queries are drawn with replacement, and the interval holds the middle 95 % of the means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.metrics import PerQuery

RESAMPLES = 1_000
CONFIDENCE = 0.95
_SEED = 0
_DRAWS = 2_000_000
"""Draws held at once, so that memory does not grow with the number of queries."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the width of the interval, for "± half width"."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        return f"{self.value:.3f} ±{self.half_width:.3f}"


class Verdict(StrEnum):
    """What a paired difference shows."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The mean difference over the same queries; a verdict needs an interval without 0."""

    difference: Estimate

    @property
    def verdict(self) -> Verdict:
        """Better or worse where the interval lies on one side of 0."""
        if self.difference.low > 0:
            return Verdict.BETTER
        return Verdict.WORSE if self.difference.high < 0 else Verdict.NO_DIFFERENCE


def compare(first: PerQuery, second: PerQuery) -> Comparison:
    """How ``first`` does beside ``second`` on the same queries, query by query."""
    if len(first) != len(second):
        raise ValueError(f"{len(first)} queries beside {len(second)}; they must be the same")
    return Comparison(estimate({"difference": first - second})["difference"])


def estimate(values: Mapping[str, PerQuery]) -> dict[str, Estimate]:
    """Means and intervals of several metrics over the same queries, from the same resamples.

    Args:
        values: by metric. Shape of each: (Q,).
    """
    columns = np.stack(list(values.values()), axis=1)  # (Q, M)
    means = np.concatenate([weights @ columns for weights in _resamples(len(columns))])
    tail = (1 - CONFIDENCE) / 2
    lows, highs = np.quantile(means, [tail, 1 - tail], axis=0)
    return {
        name: Estimate(float(column.mean()), float(low), float(high))
        for name, column, low, high in zip(values, columns.T, lows, highs, strict=True)
    }


def _resamples(queries: int) -> Iterator[NDArray[np.float64]]:
    """RESAMPLES rows of weights that make a mean of each resample. Shape: (block, queries)."""
    rng = np.random.default_rng(_SEED)
    block = max(1, min(RESAMPLES, _DRAWS // queries))
    for start in range(0, RESAMPLES, block):
        rows = min(block, RESAMPLES - start)
        draws = rng.integers(queries, size=(rows, queries))
        draws += np.arange(rows)[:, None] * queries
        counts = np.bincount(draws.ravel(), minlength=rows * queries)
        yield counts.reshape(rows, queries) / queries
