"""What the embedded store promises beyond the contract: files, damage, other processes."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import CollectionBusyError, DamagedIndexError, DataFolderError, StoreError
from indexer.folder_copy import copy_folder
from indexer.schema import IndexSpec, point_id
from indexer.settings import Settings
from indexer.store import edge_lease, edge_shard, open_store
from indexer.store.edge import EdgeStore
from indexer.types import Distance, Point
from models.pooling import Pooling

SPEC = IndexSpec(
    dataset="pets",
    arch="model1",
    fingerprint="a" * 64,
    image_size=32,
    distances=tuple(Distance),
    vector_sizes={Pooling.MAXPOOL: 8, Pooling.FLATTEN: 16},
    source="/photos",
    root="/photos",
)


@pytest.fixture
def store(data: Path) -> Iterator[EdgeStore]:
    with closing(EdgeStore(data)) as store:
        yield store


def points(count: int, *, start: int = 0) -> list[Point]:
    random = np.random.default_rng(start)
    return [
        Point(
            point_id("pets", f"p{number}"),
            {name: random.random(size, np.float32) for name, size in SPEC.vector_sizes.items()},
            {"path": f"p{number}", "label": None, "sha256": str(number)},
        )
        for number in range(start, start + count)
    ]


def publish(store: EdgeStore, *written: Point) -> None:
    with closing(store.writer(SPEC)) as writer:
        writer.upsert(written)
        writer.publish()


def count(store: EdgeStore) -> int:
    return len(list(store.scroll("pets", Distance.EUCLID)))


def generations(data: Path, distance: Distance = Distance.COSINE) -> list[str]:
    folder = data / "collections" / SPEC.collection(distance)
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_reading_an_absent_data_folder_makes_nothing(store: EdgeStore, data: Path) -> None:
    assert store.datasets() == []
    assert not data.exists()


def test_a_published_change_leaves_only_the_new_generation(store: EdgeStore, data: Path) -> None:
    publish(store, *points(3))
    publish(store, *points(2, start=3))
    assert generations(data) == ["gen-0002"]
    assert count(store) == 5
    publish(store)
    assert generations(data) == ["gen-0002"], "nothing changed, nothing copied"


def test_an_unpublished_generation_is_discarded_when_another_was_published_meanwhile(
    store: EdgeStore, data: Path
) -> None:
    publish(store, *points(3))
    with closing(store.writer(SPEC)) as writer:
        writer.upsert(points(1, start=3))
    marker = data / "indexes" / "pets.building"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "base": 7}))
    with closing(store.writer(SPEC)) as writer:
        assert len(list(writer.records())) == 3
    assert generations(data) == ["gen-0001"]


def test_a_half_copied_generation_is_discarded(store: EdgeStore, data: Path) -> None:
    publish(store, *points(3))
    (data / "collections" / SPEC.collection(Distance.COSINE) / "gen-0002" / "wal").mkdir(
        parents=True
    )
    publish(store, *points(1, start=3))
    assert count(store) == 4


def test_a_point_that_reached_one_collection_only_is_taken_back(
    store: EdgeStore, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, *points(3))
    writes = []

    def upsert_once(shard: object, written: list[Point]) -> None:
        writes.append(written)
        if len(writes) > 1:
            raise StoreError("the power went")
        real(shard, written)

    real = edge_shard.upsert
    monkeypatch.setattr(edge_shard, "upsert", upsert_once)
    with closing(store.writer(SPEC)) as writer, pytest.raises(StoreError):
        writer.upsert(points(1, start=3))
    monkeypatch.undo()
    with closing(store.writer(SPEC)) as writer:
        assert len(list(writer.records())) == 3
        assert writer.publish().images == 3
    assert generations(data) == ["gen-0002"]


@pytest.mark.parametrize("content", ["", "{}", '{"format": 99}', "[1]", '{"format": 1, "spec": 3}'])
def test_a_damaged_pointer_is_named_and_sync_replaces_it(
    store: EdgeStore, data: Path, content: str
) -> None:
    publish(store, *points(3))
    (data / "indexes" / "pets.json").write_text(content)
    with pytest.raises(StoreError, match=r"pets\.json is damaged.*sync"):
        store.describe("pets")
    assert store.datasets() == []
    publish(store, *points(2))
    assert count(store) == 2


@pytest.mark.parametrize("lost", [["."], ["segments", "wal"], ["edge_config.json"]])
def test_a_generation_that_lost_files_is_named_and_sync_rebuilds_it(
    data: Path, lost: list[str]
) -> None:
    with closing(EdgeStore(data)) as store:
        publish(store, *points(3))
    generation = data / "collections" / SPEC.collection(Distance.EUCLID) / "gen-0001"
    for name in lost:
        path = generation / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with closing(EdgeStore(data)) as store:
        with pytest.raises(StoreError, match=r"'pets' is damaged.*sync"):
            count(store)
        with closing(store.writer(SPEC)) as writer:
            assert list(writer.records()) == []
            writer.upsert(points(2))
            writer.publish()
        assert count(store) == 2


def test_a_reader_follows_a_generation_that_went_between_pointer_and_opening(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(EdgeStore(data)) as reader, closing(EdgeStore(data)) as writer:
        publish(writer, *points(3))
        real = reader._pointer
        stale = [reader._pointer("pets")]
        publish(writer, *points(1, start=3))
        monkeypatch.setattr(reader, "_pointer", lambda name: stale.pop() if stale else real(name))
        assert count(reader) == 4
        assert stale == []


def test_a_shard_that_is_open_elsewhere_is_waited_for_and_then_its_holder_named(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(EdgeStore(data)) as store, closing(EdgeStore(data)) as other:
        publish(store, *points(3))
        pointer = store._pointer("pets")
        with (
            monkeypatch.context() as impatient,
            store._lease(pointer, Distance.EUCLID).use(),
            pytest.raises(CollectionBusyError, match=f"process {os.getpid()}"),
        ):
            impatient.setattr(edge_lease, "PATIENCE_SECONDS", 0.2)
            count(other)
        assert count(other) == 3, "with the usual patience, for the holder takes its time"


def test_whoever_opens_a_shard_lets_a_process_go_first_that_waits_for_it(data: Path) -> None:
    with closing(EdgeStore(data)) as store:
        publish(store, *points(3))
    path = data / "collections" / SPEC.collection(Distance.EUCLID) / "gen-0001"
    waiting = path.with_name("gen-0001.waiting")
    waiting.write_text("")
    served: list[float] = []

    def have_its_turn() -> None:
        served.append(time.monotonic())
        waiting.unlink()

    turn = threading.Timer(0.3, have_its_turn)
    turn.start()
    lease = edge_lease.ShardLease(path, images=3)
    with lease.use():
        assert served
        assert time.monotonic() > served[0]
    lease.close()
    turn.join()


def test_a_process_that_died_waiting_is_not_waited_for_long(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_lease, "GIVE_WAY_SECONDS", 0.2)
    with closing(EdgeStore(data)) as store:
        publish(store, *points(3))
        path = data / "collections" / SPEC.collection(Distance.EUCLID) / "gen-0001"
        path.with_name("gen-0001.waiting").write_text("")
        assert count(store) == 3


def test_an_idle_shard_is_let_go_at_once_when_another_waits(data: Path) -> None:
    assert edge_lease.IDLE_SECONDS > edge_lease.PATIENCE_SECONDS
    with closing(EdgeStore(data)) as store, closing(EdgeStore(data)) as other:
        publish(store, *points(3))
        for each in (store, other, store):
            assert count(each) == 3


def test_an_idle_shard_is_let_go_and_opened_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_lease, "IDLE_SECONDS", 0.05)
    with closing(EdgeStore(data)) as store:
        publish(store, *points(3))
        assert count(store) == 3
        path = data / "collections" / SPEC.collection(Distance.EUCLID) / "gen-0001"
        for _ in range(100):
            try:
                edge_shard.load_shard(path).close()
                break
            except edge_shard.ShardLockedError:
                edge_lease.time.sleep(0.02)
        else:
            pytest.fail("the shard is still held")
        assert count(store) == 3


def test_a_data_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = open_store(Settings(tmp_path / "file" / "data"))
    with pytest.raises(DataFolderError, match=r"cannot be written: Not a directory.*--data-dir"):
        store.writer(SPEC)
    with pytest.raises(DataFolderError, match="cannot be read"):
        store.datasets()


def test_the_engine_s_own_error_arrives_as_ours(store: EdgeStore) -> None:
    publish(store, *points(3))
    with (
        store._lease(store._pointer("pets"), Distance.COSINE).use() as shard,
        pytest.raises(StoreError, match="the engine failed while reading"),
    ):
        edge_shard.retrieve(shard, [3.5], with_vectors=False)  # type: ignore[list-item]


def test_a_panic_of_the_engine_is_a_damaged_index_and_no_crash(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        pass

    def panic(_: str) -> None:
        raise PanicException("index out of bounds")

    with closing(EdgeStore(data)) as store:
        publish(store, *points(3))
        monkeypatch.setattr("qdrant_edge.EdgeShard.load", panic)
        with pytest.raises(DamagedIndexError, match=r"index out of bounds.*sync"):
            count(store)


def test_a_stop_of_the_program_is_not_taken_for_an_error_of_the_engine() -> None:
    with pytest.raises(KeyboardInterrupt), edge_shard.engine_errors("reading"):
        raise KeyboardInterrupt


def test_a_full_disk_at_the_first_change_leaves_the_writer_usable(
    store: EdgeStore, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path, target: Path) -> None:
        target.mkdir()
        raise OSError(28, "No space left on device")

    publish(store, *points(3))
    with closing(store.writer(SPEC)) as writer:
        monkeypatch.setattr("indexer.store.edge_writer.copy_folder", refuse)
        with pytest.raises(DataFolderError, match="No space left on device"):
            writer.upsert(points(1, start=3))
        assert generations(data) == ["gen-0001"]
        monkeypatch.undo()
        writer.upsert(points(1, start=3))
        assert writer.publish().images == 4


def test_searches_go_on_while_a_large_generation_is_copied(
    store: EdgeStore, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, *points(5))
    monkeypatch.setattr(edge_lease, "PATIENCE_SECONDS", 0.2)
    seen = []

    def slow(source: Path, target: Path) -> object:
        copied = copy_folder(source, target)
        with closing(EdgeStore(data)) as other:
            seen.append(count(other))
        return copied

    monkeypatch.setattr("indexer.store.edge_writer.copy_folder", slow)
    publish(store, *points(5, start=5))
    assert seen == [5, 5]
    assert count(store) == 10
