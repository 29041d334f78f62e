"""Each way to rank is what its source says, beside one written out image by image."""

import json
from collections.abc import Callable
from statistics import mean

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from indexer.evaluation import rank, score_queries
from indexer.types import Distance
from models.pooling import Pooling
from scripts.studies import rankings
from scripts.studies.rankings import judged_rankings, orders
from scripts.studies.results import RESULTS

IMAGES, CHANNELS, CELLS = 14, 5, 4

Rows = NDArray[np.float64]
Ranking = Callable[[Tensor], Tensor]


@pytest.fixture
def unit() -> Tensor:
    flat = torch.randn(IMAGES, CHANNELS * CELLS, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.normalize(flat, dim=1)


def alike(ranking: Ranking) -> Tensor:
    return ranking(torch.arange(IMAGES))


def others(rows: Rows, query: int) -> list[int]:
    """The other images, nearest by the cosine first."""
    found = [image for image in range(IMAGES) if image != query]
    return sorted(found, key=lambda image: -float(rows[image] @ rows[query]))


def expanded(rows: Rows, query: int, count: int) -> Rows:
    total = rows[query].copy()
    for image in others(rows, query)[:count]:
        total += max(float(rows[image] @ rows[query]), 0.0) ** rankings.ALPHA * rows[image]
    grown: Rows = total / np.linalg.norm(total)
    return grown


def queries_expanded(rows: Rows, query: int, image: int) -> float:
    return float(expanded(rows, query, 3) @ rows[image])


def vectors_expanded(rows: Rows, query: int, image: int) -> float:
    return float(expanded(rows, query, 3) @ expanded(rows, image, 3))


def background_removed(rows: Rows, query: int, image: int) -> float:
    return float(rows[query] @ rows[image] - np.mean([row @ rows[image] for row in rows]))


def hubs_discounted(rows: Rows, query: int, image: int) -> float:
    near = [rows[other] @ rows[image] for other in others(rows, image)[: rankings.HUB_NEIGHBOURS]]
    return float(rows[query] @ rows[image] - np.mean(near) / 2)


@pytest.mark.parametrize(
    ("ranking", "slow"),
    [
        (lambda unit: rankings.expanded_queries(unit, 3), queries_expanded),
        (lambda unit: rankings.expanded_vectors(unit, 3), vectors_expanded),
        (rankings.less_background, background_removed),
        (rankings.less_hubs, hubs_discounted),
    ],
)
def test_a_ranking_equals_its_slow_twin(
    unit: Tensor, ranking: Callable[[Tensor], Ranking], slow: Callable[[Rows, int, int], float]
) -> None:
    rows = unit.double().numpy()
    expected = [[slow(rows, query, image) for image in range(IMAGES)] for query in range(IMAGES)]
    assert np.allclose(alike(ranking(unit)), expected, atol=1e-5)


def test_the_nearest_cells_decide_about_the_first_candidates(
    unit: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rankings, "RERANKED", 6)
    cells = torch.nn.functional.normalize(unit.reshape(IMAGES, CHANNELS, CELLS), dim=1)
    found = np.concatenate(list(orders(rankings.by_cells(unit, cells), np.arange(IMAGES))))
    rows, parts = unit.double().numpy(), cells.double().numpy().transpose(0, 2, 1)

    def by_cells(query: int, image: int) -> float:
        pairs = [[float(one @ other) for other in parts[image]] for one in parts[query]]
        forth = np.mean([max(row) for row in pairs])
        back = np.mean([max(column) for column in zip(*pairs, strict=True)])
        return -float(forth + back)

    for query, order in enumerate(found):
        first, rest = others(rows, query)[:6], others(rows, query)[6:]
        expected = sorted(first, key=lambda image, query=query: by_cells(query, image))
        assert order.tolist() == expected + rest


def test_a_ranking_by_the_cosine_is_that_of_the_evaluation(unit: Tensor) -> None:
    found = list(orders(lambda queries: unit[queries] @ unit.T, np.arange(IMAGES)))
    assert np.array_equal(np.concatenate(found), next(rank(unit.numpy(), Distance.COSINE)))


def test_every_ranking_is_judged_by_labels_as_vectors_are() -> None:
    labels = ["a", "b"] * 20
    side = torch.tensor([1.0, -1.0] * 20)[:, None]
    flat = side + 0.1 * torch.randn(40, 12, generator=torch.Generator().manual_seed(1))
    found = {Pooling.FLATTEN: flat.numpy(), Pooling.MAXPOOL: flat[:, :3].numpy()}
    perfect = score_queries(found[Pooling.FLATTEN], labels, Distance.COSINE, k=8).scores()
    assert perfect.mean_average_precision.value == 1.0
    judged = dict(judged_rankings(found, labels))
    assert len(judged) == 7
    assert {figures["precision_at_1"] for figures in judged.values()} == {1.0}
    assert {figures["mean_average_precision"] for figures in judged.values()} == {1.0}


@pytest.mark.parametrize("dataset", ["wildcats", "animals22", "corel5k", "artstyles7"])
def test_what_a_ranking_adds_is_within_the_interval_as_the_docs_say(dataset: str) -> None:
    rows = json.loads((RESULTS / f"embedding-{dataset}.json").read_text())["rows"]
    asked = [row for row in rows if (row["pooling"], row["distance"]) == ("flatten", "cosine")]
    plain = [row for row in asked if row["variant"] == "as it is"]
    highest = mean(row["precision_at_k"] + row["precision_at_k_interval"] for row in plain)
    ranked = {row["variant"] for row in asked if row["variant"].startswith("as it is, ")}
    assert len(ranked) == 7
    for variant in ranked:
        found = mean(row["precision_at_k"] for row in asked if row["variant"] == variant)
        assert found < highest
