"""Three ways to find neighbours: what they choose from, and how they are judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from indexer.types import Distance
from models.pooling import Pooling
from scripts import neighbours_page
from scripts.benchmarks.neighbour_ways import (
    Clusters,
    Comparison,
    Exact,
    HashTables,
    Walk,
    finders,
)
from scripts.benchmarks.neighbours import K, judge

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Ten heaps far apart, of thirty vectors each."""
    random = np.random.default_rng(0)
    centres = 40 * random.standard_normal((10, 16))
    return (np.repeat(centres, 30, axis=0) + random.standard_normal((300, 16))).astype(np.float32)


LABELS = [f"heap{number // 30}" for number in range(300)]


def test_exact_neighbours_are_those_of_a_slow_comparison(rows: np.ndarray) -> None:
    exact = Exact(rows)
    for number in (0, 31, 299):
        apart = [float(((row - rows[number]) ** 2).sum()) for row in rows]
        expected = sorted(set(range(300)) - {number}, key=lambda each: apart[each])[:K]
        assert Comparison(rows).nearest(number, exact.candidates(number), K).tolist() == expected


def test_fewer_candidates_give_fewer_neighbours_and_never_the_query(rows: np.ndarray) -> None:
    compare = Comparison(rows).nearest
    assert sorted(compare(5, np.array([5, 9, 7]), K).tolist()) == [7, 9]
    assert compare(5, np.array([9, 7, 11]), 2).size == 2
    assert compare(5, np.array([5]), K).size == 0


def test_a_hash_bucket_holds_the_query_and_what_is_like_it(rows: np.ndarray) -> None:
    twice = np.concatenate([rows, rows])
    tables = HashTables(twice, bits=10, tables=5, centred=False)
    for number in range(0, 300, 37):
        assert {number, number + 300} <= set(tables.candidates(number).tolist())


def test_more_tables_and_flips_compare_more_and_longer_hashes_less() -> None:
    rows = np.random.default_rng(1).standard_normal((300, 16)).astype(np.float32)

    def compared(**settings: int) -> float:
        made = HashTables(rows, centred=True, **settings)
        return float(np.mean([len(made.candidates(number)) for number in range(300)]))

    usual = compared(bits=8, tables=2)
    assert compared(bits=8, tables=6) > usual
    assert compared(bits=8, tables=2, flips=1) > usual
    assert compared(bits=16, tables=2) < usual


def test_a_cluster_holds_what_is_like_the_query_and_all_clusters_hold_all(
    rows: np.ndarray,
) -> None:
    twice = np.concatenate([rows, rows])
    clusters = Clusters(twice, clusters=10)
    for number in range(300):
        chosen = set(clusters.candidates(number).tolist())
        assert {number, number + 300} <= chosen
        assert len(chosen) < 600
    everything = Clusters(twice, clusters=10, probes=10)
    assert sorted(everything.candidates(0).tolist()) == list(range(600))


def test_a_walk_finds_nearly_all(rows: np.ndarray) -> None:
    walk = Walk(rows, depth=K + 1)
    assert 0 in walk.candidates(0)
    assert len(walk.candidates(0)) == K + 1


def test_every_way_is_judged_beside_the_exact_one(rows: np.ndarray) -> None:
    judged = list(judge(rows, LABELS, Pooling.MAXPOOL, Distance.EUCLID, asked=1_000))
    assert [row.way for row in judged] == [setting.way for setting, _ in finders(rows, K)]
    assert {row.way for row in judged if row.original} == {
        "nearest neighbours",
        "LSH",
        "k-means",
    }
    exact = judged[0]
    assert exact.precision_at_8 == exact.ann_recall_at_8 == exact.compared == 1
    for row in judged:
        assert 0 <= row.ann_recall_at_8 <= 1
        assert row.precision_at_8 <= 1
        assert row.bytes > 0 or row is exact


def test_places_that_stay_empty_count_as_wrong() -> None:
    apart = np.eye(16, dtype=np.float32) * np.linspace(1, 9, 16, dtype=np.float32)[:, None]
    judged = list(
        judge(np.tile(apart, (4, 1)), ["same"] * 64, Pooling.MAXPOOL, Distance.EUCLID, asked=1_000)
    )
    lsh = next(row for row in judged if row.way == "LSH" and row.original)
    assert judged[0].precision_at_8 == 1
    assert lsh.precision_at_8 < 1


def test_the_page_is_what_its_script_writes_of_what_was_measured() -> None:
    files = sorted(DOCS.glob("results/neighbours-*.json"))
    contents = [json.loads(file.read_text()) for file in files]
    assert len(contents) >= 2
    assert (DOCS / "neighbours.md").read_text() == neighbours_page.page(contents)
