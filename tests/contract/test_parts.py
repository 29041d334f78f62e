"""Writers of parts, on every back end that has them: nothing is seen before all parts are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.errors import CollectionBusyError, InvalidRequestError
from indexer.parts import Part
from indexer.store import VectorStore, server_collection, server_parts
from indexer.store.server_link import Link
from indexer.types import Point
from tests.back_ends import BACK_ENDS, NO_EFFECT_IN_MEMORY, back_end
from tests.contract.test_store import paths, point, publish, spec

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]


@pytest.fixture(params=[one for one in BACK_ENDS if one != "edge"])
def store(request: pytest.FixtureRequest, data: Path) -> Iterator[VectorStore]:
    with back_end(request.param, data) as kind, closing(kind.open()) as store:
        yield store


def fill(store: VectorStore, index: int, *names: str, count: int = 2, **changes: object) -> None:
    with closing(store.part_writer(spec(**changes), Part(index, count))) as writer:
        writer.upsert([point(name) for name in names])
        writer.note()


def test_nothing_is_seen_before_all_parts_are_there(store: VectorStore) -> None:
    fill(store, 0, "a")
    assert store.datasets() == []
    with pytest.raises(InvalidRequestError, match="of 2 workers, 1 have not finished"):
        store.finish_writer(spec())
    fill(store, 1, "b")
    with closing(store.finish_writer(spec())) as writer:
        writer.publish()
    assert paths(store) == ["a", "b"]
    with pytest.raises(InvalidRequestError, match="no part"):
        store.finish_writer(spec())


def test_an_ordinary_writer_takes_up_what_the_parts_left(store: VectorStore) -> None:
    fill(store, 0, "a")
    publish(store, point("b"))
    assert paths(store) == ["a", "b"]


def test_parts_of_another_checkpoint_do_not_count(store: VectorStore) -> None:
    fill(store, 0, "a", count=1, fingerprint="b" * 64)
    with pytest.raises(InvalidRequestError, match="no part"):
        store.finish_writer(spec())
    fill(store, 0, "a", count=2)
    fill(store, 1, "b", count=3)
    with pytest.raises(InvalidRequestError, match="not complete"):
        store.finish_writer(spec())


def test_while_a_part_is_written_nobody_else_writes_it_or_all(store: VectorStore) -> None:
    with closing(store.part_writer(spec(), Part(0, 2))):
        for take in (store.writer, store.finish_writer):
            with pytest.raises(CollectionBusyError, match="1 worker"):
                take(spec())
        with pytest.raises(CollectionBusyError, match="part 0 of 2 of dataset 'pets'"):
            store.part_writer(spec(), Part(0, 2))
        with closing(store.part_writer(spec(), Part(1, 2))) as other:
            other.upsert([point("a")])
        with pytest.raises(InvalidRequestError, match="same arguments"):
            store.part_writer(spec(fingerprint="b" * 64), Part(1, 2))


def test_a_part_waits_for_who_makes_the_collections_and_not_for_ever(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_parts, "JOIN_POLL_SECONDS", 0.01)
    monkeypatch.setattr(server_parts, "JOIN_SECONDS", 0.05)
    with closing(store.writer(spec())), pytest.raises(CollectionBusyError, match="'pets'"):
        store.part_writer(spec(), Part(0, 2))
    with closing(store.part_writer(spec(), Part(0, 2))):
        pass


def test_dropping_forgets_the_parts(store: VectorStore) -> None:
    fill(store, 0, "a", count=1)
    store.drop("pets")
    with pytest.raises(InvalidRequestError, match="no part"):
        store.finish_writer(spec())


def test_what_a_kill_left_in_one_collection_is_written_again(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = server_collection.upsert

    def killed_half_way(link: Link, name: str, points: list[Point], *, floats: int) -> None:
        if "euclid" in name:
            raise KeyboardInterrupt
        write(link, name, points, floats=floats)

    with monkeypatch.context() as patch, closing(store.part_writer(spec(), Part(0, 1))) as writer:
        writer.upsert([point("a")])
        patch.setattr(server_collection, "upsert", killed_half_way)
        with pytest.raises(KeyboardInterrupt):
            writer.upsert([point("b")])
    with closing(store.part_writer(spec(), Part(0, 1))) as writer:
        assert [record.payload["path"] for record in writer.records()] == ["a"]
