"""Retrieval metrics over ranked answers. "Relevant" means: of the query's label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Relevance = NDArray[np.bool_]
    PerQuery = NDArray[np.float64]


def precision_at_k(relevant: Relevance, k: int) -> PerQuery:
    """Share of the first ``k`` answers that are relevant; with fewer answers, of those there are.

    Args:
        relevant: whether the answer at each rank is relevant, best first. Shape: (Q, N).
        k: at least 1.

    Returns:
        One value in [0, 1] per query. Shape: (Q,).
    """
    shares: PerQuery = relevant[:, :k].mean(axis=1)
    return shares


def average_precision(relevant: Relevance) -> PerQuery:
    """Mean over the relevant answers of the precision at their ranks; 0 when there are none.

    The uninterpolated form (Manning, Raghavan, Schuetze, "Introduction to Information Retrieval",
    2008, section 8.4), over complete rankings.

    Args:
        relevant: whether the answer at each rank is relevant, best first. Shape: (Q, N).

    Returns:
        One value in [0, 1] per query; their mean is the mean average precision. Shape: (Q,).
    """
    ranks = np.arange(1, relevant.shape[1] + 1)
    precisions = relevant.cumsum(axis=1) / ranks
    totals = relevant.sum(axis=1)
    sums: PerQuery = (precisions * relevant).sum(axis=1)
    values: PerQuery = np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
    return values
