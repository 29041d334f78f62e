"""Moving an index between the data folder and a server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import DatasetNotIndexedError, InvalidRequestError, StoreError
from indexer.migration import BATCH, MigrationReport, migrate
from indexer.schema import IndexSpec, point_id
from indexer.settings import Settings
from indexer.store import IndexWriter, VectorStore, open_store
from indexer.store.server import ServerStore
from indexer.types import Distance, Point
from models.pooling import Pooling
from tests.back_ends import NO_EFFECT_IN_MEMORY, memory_link

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
SIZES = {Pooling.MAXPOOL: 8, Pooling.FLATTEN: 24}
IMAGES = 3 * BATCH - 7


def points(count: int, seed: int = 0) -> list[Point]:
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        vectors = {
            pooling: random.random(size).astype(np.float32) * 10 for pooling, size in SIZES.items()
        }
        payload = {
            "path": f"käfer/{number}.png",
            "label": "käfer" if number % 2 else None,
            "mtime": 1_764_050_000_123_456_789 + number,
            "norm_maxpool": float(np.linalg.norm(vectors[Pooling.MAXPOOL])),
            "sha256": f"{number:064x}",
        }
        made.append(Point(point_id("bugs", str(number)), vectors, payload))
    return made


def spec(*distances: Distance) -> IndexSpec:
    return IndexSpec(
        dataset="bugs",
        arch="model1",
        fingerprint="a" * 64,
        image_size=32,
        distances=distances or tuple(Distance),
        vector_sizes=SIZES,
        source="/bugs",
        root="/bugs",
    )


def fill(store: VectorStore, content: Sequence[Point], of: IndexSpec | None = None) -> None:
    with closing(store.writer(of or spec())) as writer:
        writer.upsert(content)
        writer.publish()


def move(source: VectorStore, target: VectorStore, *, replace: bool = False) -> MigrationReport:
    return migrate(source, target, "bugs", replace=replace, progress=False)


def stored(store: VectorStore) -> bytes:
    """Ids and payloads, to the byte; a server does not keep the order of keys."""
    return json.dumps(
        [
            (str(record.id), record.payload)
            for distance in store.describe("bugs").distances
            for record in store.scroll("bugs", distance)
        ],
        sort_keys=True,
    ).encode()


def neighbours(store: VectorStore) -> list[tuple[str, float]]:
    asked = points(5, seed=1)
    return [
        (str(hit.payload["path"]), pytest.approx(hit.score, rel=1e-5))
        for one in asked
        for pooling in SIZES
        for distance in Distance
        for hit in store.query("bugs", distance, pooling, one.vectors[pooling], limit=10)
    ]


@pytest.fixture
def embedded(data: Path) -> Iterator[VectorStore]:
    with closing(open_store(Settings(data))) as store:
        yield store


@pytest.fixture
def server() -> ServerStore:
    return ServerStore(memory_link())


class Killed(BaseException):
    pass


class Fragile:
    """A store whose writer does something after some batches."""

    def __init__(self, store: VectorStore, after: int, do) -> None:
        self._store, self._after, self._do = store, after, do

    def __getattr__(self, name: str):
        return getattr(self._store, name)

    def writer(self, of: IndexSpec) -> IndexWriter:
        writer = self._store.writer(of)
        upsert, done = writer.upsert, [0]

        def counted(batch: Sequence[Point]) -> None:
            if done[0] == self._after:
                self._do()
            done[0] += 1
            upsert(batch)

        writer.upsert = counted
        return writer


def test_there_and_back_is_the_same_to_the_byte(
    embedded: VectorStore, server: ServerStore, tmp_path: Path
) -> None:
    fill(embedded, points(IMAGES))
    before, near = stored(embedded), neighbours(embedded)
    report = move(embedded, server)
    assert (report.images, report.copied, report.present, report.removed) == (IMAGES, IMAGES, 0, 0)
    assert report.compared == 20 * len(Distance) * len(SIZES)
    assert stored(server) == before
    assert neighbours(server) == near
    info = server.describe("bugs")
    assert (info.root, info.checkpoint, info.images) == ("/bugs", "model1-aaaaaaaa", IMAGES)
    with closing(open_store(Settings(tmp_path / "second"))) as second:
        move(server, second)
        assert stored(second) == before
        assert neighbours(second) == near
    assert stored(embedded) == before


def test_unit_vectors_serve_where_there_is_only_cosine(
    embedded: VectorStore, server: ServerStore
) -> None:
    fill(embedded, points(30), spec(Distance.COSINE))
    assert move(embedded, server).images == 30
    assert server.describe("bugs").distances == (Distance.COSINE,)
    assert stored(server) == stored(embedded)


def test_a_killed_migration_publishes_nothing_and_the_next_goes_on(
    embedded: VectorStore, server: ServerStore
) -> None:
    def die() -> None:
        raise Killed

    fill(embedded, points(IMAGES))
    with pytest.raises(Killed):
        move(embedded, Fragile(server, 2, die))
    with pytest.raises(DatasetNotIndexedError):
        server.describe("bugs")
    report = move(embedded, server)
    assert (report.copied, report.present) == (IMAGES - 2 * BATCH, 2 * BATCH)
    assert stored(server) == stored(embedded)


def test_a_source_that_is_synced_meanwhile_is_noticed(
    embedded: VectorStore, server: ServerStore
) -> None:
    fill(embedded, points(IMAGES))

    def sync() -> None:
        fill(embedded, [replace(points(1)[0], payload={"path": "new"})])

    with pytest.raises(StoreError, match="synced while"):
        move(embedded, Fragile(server, 2, sync))
    with pytest.raises(DatasetNotIndexedError):
        server.describe("bugs")
    move(embedded, server)
    assert stored(server) == stored(embedded)


def test_a_source_that_is_synced_without_a_change_is_noticed_too(
    embedded: VectorStore, server: ServerStore
) -> None:
    fill(embedded, points(IMAGES))
    moved = replace(spec(), root="/elsewhere")
    with pytest.raises(StoreError, match="synced while"):
        move(embedded, Fragile(server, 2, lambda: fill(embedded, [], moved)))


SPOILT = {
    "points": r"\b1 points",
    "payloads": "60 points",
    "vectors": "vectors of",
    "neighbours": "neighbours of",
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_copy_that_differs_is_not_published_and_made_anew(
    embedded: VectorStore, server: ServerStore, spoil: str
) -> None:
    fill(embedded, points(60))

    class Spoiling(Fragile):
        def writer(self, of: IndexSpec) -> IndexWriter:
            writer = self._store.writer(of)
            upsert, query = writer.upsert, writer.query
            if spoil == "points":
                writer.upsert = lambda batch: upsert(batch[1:])
            elif spoil == "payloads":
                writer.upsert = lambda batch: upsert(
                    [replace(p, payload={**p.payload, "label": "?"}) for p in batch]
                )
            elif spoil == "vectors":
                writer.upsert = lambda batch: upsert(
                    [
                        replace(p, vectors={n: v[::-1].copy() for n, v in p.vectors.items()})
                        for p in batch
                    ]
                )
            else:
                writer.query = lambda *given, limit: query(*given, limit=limit + 1)[1:]
            return writer

    with pytest.raises(StoreError, match=f"differs in .*{SPOILT[spoil]}"):
        move(embedded, Spoiling(server, 0, None))
    with pytest.raises(DatasetNotIndexedError):
        server.describe("bugs")
    assert move(embedded, server).copied == (1 if spoil == "points" else 60)
    assert neighbours(server) == neighbours(embedded)


def test_an_index_that_is_there_is_replaced_only_on_demand(
    embedded: VectorStore, server: ServerStore
) -> None:
    fill(embedded, points(40))
    fill(server, points(50))
    with pytest.raises(InvalidRequestError, match=r"50 images.*--replace"):
        move(embedded, server)
    report = move(embedded, server, replace=True)
    assert (report.images, report.copied, report.present, report.removed) == (40, 0, 40, 10)
    assert server.describe("bugs").images == 40
    assert len(json.loads(stored(server))) == 40 * len(Distance)
