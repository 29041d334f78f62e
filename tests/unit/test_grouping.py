"""Groups: known clusters are found, named, judged and stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from indexer.cli import main
from indexer.errors import InvalidRequestError
from indexer.grouping import EXAMPLES, find_groups, store_groups
from indexer.groups import GroupingMethod, LabelShare, read_summary
from indexer.layout import DataFolder
from indexer.schema import IndexSpec, point_id
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.types import Distance, Point
from models.pooling import Pooling

SIZES = {Pooling.MAXPOOL: 8, Pooling.FLATTEN: 200}
IMAGES = {"cat": 40, "dog": 30, "eel": 20}


def spec() -> IndexSpec:
    return IndexSpec("pets", "model1", "a" * 64, 32, tuple(Distance), SIZES, "/pets", "/pets")


def points(*, labelled: bool = True, length: float = 1.0) -> list[Point]:
    """Three tight bundles of directions, one per kind; lengths vary and must not matter."""
    rng = np.random.default_rng(0)
    made = []
    for number, (kind, images) in enumerate(IMAGES.items()):
        for image in range(images):
            path = f"{kind}/{image:02}.jpg"
            vectors = {}
            for pooling, size in SIZES.items():
                middle = np.eye(size, dtype=np.float32)[number]
                spread = rng.normal(0, 0.3 / size**0.5, size).astype(np.float32)
                vectors[pooling] = (middle + spread) * np.float32(rng.uniform(1, 50) * length)
            payload = {"path": path, "label": kind if labelled else None, "bytes": image}
            made.append(Point(point_id("pets", path), vectors, payload))
    return made


def publish(store: VectorStore, made: list[Point]) -> None:
    with closing(store.writer(spec())) as writer:
        writer.upsert(made)
        writer.publish()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(data: Path) -> Iterator[VectorStore]:
    with closing(open_store(Settings(data))) as store:
        publish(store, points())
        yield store


@pytest.mark.parametrize("method", GroupingMethod)
@pytest.mark.parametrize("pooling", SIZES)
def test_groups_are_the_bundles_of_like_vectors_largest_first(
    store: VectorStore, method: GroupingMethod, pooling: Pooling
) -> None:
    found = find_groups(store, "pets", method=method, pooling=pooling)
    grouping = found.summary
    assert [(group.number, group.images, group.labels) for group in grouping.groups] == [
        (number, images, (LabelShare(kind, 1.0),))
        for number, (kind, images) in enumerate(IMAGES.items(), 1)
    ]
    assert [group.representative.path.split("/")[0] for group in grouping.groups] == list(IMAGES)
    assert (grouping.outside, len(found.members)) == (0, 90)
    assert grouping.silhouette is not None
    assert grouping.silhouette > 0.6
    assert grouping.agreement is not None
    assert grouping.agreement.adjusted_rand == pytest.approx(1)
    assert grouping.agreement.normalised_mutual_information == pytest.approx(1)
    assert grouping.agreement.images == 90


def test_a_given_number_of_groups_is_kept_and_the_agreement_falls(store: VectorStore) -> None:
    grouping = find_groups(store, "pets", count=7)
    assert len(grouping.summary.groups) == 7
    assert grouping.summary.agreement is not None
    kinds = {point.id: str(point.payload["label"]) for point in points()}
    expected = adjusted_rand_score(
        [kinds[i] for i in grouping.members], list(grouping.members.values())
    )
    assert grouping.summary.agreement.adjusted_rand == pytest.approx(expected)
    assert 0.2 < expected < 0.99


def test_images_far_from_all_others_are_in_no_group_of_hdbscan(store: VectorStore) -> None:
    stray = points()
    rng = np.random.default_rng(1)
    for number in range(4):
        path = f"stray/{number}.jpg"
        vectors = {p: rng.normal(0, 1, size).astype(np.float32) for p, size in SIZES.items()}
        stray.append(Point(point_id("pets", path), vectors, {"path": path, "label": None}))
    publish(store, stray)
    grouping = find_groups(store, "pets", method=GroupingMethod.HDBSCAN)
    assert (
        grouping.summary.outside >= 3
    )  # one at random may lie nearer to a group than its members do
    assert {point.id for point in points()} <= grouping.members.keys()


def test_without_labels_groups_are_named_by_their_representative_alone(data: Path) -> None:
    with closing(open_store(Settings(data))) as store:
        publish(store, points(labelled=False))
        grouping = find_groups(store, "pets").summary
    assert grouping.agreement is None
    assert {group.labels for group in grouping.groups} == {()}
    assert [group.representative.path.split("/")[0] for group in grouping.groups] == list(IMAGES)


def test_equal_seeds_give_equal_groups_whatever_the_length_of_vectors(
    store: VectorStore, tmp_path: Path
) -> None:
    first = find_groups(store, "pets", count=9, seed=3)
    assert find_groups(store, "pets", count=9, seed=3) == first
    with closing(open_store(Settings(tmp_path / "other"))) as other:
        publish(other, points(length=1000))
        assert dict(find_groups(other, "pets", seed=3).members) == dict(
            find_groups(store, "pets", seed=3).members
        )


def test_a_group_is_known_by_different_images_from_its_middle_to_its_edge(
    store: VectorStore,
) -> None:
    vectors = {point.payload["path"]: point.vectors[Pooling.FLATTEN] for point in points()}
    for group in find_groups(store, "pets").summary.groups:
        kind = group.representative.path.split("/")[0]
        inside = np.stack([v / np.linalg.norm(v) for p, v in vectors.items() if kind in str(p)])
        middle = inside.mean(axis=0)
        distances = [
            np.linalg.norm(vectors[one.path] / np.linalg.norm(vectors[one.path]) - middle)
            for one in group.examples
        ]
        assert len(set(group.examples)) == EXAMPLES
        assert {one.id for one in group.examples} == {
            point_id("pets", one.path) for one in group.examples
        }
        assert distances[0] < np.median(np.linalg.norm(inside - middle, axis=1)) < distances[-1]


def test_the_labels_of_a_mixed_group_come_with_their_shares_of_all_its_images(
    data: Path,
) -> None:
    names = ["ant", "bee", "bee", "cow", "dog", None]
    mixed = [
        replace(point, payload={**point.payload, "label": names[number % 6]})
        for number, point in enumerate(points()[:30])
    ]
    with closing(open_store(Settings(data))) as store:
        publish(store, mixed + points()[40:])
        groups = find_groups(store, "pets", count=3).summary.groups
    ants = next(group for group in groups if group.representative.path.startswith("cat"))
    assert [(one.label, round(one.share * 30)) for one in ants.labels] == [
        ("bee", 10),
        ("ant", 5),
        ("cow", 5),
    ]


def test_what_groups_are_like_is_kept_beside_the_index(store: VectorStore, data: Path) -> None:
    grouping = find_groups(store, "pets", method=GroupingMethod.HDBSCAN)
    file = DataFolder(data).groups("pets")
    assert read_summary(file) is None
    store_groups(store, grouping, DataFolder(data))
    kept = read_summary(file)
    assert kept is not None
    assert kept.stored_at is not None
    assert replace(kept, stored_at=None) == grouping.summary
    file.write_text('{"format": 1, "grouping": {}}')
    assert read_summary(file) is None
    assert main(["drop", "pets", "--data-dir", str(data)]) == 0
    assert not file.exists()


def test_stored_groups_are_in_the_payload_of_every_collection(
    store: VectorStore, data: Path
) -> None:
    grouping = find_groups(store, "pets")
    store_groups(store, grouping, DataFolder(data))
    before = {point.id: point.payload for point in points()}
    for distance in Distance:
        for record in store.scroll("pets", distance):
            assert record.payload == {**before[record.id], "group": grouping.members[record.id]}
    store_groups(store, find_groups(store, "pets", count=2), DataFolder(data))
    assert {record.payload["group"] for record in store.scroll("pets", Distance.COSINE)} == {1, 2}


def test_groups_of_another_state_of_the_index_are_not_stored(
    store: VectorStore, data: Path
) -> None:
    grouping = find_groups(store, "pets")
    with closing(store.writer(spec())) as writer:
        writer.delete([points()[0].id])
        writer.publish()
    with pytest.raises(InvalidRequestError, match="changed while it was grouped"):
        store_groups(store, grouping, DataFolder(data))
    assert read_summary(DataFolder(data).groups("pets")) is None
    assert all("group" not in record.payload for record in store.scroll("pets", Distance.COSINE))


@pytest.mark.parametrize(
    ("method", "count", "reason"),
    [
        (GroupingMethod.KMEANS, 91, "90 images; kmeans needs at least 91"),
        (GroupingMethod.KMEANS, 1, "1 groups: at least 2"),
        (GroupingMethod.HDBSCAN, 3, "3 groups: hdbscan finds their number itself"),
    ],
)
def test_what_cannot_be_grouped_is_refused(
    store: VectorStore, method: GroupingMethod, count: int, reason: str
) -> None:
    with pytest.raises(InvalidRequestError, match=reason):
        find_groups(store, "pets", method=method, count=count)


@pytest.mark.usefixtures("store")
def test_the_command_shows_and_stores_groups(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["group", "pets", "--data-dir", str(data)]
    assert main([*arguments, "--dry-run", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [group["images"] for group in shown["groups"]] == list(IMAGES.values())
    assert len(shown["members"]) == 90
    with closing(open_store(Settings(data))) as store:
        assert all("group" not in r.payload for r in store.scroll("pets", Distance.COSINE))
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert [line.split()[:4] for line in printed.out.splitlines()[1:]] == [
        [str(number), str(images), kind, "100%"]
        for number, (kind, images) in enumerate(IMAGES.items(), 1)
    ]
    assert "adjusted Rand index 1.000" in printed.err
    with closing(open_store(Settings(data))) as store:
        numbers = [record.payload["group"] for record in store.scroll("pets", Distance.COSINE)]
    assert sorted(numbers) == [1] * 40 + [2] * 30 + [3] * 20


def test_an_unknown_dataset_is_refused_in_one_line(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["group", "pets", "--data-dir", str(data)]) == 1
    assert "no index of dataset 'pets'" in capsys.readouterr().err
