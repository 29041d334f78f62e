"""Rankings, who asks, and what the scores are of."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from indexer import evaluation
from indexer.errors import NoLabelsError
from indexer.evaluation import (
    QUERY_BLOCK,
    leave_one_out,
    rank,
    recall_by_stem,
    score_queries,
)
from indexer.types import Distance


def slow_scores(
    vectors: NDArray[np.float32], labels: list[str | None], distance: Distance, k: int
) -> dict[str, float]:
    """Means of precision, recall and average precision, query by query in plain Python."""
    if distance is Distance.COSINE:
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    values: dict[str, list[float]] = {"precision": [], "recall": [], "average_precision": []}
    for query, label in enumerate(labels):
        others = [image for image in range(len(labels)) if image != query]
        if label is None or label not in [labels[image] for image in others]:
            continue
        others.sort(key=lambda image, query=query: np.sum((vectors[image] - vectors[query]) ** 2))
        relevant = [labels[image] == label for image in others]
        values["precision"].append(sum(relevant[:k]) / len(relevant[:k]))
        values["recall"].append(sum(relevant[:k]) / sum(relevant))
        ranks = [i for i, right in enumerate(relevant) if right]
        values["average_precision"].append(
            sum(sum(relevant[: i + 1]) / (i + 1) for i in ranks) / len(ranks)
        )
    return {name: float(np.mean(each)) for name, each in values.items()}


@pytest.mark.parametrize("distance", Distance)
@pytest.mark.parametrize("seed", range(10))
def test_scores_equal_a_slow_oracle(
    seed: int, distance: Distance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "QUERY_BLOCK", 7)
    rng = np.random.default_rng(seed)
    images, k = int(rng.integers(10, 40)), int(rng.integers(1, 12))
    vectors = rng.normal(size=(images, 4)).astype(np.float32)
    labels = rng.choice(np.array(["a", "b", "c", None], dtype=object), images).tolist()
    scores = leave_one_out(vectors, labels, distance, k=k)
    expected = slow_scores(vectors, labels, distance, k)
    assert scores.precision_at_k.value == pytest.approx(expected["precision"])
    assert scores.recall_at_k.value == pytest.approx(expected["recall"])
    assert scores.mean_average_precision.value == pytest.approx(expected["average_precision"])


@pytest.mark.parametrize("distance", Distance)
def test_ranking_equals_scikit_learns_neighbours(distance: Distance) -> None:
    vectors = np.random.default_rng(1).random((QUERY_BLOCK + 20, 6), dtype=np.float32)
    metric = "cosine" if distance is Distance.COSINE else "euclidean"
    search = NearestNeighbors(n_neighbors=len(vectors), metric=metric, algorithm="brute")
    order = search.fit(vectors.astype(np.float64)).kneighbors(vectors, return_distance=False)
    expected = np.array([row[row != i] for i, row in enumerate(order)])
    assert np.mean(np.concatenate(list(rank(vectors, distance))) == expected) > 0.999


@pytest.mark.parametrize("distance", Distance)
def test_chosen_queries_are_ranked_as_among_all(distance: Distance) -> None:
    vectors = np.random.default_rng(2).integers(0, 3, (300, 4)).astype(np.float32) + 1
    chosen = np.arange(0, 300, 7)
    every = np.concatenate(list(rank(vectors, distance)))
    assert np.mean(np.concatenate(list(rank(vectors, distance, chosen))) == every[chosen]) > 0.99


def test_equal_distances_come_in_the_order_of_the_images() -> None:
    vectors = np.ones((40, 2), dtype=np.float32)
    orders = np.concatenate(list(rank(vectors, Distance.EUCLID)))
    assert orders.tolist() == [[i for i in range(40) if i != query] for query in range(40)]


@pytest.mark.parametrize("distance", Distance)
def test_two_clear_groups_are_found_perfectly(distance: Distance) -> None:
    vectors = np.array([[3, 0], [4, 0.1], [0, 3], [0.1, 4]], dtype=np.float32)
    scores = leave_one_out(vectors, ["a", "a", "b", "b"], distance, k=1)
    assert scores.precision_at_1.value == scores.mean_average_precision.value == 1.0
    assert scores.precision_at_k.value == scores.ndcg_at_k.value == scores.recall_at_k.value == 1.0
    assert scores.queries == 4


@pytest.mark.parametrize("without", [None, "_distractors", ""])
def test_images_without_a_label_are_neither_queries_nor_relevant(without: str | None) -> None:
    vectors = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)
    scores = leave_one_out(vectors, [without, "a", without, "a"], Distance.COSINE, k=1)
    assert scores.queries == 2
    assert scores.precision_at_k.value == 0.0


def test_an_image_alone_with_its_label_does_not_ask() -> None:
    scored = score_queries(
        np.eye(4, dtype=np.float32), ["a", "alone", "a", None], Distance.COSINE, k=1
    )
    assert scored.queries.tolist() == [0, 2]
    assert scored.labels == ("a", "a")


@pytest.mark.parametrize("labels", [[None, None, None], ["a", "b", None], ["_x", "_x", "_x"]])
def test_without_two_images_of_a_label_there_is_nothing_to_judge(labels: list[str | None]) -> None:
    with pytest.raises(NoLabelsError, match="no two images share a label"):
        leave_one_out(np.eye(3, dtype=np.float32), labels, Distance.COSINE, k=1)


def test_labels_are_judged_apart() -> None:
    vectors = np.array([[0], [1], [10], [30], [11]], dtype=np.float32)
    scored = score_queries(vectors, ["a", "a", "b", "b", None], Distance.EUCLID, k=1)
    by_label = scored.by_label()
    assert {label: s.precision_at_k.value for label, s in by_label.items()} == {"a": 1, "b": 0}
    assert scored.scores().precision_at_k.value == 0.5
    assert [scores.queries for scores in by_label.values()] == [2, 2]


def test_recall_is_given_by_the_name_of_the_file_to_be_found() -> None:
    # Originals at 0 and 100; the flipped copies lie near them, the crops behind a distractor.
    vectors = np.array([[0], [1], [9], [100], [101], [140], [5], [120]], dtype=np.float32)
    labels = ["x", "x", "x", "y", "y", "y", "_d", "_d"]
    stems = ["original", "flip", "crop", "original", "flip", "crop", "0", "1"]
    asking = np.array([stem == "original" for stem in stems])
    scored = score_queries(vectors, labels, Distance.EUCLID, k=2, asking=asking)
    recalls = recall_by_stem(scored, labels, stems)
    assert scored.queries.tolist() == [0, 3]
    assert {stem: recall.value for stem, recall in recalls.items()} == {"crop": 0.0, "flip": 1.0}
    assert scored.scores().recall_at_k.value == 0.5
