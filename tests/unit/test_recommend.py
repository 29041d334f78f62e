"""The recommended pair and the reason given for it."""

import numpy as np
import pytest

from indexer.bootstrap import Verdict
from indexer.recommend import Contender, recommend
from indexer.types import Distance
from models.pooling import Pooling

BASE = np.random.default_rng(0).random(100)


def pair(pooling: Pooling, distance: Distance, more: float = 0.0) -> Contender:
    size = 8 if pooling is Pooling.MAXPOOL else 128
    return Contender("model", pooling, distance, size, BASE + more)


def baseline(more: float) -> Contender:
    return Contender("raw pixels", None, Distance.COSINE, 12, BASE + more)


def test_the_pair_that_is_shown_to_be_best_is_taken() -> None:
    pairs = [pair(p, d) for p in Pooling for d in Distance][:-1]
    found = recommend([*pairs, pair(Pooling.FLATTEN, Distance.EUCLID, 0.1)], [], metric="P")
    assert (found.pooling, found.distance) == (Pooling.FLATTEN, Distance.EUCLID)
    assert found.difference is not None
    assert found.difference.verdict is Verdict.BETTER
    assert "Take flatten euclid: best P" in found.reason
    assert "+0.100 [+0.100, +0.100] beside" in found.reason


def test_without_a_difference_the_smallest_is_taken() -> None:
    pairs = [pair(p, d) for p in reversed(Pooling) for d in reversed(Distance)]
    found = recommend(pairs, [], metric="P")
    assert (found.pooling, found.distance) == (Pooling.MAXPOOL, Distance.COSINE)
    assert "No difference in P that the data can show: take maxpool cosine" in found.reason


def test_a_small_pair_that_is_shown_to_be_worse_is_not_taken() -> None:
    pairs = [
        pair(Pooling.MAXPOOL, Distance.COSINE, -0.1),
        pair(Pooling.FLATTEN, Distance.COSINE),
        pair(Pooling.FLATTEN, Distance.EUCLID),
    ]
    found = recommend(pairs, [], metric="P")
    assert (found.pooling, found.distance) == (Pooling.FLATTEN, Distance.COSINE)
    assert found.next_best == "flatten euclid"


@pytest.mark.parametrize(
    ("more", "verdict", "words"),
    [
        (-0.1, Verdict.BETTER, "It is better than the best baseline"),
        (0.1, Verdict.WORSE, "But a baseline is better"),
        (0.0, Verdict.NO_DIFFERENCE, "But the data show no difference to the best baseline"),
    ],
)
def test_the_best_baseline_is_named(more: float, verdict: Verdict, words: str) -> None:
    only = pair(Pooling.MAXPOOL, Distance.COSINE)
    found = recommend([only], [baseline(-0.5), baseline(more)], metric="P")
    assert found.above_baseline is not None
    assert found.above_baseline.verdict is verdict
    assert found.difference is None
    assert words in found.reason
