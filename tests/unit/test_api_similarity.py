"""Where a similarity comes from, for programs and for the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from indexer.study_results import StudyFolder
from models.pooling import Pooling
from search_ui.api import add_api
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    return FakeSearcher(folder, draw_pictures(folder), poolings=tuple(Pooling))


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    folder = tmp_path / "uploads"
    (folder / "1").mkdir(parents=True)
    draw_hills(0.3, 4).save(folder / "1" / "mine.png")
    return folder


@pytest.fixture
def api(searcher: FakeSearcher, uploads: Path, tmp_path: Path) -> TestClient:
    app = FastAPI()
    add_api(app, searcher, uploads=uploads, study=StudyFolder(tmp_path / "no study"))
    return TestClient(app)


def ids(searcher: FakeSearcher) -> tuple[str, str]:
    first, second, *_ = searcher.files
    return str(first), str(second)


def of_stored(api: TestClient, query: str, hit: str, **parameters: str) -> Any:
    path = f"/api/datasets/hills/images/{query}/similarity/{hit}"
    return api.get(path, params=parameters)


def of_page(api: TestClient, **question: Any) -> Any:
    return api.post("/api/board/similarity", json={"dataset": "hills", **question})


@pytest.mark.parametrize("pooling", [each for each in Pooling if not each.is_fitted])
def test_the_cells_of_each_image_sum_to_the_similarity(
    api: TestClient, searcher: FakeSearcher, pooling: Pooling
) -> None:
    query, hit = ids(searcher)
    answer = of_stored(api, query, hit, pooling=pooling)
    assert answer.status_code == 200
    told = answer.json()
    assert told["pooling"] == pooling
    for name in ("query", "hit"):
        assert np.shape(told[name]) == (6, 6)
        assert np.sum(told[name]) == pytest.approx(told["similarity"], abs=1e-3)


def test_the_page_is_told_the_same_and_of_parts_and_uploads_too(
    api: TestClient, searcher: FakeSearcher
) -> None:
    query, hit = ids(searcher)
    stored = of_page(api, id=query, hit=hit, compared="flatten").json()
    assert stored == of_stored(api, query, hit, pooling="flatten").json()
    part = of_page(api, id=query, hit=hit, compared="flatten", crop="0,0,0.5,0.5").json()
    sent = of_page(api, upload="1/mine.png", hit=hit, compared="flatten", k=8).json()
    assert len({told["similarity"] for told in (stored, part, sent)}) == 3


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"hit": str(uuid4())}, 404, "No image"),
        ({"id": str(uuid4())}, 404, "No image"),
        ({"dataset": "cats"}, 404, "No dataset 'cats'"),
        ({"compared": "whitened"}, 400, "do not tell which part"),
        ({"compared": "median"}, 422, "compared:"),
        ({"hit": "../x"}, 422, "hit:"),
        ({"id": None}, 400, "names no picture"),
        ({"id": None, "upload": "../../etc/passwd"}, 400, "kept for a day"),
        ({"crop": "0,0,0.01,0.01"}, 400, "pixels"),
        ({"more": 1}, 422, "more:"),
    ],
)
def test_what_cannot_be_told_is_refused_in_one_line(
    api: TestClient, searcher: FakeSearcher, asked: dict[str, Any], status: int, said: str
) -> None:
    query, hit = ids(searcher)
    answer = of_page(api, **{"id": query, "hit": hit, "compared": "maxpool"} | asked)
    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]
