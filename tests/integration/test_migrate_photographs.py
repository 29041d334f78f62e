"""An index of real photographs on its way to a server and back, by the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from indexer.cli import main
from indexer.settings import KEY_VARIABLE, Settings
from indexer.store import VectorStore, open_store
from indexer.types import Distance, Record
from models.pooling import STANDARD
from tests.back_ends import NO_EFFECT_IN_MEMORY
from tests.qdrant_stand_in import StandIn, stand_in

WILDCATS = Path(__file__).parents[3] / "shared" / "data" / "wildcats"
KEY = "s3cret-key-of-tests"
UPSERTS = 5
"""After which the migration is killed; the whole takes dozens."""
QUERIES = 20
K = 8
Run = Callable[..., str]

pytestmark = [
    pytest.mark.skipif(not WILDCATS.is_dir(), reason="needs the images of wildcats: shared/data"),
    *(pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY),
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with stand_in(key=KEY, with_grpc=True) as server:
        yield server


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> str:
        assert main([*map(str, arguments)]) == 0
        return capsys.readouterr().out

    return run


def killed_half_way(server: StandIn, data: Path) -> None:
    """A migration that gets SIGKILL while it copies."""
    command = [sys.executable, "-m", "indexer", "migrate", "wildcats", "--to", server.url]
    process = subprocess.Popen(
        [*command, "--data-dir", str(data)], env={**os.environ, KEY_VARIABLE: KEY}
    )
    while server.asked.count("Points/Upsert") < UPSERTS:
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.02)
    process.kill()
    process.wait()


def content(store: VectorStore, distance: Distance) -> bytes:
    """Ids and payloads, to the byte; a server does not keep the order of keys."""
    records = store.scroll("wildcats", distance)
    return json.dumps([(str(one.id), one.payload) for one in records], sort_keys=True).encode()


def neighbours(store: VectorStore, queries: Sequence[Record], distance: Distance) -> list[object]:
    return [
        (str(hit.id), pytest.approx(hit.score, rel=1e-4, abs=1e-4))
        for record in queries
        for pooling in STANDARD
        for hit in store.query("wildcats", distance, pooling, record.vectors[pooling], limit=K)
    ]


def test_photographs_go_to_a_server_and_back(
    server: StandIn, run: Run, data: Path, tmp_path: Path
) -> None:
    back = tmp_path / "back"
    images = json.loads(run("sync", WILDCATS, "--json", "--data-dir", data))["added"]
    killed_half_way(server, data)
    place = ("--qdrant-url", server.url, "--data-dir", data)
    assert json.loads(run("list", "--json", *place)) == []

    there = ("--to", server.url, "--data-dir", data)
    report = json.loads(run("migrate", "wildcats", "--json", *there))
    assert report["present"] > 0
    assert report["copied"] + report["present"] == report["images"] == images
    home = ("--from", server.url, "--to", "embedded", "--data-dir", back)
    assert json.loads(run("migrate", "wildcats", "--json", *home))["copied"] == images

    with (
        closing(open_store(Settings(data))) as first,
        closing(open_store(Settings.resolve(data_dir=data, qdrant_url=server.url))) as remote,
        closing(open_store(Settings(back))) as second,
    ):
        for distance in Distance:
            ids = [record.id for record in first.scroll("wildcats", distance)]
            asked = first.retrieve(
                "wildcats", distance, ids[:: images // QUERIES], with_vectors=True
            )
            for other in (remote, second):
                assert content(other, distance) == content(first, distance)
                assert neighbours(other, asked, distance) == neighbours(first, asked, distance)
