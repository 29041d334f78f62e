"""A sync through a network that fails: complete, or one clear line and the next goes on."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tenacity import wait_none

from indexer.pipeline import sync
from indexer.settings import Settings
from indexer.store import VectorStore, open_store, server_lease
from indexer.types import Distance, Record
from models.errors import SimilarityError
from models.sources import open_source
from tests.back_ends import NO_EFFECT_IN_MEMORY
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.faulty_proxy import Fault, FaultyProxy, faulty_proxy
from tests.qdrant_stand_in import StandIn, stand_in

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
KEY = "a-key-of-tests"
IMAGES = 24
RATE = 0.15
"""Of what is sent; five tries in a row fail once in some thousand requests."""
ROUGH = 0.45
"""Five tries in a row fail once in fifty."""
STILL_THERE = "what was replaced is still on the server"
"""Said where even five tries did not remove it: the next sync does."""
PATIENCE = 60
PAUSE = 0.02
"""A lease that could not be given back runs out in the meantime."""
RUNS = 15
KINDS = {"rest": list(Fault), "grpc": [kind for kind in Fault if kind is not Fault.BUSY]}

Content = dict[tuple[Distance, str], Record]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between tries: here nothing has to recover. A lease runs out sooner, too."""
    monkeypatch.setattr(
        "indexer.store.server_link.wait_random_exponential", lambda **_: wait_none()
    )
    monkeypatch.setattr("indexer.sync_run.BATCH", 8)
    monkeypatch.setattr(server_lease, "LEASE_SECONDS", 0.4)
    monkeypatch.setattr(server_lease, "RENEW_SECONDS", 0.1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    for number in range(IMAGES):
        pixels = random.integers(0, 255, (12, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("checkpoints") / "first", "first")


@contextmanager
def connected(url: str, data: Path) -> Iterator[VectorStore]:
    with closing(open_store(Settings(data, qdrant_url=url, qdrant_api_key=KEY))) as store:
        yield store


@pytest.fixture(scope="module")
def undisturbed(
    pictures: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Content, Content]:
    """What a network that works leaves: at first, and after the changes."""
    place = tmp_path_factory.mktemp("undisturbed")
    folder = shutil.copytree(pictures, place / "pictures")
    with stand_in(key=KEY) as server:
        drill = Drill(server.url, place / "data", checkpoint, folder)
        drill.once()
        first = content(server, drill.data)
        change(folder)
        drill.once()
        assert leftovers(server, drill.data) == ()
        return first, content(server, drill.data)


class Drill:
    """Syncs through the proxy until one is done; what fails must fail in one line."""

    def __init__(self, url: str, data: Path, checkpoint: Path, folder: Path) -> None:
        self.url, self.data, self.checkpoint, self.folder = url, data, checkpoint, folder
        self.failures: list[str] = []

    def once(self) -> None:
        with connected(self.url, self.data) as store:
            sync(
                open_source(str(self.folder), workspace=self.data / "sources"),
                FakeEncoder.load(self.checkpoint),
                store,
                checkpoint=self.checkpoint,
                data_dir=self.data,
                dataset="pictures",
                progress=False,
            )

    def until_done(self) -> None:
        for _ in range(PATIENCE):
            try:
                self.once()
            except SimilarityError as error:
                self.failures.append(str(error))
                assert "\n" not in str(error)
                assert KEY not in str(error)
                time.sleep(PAUSE)
            else:
                return
        pytest.fail(f"not done after {PATIENCE} syncs: {self.failures[-3:]}")


@pytest.fixture
def drill(pictures: Path, checkpoint: Path, tmp_path: Path) -> Drill:
    """On a copy of the pictures; its URL comes later."""
    folder = shutil.copytree(pictures, tmp_path / "pictures")
    return Drill("", tmp_path / "data", checkpoint, folder)


def change(folder: Path) -> None:
    """One image goes, one comes, one gets another content, one another name."""
    files = sorted(folder.iterdir())
    files[0].unlink()
    for file, colour in ((folder / "new.png", "teal"), (files[1], "coral")):
        Image.new("RGB", (12, 12), colour).save(file)
        os.utime(file, ns=(1, 1))
    files[2].rename(folder / "renamed.png")


def content(server: StandIn, data: Path) -> Content:
    """Everything, asked without a proxy; a point that is there twice would be seen."""
    with connected(server.url, data) as store:
        records = [
            ((distance, str(record.payload["path"])), record)
            for distance in Distance
            for record in store.scroll("pictures", distance, with_vectors=True)
        ]
    assert max(Counter(key for key, _ in records).values()) == 1
    return dict(records)


def leftovers(server: StandIn, data: Path) -> tuple[str, ...]:
    with connected(server.url, data) as store:
        return store.leftovers("pictures")


def check_alike(found: Content, expected: Content) -> None:
    assert found.keys() == expected.keys()
    for key, record in found.items():
        assert record.payload == expected[key].payload
        for pooling, vector in record.vectors.items():
            np.testing.assert_allclose(vector, expected[key].vectors[pooling], rtol=1e-6)


@pytest.mark.parametrize(("wire", "seed"), [(wire, seed) for wire in KINDS for seed in range(RUNS)])
def test_nothing_is_lost_or_doubled_whatever_the_network_does(
    wire: str,
    seed: int,
    drill: Drill,
    undisturbed: tuple[Content, Content],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        stand_in(key=KEY, with_grpc=wire == "grpc") as server,
        faulty_proxy(server.port, seed=seed, kinds=KINDS[wire], ports=2) as (url, proxy),
    ):
        drill.url = url
        proxy.rate = ROUGH if seed % 3 == 0 else RATE
        drill.until_done()
        first = content(server, drill.data)
        change(drill.folder)
        drill.until_done()
        second = content(server, drill.data)
        left = leftovers(server, drill.data)
        proxy.rate = 0.0
        drill.until_done()
        assert leftovers(server, drill.data) == ()
        third = content(server, drill.data)
    assert proxy.faults.total() > 5
    assert not left or STILL_THERE in caplog.text
    check_alike(first, undisturbed[0])
    check_alike(second, undisturbed[1])
    check_alike(third, undisturbed[1])


@pytest.mark.parametrize("fault", Fault)
def test_a_network_that_only_fails_is_told_in_one_line(fault: Fault, drill: Drill) -> None:
    with (
        stand_in(key=KEY) as server,
        faulty_proxy(server.port, seed=0, kinds=[fault]) as (url, proxy),
    ):
        drill.url = url
        if fault is Fault.LATE:
            proxy.rate = 1.0
            drill.once()
            assert drill.failures == []
            return
        fails_from_now_on(proxy, drill)
        assert len(drill.failures) == 1
        assert url in drill.failures[0]
        proxy.rate = 0.0
        drill.until_done()
        assert len(content(server, drill.data)) == IMAGES * len(Distance)


def fails_from_now_on(proxy: FaultyProxy, drill: Drill) -> None:
    proxy.rate = 1.0
    with pytest.raises(SimilarityError) as caught:
        drill.once()
    drill.failures.append(str(caught.value))
