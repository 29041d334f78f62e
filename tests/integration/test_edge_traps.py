"""Where the embedded engine does something else than one would expect, and which test would notice.

==========================================  =======================================================
trap                                        test (in this file where none is named)
==========================================  =======================================================
optimising freezes the interpreter          test_page_reads: the_page_never_writes_or_optimises
one handle per directory                    a_second_handle_is_refused_even_after_a_crash;
                                            contract: two_processes_take_turns_in_reading
without its log a copy forgets updates      the_log_travels_with_a_generation;
                                            contract: upsert_replaces_a_point_and_delete_removes_it
without a log there is no lock              a_second_handle_is_refused_even_after_a_crash
what is not flushed can be lost             closing_a_writer_puts_every_point_into_the_segments;
                                            contract: points_acknowledged_to_a_killed_writer_...
upsert replaces the whole point             an_upsert_leaves_nothing_of_the_old_point
NaN and infinity are stored                 the_engine_itself_would_take_a_vector_without_values;
                                            contract: vectors_that_cannot_be_compared_are_refused,
                                            a_query_of_the_wrong_size_or_without_values_is_refused
cosine vectors lose their length            contract: cosine_vectors_come_back_with_unit_length;
                                            test_sync_search: norm_<pooling> in every payload
Euclid ascends                              contract: euclid_hits_come_with_the_nearest_first_...
HasId takes a set, and nothing else         contract: excluded_points_make_room_for_others
retrieve by position, in no order           contract: records_come_back_in_the_order_asked_...
no query without the vector's name          contract: each_named_vector_is_searched_by_itself
no query by id, self not left out           test_sync_search: a stored image is not its own hit
filters and facets want an index            every_indexed_payload_field_can_be_counted_by_value
280 long vectors get a graph by default     hundreds_of_long_vectors_get_no_graph
the default search is too narrow            test_edge_presets: the_width_of_a_search_is_...
bytes are trusted without a word            test_edge_presets: graph_and_bytes_are_made_...
new points stay outside the graph           test_edge_presets: points_that_come_to_a_graph_later_...
a filter could act after a first stage      test_edge_presets: excluded_points_do_not_take_...
info() counts roughly                       the_number_of_images_is_counted_and_not_estimated
lost segments open as an empty shard        test_edge_store: a_generation_that_lost_files_...
panics are not below Exception              test_edge_store: a_panic_of_the_engine_is_...
no wheel everywhere                         a_machine_without_the_engine_is_told_what_has_one
beta: formats may change                    the_engine_is_pinned_and_written_into_the_index
==========================================  =======================================================
"""

from __future__ import annotations

import builtins
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import qdrant_edge as edge

from indexer.errors import StoreError
from indexer.schema import PAYLOAD_INDEXES, IndexSpec, point_id
from indexer.settings import Settings
from indexer.store import edge_shard, open_store
from indexer.store.edge import EdgeStore
from indexer.types import Distance, Point
from models.pooling import Pooling

ROOT = Path(__file__).resolve().parents[2]
SPEC = IndexSpec(
    dataset="pets",
    arch="model1",
    fingerprint="a" * 64,
    image_size=32,
    distances=(Distance.COSINE,),
    vector_sizes={Pooling.MAXPOOL: 4, Pooling.FLATTEN: 8},
    source="/photos",
    root="/photos",
)


@pytest.fixture
def store(data: Path) -> Iterator[EdgeStore]:
    with closing(EdgeStore(data)) as store:
        yield store


def point(number: int, *, spec: IndexSpec = SPEC, **payload: Any) -> Point:
    random = np.random.default_rng(number)
    return Point(
        point_id("pets", str(number)),
        {name: random.random(size, np.float32) for name, size in spec.vector_sizes.items()},
        {"path": str(number), "label": f"kind{number % 3}", **payload},
    )


def publish(store: EdgeStore, *points: Point, of: IndexSpec = SPEC) -> int:
    with closing(store.writer(of)) as writer:
        writer.upsert(points)
        return writer.publish().images


def generation(data: Path, number: int) -> Path:
    return data / "collections" / SPEC.collection(Distance.COSINE) / f"gen-{number:04}"


def test_the_log_travels_with_a_generation(store: EdgeStore, data: Path) -> None:
    publish(store, point(1))
    with closing(store.writer(SPEC)) as writer:
        writer.upsert([point(1, label="again")])
    assert {path.name for path in (generation(data, 1) / "wal").iterdir()} <= {
        path.name for path in (generation(data, 2) / "wal").iterdir()
    }
    publish(store)
    [record] = store.retrieve("pets", Distance.COSINE, [point(1).id])
    assert record.payload["label"] == "again"


def test_a_second_handle_is_refused_even_after_a_crash(store: EdgeStore, data: Path) -> None:
    publish(store, point(1))
    store.close()
    path = generation(data, 1)
    code = f"""
import sys, time
from pathlib import Path
from indexer.store import edge_shard
shard = edge_shard.load_shard(Path({str(path)!r}))
print("open", flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(edge_shard.ShardLockedError):
            edge_shard.load_shard(path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        edge_shard.load_shard(path, images=1).close()


def test_closing_a_writer_puts_every_point_into_the_segments(store: EdgeStore, data: Path) -> None:
    with closing(store.writer(SPEC)) as writer:
        writer.upsert([point(number) for number in range(20)])
    bare = data / "without-log"
    shutil.copytree(generation(data, 1), bare)
    shutil.rmtree(bare / "wal")  # fatal for updates, but now nothing can come from the log
    with closing(edge_shard.load_shard(bare)) as shard:
        assert edge_shard.count(shard) == 20


def test_an_upsert_leaves_nothing_of_the_old_point(store: EdgeStore) -> None:
    publish(store, point(1, taken_at="2020-01-01"))
    changed = replace(point(2), id=point(1).id)
    assert publish(store, changed) == 1
    [record] = store.retrieve("pets", Distance.COSINE, [changed.id], with_vectors=True)
    assert record.payload == changed.payload
    for name, vector in changed.vectors.items():
        assert record.vectors[name] == pytest.approx(vector / np.linalg.norm(vector))


def test_the_engine_itself_would_take_a_vector_without_values(store: EdgeStore, data: Path) -> None:
    """Should this fail one day, our own check of every vector has become superfluous."""
    publish(store, point(1))
    store.close()
    broken = replace(point(2), vectors={Pooling.MAXPOOL: np.full(4, np.nan, np.float32)})
    with closing(edge_shard.load_shard(generation(data, 1))) as shard:
        edge_shard.upsert(shard, [broken])
        assert edge_shard.count(shard) == 2


def test_every_indexed_payload_field_can_be_counted_by_value(store: EdgeStore) -> None:
    publish(store, *(point(number, width=number) for number in range(9)))
    with store._lease(store._pointer("pets"), Distance.COSINE).use() as shard:
        assert set(shard.info().payload_schema) == set(PAYLOAD_INDEXES)
        found = shard.facet(edge.FacetRequest("label", exact=True))
    assert {hit.value: hit.count for hit in found.hits} == {"kind0": 3, "kind1": 3, "kind2": 3}


def test_hundreds_of_long_vectors_get_no_graph(data: Path) -> None:
    long = replace(SPEC, vector_sizes={Pooling.MAXPOOL: 4, Pooling.FLATTEN: 9_216})
    with closing(EdgeStore(data)) as store:
        publish(store, *(point(number, spec=long) for number in range(600)), of=long)
        with store._lease(store._pointer("pets"), Distance.COSINE).use() as shard:
            assert shard.info().indexed_vectors_count == 0
    assert not list(data.rglob("vector_index-*"))


def test_the_number_of_images_is_counted_and_not_estimated(store: EdgeStore) -> None:
    assert publish(store, *(point(number) for number in range(300))) == 300
    for _ in range(3):
        assert publish(store, *(point(number) for number in range(0, 300, 2))) == 300
    with closing(store.writer(SPEC)) as writer:
        writer.delete([point(number).id for number in range(100)])
        assert writer.publish().images == 200
    assert len(list(store.scroll("pets", Distance.COSINE))) == 200


def test_a_machine_without_the_engine_is_told_what_has_one(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name in ("indexer.store.edge", "qdrant_edge"):
            raise ImportError("no module named qdrant_edge")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(StoreError, match=r"qdrant_edge.*wheels for Linux"):
        open_store(Settings(data))


def test_the_engine_is_pinned_and_written_into_the_index(store: EdgeStore) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pin] = [entry for entry in project["dependencies"] if entry.startswith("qdrant-edge-py")]
    publish(store, point(1))
    assert pin.replace("-py==", " ") == store.describe("pets").engine
