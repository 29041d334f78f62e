"""Intervals and verdicts: known answers, and the coverage that 95 % promises."""

import numpy as np
import pytest

from indexer import bootstrap
from indexer.bootstrap import Verdict, compare, estimate


def test_the_interval_is_the_slow_bootstraps() -> None:
    values = np.random.default_rng(3).random(50)
    rng = np.random.default_rng(4)
    means = sorted(rng.choice(values, 50).mean() for _ in range(20_000))
    found = estimate({"x": values})["x"]
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(means[500], abs=0.01)
    assert found.high == pytest.approx(means[19_500], abs=0.01)


def test_the_interval_covers_the_truth_in_about_95_of_100_samples() -> None:
    rng = np.random.default_rng(5)
    found = [estimate({"x": rng.random(80) < 0.3})["x"] for _ in range(200)]
    assert 0.90 <= np.mean([each.low <= 0.3 <= each.high for each in found]) <= 0.99


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(6).random(30)
    assert estimate({"x": values}) == estimate({"x": values})


def test_blocks_of_resamples_leave_the_interval_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"x": np.random.default_rng(7).random(40), "y": np.arange(40.0)}
    whole = estimate(values)
    monkeypatch.setattr(bootstrap, "_DRAWS", 130)
    blocks = estimate(values)
    assert [blocks[name].low for name in values] == pytest.approx(
        [whole[name].low for name in values]
    )


def test_equal_values_have_no_width() -> None:
    found = estimate({"x": np.full(9, 0.5)})["x"]
    assert (found.value, found.low, found.high, found.half_width) == pytest.approx(
        (0.5, 0.5, 0.5, 0.0)
    )


def test_verdicts_are_of_the_paired_difference() -> None:
    rng = np.random.default_rng(8)
    first = rng.random(200)
    better = first + rng.normal(0.02, 0.05, 200)
    # Far from shown without the pairing: the spread of the values is ten times the difference.
    assert compare(better, first).verdict is Verdict.BETTER
    assert compare(first, better).verdict is Verdict.WORSE
    assert compare(first, rng.permutation(first)).verdict is Verdict.NO_DIFFERENCE
    assert compare(first, first).verdict is Verdict.NO_DIFFERENCE


def test_a_difference_is_taken_query_by_query() -> None:
    first, second = np.random.default_rng(9).random((2, 50))
    assert compare(first, second).difference == estimate({"x": first - second})["x"]


def test_a_difference_whose_interval_holds_zero_is_none() -> None:
    noise = np.random.default_rng(10).normal(0, 1, 100)
    noise += 0.05 - noise.mean()
    assert compare(noise, np.zeros(100)).difference.value == pytest.approx(0.05)
    assert compare(noise, np.zeros(100)).verdict is Verdict.NO_DIFFERENCE
    assert compare(-noise, np.zeros(100)).verdict is Verdict.NO_DIFFERENCE


def test_other_queries_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="3 queries beside 4"):
        compare(np.ones(3), np.ones(4))
