"""Metrics and rankings agree with scikit-learn and with known answers."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors

from indexer.errors import NoLabelsError
from indexer.evaluation import QUERY_BLOCK, leave_one_out, rank
from indexer.metrics import average_precision, precision_at_k
from indexer.types import Distance


def test_precision_at_k_counts_the_first_k() -> None:
    relevant = np.array([[1, 0, 1, 1], [0, 0, 0, 1]], dtype=bool)
    assert precision_at_k(relevant, 2).tolist() == [0.5, 0.0]
    assert precision_at_k(relevant, 10).tolist() == [0.75, 0.25]


def test_average_precision_equals_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    relevant = rng.random((40, 30)) < 0.2
    relevant[:, 0] |= ~relevant.any(axis=1)
    scores = -np.arange(30)
    expected = [average_precision_score(row, scores) for row in relevant]
    assert average_precision(relevant) == pytest.approx(expected)


def test_average_precision_without_a_relevant_answer_is_zero() -> None:
    assert average_precision(np.zeros((1, 5), dtype=bool)).tolist() == [0.0]


@pytest.mark.parametrize("distance", Distance)
def test_ranking_equals_scikit_learns_neighbours(distance: Distance) -> None:
    vectors = np.random.default_rng(1).random((QUERY_BLOCK + 20, 6), dtype=np.float32)
    metric = "cosine" if distance is Distance.COSINE else "euclidean"
    search = NearestNeighbors(n_neighbors=len(vectors), metric=metric, algorithm="brute")
    order = search.fit(vectors.astype(np.float64)).kneighbors(vectors, return_distance=False)
    expected = np.array([row[row != i] for i, row in enumerate(order)])
    assert np.mean(np.concatenate(list(rank(vectors, distance))) == expected) > 0.999


@pytest.mark.parametrize("distance", Distance)
def test_two_clear_groups_are_found_perfectly(distance: Distance) -> None:
    vectors = np.array([[3, 0], [4, 0.1], [0, 3], [0.1, 4]], dtype=np.float32)
    scores = leave_one_out(vectors, ["a", "a", "b", "b"], distance, k=1)
    assert (scores.precision_at_k, scores.mean_average_precision) == (1.0, 1.0)
    assert scores.queries == 4


def test_images_without_a_label_are_neither_queries_nor_relevant() -> None:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)
    scores = leave_one_out(vectors, [None, "a", None, "a"], Distance.COSINE, k=1)
    assert scores.queries == 2
    assert scores.precision_at_k == 0.0


@pytest.mark.parametrize("labels", [[None, None, None], ["a", "b", None]])
def test_without_two_images_of_a_label_there_is_nothing_to_judge(labels: list[str | None]) -> None:
    with pytest.raises(NoLabelsError, match="no two images share a label"):
        leave_one_out(np.eye(3, dtype=np.float32), labels, Distance.COSINE, k=1)
