"""The catalogue against slow answers from the records themselves."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import zip_longest
from typing import Any, cast
from uuid import UUID

import numpy as np
import pytest

from indexer.catalogue import Catalogue, Catalogues
from indexer.errors import StoreError
from indexer.schema import point_id
from indexer.types import DatasetInfo, Distance, Filter, Order, Record
from models.pooling import Pooling

FILTERS = (
    Filter(),
    Filter(labels=("cat",)),
    Filter(labels=("", "dog")),
    Filter(labels=("unknown",)),
    Filter(formats=("PNG", "unknown")),
    Filter(groups=(0, 2)),
    Filter(min_side=40),
    Filter(labels=("cat", ""), formats=("JPEG",), groups=(0, 1, 3), min_side=20),
)


def records(count: int) -> list[Record]:
    """Varied ones, ordered by id as a store gives them; sizes and times come several times."""
    random = np.random.default_rng(8)
    made = []
    for number in range(count):
        path = f"{random.integers(0, 1_000):03}/{number}.jpg"
        payload = {
            "path": path,
            "label": ("cat", "dog", None)[random.integers(0, 3)],
            "format": ("JPEG", "PNG")[random.integers(0, 2)],
            "width": int(random.integers(1, 8)) * 10,
            "height": int(random.integers(1, 8)) * 10,
            "mtime": 1_700_000_000_000_000_000 + int(random.integers(0, 40)),
        }
        if random.integers(0, 4):
            payload["group"] = int(random.integers(1, 4))
        made.append(Record(point_id("pets", path), payload))
    return sorted(made, key=lambda record: record.id)


RECORDS = records(300)

KEYS: dict[Order, Callable[[Record], Any]] = {
    Order.NAME: lambda record: record.payload["path"],
    Order.NEWEST: lambda record: (-record.payload["mtime"], record.payload["path"]),
    Order.OLDEST: lambda record: (record.payload["mtime"], record.payload["path"]),
    Order.LARGEST: lambda record: (-pixels(record), record.payload["path"]),
    Order.SMALLEST: lambda record: (pixels(record), record.payload["path"]),
    Order.SHUFFLED: lambda record: record.id,
    Order.MIXED: lambda record: (turn(record), record.payload["label"] or ""),
}


def turn(record: Record) -> int:
    """How many of its label come before it."""
    label = record.payload["label"]
    return sum(one.payload["label"] == label and one.id < record.id for one in RECORDS)


def pixels(record: Record) -> int:
    return int(record.payload["width"]) * int(record.payload["height"])


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(iter(RECORDS))


@pytest.mark.parametrize("order", Order)
def test_a_page_is_a_part_of_all_that_pass_in_their_order(
    catalogue: Catalogue, order: Order
) -> None:
    for where in FILTERS:
        passing = [record for record in RECORDS if where.matches(record.payload)]
        ids = [record.id for record in sorted(passing, key=KEYS[order])]
        for offset, limit in ((0, 7), (3, 100), (0, 200), (len(ids) - 2, 50)):
            expected = ids[offset : offset + limit] if offset >= 0 else []
            found = catalogue.page(where=where, order=order, offset=offset, limit=limit)
            assert found == (expected, len(ids)), (where, offset)


@pytest.mark.parametrize("offset", [-1, -300, 300, 10**12])
def test_a_page_before_the_first_or_after_the_last_image_is_empty(
    catalogue: Catalogue, offset: int
) -> None:
    assert catalogue.page(order=Order.NAME, offset=offset, limit=5) == ([], len(RECORDS))


def test_labels_formats_and_groups_are_counted_in_order(catalogue: Catalogue) -> None:
    def counted(field: str) -> Counter[Any]:
        return Counter(record.payload.get(field) for record in RECORDS)

    labels, formats, groups = catalogue.labels(), catalogue.formats(), catalogue.groups()
    assert [one.label for one in labels] == [None, "cat", "dog"]
    assert [one.format for one in formats] == ["JPEG", "PNG"]
    assert [one.group for one in groups] == [None, 1, 2, 3]
    assert {one.label: one.images for one in labels} == counted("label")
    assert {one.format: one.images for one in formats} == counted("format")
    assert {one.group: one.images for one in groups} == counted("group")


@pytest.mark.parametrize("count", [1, 5, 200, 1_000])
def test_a_sample_takes_one_of_each_label_in_turn(catalogue: Catalogue, count: int) -> None:
    by_label: dict[str, list[UUID]] = {}
    for record in RECORDS:
        by_label.setdefault(str(record.payload["label"] or ""), []).append(record.id)
    turns = zip_longest(*(by_label[label] for label in sorted(by_label)))
    expected = [one for turn in turns for one in turn if one is not None]
    assert catalogue.spread(count) == expected[:count]


def test_a_dataset_without_images_has_nothing_to_show() -> None:
    empty = Catalogue(iter(()))
    assert len(empty) == 0
    assert (empty.labels(), empty.formats(), empty.groups()) == ((), (), ())
    assert empty.page(where=FILTERS[-1], order=Order.LARGEST, offset=0, limit=9) == ([], 0)
    assert empty.spread(3) == []


def test_a_catalogue_keeps_few_bytes_an_image_and_no_paths() -> None:
    catalogue = Catalogue(iter(RECORDS))
    for order in Order:
        catalogue.page(order=order, offset=0, limit=1)
    kept = catalogue._table.nbytes + sum(rows.nbytes for rows in catalogue._orders.values())
    assert kept <= 108 * len(RECORDS)
    assert "/" not in str(catalogue.__dict__)


# --- one for each published state

INFO = DatasetInfo(
    name="pets",
    images=len(RECORDS),
    checkpoint="model1-aaaaaaaa",
    arch="model1",
    fingerprint="a" * 64,
    image_size=32,
    distances=(Distance.EUCLID, Distance.COSINE),
    vector_sizes={Pooling.MAXPOOL: 2},
    collections=(),
    source="/photos",
    root="/photos",
    synced_at="2026-01-01T00:00:00+00:00",
    engine="fake",
)


class Store:
    """Publishes ``generation``; ``during`` is called while it is read."""

    def __init__(self) -> None:
        self.generation = 1
        self.scrolls = 0
        self.during: Callable[[], None] = lambda: None

    def describe(self, dataset: str) -> DatasetInfo:
        return replace(INFO, name=dataset, generation=self.generation)

    def scroll(self, dataset: str, distance: Distance) -> Iterator[Record]:
        assert (dataset, distance) == ("pets", Distance.EUCLID)
        self.scrolls += 1
        shown = self.generation
        self.during()
        return iter(RECORDS[: 10 * shown])

    def publish(self) -> None:
        self.generation += 1


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def catalogues(store: Store) -> Catalogues:
    return Catalogues(cast("Any", store))


def test_a_state_is_read_once_and_the_next_one_again(store: Store, catalogues: Catalogues) -> None:
    assert catalogues.of("pets") is catalogues.of("pets")
    assert store.scrolls == 1
    store.publish()
    assert len(catalogues.of("pets")) == 20
    assert store.scrolls == 2


def test_threads_that_ask_at_once_share_one_reading(store: Store, catalogues: Catalogues) -> None:
    together = threading.Barrier(8)

    def ask(_: int) -> Catalogue:
        together.wait()
        return catalogues.of("pets")

    store.during = lambda: threading.Event().wait(0.1) and None
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert store.scrolls == 1
    assert all(one is found[0] for one in found)


def test_what_is_published_during_the_reading_is_read_too(
    store: Store, catalogues: Catalogues
) -> None:
    def once() -> None:
        store.during = lambda: None
        store.publish()

    store.during = once
    assert len(catalogues.of("pets")) == 20
    assert store.scrolls == 2


def test_a_dataset_that_never_rests_is_told(store: Store, catalogues: Catalogues) -> None:
    store.during = store.publish
    with pytest.raises(StoreError, match="'pets' changed too often"):
        catalogues.of("pets")
    store.during = lambda: None
    assert len(catalogues.of("pets")) == 10 * store.generation
