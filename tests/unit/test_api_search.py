"""The search endpoints: the same question as the page's, by JSON and by form."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from indexer.study_results import StudyFolder
from indexer.types import Distance, SearchResult
from models.pooling import Pooling
from search_ui.api import add_api
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures

NO_ID = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    return FakeSearcher(folder, draw_pictures(folder))


@pytest.fixture
def api(searcher: FakeSearcher, tmp_path: Path) -> TestClient:
    app = FastAPI()
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    add_api(app, searcher, uploads=uploads, study=StudyFolder(tmp_path / "no study"))
    return TestClient(app)


def first(searcher: FakeSearcher) -> str:
    return str(next(iter(searcher.files)))


def png() -> bytes:
    buffer = BytesIO()
    draw_hills(0.3, 4).save(buffer, "PNG")
    return buffer.getvalue()


def search(api: TestClient, **question: Any) -> Any:
    return api.post("/api/search", json={"dataset": "hills", **question})


def send(api: TestClient, content: bytes, **question: Any) -> Any:
    files = {"image": ("mine.png", content)}
    return api.post("/api/search/upload", files=files, data={"dataset": "hills", **question})


def pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["pooling"], row["distance"]) for row in rows]


def test_a_search_by_id_gives_the_searcher_s_own_hits(
    api: TestClient, searcher: FakeSearcher
) -> None:
    answer = search(api, id=first(searcher), k=3).json()
    result = searcher.by_id(
        "hills",
        next(iter(searcher.files)),
        poolings=[Pooling.MAXPOOL, Pooling.FLATTEN],
        distances=list(Distance),
        k=3,
    )
    assert pairs(answer["rows"]) == [(row.pooling, row.distance) for row in result.rows]
    for told, row in zip(answer["rows"], result.rows, strict=True):
        assert [(hit["id"], hit["rank"], hit["score"], hit["path"]) for hit in told["hits"]] == [
            (str(hit.id), hit.rank, hit.score, hit.path) for hit in row.hits
        ]
        assert all(hit["thumb"].startswith("media/hills/") for hit in told["hits"])
    assert answer["checkpoint"] == "model3-1a2b3c4d"
    assert set(answer["seconds"]) == {"decode", "encode", "search"}


def test_a_search_by_upload_gives_the_same_as_by_its_file(
    api: TestClient, searcher: FakeSearcher, tmp_path: Path
) -> None:
    answer = send(api, png(), k=3, pooling="flatten", distance="euclid").json()
    file = tmp_path / "mine.png"
    file.write_bytes(png())
    result: SearchResult = searcher.by_image(
        "hills", file, poolings=[Pooling.FLATTEN], distances=[Distance.EUCLID], k=3
    )
    [row] = answer["rows"]
    assert [hit["id"] for hit in row["hits"]] == [str(hit.id) for hit in result.rows[0].hits]


def test_a_sent_picture_is_not_kept(api: TestClient, tmp_path: Path) -> None:
    assert send(api, png()).status_code == 200
    assert send(api, b"no picture").status_code == 400
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("by_form", [False, True])
def test_settings_and_filters_mean_the_same_in_json_and_in_a_form(
    api: TestClient, searcher: FakeSearcher, by_form: bool
) -> None:
    question = {"k": 50, "pooling": ["maxpool"], "label": ["rose", "dusk"], "min_side": 100}
    answer = (
        send(api, png(), **question) if by_form else search(api, id=first(searcher), **question)
    ).json()
    assert pairs(answer["rows"]) == [("maxpool", "cosine"), ("maxpool", "euclid")]
    assert {hit["label"] for row in answer["rows"] for hit in row["hits"]} == {"rose", "dusk"}
    assert [len(row["hits"]) for row in answer["rows"]] == [16, 16]


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"k": 51}, 422),
        ({"k": "many"}, 422),
        ({"pooling": "median"}, 422),
        ({"crop": "1,2"}, 422),
        ({"other": "thing"}, 422),
        ({"dataset": "nowhere"}, 404),
        ({"pooling": "gem"}, 400),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    api: TestClient, searcher: FakeSearcher, question: dict[str, Any], status: int
) -> None:
    for answer in (search(api, id=first(searcher), **question), send(api, png(), **question)):
        assert answer.status_code == status
        assert isinstance(answer.json()["detail"], str)
        assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(("id", "status"), [(None, 422), ("1", 422), (NO_ID, 404)])
def test_an_id_that_is_none_is_refused(api: TestClient, id: str | None, status: int) -> None:
    assert search(api, id=id).status_code == status


@pytest.mark.parametrize(
    "content", [b"", b"dear diary", b"<svg xmlns='http://www.w3.org/2000/svg'/>", png()[:200]]
)
def test_what_is_no_picture_is_refused_without_a_path(
    api: TestClient, content: bytes, tmp_path: Path
) -> None:
    answer = send(api, content)
    assert answer.status_code == 400
    assert str(tmp_path) not in answer.text


def test_a_bomb_is_refused_from_its_header(api: TestClient) -> None:
    buffer = BytesIO()
    Image.new("1", (12_000, 12_000)).save(buffer, "PNG")
    answer = send(api, buffer.getvalue())
    assert answer.status_code == 400
    assert "144 megapixels" in answer.json()["detail"]


@pytest.mark.parametrize("image", ["/etc/passwd", '{"path": "/etc/passwd"}'])
def test_a_path_is_no_picture(api: TestClient, image: str) -> None:
    answer = api.post("/api/search/upload", data={"dataset": "hills", "image": image})
    assert answer.status_code == 422
    assert "root:" not in answer.text


def test_one_image_is_told_with_its_details(api: TestClient, searcher: FakeSearcher) -> None:
    point, (file, label) = next(iter(searcher.files.items()))
    image = api.get(f"/api/datasets/hills/images/{point}").json()
    assert image["path"] == str(file.relative_to(searcher.folder))
    assert (image["name"], image["label"], image["bytes"]) == (
        file.name,
        label,
        file.stat().st_size,
    )
    assert image["original"] == f"media/hills/{point}/original"
    assert image["shown"] is True
    assert str(searcher.folder) not in str(image)
    assert api.get(f"/api/datasets/hills/images/{uuid4()}").status_code == 404
    assert api.get("/api/datasets/hills/images/..%2f..%2fetc").status_code in {404, 422}


def test_a_sample_is_spread_over_the_labels_and_stays(api: TestClient) -> None:
    sample = api.get("/api/datasets/hills/sample?count=10").json()
    assert len(sample) == 10
    assert {image["label"] for image in sample} >= {"dawn", "rose"}
    assert api.get("/api/datasets/hills/sample?count=10").json() == sample
    assert api.get("/api/datasets/hills/sample?count=0").status_code == 422
    assert api.get("/api/datasets/hills/sample?count=101").status_code == 422


def test_the_description_names_every_field_of_a_question(api: TestClient) -> None:
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    for name in ("StoredQuestion", "SentQuestion"):
        for field in schemas[name]["properties"].values():
            assert field["description"]
