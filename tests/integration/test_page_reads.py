"""The page only reads: writing, and above all optimising, would stop every answer meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import qdrant_edge

from indexer.pipeline import sync
from indexer.search import Searcher
from indexer.settings import Settings
from indexer.store import open_store
from models.sources import open_source
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.page_server import served

WRITING = ("create", "update", "optimize", "flush")


@pytest.fixture
def searcher(data: Path, photos: Path, tmp_path: Path) -> Iterator[Searcher]:
    """Over an index that another writer has published and closed."""
    checkpoint = make_checkpoint(tmp_path / "checkpoint", "first")
    with closing(open_store(Settings(data))) as store:
        sync(
            open_source(str(photos), workspace=data / "sources"),
            FakeEncoder.load(checkpoint),
            store,
            checkpoint=checkpoint,
            data_dir=data,
            progress=False,
        )
    with closing(Searcher(data, load_encoder=FakeEncoder.load)) as searcher:
        yield searcher


def test_the_page_never_writes_or_optimises(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []

    def note(name: str) -> Any:
        return lambda *_, **__: called.append(name)

    for name in WRITING:
        monkeypatch.setattr(qdrant_edge.EdgeShard, name, note(name))
    [image] = searcher.sample("photos", 1)
    with served(searcher) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as page:
        assert page.get("/").status_code == 200
        board = page.post("/api/board", json={"dataset": "photos", "id": str(image.id)}).json()
        assert board["state"] == "results"
        assert "warm" in str(board)
        for path in ("sample", "labels", "formats", "images", f"images/{image.id}"):
            assert page.get(f"/api/datasets/photos/{path}").status_code == 200
        question = {"dataset": "photos", "id": str(image.id), "crop": "0,0,0.8,0.8"}
        assert page.post("/api/search", json=question).status_code == 200
    assert called == []


def test_a_part_of_a_picture_that_is_gone_is_refused_without_a_path_of_the_server(
    searcher: Searcher, photos: Path
) -> None:
    [image] = searcher.sample("photos", 1)
    (photos / image.path).unlink()
    question = {"dataset": "photos", "id": str(image.id), "crop": "0,0,0.8,0.8"}
    with served(searcher) as url:
        answer = httpx.post(f"{url}/api/search", json=question, trust_env=False, timeout=20)
    assert answer.status_code == 404
    assert image.path in answer.json()["detail"]
    assert str(photos) not in answer.text
