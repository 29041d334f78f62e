"""What only the server's back end does: generations behind aliases, the lease, the layout."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import models

from indexer.errors import CollectionBusyError, DatasetNotIndexedError, StoreError
from indexer.schema import PAYLOAD_INDEXES
from indexer.store import server_collection as collection
from indexer.store import server_lease, server_writer
from indexer.store.presets import Graph, SizeClasses
from indexer.store.server import ServerStore
from indexer.store.server_lease import COLLECTION, Holder, WriterLease, _machine
from indexer.store.server_link import Link
from indexer.store.server_options import Quantization, ServerOptions
from indexer.types import Distance, Filter
from models.pooling import Pooling
from tests.back_ends import NO_EFFECT_IN_MEMORY, SharedLink, memory_link
from tests.contract.test_store import ident, paths, point, publish, query, spec

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
GENERATIONS = [
    [f"pets__model1-aaaaaaaa__{distance}__g{number:04}" for distance in ("cosine", "euclid")]
    for number in range(4)
]


class Recording:
    """The client, and the calls it got."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls: list[tuple[str, tuple, dict]] = []
        self.dies_at: str | None = None

    def __getattr__(self, name: str):
        def call(*given, **named):
            self.calls.append((name, given, named))
            if name == self.dies_at:
                raise KeyboardInterrupt
            return getattr(self.client, name)(*given, **named)

        return call

    def named(self, name: str) -> list[tuple[tuple, dict]]:
        return [(given, named) for called, given, named in self.calls if called == name]


@pytest.fixture
def client() -> Recording:
    return Recording(memory_link().client)


@pytest.fixture
def link(client: Recording) -> Link:
    return SharedLink(client, ":memory:", "qdrant 1.20.0")  # type: ignore[arg-type]


@pytest.fixture
def store(link: Link) -> ServerStore:
    return ServerStore(link)


def physical(client: Recording) -> list[str]:
    names = (one.name for one in client.client.get_collections().collections)
    return sorted(name for name in names if name != COLLECTION)


def aliases(client: Recording) -> dict[str, str]:
    found = client.client.get_aliases().aliases
    return {one.alias_name: one.collection_name for one in found}


# --- generations


def test_all_names_move_in_one_request_and_the_old_generation_goes(
    store: ServerStore, client: Recording
) -> None:
    publish(store, point("a"))
    client.calls.clear()
    publish(store, point("b"))
    [(given, _)] = client.named("update_collection_aliases")
    assert len(given[0]) == 4
    cosine, euclid = GENERATIONS[2]
    assert aliases(client) == {
        "pets__cosine": cosine,
        "pets__euclid": euclid,
        "pets__model1-aaaaaaaa__cosine": cosine,
        "pets__model1-aaaaaaaa__euclid": euclid,
    }
    assert physical(client) == GENERATIONS[2]


def test_a_published_collection_is_never_written(store: ServerStore, client: Recording) -> None:
    publish(store, point("a"), point("b"))
    client.calls.clear()
    with closing(store.writer(spec())) as writer:
        writer.upsert([point("c")])
        writer.delete([ident("a")])
        writer.publish()
    written = {given[0] for name in ("upsert", "delete") for given, _ in client.named(name)}
    assert written == {COLLECTION, *GENERATIONS[2]}


def test_a_sync_without_a_change_copies_nothing(store: ServerStore, client: Recording) -> None:
    publish(store, point("a"))
    client.calls.clear()
    publish(store)
    assert client.named("create_collection") == []
    assert {given[0] for given, _ in client.named("upsert")} == {COLLECTION}


def test_other_tools_can_ask_by_the_alias(store: ServerStore, client: Recording) -> None:
    publish(store, point("a", 1, 0), point("b", 0, 1))
    for name in ("pets__cosine", "pets__model1-aaaaaaaa__cosine"):
        found = client.client.query_points(name, query=[1.0, 0.0], using="maxpool").points
        assert [one.payload["path"] for one in found] == ["a", "b"]


def test_a_copy_that_was_cut_off_goes_on_from_its_last_point(
    link: Link, client: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(link, batch_bytes=10 * 1_100)
    store = ServerStore(small)
    publish(store, *(point(f"p{number}") for number in range(100)))
    copied = []
    original = client.client.upsert

    def upsert(name: str, points: list, **named: object) -> object:
        if name != COLLECTION:
            copied.extend(one.id for one in points)
            if len(copied) == 50:
                raise KeyboardInterrupt
        return original(name, points, **named)

    with monkeypatch.context() as patch:
        patch.setattr(client.client, "upsert", upsert)
        with closing(store.writer(spec())) as writer, pytest.raises(KeyboardInterrupt):
            writer.upsert([point("new")])
    assert len(paths(store)) == 100
    client.calls.clear()
    with closing(store.writer(spec())) as writer:
        assert len(list(writer.records())) == 100
        writer.upsert([point("new")])
        writer.publish()
    first = GENERATIONS[2][0]
    again = [one.id for given, _ in client.named("upsert") for one in given[1] if given[0] == first]
    assert len(again) == 100 - 40 + 1 + 1  # 40 were there, the last of them is written twice
    assert len(paths(store)) == 101


@pytest.mark.parametrize("dies_at", ["update_collection", "update_collection_aliases"])
def test_a_kill_while_publishing_loses_nothing(
    store: ServerStore, client: Recording, dies_at: str
) -> None:
    publish(store, point("a"))
    with closing(store.writer(spec())) as writer:
        writer.upsert([point("b")])
        client.dies_at = dies_at
        with pytest.raises(KeyboardInterrupt):
            writer.publish()
        client.dies_at = None
    assert paths(store) == ["a"]
    with closing(store.writer(spec())) as writer:
        assert sorted(str(one.payload["path"]) for one in writer.records()) == ["a", "b"]
        writer.publish()
    assert paths(store) == ["a", "b"]


def test_points_that_a_kill_left_in_one_collection_only_are_encoded_again(
    store: ServerStore, client: Recording
) -> None:
    publish(store, point("a"))
    with closing(store.writer(spec())) as writer:
        writer.upsert([point("b")])
    client.client.delete(GENERATIONS[2][1], models.PointIdsList(points=[str(ident("b"))]))
    with closing(store.writer(spec())) as writer:
        assert [one.payload["path"] for one in writer.records()] == ["a"]


def test_a_reader_goes_on_in_the_new_state_when_the_old_one_goes(store: ServerStore) -> None:
    publish(store, *(point(f"p{number}") for number in range(1_500)))
    records = store.scroll("pets", Distance.COSINE)
    first = next(records)
    publish(store, point("late"))
    rest = list(records)
    assert [first.id, *(one.id for one in rest)] == sorted({first.id, *(one.id for one in rest)})


# --- names of others


@pytest.mark.parametrize("name", ["pets__cosine", "pets__model1-aaaaaaaa__euclid"])
@pytest.mark.parametrize("as_alias", [True, False])
def test_names_that_are_somebody_else_s_are_refused_before_any_work(
    store: ServerStore, client: Recording, name: str, as_alias: bool
) -> None:
    made = "theirs" if as_alias else name
    vectors = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.client.create_collection(made, vectors)
    if as_alias:
        action = models.CreateAlias(collection_name=made, alias_name=name)
        client.client.update_collection_aliases([models.CreateAliasOperation(create_alias=action)])
    with pytest.raises(StoreError, match=f"'{name}'.*did not make"):
        store.writer(spec())
    with pytest.raises(DatasetNotIndexedError):
        store.drop("pets")
    assert made in physical(client)


def test_a_damaged_description_is_left_out_told_and_replaced(
    store: ServerStore, client: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    publish(store, point("a"))
    client.client.update_collection(
        GENERATIONS[1][0], metadata={"image_similarity": {"format": 99}}
    )
    assert store.datasets() == []
    assert "damaged" in caplog.text
    publish(store, point("b"))
    assert paths(store) == ["b"]


# --- the lease


def hold(link: Link, **changes: object) -> None:
    """Another process's lease on pets."""
    with WriterLease(link, "pets") as lease:
        found = lease._read()
    assert found is not None
    holder = replace(found, name="process 7 (sync)", token="theirs", **changes)
    point = models.PointStruct(id=lease._id, vector=[1.0], payload=server_lease.asdict(holder))
    link.client.upsert(COLLECTION, [point])


def test_a_writer_on_another_machine_is_named(store: ServerStore, link: Link) -> None:
    hold(link, machine="far-away/boot/pid")
    with pytest.raises(CollectionBusyError, match=r"'pets'.*process 7 \(sync\) on far-away"):
        store.writer(spec())
    with closing(store.writer(spec("zoo"))):
        pass


def test_a_lease_that_ran_out_is_taken(store: ServerStore, link: Link) -> None:
    hold(link, machine="far-away", expires=time.time() - 1)
    with closing(store.writer(spec())) as writer:
        assert list(writer.records()) == []


def test_a_dead_process_of_this_machine_holds_nothing(store: ServerStore, link: Link) -> None:
    process = os.fork()
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)
    hold(link, pid=process)
    with closing(store.writer(spec())) as writer:
        assert list(writer.records()) == []


def test_its_number_on_another_machine_tells_nothing() -> None:
    here = Holder("", _machine(), 2**22 + 1, "", time.time() + 60)
    assert here.is_gone()
    assert not replace(here, machine="far-away").is_gone()


def test_the_lease_is_kept_up_while_its_writer_works(
    store: ServerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_lease, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(server_lease, "RENEW_SECONDS", 0.05)
    with closing(store.writer(spec())) as writer:
        time.sleep(0.8)
        with pytest.raises(CollectionBusyError):
            store.writer(spec())
        writer.upsert([point("a")])
        writer.publish()


def test_a_writer_that_lost_its_lease_writes_no_more(
    store: ServerStore, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_lease, "RENEW_SECONDS", 0.05)
    with closing(store.writer(spec())) as writer:
        writer.upsert([point("a")])
        lease = writer._lease
        found = lease._read()
        assert found is not None
        theirs = replace(found, name="process 7 (sync)", token="theirs")
        stolen = models.PointStruct(id=lease._id, vector=[1.0], payload=server_lease.asdict(theirs))
        link.client.upsert(COLLECTION, [stolen])
        time.sleep(0.3)
        for act in (lambda: writer.upsert([point("b")]), writer.publish):
            with pytest.raises(CollectionBusyError, match="process 7"):
                act()
    assert lease._read() == theirs  # what is others' is not released


def test_of_two_that_find_an_abandoned_lease_one_gets_it(link: Link) -> None:
    hold(link, expires=0.0)
    with WriterLease(link, "pets") as first:
        first._write(models.UpdateMode.UPDATE_ONLY, of="theirs")  # the slower one's write
        found = first._read()
        assert found is not None
        assert found.token == first._token


# --- the layout


def created(client: Recording) -> dict[str, Any]:
    return {given[0]: named for given, named in client.named("create_collection")}


def test_long_vectors_stay_on_disk_and_nothing_is_built_at_first(
    link: Link, client: Recording
) -> None:
    sizes = {Pooling.MAXPOOL: 512, Pooling.FLATTEN: 25_088}
    with closing(ServerStore(link).writer(spec(vector_sizes=sizes))) as writer:
        writer.publish()
    made = created(client)[GENERATIONS[1][1]]
    vectors = made["vectors_config"]
    assert {one.distance for one in vectors.values()} == {models.Distance.EUCLID}
    assert {name: one.on_disk for name, one in vectors.items()} == {
        "maxpool": False,
        "flatten": True,
    }
    assert {one.hnsw_config.m for one in vectors.values()} == {0}
    assert made["optimizers_config"].indexing_threshold == 0
    indexed = {given[1] for given, _ in client.named("create_payload_index") if "pets" in given[0]}
    assert indexed == PAYLOAD_INDEXES.keys()


def test_what_is_asked_of_the_layout_reaches_the_server_and_stays(
    link: Link, client: Recording
) -> None:
    options = ServerOptions(shards=6, replicas=2, on_disk=True, quantization=Quantization.INT8)
    publish(ServerStore(link, options=options), point("a"))
    made = created(client)[GENERATIONS[1][0]]
    assert (made["shard_number"], made["replication_factor"]) == (6, 2)
    assert made["write_consistency_factor"] == 2
    assert made["vectors_config"]["maxpool"].on_disk
    client.calls.clear()
    publish(ServerStore(link), point("b"))
    made = created(client)[GENERATIONS[2][0]]
    assert (made["shard_number"], made["replication_factor"]) == (6, 2)


def test_another_layout_copies_the_index_into_it(link: Link, client: Recording) -> None:
    publish(ServerStore(link), point("a"))
    other = ServerStore(link, options=ServerOptions(shards=3))
    publish(other)
    assert created(client)[GENERATIONS[2][0]]["shard_number"] == 3
    assert physical(client) == GENERATIONS[2]
    assert query(other, 1, 1) == [("a", pytest.approx(1))]
    client.calls.clear()
    publish(other)
    assert created(client) == {}


# maxpool of 2 values is short, flatten of 4 is long; 2 images are many, 4 are very many
SMALL = SizeClasses(many=2, very_many=4, longest_graph=2)


def arranged(client: Recording) -> list[dict[str, Any]]:
    """What was built, of each collection."""
    calls = client.named("update_collection")
    return [named for _, named in calls if "optimizers_config" in named]


@pytest.mark.parametrize(
    ("images", "wanted", "quantized"),
    [
        (2, None, False),
        (4, None, True),
        (2, Quantization.INT8, True),
        (4, Quantization.NONE, False),
    ],
)
def test_a_large_index_is_in_the_shape_of_its_preset_before_readers_see_it(  # noqa: PLR0917
    link: Link,
    client: Recording,
    monkeypatch: pytest.MonkeyPatch,
    images: int,
    wanted: Quantization | None,
    quantized: bool,
) -> None:
    monkeypatch.setattr(server_writer, "POLL_SECONDS", 0.01)
    store = ServerStore(link, classes=SMALL, options=ServerOptions(quantization=wanted))
    publish(store, *(point(f"p{number}") for number in range(images)))
    shapes = arranged(client)
    assert len(shapes) == 2
    for shape in shapes:
        assert shape["optimizers_config"].indexing_threshold == 1
        assert shape["vectors_config"].keys() == {"maxpool"}
        graph = shape["vectors_config"]["maxpool"].hnsw_config
        assert (graph.m, graph.ef_construct) == (Graph().m, Graph().ef_construct)
        int8 = shape["vectors_config"]["maxpool"].quantization_config
        assert (int8 is not None) is quantized
    names = [name for name, _, _ in client.calls]
    built = names.index("update_collection", names.index("count"))
    assert names[built:].count("get_collection") >= 4
    assert built < names.index("update_collection_aliases")


def test_a_building_server_is_waited_for(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_writer, "POLL_SECONDS", 0.01)
    at_rest = iter([True, False, True, False, False, True, True, True, True])
    monkeypatch.setattr(server_writer.collection, "is_at_rest", lambda *_: next(at_rest))
    publish(ServerStore(link, classes=SMALL), point("a"), point("b"))
    assert list(at_rest) == []


def status(monkeypatch: pytest.MonkeyPatch, client: Recording, *found: str) -> None:
    """What the server says of its collections, from now on."""
    original, answers = client.client.get_collection, iter(found)

    def get_collection(name: str) -> models.CollectionInfo:
        info = original(name)
        return info.model_copy(update={"status": next(answers, "green")})

    monkeypatch.setattr(client.client, "get_collection", get_collection)


def test_a_server_that_was_restarted_meanwhile_is_woken(
    store: ServerStore, link: Link, client: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(store, point("a"))
    client.calls.clear()
    status(monkeypatch, client, "grey", "yellow", "green")
    name = GENERATIONS[1][0]
    assert [collection.is_at_rest(link, name) for _ in range(3)] == [False, False, True]
    assert len(arranged(client)) == 1


def test_a_server_that_gives_up_building_ends_the_sync_and_publishes_nothing(
    link: Link, client: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_writer, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(server_writer.collection, "arrange", lambda *_: True)
    with closing(ServerStore(link).writer(spec())) as writer:
        writer.upsert([point("a")])
        status(monkeypatch, client, "red")
        with pytest.raises(StoreError, match="cannot build pets__"):
            writer.publish()
    assert aliases(client) == {}


def asked(client: Recording) -> dict[str, Any]:
    return client.named("query_points")[-1][1]


def test_a_small_index_is_compared_with_every_vector(store: ServerStore, client: Recording) -> None:
    publish(store, point("a"))
    assert arranged(client) == []
    query(store, 1, 1)
    assert asked(client)["search_params"].exact
    assert asked(client)["prefetch"] is None


def test_a_large_one_by_its_graph_and_on_demand_with_every_vector(
    link: Link, client: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_writer, "POLL_SECONDS", 0.01)
    store = ServerStore(link, classes=SMALL)
    publish(store, point("a"), point("b"))
    query(store, 1, 1, limit=2)
    params = asked(client)["search_params"]
    assert (params.exact, params.hnsw_ef, params.acorn.enable) == (False, Graph().ef, True)
    assert (params.quantization.rescore, params.quantization.oversampling) == (True, 2.0)
    vector = point("a").vectors[Pooling.MAXPOOL]
    store.query("pets", Distance.COSINE, Pooling.MAXPOOL, vector, limit=1, exact=True)
    params = asked(client)["search_params"]
    assert params.exact
    assert params.quantization.ignore


def test_long_vectors_of_many_images_are_searched_in_two_stages(
    link: Link, client: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_writer, "POLL_SECONDS", 0.01)
    store = ServerStore(link, classes=SMALL)
    names = [f"p{number}" for number in range(1_000)]
    publish(store, *(point(name) for name in names), point("near", 2, 1, flatten=(4, 3, 2, 1)))
    one = point("near", 2, 1, flatten=(4, 3, 2, 1))
    hits = store.query(
        "pets",
        Distance.EUCLID,
        Pooling.FLATTEN,
        one.vectors[Pooling.FLATTEN],
        limit=1,
        coarse=one.vectors[Pooling.MAXPOOL],
        exclude=(ident("p0"),),
        where=Filter(labels=("cat", "")),
    )
    assert [hit.payload["path"] for hit in hits] == ["near"]
    first = asked(client)["prefetch"]
    assert (first.using, first.limit) == ("maxpool", 500)
    chosen = asked(client)["query_filter"]
    assert first.filter == chosen
    assert (len(chosen.must), len(chosen.must_not)) == (1, 1)
    assert asked(client)["using"] == "flatten"


def test_a_graph_that_leaves_places_empty_is_answered_by_every_vector_that_passes(
    link: Link, client: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_writer, "POLL_SECONDS", 0.01)
    store = ServerStore(link, classes=SMALL)
    publish(store, *(point(name) for name in "abc"))
    whole = client.client.query_points

    def cut(*given: Any, search_params: models.SearchParams, **named: Any) -> Any:
        answer = whole(*given, search_params=search_params, **named)
        return answer if search_params.exact else answer.model_copy(update={"points": []})

    monkeypatch.setattr(client.client, "query_points", cut)
    assert sorted(name for name, _ in query(store, 1, 1, limit=3)) == ["a", "b", "c"]


@pytest.fixture(autouse=True)
def no_leases_left(client: Recording) -> Iterator[None]:
    yield
    if client.client.collection_exists(COLLECTION):
        held, _ = client.client.scroll(COLLECTION)
        assert [one for one in held if one.payload["token"] != "theirs"] == []


def test_generations_are_told_in_the_description(store: ServerStore, data: Path) -> None:
    publish(store, point("a"))
    publish(store, point("b"))
    assert store.describe("pets").generation == 2
    assert not data.exists()
