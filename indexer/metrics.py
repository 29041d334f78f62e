"""Retrieval metrics over ranked answers. "Relevant" means: of the query's label.

Every function but :func:`ann_recall_at_k` takes whether the answer at each rank is relevant, best
first, shape (Q, N). All give one value in [0, 1] per query, shape (Q,). Equal distances are settled
before: answers come in the order of their ids (see indexer.evaluation.rank), so there are no ties
here. A query without a relevant answer gets 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Relevance = NDArray[np.bool_]
    PerQuery = NDArray[np.float64]


def precision_at_k(relevant: Relevance, k: int) -> PerQuery:
    """Share of the first ``k`` answers that are relevant; with fewer answers, of those there are.

    Manning, Raghavan, Schuetze, "Introduction to Information Retrieval", 2008, section 8.4.
    """
    shares: PerQuery = relevant[:, :k].mean(axis=1)
    return shares


def precision_at_1(relevant: Relevance) -> PerQuery:
    """1 where the first answer is relevant: the accuracy of the nearest neighbour."""
    return relevant[:, 0].astype(np.float64)


def recall_at_k(relevant: Relevance, k: int) -> PerQuery:
    """Share of all relevant answers that are among the first ``k``.

    With R relevant answers it is at most k / R (Manning et al., 2008, section 8.3).
    """
    return _ratio(relevant[:, :k].sum(axis=1), relevant.sum(axis=1))


def average_precision(relevant: Relevance) -> PerQuery:
    """Mean over the relevant answers of the precision at their ranks.

    The uninterpolated form (Manning et al., 2008, section 8.4), over complete rankings; the mean
    over queries is the mean average precision.
    """
    ranks = np.arange(1, relevant.shape[1] + 1)
    precisions = relevant.cumsum(axis=1) / ranks
    return _ratio((precisions * relevant).sum(axis=1), relevant.sum(axis=1))


def ndcg_at_k(relevant: Relevance, k: int) -> PerQuery:
    """Discounted gain of the first ``k`` answers over that of the best possible ranking.

    The normalised cumulated gain of Jarvelin and Kekalainen ("Cumulated gain-based evaluation of IR
    techniques", ACM TOIS 20(4), 2002) with gains 0 and 1 and the discount 1 / log2(rank + 1) that
    became usual since Burges et al. ("Learning to rank using gradient descent", ICML 2005).
    """
    depth = min(k, relevant.shape[1])
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    ideal = np.concatenate([[0.0], discounts.cumsum()])
    return _ratio(relevant[:, :depth] @ discounts, ideal[relevant.sum(axis=1).clip(max=depth)])


def reciprocal_rank(ranks: NDArray[np.intp]) -> PerQuery:
    """1 / rank of the one right answer; the mean over queries is the mean reciprocal rank.

    Voorhees, "The TREC-8 question answering track report", 1999.

    Args:
        ranks: from 1. Shape: (Q,).
    """
    values: PerQuery = 1 / ranks
    return values


def ann_recall_at_k(
    found: Sequence[Iterable[Hashable]], exact: Sequence[Iterable[Hashable]]
) -> PerQuery:
    """Share of the exact search's answers that another search found too.

    Not :func:`recall_at_k`: labels play no part in it, and neither does the order of the answers.
    What approximate search is judged by in Aumueller, Bernhardsson, Faithfull, "ANN-Benchmarks",
    Information Systems 87, 2020.

    Args:
        found: by query, the ids of its first k answers; Q queries.
        exact: the same of the exact search.

    Raises:
        ValueError: different numbers of queries, or one without an exact answer: nothing to find
            is no success.
    """
    shares = []
    for answers, right in zip(map(set, found), map(set, exact), strict=True):
        if not right:
            raise ValueError("a query has no exact answer, so there is nothing to judge by")
        shares.append(len(answers & right) / len(right))
    return np.array(shares)


def _ratio(parts: NDArray[np.generic], totals: NDArray[np.generic]) -> PerQuery:
    """``parts / totals``, 0 where the total is."""
    values: PerQuery = np.divide(parts, totals, out=np.zeros(len(parts)), where=totals > 0)  # type: ignore[operator]
    return values
