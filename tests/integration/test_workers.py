"""Several processes fill one index on a server; one more publishes it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from indexer.cli import main
from indexer.errors import InvalidRequestError
from indexer.parts import Part
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.types import Distance, Record
from tests.back_ends import NO_EFFECT_IN_MEMORY
from tests.contract.test_store import ident, spec
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.qdrant_stand_in import StandIn, stand_in

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
REPOSITORY = Path(__file__).parents[2]
KEY = "s3cret-key-of-tests"
WORKERS = 4

# What a process runs: the command line, with an encoder that takes no time.
COMMAND = """
import os, sys
import models.encoder
from tests.fake_encoder import FakeEncoder
models.encoder.Encoder = FakeEncoder
{die}
from indexer.cli import main
sys.exit(main(sys.argv[1:]))
"""
DIES_BETWEEN_COLLECTIONS = """
from indexer.store import server_collection
write = server_collection.upsert
def upsert(link, name, points, *, floats):
    if "euclid" in name:
        os._exit(9)
    write(link, name, points, floats=floats)
server_collection.upsert = upsert
"""
DIES_BEFORE_THE_NOTE = """
from indexer.store import server_parts
server_parts.write_note = lambda *given: os._exit(9)
"""

Sync = Callable[..., str]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    with stand_in(key=KEY) as server:
        yield server


@pytest.fixture
def arguments(server: StandIn, photos: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """The command line of a sync on a machine of its own, or of part of one."""
    checkpoint = make_checkpoint(tmp_path / "first", "first")
    machines = count()

    def arguments(*more: str, dataset: str = "photos", worker: int | None = None) -> list[str]:
        place = ("--qdrant-url", server.url, "--data-dir", str(tmp_path / f"m{next(machines)}"))
        given = ("sync", str(photos), "--dataset", dataset, "--checkpoint", str(checkpoint))
        if worker is not None:
            more = ("--worker-index", str(worker), "--worker-count", str(WORKERS))
        return [*given, *place, *more]

    return arguments


@pytest.fixture
def sync(
    arguments: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Sync:
    """Sync in this process; returns its messages."""
    monkeypatch.setattr("models.encoder.Encoder", FakeEncoder)

    def sync(*more: str, code: int = 0, **given: object) -> str:
        assert main(arguments(*more, **given)) == code
        return capsys.readouterr().err

    return sync


def start(given: list[str], *, die: str = "") -> subprocess.Popen[str]:
    """The same in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(die=die), *given],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], code: int = 0) -> None:
    with process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors


def check_alike(store: VectorStore, dataset: str, other: str) -> None:
    """The same points, but for the name of the dataset.

    Vectors to a rounding: the in-memory mode gives one that is written again unit length in another
    precision than one that is new.
    """
    for distance in Distance:
        one, two = (stored(store, name, distance) for name in (dataset, other))
        assert one.keys() == two.keys() != set()
        for path, record in one.items():
            assert record.payload == {**two[path].payload, "dataset": dataset}
            for pooling, vector in record.vectors.items():
                np.testing.assert_allclose(vector, two[path].vectors[pooling], rtol=1e-6)


def stored(store: VectorStore, dataset: str, distance: Distance) -> dict[str, Record]:
    records = store.scroll(dataset, distance, with_vectors=True)
    return {str(record.payload["path"]): record for record in records}


def test_many_workers_at_once_make_the_index_of_one(
    arguments: Callable[..., list[str]], sync: Sync, server: StandIn, data: Path
) -> None:
    workers = [start(arguments(worker=index)) for index in range(WORKERS)]
    for worker in workers:
        end(worker)
    store = open_store(Settings(data, qdrant_url=server.url, qdrant_api_key=KEY))
    assert store.datasets() == []
    sync("--finish")
    sync(dataset="alone")
    check_alike(store, "photos", "alone")
    assert store.leftovers("photos") == ()


@pytest.mark.parametrize(
    "die", [DIES_BETWEEN_COLLECTIONS, DIES_BEFORE_THE_NOTE], ids=["writing", "at-the-end"]
)
def test_a_worker_that_was_killed_is_missed_and_its_repetition_changes_nothing(
    arguments: Callable[..., list[str]], sync: Sync, server: StandIn, data: Path, die: str
) -> None:
    end(start(arguments(worker=2), die=die), code=9)
    for index in (0, 1, 3):
        sync(worker=index)
    refusal = sync("--finish", code=1).splitlines()[-1]
    assert refusal.startswith("error: 'photos' is not complete: of 4 workers, 2 have not finished")
    sync(worker=2)
    sync(worker=1)
    sync("--finish")
    sync(dataset="alone")
    store = open_store(Settings(data, qdrant_url=server.url, qdrant_api_key=KEY))
    check_alike(store, "photos", "alone")


def test_workers_start_from_what_is_published_and_the_end_sweeps(
    sync: Sync, server: StandIn, data: Path, photos: Path
) -> None:
    sync()
    gone, moved, *_ = sorted(photos.rglob("*.png"))
    gone.unlink()
    moved.rename(moved.with_name("renamed.png"))
    store = open_store(Settings(data, qdrant_url=server.url, qdrant_api_key=KEY))
    for index in range(WORKERS):
        sync(worker=index)
        assert len(list(store.scroll("photos", Distance.COSINE))) == 12
    sync("--finish")
    after = {str(one.payload["path"]) for one in store.scroll("photos", Distance.COSINE)}
    assert after == {str(path.relative_to(photos)) for path in photos.rglob("*.png")}


def test_the_embedded_index_has_one_writer(data: Path) -> None:
    store = open_store(Settings(data))
    with pytest.raises(InvalidRequestError, match="need a Qdrant server"):
        store.part_writer(spec(), Part(0, 2))
    with pytest.raises(InvalidRequestError, match="no parts"):
        store.finish_writer(spec())


# --- who has what


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_point_is_in_one_part_and_parts_are_alike(count: int) -> None:
    points = [ident(f"image-{number}") for number in range(2_000)]
    sizes = np.zeros(count, int)
    for one in points:
        [index] = [index for index in range(count) if Part(index, count).holds(one)]
        sizes[index] += 1
    assert sizes.min() > 0.75 * 2_000 / count


@pytest.mark.parametrize(("index", "count"), [(2, 2), (-1, 2), (0, 0)])
def test_a_part_that_cannot_be_is_refused(index: int, count: int) -> None:
    with pytest.raises(InvalidRequestError, match="counted from 0"):
        Part(index, count)


@pytest.mark.parametrize(
    "given",
    [
        ("--worker-index", "0"),
        ("--worker-count", "2"),
        ("--worker-index", "0", "--worker-count", "2", "--finish"),
        ("--worker-index", "0", "--worker-count", "2", "--dry-run"),
    ],
)
def test_half_a_part_is_refused_in_one_line(sync: Sync, given: tuple[str, ...]) -> None:
    message = sync(*given, code=1)
    assert message.startswith("error: --")
    assert message.count("\n") == 1
