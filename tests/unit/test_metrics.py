"""Metrics agree with scikit-learn and with slow oracles, on many random cases."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, ndcg_score

from indexer.metrics import (
    ann_recall_at_k,
    average_precision,
    ndcg_at_k,
    precision_at_1,
    precision_at_k,
    recall_at_k,
    reciprocal_rank,
)

SEEDS = range(60)


def random_case(seed: int) -> tuple[NDArray[np.bool_], int]:
    """Relevance of any shape and density, rows without a relevant answer included, and a depth."""
    rng = np.random.default_rng(seed)
    queries, answers = rng.integers(1, 20), rng.integers(2, 40)
    relevant = rng.random((queries, answers)) < rng.choice([0.02, 0.2, 0.5, 1.0])
    return relevant, int(rng.integers(1, answers + 5))


@pytest.mark.parametrize("seed", SEEDS)
def test_metrics_at_k_equal_counting(seed: int) -> None:
    relevant, k = random_case(seed)
    for row, precision, first, recall in zip(
        relevant.tolist(),
        precision_at_k(relevant, k),
        precision_at_1(relevant),
        recall_at_k(relevant, k),
        strict=True,
    ):
        found = sum(row[:k])
        assert precision == pytest.approx(found / min(k, len(row)))
        assert first == row[0]
        assert recall == pytest.approx(found / sum(row) if any(row) else 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_equals_scikit_learns(seed: int) -> None:
    relevant, _ = random_case(seed)
    scores = -np.arange(relevant.shape[1])
    expected = [average_precision_score(row, scores) if row.any() else 0 for row in relevant]
    assert average_precision(relevant) == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_ndcg_equals_scikit_learns(seed: int) -> None:
    relevant, k = random_case(seed)
    scores = -np.arange(relevant.shape[1])
    expected = [ndcg_score([row], [scores], k=k, ignore_ties=True) for row in relevant * 1]
    assert ndcg_at_k(relevant, k) == pytest.approx(expected)


def test_ndcg_of_a_case_worked_out_by_hand() -> None:
    relevant = np.array([[0, 1, 1, 0, 1]], dtype=bool)
    found = 1 / math.log2(3) + 1 / math.log2(4)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at_k(relevant, 3) == pytest.approx([found / ideal])


def test_the_metrics_of_the_best_ranking_are_one() -> None:
    relevant = np.array([[1, 1, 1, 0, 0]], dtype=bool)
    for values in (
        precision_at_k(relevant, 3),
        precision_at_1(relevant),
        recall_at_k(relevant, 3),
        average_precision(relevant),
        ndcg_at_k(relevant, 4),
    ):
        assert values == pytest.approx([1.0])


def test_without_a_relevant_answer_every_metric_is_zero() -> None:
    none = np.zeros((1, 5), dtype=bool)
    for values in (recall_at_k(none, 3), average_precision(none), ndcg_at_k(none, 3)):
        assert values.tolist() == [0.0]


def test_reciprocal_rank() -> None:
    assert reciprocal_rank(np.array([1, 2, 4])).tolist() == [1.0, 0.5, 0.25]


def test_ann_recall_is_the_share_of_exact_answers_found_whatever_their_order() -> None:
    exact = [["a", "b", "c", "d"], ["e", "f", "g", "h"], ["i"]]
    found = [["d", "c", "b", "a"], ["e", "x", "g"], ["y", "z"]]
    assert ann_recall_at_k(found, exact).tolist() == [1.0, 0.5, 0.0]
    assert ann_recall_at_k(np.array([[1, 2], [3, 9]]), np.array([[2, 1], [3, 4]])).tolist() == [
        1.0,
        0.5,
    ]


@pytest.mark.parametrize(
    ("found", "exact"), [([[1]], [[]]), ([[1]], [[1], [2]]), ([[1], [2]], [[1]])]
)
def test_ann_recall_of_nothing_is_refused(found: list[list[int]], exact: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"nothing to judge by|argument"):
        ann_recall_at_k(found, exact)
