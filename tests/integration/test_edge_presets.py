"""The presets as the embedded engine carries them out, each against an exact oracle.

The size classes are small here, so that a few hundred short vectors are "many" and "long".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.metrics import ann_recall_at_k
from indexer.schema import PAYLOAD_INDEXES, IndexSpec, point_id
from indexer.store import plan
from indexer.store.edge import EdgeStore
from indexer.store.presets import Graph, SearchPreset, SizeClasses
from indexer.types import Distance, Filter, Payload, Point
from indexer.vector_checks import stored_ann_recall
from models.pooling import Pooling

SHORT, LONG = 32, 64
SPEC = IndexSpec(
    dataset="pets",
    arch="model1",
    fingerprint="a" * 64,
    image_size=32,
    distances=(Distance.COSINE,),
    vector_sizes={Pooling.MAXPOOL: SHORT, Pooling.FLATTEN: LONG},
    source="/photos",
    root="/photos",
)
FEW, MANY, VERY_MANY = 300, 600, 1_200
CLASSES = SizeClasses(many=500, very_many=1_000, longest_graph=SHORT)
ROWS = {
    name: np.random.default_rng(size).standard_normal((VERY_MANY, size)).astype(np.float32)
    for name, size in SPEC.vector_sizes.items()
}
K = 8


@pytest.fixture
def store(data: Path) -> Iterator[EdgeStore]:
    with closing(EdgeStore(data, classes=CLASSES)) as store:
        yield store


def facts(number: int) -> Payload:
    """A payload whose fields are spread independently of one another."""
    return {
        "path": str(number),
        "label": (f"kind{number % 5}", None)[number % 7 == 0],
        "format": f"F{number % 40}",
        "width": 1 + number * 7 % 1_000,
        "height": 1_000,
    }


def publish(store: EdgeStore, count: int, rows: dict[Pooling, NDArray[np.float32]] = ROWS) -> None:
    """Bring the collection to the first ``count`` rows."""
    ids = [point_id("pets", str(number)) for number in range(VERY_MANY)]
    points = [
        Point(
            ids[number],
            {name: rows[name][number] for name in SPEC.vector_sizes},
            facts(number),
        )
        for number in range(count)
    ]
    with closing(store.writer(SPEC)) as writer:
        known = {record.id for record in writer.records()}
        writer.upsert([point for point in points if point.id not in known])
        writer.delete([point for point in ids[count:] if point in known])
        writer.publish()


def ask(store: EdgeStore, pooling: Pooling, number: int, **options: Any) -> list[tuple[int, float]]:
    vector = options.pop("vector", ROWS[pooling][number])
    hits = store.query(
        "pets", Distance.COSINE, pooling, vector, limit=options.pop("limit", K), **options
    )
    return [(int(str(hit.payload["path"])), hit.score) for hit in hits]


def right(
    pooling: Pooling, number: int, count: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    rows = ROWS[pooling][:count]
    scores = rows @ rows[number] / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows[number])
    order = np.argsort(-scores)[:K]
    return order, scores[order]


def passing(where: Filter, pooling: Pooling, number: int, count: int) -> list[int]:
    """What a filtered search has to answer."""
    order = np.argsort(-_cosines(ROWS[pooling][:count], ROWS[pooling][number]))
    return [found for found in order.tolist() if where.matches(facts(found))][:K]


def engine_files(data: Path, pattern: str) -> list[Path]:
    return sorted(data.rglob(pattern))


def graphs(data: Path) -> set[Pooling]:
    """Poolings whose vectors have links, in every segment that has an index."""
    links: dict[Pooling, set[int]] = {}
    for name in SPEC.vector_sizes:
        for path in engine_files(data, f"vector_index-{name}/hnsw_config.json"):
            links.setdefault(name, set()).add(json.loads(path.read_text())["m"])
    assert all(m <= {0} or m == {Graph().m} for m in links.values())
    return {name for name, m in links.items() if m == {Graph().m}}


def quantized(data: Path) -> set[str]:
    paths = engine_files(data, "quantized.data")
    return {path.parent.name.removeprefix("vector_storage-") for path in paths}


@pytest.mark.parametrize(
    ("count", "linked", "in_bytes"),
    [
        (FEW, set(), set()),
        (MANY, {Pooling.MAXPOOL}, set()),
        (VERY_MANY, {Pooling.MAXPOOL}, {Pooling.MAXPOOL}),
    ],
)
def test_graph_and_bytes_are_made_from_the_size_class_on_and_every_answer_is_right(
    store: EdgeStore, data: Path, count: int, linked: set[Pooling], in_bytes: set[Pooling]
) -> None:
    publish(store, count)
    assert (graphs(data), quantized(data)) == (linked, in_bytes)
    for pooling in SPEC.vector_sizes:
        for number in range(10):
            order, scores = right(pooling, number, count)
            hits = ask(store, pooling, number)
            assert [hit for hit, _ in hits] == order.tolist()
            # To six digits: these are the scores of the floats, not those of the bytes.
            assert [score for _, score in hits] == pytest.approx(scores.tolist(), abs=1e-6)


def test_a_collection_changes_its_preset_when_it_grows_and_when_it_shrinks(
    store: EdgeStore, data: Path
) -> None:
    seen = []
    for count in (FEW, MANY, VERY_MANY, MANY):
        publish(store, count)
        seen.append((graphs(data), quantized(data)))
        order, _ = right(Pooling.MAXPOOL, 0, count)
        assert [hit for hit, _ in ask(store, Pooling.MAXPOOL, 0)] == order.tolist()
    linked = {Pooling.MAXPOOL}
    assert seen == [(set(), set()), (linked, set()), (linked, linked), (linked, set())]


def test_points_that_come_to_a_graph_later_are_in_it_when_they_are_published(
    store: EdgeStore, data: Path
) -> None:
    publish(store, MANY)
    publish(store, MANY + 40)
    with store._lease(store._pointer("pets"), Distance.COSINE).use() as shard:
        assert shard.info().indexed_vectors_count == (MANY + 40) * len(SPEC.vector_sizes)
    assert graphs(data) == {Pooling.MAXPOOL}
    order, _ = right(Pooling.MAXPOOL, MANY + 39, MANY + 40)
    assert [hit for hit, _ in ask(store, Pooling.MAXPOOL, MANY + 39)] == order.tolist()


# --- the graph's width, and the way around it


def test_the_width_of_a_search_is_the_preset_s_and_an_exact_one_needs_none(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.store.edge_shard._FULL_SCAN_KB", 1)  # or so few are all compared
    rows = np.random.default_rng(0).standard_normal((2_000, 256)).astype(np.float32)
    order = [np.argsort(((rows - rows[number]) ** 2).sum(axis=1))[:K] for number in range(40)]
    spec = replace(SPEC, distances=(Distance.EUCLID,), vector_sizes={Pooling.MAXPOOL: 256})

    def recall(ef: int, *, exact: bool) -> float:
        narrow = SearchPreset(graph=Graph(ef=ef))
        monkeypatch.setattr(plan, "preset", lambda *_: narrow)
        found = [
            [
                int(str(hit.payload["path"]))
                for hit in store.query(
                    "pets", Distance.EUCLID, Pooling.MAXPOOL, row, limit=K, exact=exact
                )
            ]
            for row in rows[: len(order)]
        ]
        return float(ann_recall_at_k(found, order).mean())

    with closing(EdgeStore(data, classes=SizeClasses(many=500))) as store:
        with closing(store.writer(spec)) as writer:
            writer.upsert(
                [
                    Point(
                        point_id("pets", str(number)), {Pooling.MAXPOOL: row}, {"path": str(number)}
                    )
                    for number, row in enumerate(rows)
                ]
            )
            writer.publish()
        assert recall(1, exact=False) < recall(512, exact=False)
        assert recall(512, exact=False) >= 0.98
        assert recall(1, exact=True) == 1


# --- filters


@pytest.mark.parametrize("count", [FEW, MANY, VERY_MANY])
@pytest.mark.parametrize("pooling", SPEC.vector_sizes)
def test_filters_act_inside_every_way_to_search(
    store: EdgeStore, count: int, pooling: Pooling
) -> None:
    publish(store, count)
    for where in (
        Filter(labels=("kind1",)),
        Filter(labels=("", "kind2"), min_side=500),
        Filter(formats=("F3",)),
        Filter(labels=("kind3",), formats=("F3", "F4"), min_side=200),
    ):
        for number in range(5):
            coarse = ROWS[Pooling.MAXPOOL][number]
            hits = [hit for hit, _ in ask(store, pooling, number, coarse=coarse, where=where)]
            assert hits == passing(where, pooling, number, count), where


def test_points_that_a_filter_leaves_out_take_no_places_of_candidates(store: EdgeStore) -> None:
    rows = misled()
    publish(store, VERY_MANY, rows)
    coarse = rows[Pooling.MAXPOOL][0]
    where = Filter(formats=tuple(f"F{number}" for number in range(1, 20)))
    hits = [hit for hit, _ in ask(store, Pooling.FLATTEN, 0, coarse=coarse, where=where)]
    first = [
        number
        for number in np.argsort(-_cosines(rows[Pooling.MAXPOOL], coarse)).tolist()
        if where.matches(facts(number))
    ][:500]
    assert hits == [number for number in _by_flatten(rows) if number in set(first)][:K]


@pytest.fixture
def graph_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine walks the graph however few points a filter leaves."""
    monkeypatch.setattr("indexer.store.edge_shard._FULL_SCAN_KB", 1)


TWO_NARROW_ONES = Filter(labels=("kind1",), formats=("F1", "F6", "F21"), min_side=600)


@pytest.mark.usefixtures("graph_only")
def test_a_graph_keeps_its_recall_where_a_filter_leaves_few_of_its_points(
    store: EdgeStore,
) -> None:
    publish(store, MANY)
    found = [
        [hit for hit, _ in ask(store, Pooling.MAXPOOL, number, where=TWO_NARROW_ONES)]
        for number in range(40)
    ]
    expected = [passing(TWO_NARROW_ONES, Pooling.MAXPOOL, number, MANY) for number in range(40)]
    assert ann_recall_at_k(found, expected).mean() >= 0.98


@pytest.mark.usefixtures("graph_only")
def test_no_place_stays_empty_where_a_filter_cuts_a_graph_into_pieces(
    store: EdgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a collection that is older than the index: the engine cannot tell how many pass.
    with monkeypatch.context() as older:
        older.setattr("indexer.store.edge_shard.PAYLOAD_INDEXES", {})
        publish(store, VERY_MANY)
    for number in range(40):
        hits = [
            hit for hit, _ in ask(store, Pooling.MAXPOOL, number, where=Filter(formats=("F3",)))
        ]
        assert len(hits) == K


def test_an_older_collection_gets_the_indexes_it_lacks_with_its_next_change(
    store: EdgeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr("indexer.store.edge_shard.PAYLOAD_INDEXES", {"label": "keyword"})
        publish(store, 10)
    publish(store, 11)
    with store._lease(store._pointer("pets"), Distance.COSINE).use() as shard:
        assert set(shard.info().payload_schema) == set(PAYLOAD_INDEXES)


# --- two stages


def misled() -> dict[Pooling, NDArray[np.float32]]:
    """Rows of which number 0 is asked, number 1 is nearest by flatten, and farthest by maxpool."""
    rows = {name: values.copy() for name, values in ROWS.items()}
    rows[Pooling.FLATTEN][1] = rows[Pooling.FLATTEN][0] + 0.01
    rows[Pooling.MAXPOOL][1] = -rows[Pooling.MAXPOOL][0]
    return rows


def test_the_second_stage_sees_what_the_first_lets_through_unless_asked_exactly(
    store: EdgeStore,
) -> None:
    rows = misled()
    publish(store, VERY_MANY, rows)
    coarse = rows[Pooling.MAXPOOL][0]

    def found(**options: Any) -> list[int]:
        return [hit for hit, _ in ask(store, Pooling.FLATTEN, 0, **options)]

    everywhere = found(exact=True, coarse=coarse)
    assert everywhere[:2] == [0, 1]
    assert found() == everywhere
    passed = np.argsort(-_cosines(rows[Pooling.MAXPOOL], coarse))[:500]
    among = [number for number in _by_flatten(rows) if number in set(passed.tolist())]
    assert found(coarse=coarse) == among[:K]
    assert 1 not in among[:K]


def _cosines(rows: NDArray[np.float32], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    cosines: NDArray[np.float32] = rows @ vector / np.linalg.norm(rows, axis=1)
    return cosines


def _by_flatten(rows: dict[Pooling, NDArray[np.float32]]) -> Sequence[int]:
    flatten = rows[Pooling.FLATTEN]
    order: list[int] = np.argsort(-_cosines(flatten, flatten[0])).tolist()
    return order


def test_two_stages_give_the_scores_of_the_long_vectors(store: EdgeStore) -> None:
    publish(store, VERY_MANY)
    exact = dict(ask(store, Pooling.FLATTEN, 5, limit=VERY_MANY, exact=True))
    for hit, score in ask(store, Pooling.FLATTEN, 5, coarse=ROWS[Pooling.MAXPOOL][5]):
        assert score == pytest.approx(exact[hit], abs=1e-6)


def test_excluded_points_do_not_take_the_places_of_candidates(store: EdgeStore) -> None:
    rows = misled()
    publish(store, VERY_MANY, rows)
    coarse = rows[Pooling.MAXPOOL][0]
    first = np.argsort(-_cosines(rows[Pooling.MAXPOOL], coarse))
    leading, following = first[:500].tolist(), set(first[500:1_000].tolist())
    exclude = [point_id("pets", str(number)) for number in leading]
    found = [hit for hit, _ in ask(store, Pooling.FLATTEN, 0, coarse=coarse, exclude=exclude)]
    assert found == [number for number in _by_flatten(rows) if number in following][:K]


def test_many_hits_widen_the_first_stage_until_all_are_compared(store: EdgeStore) -> None:
    rows = misled()
    publish(store, VERY_MANY, rows)
    hits = ask(store, Pooling.FLATTEN, 0, coarse=rows[Pooling.MAXPOOL][0], limit=100)
    assert [hit for hit, _ in hits] == _by_flatten(rows)[:100]


@pytest.mark.parametrize("distance", Distance)
def test_two_stages_work_under_both_distances(data: Path, distance: Distance) -> None:
    spec = replace(SPEC, distances=(distance,))
    flatten = np.abs(ROWS[Pooling.FLATTEN])
    rows = {Pooling.FLATTEN: flatten, Pooling.MAXPOOL: flatten.reshape(-1, SHORT, 2).max(axis=2)}
    with closing(EdgeStore(data, classes=CLASSES)) as store:
        with closing(store.writer(spec)) as writer:
            writer.upsert(
                [
                    Point(
                        point_id("pets", str(number)),
                        {name: values[number] for name, values in rows.items()},
                        {"path": str(number)},
                    )
                    for number in range(VERY_MANY)
                ]
            )
            writer.publish()
        found, exact = (
            [
                [
                    hit.id
                    for hit in store.query(
                        "pets",
                        distance,
                        Pooling.FLATTEN,
                        flatten[number],
                        limit=K,
                        exact=exactly,
                        coarse=rows[Pooling.MAXPOOL][number],
                    )
                ]
                for number in range(50)
            ]
            for exactly in (False, True)
        )
    assert [hits[0] for hits in found] == [point_id("pets", str(n)) for n in range(50)]
    assert ann_recall_at_k(found, exact).mean() >= 0.98


def test_what_verify_measures_of_long_vectors_is_the_search_in_two_stages(
    store: EdgeStore,
) -> None:
    publish(store, VERY_MANY)  # the two kinds of vector have nothing to do with each other here
    sample = list(store.scroll("pets", Distance.COSINE))[:40]

    def recall(pooling: Pooling) -> float:
        return stored_ann_recall(store, "pets", pooling, Distance.COSINE, sample, k=K)

    assert recall(Pooling.MAXPOOL) >= 0.98
    assert recall(Pooling.FLATTEN) < 0.7
