"""What every VectorStore does. A back end joins by an entry in tests/back_ends.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from indexer.errors import (
    CollectionBusyError,
    DatasetNotIndexedError,
    InvalidRequestError,
    StoreError,
    VectorSizeError,
)
from indexer.schema import IndexSpec, point_id
from indexer.settings import KEY_VARIABLE
from indexer.store import VectorStore
from indexer.types import Distance, Filter, Point
from models.pooling import Pooling
from models.sources import EVERY_IMAGE, SourceOptions
from tests.back_ends import BACK_ENDS, KEY, NO_EFFECT_IN_MEMORY, BackEnd, back_end

REPOSITORY = Path(__file__).parents[2]
SIZES = {Pooling.MAXPOOL: 2, Pooling.FLATTEN: 4}
ALL_SIZES = SIZES | {p: 3 + i for i, p in enumerate(Pooling) if p not in SIZES}
BOTH = tuple(Distance)


pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]


@pytest.fixture(params=BACK_ENDS)
def chosen(request: pytest.FixtureRequest, data: Path) -> Iterator[BackEnd]:
    with back_end(request.param, data) as chosen:
        yield chosen


@pytest.fixture
def make_store(chosen: BackEnd) -> Callable[[], VectorStore]:
    return chosen.open


@pytest.fixture
def elsewhere(chosen: BackEnd) -> tuple[str, ...]:
    """Arguments of ``open_back_end`` for another process."""
    if chosen.arguments is None:
        pytest.skip(f"{chosen.name}: no other process can see it")
    return chosen.arguments


@pytest.fixture
def store(make_store: Callable[[], VectorStore]) -> Iterator[VectorStore]:
    with closing(make_store()) as store:
        yield store


def spec(dataset: str = "pets", fingerprint: str = "a", **changes: object) -> IndexSpec:
    made = IndexSpec(
        dataset=dataset,
        arch="model1",
        fingerprint=fingerprint * 64,
        image_size=32,
        distances=BOTH,
        vector_sizes=SIZES,
        source="/photos",
        root="/photos",
    )
    return replace(made, **changes)


def point(name: str, *maxpool: float, flatten: tuple[float, ...] = (1, 2, 3, 4)) -> Point:
    vectors = {
        Pooling.MAXPOOL: np.array(maxpool or (1, 1), np.float32),
        Pooling.FLATTEN: np.array(flatten, np.float32),
    }
    payload = {"path": name, "label": "cat", "dataset": "pets", "width": 4, "norm_maxpool": 0.5}
    return Point(point_id("pets", name), vectors, payload)


def ident(name: str) -> UUID:
    return point_id("pets", name)


def publish(store: VectorStore, *points: Point, of: IndexSpec | None = None) -> None:
    with closing(store.writer(of or spec())) as writer:
        writer.upsert(points)
        writer.publish()


def query(
    store: VectorStore,
    *vector: float,
    distance: Distance = Distance.COSINE,
    pooling: Pooling = Pooling.MAXPOOL,
    limit: int = 10,
    exclude: tuple[UUID, ...] = (),
    dataset: str = "pets",
) -> list[tuple[str, float]]:
    hits = store.query(
        dataset, distance, pooling, np.array(vector, np.float32), limit=limit, exclude=exclude
    )
    return [(str(hit.payload["path"]), hit.score) for hit in hits]


def paths(store: VectorStore, dataset: str = "pets") -> list[str]:
    return sorted(str(r.payload["path"]) for r in store.scroll(dataset, Distance.COSINE))


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process, with this module's helpers at hand."""
    head = (
        "import sys; from pathlib import Path; from tests.contract.test_store import *\n"
        "from tests.back_ends import open_back_end\n"
        "data, *server = sys.argv[1:]; store = open_back_end(Path(data), *server)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", head + code, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), KEY_VARIABLE: KEY},
        stdout=subprocess.PIPE,
        text=True,
    )


# --- search


def test_cosine_hits_come_with_the_most_similar_first(store: VectorStore) -> None:
    publish(store, point("across", 0, 3), point("same", 5, 0), point("between", 1, 1))
    hits = query(store, 2, 0)
    assert [name for name, _ in hits] == ["same", "between", "across"]
    assert [score for _, score in hits] == pytest.approx([1, 0.5**0.5, 0], abs=1e-6)


def test_euclid_hits_come_with_the_nearest_first_and_true_distances(store: VectorStore) -> None:
    publish(store, point("far", 3, 4), point("here", 0.5, 0), point("near", 1, 0))
    hits = query(store, 0.5, 0, distance=Distance.EUCLID)
    assert [name for name, _ in hits] == ["here", "near", "far"]
    assert [score for _, score in hits] == pytest.approx([0, 0.5, (2.5**2 + 4**2) ** 0.5])


def test_each_named_vector_is_searched_by_itself(store: VectorStore) -> None:
    publish(
        store,
        point("a", 1, 0, flatten=(0, 0, 0, 1)),
        point("b", 0, 1, flatten=(1, 0, 0, 0)),
    )
    assert query(store, 1, 0)[0][0] == "a"
    assert query(store, 1, 0, 0, 0, pooling=Pooling.FLATTEN)[0][0] == "b"


def test_excluded_points_make_room_for_others(store: VectorStore) -> None:
    publish(store, point("a", 1, 0), point("b", 1, 1), point("c", 0, 1))
    hits = query(store, 1, 0, limit=2, exclude=(ident("a"),))
    assert [name for name, _ in hits] == ["b", "c"]


def test_equal_scores_are_ordered_by_id_wherever_the_list_is_cut(store: VectorStore) -> None:
    names = [f"copy{number}" for number in range(60)]
    publish(store, *(point(name, 1, 1) for name in names))
    by_id = sorted(names, key=ident)
    for limit in (3, 20, 60):
        assert [name for name, _ in query(store, 1, 1, limit=limit)] == by_id[:limit]


@pytest.mark.parametrize("distance", Distance)
def test_an_exact_question_is_answered_like_a_comparison_with_every_vector(
    store: VectorStore, distance: Distance
) -> None:
    rows = np.random.default_rng(3).standard_normal((400, 2)).astype(np.float32)
    publish(store, *(point(f"p{number}", *row) for number, row in enumerate(rows)))
    asked, others = rows[0].astype(np.float64), rows.astype(np.float64)
    if distance is Distance.COSINE:
        cosines = others @ asked / np.linalg.norm(others, axis=1) / np.linalg.norm(asked)
        expected = np.argsort(-cosines)[:5]
    else:
        expected = np.argsort(np.linalg.norm(others - asked, axis=1))[:5]
    hits = store.query("pets", distance, Pooling.MAXPOOL, rows[0], limit=5, exact=True)
    assert [hit.payload["path"] for hit in hits] == [f"p{number}" for number in expected]


@pytest.mark.parametrize("distance", Distance)
def test_a_coarse_vector_changes_no_answer_of_a_small_collection(
    store: VectorStore, distance: Distance
) -> None:
    rows = np.random.default_rng(4).random((50, 4), np.float32)
    publish(store, *(point(f"p{number}", flatten=tuple(row)) for number, row in enumerate(rows)))
    ask = partial(store.query, "pets", distance, Pooling.FLATTEN, rows[0], limit=5)
    misleading = np.array((1, -1), np.float32)
    assert ask(coarse=misleading) == ask() == ask(exact=True, coarse=misleading)


def test_a_query_of_the_wrong_size_or_without_values_is_refused(store: VectorStore) -> None:
    publish(store, point("a"))
    for vector in ((1, 2, 3), (0, 0), (float("nan"), 1)):
        with pytest.raises(StoreError, match="query"):
            query(store, *vector)


def test_vectors_as_long_as_the_study_s_are_stored_and_found(store: VectorStore) -> None:
    sizes = {Pooling.MAXPOOL: 2, Pooling.FLATTEN: 25_088}
    rows = np.random.default_rng(0).random((3, 25_088), np.float32)
    points = [point(f"p{number}", flatten=tuple(row)) for number, row in enumerate(rows)]
    publish(store, *points, of=spec(vector_sizes=sizes))
    assert query(store, *rows[1], pooling=Pooling.FLATTEN)[0][0] == "p1"


# --- filters


FILTERS = (
    Filter(),
    Filter(labels=("cat",)),
    Filter(labels=("cat", "dog")),
    Filter(labels=("",)),
    Filter(labels=("", "dog")),
    Filter(formats=("PNG",)),
    Filter(formats=("PNG", "WEBP")),
    Filter(groups=(2,)),
    Filter(groups=(0, 3)),
    Filter(groups=(0,)),
    Filter(min_side=64),
    Filter(labels=("cat", ""), formats=("JPEG",), groups=(0, 1, 2), min_side=32),
    Filter(labels=("dog",), formats=("WEBP",), groups=(3,), min_side=96),
    Filter(labels=("bird",)),
    Filter(min_side=10_000),
)


def varied_points(count: int) -> list[Point]:
    """Points of every kind that a filter tells apart: with and without label and group."""
    random = np.random.default_rng(5)
    points = []
    for number in range(count):
        plain = point(f"p{number}", *random.standard_normal(2))
        facts = {
            "label": random.choice(np.array(["cat", "dog", None, "nothing"])),
            "format": str(random.choice(["JPEG", "PNG", "WEBP"])),
            "group": int(random.integers(0, 4)),
            "width": int(random.integers(1, 128)),
            "height": int(random.integers(1, 128)),
        }
        absent = {name for name, nothing in (("label", "nothing"), ("group", 0))
                  if facts[name] == nothing}  # fmt: skip
        payload = {name: value for name, value in facts.items() if name not in absent}
        kept = {name: value for name, value in plain.payload.items() if name not in absent}
        points.append(replace(plain, payload=kept | payload))
    return points


def nearest_by_hand(points: list[Point], distance: Distance, asked: np.ndarray) -> list[Point]:
    """All of them, the nearest first."""
    rows = np.array([one.vectors[Pooling.MAXPOOL] for one in points], np.float64).reshape(-1, 2)
    apart = rows - asked
    if distance is Distance.COSINE:
        apart = rows / np.linalg.norm(rows, axis=1, keepdims=True) - asked / np.linalg.norm(asked)
    return [points[index] for index in np.argsort(np.linalg.norm(apart, axis=1))]


@pytest.mark.parametrize("distance", Distance)
def test_a_filter_lets_through_what_it_matches_and_leaves_no_place_empty(
    store: VectorStore, distance: Distance
) -> None:
    points = varied_points(200)
    publish(store, *points)
    asked = np.array((1, 2), np.float32)
    first = nearest_by_hand(points, distance, asked)[0]
    counts = set()
    for where in FILTERS:
        passing = [one for one in points if where.matches(one.payload) and one is not first]
        expected = [one.id for one in nearest_by_hand(passing, distance, asked)]
        counts.add(len(passing))
        for limit, exact in ((8, False), (8, True), (200, False)):
            hits = store.query(
                "pets",
                distance,
                Pooling.MAXPOOL,
                asked,
                limit=limit,
                exclude=[first.id],
                exact=exact,
                where=where,
            )
            assert [hit.id for hit in hits] == expected[:limit], where
    assert {0, 199} < counts
    assert len(counts) > 8, "the filters let different numbers through"


# --- reading back


def test_records_come_back_in_the_order_asked_without_the_unknown(store: VectorStore) -> None:
    publish(store, point("a"), point("b"))
    found = store.retrieve(
        "pets", Distance.EUCLID, [ident("b"), ident("unknown"), ident("a")], with_vectors=True
    )
    assert [record.payload["path"] for record in found] == ["b", "a"]
    assert found[0].payload == point("b").payload
    assert found[0].vectors[Pooling.FLATTEN].tolist() == [1, 2, 3, 4]


def test_cosine_vectors_come_back_with_unit_length(store: VectorStore) -> None:
    publish(store, point("a", 3, 4))
    [record] = store.retrieve("pets", Distance.COSINE, [ident("a")], with_vectors=True)
    assert record.vectors[Pooling.MAXPOOL] == pytest.approx([0.6, 0.8])


def test_scroll_gives_every_record_once_ordered_by_id(store: VectorStore) -> None:
    names = [f"image{number}" for number in range(2_300)]
    publish(store, *(point(name) for name in names))
    ids = [record.id for record in store.scroll("pets", Distance.COSINE)]
    assert ids == sorted(map(ident, names))


# --- writing


def test_upsert_replaces_a_point_and_delete_removes_it(store: VectorStore) -> None:
    publish(store, point("a", 1, 0), point("b", 0, 1))
    with closing(store.writer(spec())) as writer:
        writer.upsert([point("a", 0, 7)])
        writer.delete([ident("b"), ident("unknown")])
        assert writer.publish().images == 1
    for distance in BOTH:
        assert query(store, 0, 7, distance=distance) == [
            ("a", 1.0 if distance is Distance.COSINE else 0.0)
        ]


def test_payload_fields_are_set_beside_the_others_and_vectors_stay(store: VectorStore) -> None:
    publish(store, point("a", 3, 4), point("b", 4, 3), point("c", 1, 0))
    with closing(store.writer(spec())) as writer:
        writer.set_payload([ident("a"), ident("c")], {"group": 2, "label": "dog"})
        writer.set_payload([ident("a")], {"group": None})
        writer.set_payload([], {"group": 7})
        assert all("group" not in r.payload for r in store.scroll("pets", Distance.COSINE))
        writer.publish()
    for distance in BOTH:
        found = store.retrieve("pets", distance, [ident(name) for name in "abc"], with_vectors=True)
        changes = ({"label": "dog"}, {}, {"group": 2, "label": "dog"})
        for record, change in zip(found, changes, strict=True):
            assert record.payload == {**point(str(record.payload["path"])).payload, **change}
    assert query(store, 3, 4, distance=Distance.EUCLID)[0] == ("a", 0.0)


def test_readers_see_nothing_before_publish_and_everything_after(store: VectorStore) -> None:
    publish(store, point("a"))
    with closing(store.writer(spec())) as writer:
        writer.upsert([point("b")])
        writer.delete([ident("a")])
        assert paths(store) == ["a"]
        writer.publish()
        assert paths(store) == ["b"]


def test_another_reader_sees_a_publish_at_its_next_question(
    make_store: Callable[[], VectorStore],
) -> None:
    with closing(make_store()) as one, closing(make_store()) as other:
        publish(one, point("a"))
        assert paths(other) == ["a"]
        publish(one, point("b"))
        assert paths(other) == ["a", "b"]


def test_publish_without_a_change_only_renews_the_description(store: VectorStore) -> None:
    publish(store, point("a"))
    publish(store, of=spec(source="/moved", root="/moved"))
    info = store.describe("pets")
    assert (info.source, info.root, info.images) == ("/moved", "/moved", 1)
    assert paths(store) == ["a"]


def test_a_writer_sees_what_it_has_written_so_far(store: VectorStore) -> None:
    asked = np.array((2, 0), np.float32)
    with closing(store.writer(spec())) as writer:
        assert writer.retrieve(Distance.EUCLID, [ident("a")]) == []
        assert writer.query(Distance.EUCLID, Pooling.MAXPOOL, asked, limit=3) == []
        writer.upsert([point("a", 1, 0), point("b", 0, 3)])
        found = writer.retrieve(Distance.EUCLID, [ident("b"), ident("none"), ident("a")])
        assert [one.vectors[Pooling.MAXPOOL].tolist() for one in found] == [[0, 3], [1, 0]]
        hits = writer.query(Distance.EUCLID, Pooling.MAXPOOL, asked, limit=1)
        assert [(hit.payload["path"], hit.score) for hit in hits] == [("a", 1)]
        writer.publish()
    with closing(store.writer(spec())) as writer:  # and what it starts from
        hits = writer.query(Distance.EUCLID, Pooling.MAXPOOL, asked, limit=1)
        assert [(hit.payload["path"], hit.score) for hit in hits] == [("a", 1)]
        assert len(writer.retrieve(Distance.COSINE, [ident("a"), ident("b")])) == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (point("a", 1, float("nan")), "not finite"),
        (point("a", 1, float("inf")), "not finite"),
        (point("a", 0, 0), "all zero"),
        (point("a", 1, 2, 3), "shape"),
        (replace(point("a"), vectors={Pooling.MAXPOOL: np.ones(2, np.float32)}), "no flatten"),
    ],
)
def test_vectors_that_cannot_be_compared_are_refused(
    store: VectorStore, bad: Point, reason: str
) -> None:
    with closing(store.writer(spec())) as writer:
        with pytest.raises(StoreError, match=reason):
            writer.upsert([point("fine"), bad])
        assert list(writer.records()) == []


def test_vectors_beyond_a_server_s_limit_are_refused_with_their_size(store: VectorStore) -> None:
    with pytest.raises(VectorSizeError, match=r"flatten.*65537.*65536"):
        store.writer(spec(vector_sizes={Pooling.MAXPOOL: 2, Pooling.FLATTEN: 65_537}))


# --- further named vectors


def full_point(name: str, *, nearest: Pooling) -> Point:
    """A point with every pooling there is; (1, 0, ...) is like its vector of ``nearest`` alone."""
    vectors = {}
    for pooling, size in ALL_SIZES.items():
        vector = np.zeros(size, np.float32)
        vector[0 if pooling is nearest else 1] = 2
        vectors[pooling] = vector
    payload = {"path": name} | {f"norm_{pooling}": 2.0 for pooling in ALL_SIZES}
    return Point(point_id("pets", name), vectors, payload)


@pytest.mark.parametrize("distance", Distance)
def test_every_pooling_is_stored_read_back_and_searched_by_its_name(
    store: VectorStore, distance: Distance
) -> None:
    points = [full_point(f"like {pooling}", nearest=pooling) for pooling in ALL_SIZES]
    publish(store, *points, of=spec(vector_sizes=ALL_SIZES))
    assert store.describe("pets").vector_sizes == ALL_SIZES
    for pooling, size in ALL_SIZES.items():
        asked = (1.0, *[0.0] * (size - 1))
        assert query(store, *asked, pooling=pooling, distance=distance)[0][0] == f"like {pooling}"
    [record] = store.retrieve("pets", Distance.EUCLID, [points[0].id], with_vectors=True)
    assert record.payload == points[0].payload
    assert {name: vector.tolist() for name, vector in record.vectors.items()} == {
        name: vector.tolist() for name, vector in points[0].vectors.items()
    }


@pytest.mark.parametrize("pooling", [pooling for pooling in Pooling if pooling not in SIZES])
def test_a_pooling_that_is_not_stored_is_refused_with_those_that_are(
    store: VectorStore, pooling: Pooling
) -> None:
    publish(store, point("a"))
    with pytest.raises(InvalidRequestError, match=f"no {pooling} vectors, only maxpool, flatten"):
        query(store, 1, 1, pooling=pooling)


@pytest.mark.parametrize("pooling", Pooling)
def test_no_vector_may_be_missing_or_too_long(store: VectorStore, pooling: Pooling) -> None:
    whole = full_point("a", nearest=pooling)
    vectors = {name: vector for name, vector in whole.vectors.items() if name is not pooling}
    with (
        closing(store.writer(spec(vector_sizes=ALL_SIZES))) as writer,
        pytest.raises(StoreError, match=f"no {pooling} vector"),
    ):
        writer.upsert([replace(whole, vectors=vectors)])
    with pytest.raises(VectorSizeError, match=rf"{pooling}.*65537.*65536"):
        store.writer(spec(vector_sizes=ALL_SIZES | {pooling: 65_537}))


@pytest.mark.parametrize(("old", "new"), [(SIZES, ALL_SIZES), (ALL_SIZES, SIZES)])
def test_other_poolings_start_empty_and_replace_the_old_only_at_publish(
    store: VectorStore, old: dict[Pooling, int], new: dict[Pooling, int]
) -> None:
    def points(name: str, sizes: dict[Pooling, int]) -> Point:
        made = full_point(name, nearest=Pooling.MAXPOOL)
        return replace(made, vectors={pooling: made.vectors[pooling] for pooling in sizes})

    publish(store, points("old", old), of=spec(vector_sizes=old))
    with closing(store.writer(spec(vector_sizes=new))) as writer:
        assert list(writer.records()) == []
        writer.upsert([points("new", new)])
        assert paths(store) == ["old"]
        assert query(store, 1, 0) == [("old", 1.0)]
    with closing(store.writer(spec(vector_sizes=new))) as writer:
        assert [record.payload["path"] for record in writer.records()] == ["new"]
        writer.publish()
    assert store.describe("pets").vector_sizes == new
    assert query(store, 1, 0) == [("new", 1.0)]


# --- what survives


def test_unpublished_work_is_there_for_the_next_writer(store: VectorStore) -> None:
    publish(store, point("a"))
    with closing(store.writer(spec())) as writer:
        writer.upsert([point("b")])
        writer.delete([ident("a")])
    assert paths(store) == ["a"]
    with closing(store.writer(spec())) as writer:
        assert [record.payload["path"] for record in writer.records()] == ["b"]
        writer.publish()
    assert paths(store) == ["b"]


def test_points_acknowledged_to_a_killed_writer_are_there_for_the_next(
    store: VectorStore, elsewhere: tuple[str, ...]
) -> None:
    publish(store, point("a"))
    code = """
writer = store.writer(spec())
for number in range(1000):
    writer.upsert([point(f"p{number}")])
    print(number, flush=True)
"""
    with run_python(code, *elsewhere) as process:
        assert process.stdout is not None
        acknowledged = [int(process.stdout.readline()) for _ in range(25)]
        process.send_signal(signal.SIGKILL)
    assert paths(store) == ["a"]
    with closing(store.writer(spec())) as writer:
        found = {record.payload["path"] for record in writer.records()}
        assert found >= {"a", *(f"p{number}" for number in acknowledged)}
        writer.publish()
    assert set(paths(store)) == found


def test_work_for_another_index_is_not_continued(store: VectorStore) -> None:
    with closing(store.writer(spec(fingerprint="b"))) as writer:
        writer.upsert([point("old")])
    with closing(store.writer(spec())) as writer:
        assert list(writer.records()) == []
    with closing(store.writer(spec(fingerprint="b"))) as writer:
        assert list(writer.records()) == []


def test_a_second_writer_is_refused_and_told_who_writes(
    store: VectorStore, make_store: Callable[[], VectorStore]
) -> None:
    with (
        closing(store.writer(spec())),
        closing(make_store()) as other,
        pytest.raises(CollectionBusyError, match=f"'pets'.*process {os.getpid()}"),
    ):
        other.writer(spec())
    with closing(store.writer(spec())):
        pass


def test_drop_is_refused_while_the_dataset_is_written(store: VectorStore) -> None:
    publish(store, point("a"))
    with closing(store.writer(spec())), pytest.raises(CollectionBusyError):
        store.drop("pets")
    assert paths(store) == ["a"]


def test_two_processes_take_turns_in_reading(
    store: VectorStore, elsewhere: tuple[str, ...]
) -> None:
    publish(store, *(point(f"p{number}") for number in range(50)))
    code = """
import time
until = time.time() + 1.5
number = 0
while time.time() < until:
    assert len(query(store, 1, 1)) == 10
    number += 1
    if number == 1:
        print("started", flush=True)
print(number)
"""
    with run_python(code, *elsewhere) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        for _ in range(5):
            assert len(query(store, 1, 1)) == 10
        rest, _ = process.communicate()
    assert process.returncode == 0
    assert int(rest) > 1


# --- several indexes


def test_another_checkpoint_starts_empty_and_replaces_the_old_only_at_publish(
    store: VectorStore,
) -> None:
    publish(store, point("a"))
    wider = {Pooling.MAXPOOL: 3, Pooling.FLATTEN: 4}
    with closing(store.writer(spec(fingerprint="b", vector_sizes=wider))) as writer:
        assert list(writer.records()) == []
        writer.upsert([point("b", 1, 2, 3)])
        assert store.describe("pets").checkpoint == "model1-aaaaaaaa"
        assert query(store, 1, 1)[0][0] == "a"
        writer.publish()
    assert store.describe("pets").checkpoint == "model1-bbbbbbbb"
    assert query(store, 1, 2, 3)[0][0] == "b"


def test_a_distance_can_be_left_out_and_added_again(store: VectorStore) -> None:
    publish(store, point("a"))
    publish(store, of=spec(distances=(Distance.COSINE,)))
    assert store.describe("pets").distances == (Distance.COSINE,)
    with pytest.raises(DatasetNotIndexedError, match="no euclid collection, only cosine"):
        query(store, 1, 1, distance=Distance.EUCLID)
    with closing(store.writer(spec())) as writer:
        assert list(writer.records()) == []
        writer.upsert([point("a")])
        writer.publish()
    assert query(store, 1, 1, distance=Distance.EUCLID) == [("a", 0.0)]


@pytest.mark.parametrize("labels", [None, "/lists/käfer.csv"])
def test_what_is_taken_of_a_source_is_kept_until_a_sync_says_otherwise(
    store: VectorStore, make_store: Callable[[], VectorStore], labels: str | None
) -> None:
    taken = SourceOptions(("raw/", "!raw/ä*.png"), labels)
    publish(store, point("a"), of=spec(source_options=taken))
    with closing(make_store()) as other:
        assert other.describe("pets").source_options == taken
        assert [info.source_options for info in other.datasets()] == [taken]
        assert IndexSpec.of(other.describe("pets")) == spec(source_options=taken)
        publish(store)
        assert other.describe("pets").source_options == EVERY_IMAGE
        assert query(other, 1, 1)[0][0] == "a"
    assert paths(store) == ["a"]


def test_datasets_are_listed_by_name_with_what_they_are(store: VectorStore) -> None:
    publish(store, point("a"), of=spec("zoo"))
    publish(store, point("a"), point("b"))
    pets, zoo = store.datasets()
    assert (pets.name, zoo.name) == ("pets", "zoo")
    assert pets == store.describe("pets")
    assert pets.images == 2
    assert pets.vector_sizes == SIZES
    assert pets.collections == ("pets__model1-aaaaaaaa__cosine", "pets__model1-aaaaaaaa__euclid")


def test_an_unknown_dataset_is_answered_with_those_that_exist(store: VectorStore) -> None:
    with pytest.raises(DatasetNotIndexedError, match=r"'dogs'.*nothing is indexed.*sync"):
        store.describe("dogs")
    publish(store, point("a"))
    publish(store, point("a"), of=spec("zoo"))
    for ask in (
        lambda: store.describe("dogs"),
        lambda: query(store, 1, 1, dataset="dogs"),
        lambda: store.retrieve("dogs", Distance.COSINE, [ident("a")]),
        lambda: list(store.scroll("dogs", Distance.COSINE)),
        lambda: store.drop("dogs"),
    ):
        with pytest.raises(DatasetNotIndexedError, match=r"'dogs'.*indexed: pets, zoo"):
            ask()


def test_drop_removes_one_dataset_and_no_other(store: VectorStore) -> None:
    publish(store, point("a"))
    publish(store, point("b"), of=spec("pets-2"))
    assert store.drop("pets") == ("pets__model1-aaaaaaaa__cosine", "pets__model1-aaaaaaaa__euclid")
    assert [info.name for info in store.datasets()] == ["pets-2"]
    assert paths(store, "pets-2") == ["b"]
    publish(store, point("c"))
    assert paths(store) == ["c"]


def test_threads_ask_at_the_same_time(store: VectorStore) -> None:
    from concurrent.futures import ThreadPoolExecutor

    publish(store, *(point(f"p{number}") for number in range(50)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: query(store, 1, 1), range(64)))
    assert all(answer == answers[0] for answer in answers)
