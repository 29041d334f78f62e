"""Builds through the server exactly as ``python -m search_ui`` starts it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from indexer.search import Searcher
from tests.archive_builders import Item, build_zip
from tests.fake_searcher import draw_pictures
from tests.page_process import serving

PATIENCE_SECONDS = 120
RAW = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's folder, with a link out of it."""
    folder = tmp_path_factory.mktemp("allowed")
    draw_pictures(folder / "hills", kinds=2, of_each=6)
    (folder / "out").symlink_to("/etc")
    return folder


@pytest.fixture(scope="module")
def client(data: Path, allowed: Path) -> Iterator[httpx.Client]:
    with serving(data, "--image-folder", allowed, "--max-archive-mb", 1) as (client, _):
        yield client


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small archive of pictures."""
    pictures = draw_pictures(tmp_path / "drawn", kinds=2, of_each=6)
    items = [Item(f"{label}/{file.name}", file.read_bytes()) for file, label in pictures]
    build_zip(tmp_path / "hills.zip", items)
    return tmp_path / "hills.zip"


def upload(client: httpx.Client, archive: Path) -> dict[str, Any]:
    params = {"name": archive.name}
    answer = client.post("/api/uploads", params=params, content=archive.read_bytes(), headers=RAW)
    answer.raise_for_status()
    return {"kind": "archive", "token": answer.json()["token"]}


def start(client: httpx.Client, **asked: object) -> str:
    answer = client.post("/api/build", json=asked)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def poll(
    client: httpx.Client, id: str, until: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        job: dict[str, Any] = client.get(f"/api/jobs/{id}").json()
        if until(job):
            return job
        assert time.monotonic() < deadline, job
        assert not job["over"], job
        time.sleep(0.1)


def over(job: dict[str, Any]) -> bool:
    return bool(job["over"])


def datasets(data: Path) -> list[str]:
    with closing(Searcher(data)) as searcher:
        return [info.name for info in searcher.datasets()]


def test_an_uploaded_archive_is_trained_on_indexed_and_searched(
    client: httpx.Client, data: Path, archive: Path
) -> None:
    model = {"kind": "train", "arch": "model1", "image_size": 32, "epochs": 3}
    id = start(client, name="trained", source=upload(client, archive), model=model)
    states = set()
    job = poll(client, id, lambda job: states.add(job["state"]) or over(job))
    assert (job["state"], job["message"]) == ("done", "trained is ready to be searched."), job
    assert {"training", "indexing"} <= states
    assert [point["epoch"] for point in job["validation_losses"]] == [1, 2, 3]
    sheet = client.get(f"/api/jobs/{id}/reconstructions")
    assert (sheet.status_code, sheet.content[:4]) == (200, b"RIFF")
    assert any(line.startswith("added") and line.endswith("12") for line in job["log"])
    assert str(data) not in repr(job)
    with closing(Searcher(data)) as searcher:
        assert searcher.describe("trained").arch == "model1"
        point = searcher.sample("trained", 1)[0].id
        result = searcher.by_id("trained", point, k=5)
        assert len(result.rows[0].hits) == 5
    # The server that was running all the time has it, too.
    assert client.get(f"/media/trained/{point}/thumb").status_code == 200


def test_a_folder_is_indexed_at_once_with_the_programs_own_checkpoint(
    client: httpx.Client, data: Path
) -> None:
    source = {"kind": "folder", "folder": next(iter(folders(client))), "path": "hills"}
    for unchanged in (0, 12):  # the second time it is brought in line
        id = start(client, source=source, distances=["cosine"])
        job = poll(client, id, over)
        assert job["state"] == "done", job
        assert any(line.split() == ["unchanged", str(unchanged)] for line in job["log"])
    assert "hills" in datasets(data)
    answer = client.post("/api/build", json={"name": "hills", "source": {"kind": "demo"}})
    assert "of other images" in answer.json()["detail"]


def folders(client: httpx.Client) -> list[str]:
    return [folder["name"] for folder in client.get("/api/build").json()["folders"]]


def test_a_build_outlives_its_server_and_is_stopped_by_the_next(archive: Path, data: Path) -> None:
    other = data.parent / "other"
    model = {"kind": "train", "arch": "model3", "image_size": 64, "epochs": 10_000}
    with serving(other) as (client, process):
        id = start(client, name="endless", source=upload(client, archive), model=model)
        poll(client, id, lambda job: job["losses"] and job["reconstructions"])
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)
    with serving(other) as (client, _):
        seen = client.get("/api/jobs").json()
        assert (seen["running"], seen["jobs"][0]["state"]) == (id, "training")
        before = client.get(f"/api/jobs/{id}").json()["progress"]["done"]
        poll(client, id, lambda job: job["progress"]["done"] > before)
        answer = client.post("/api/build", json={"source": {"kind": "demo"}})
        assert (answer.status_code, id in answer.json()["detail"]) == (409, True)
        assert client.post(f"/api/jobs/{id}/stop").status_code == 200
        job = poll(client, id, over)
        assert job["state"] == "stopped", job
        assert "no dataset was made" in job["message"]
        assert client.get("/api/build").json()["running"] is None
        assert client.post(f"/api/jobs/{id}/stop").status_code == 409
    assert datasets(other) == []


def test_a_build_stopped_while_indexing_leaves_the_list_alone_and_can_be_begun_again(
    client: httpx.Client, data: Path
) -> None:
    before = datasets(data)
    asked = {
        "name": "again",
        "source": {"kind": "folder", "folder": folders(client)[0], "path": "hills"},
    }
    id = start(client, **asked)
    poll(client, id, lambda job: job["state"] == "indexing")
    assert client.post(f"/api/jobs/{id}/stop").status_code == 200
    job = poll(client, id, over)
    assert (job["state"], "goes on from there" in job["message"]) == ("stopped", True)
    assert datasets(data) == before
    assert poll(client, start(client, **asked), over)["state"] == "done"
    assert sorted(datasets(data)) == sorted([*before, "again"])


@pytest.mark.parametrize("path", ["out", "..", "hills/../..", "/etc"])
def test_paths_out_of_the_allowed_folders_are_refused(client: httpx.Client, path: str) -> None:
    source = {"kind": "folder", "folder": folders(client)[0], "path": path}
    answer = client.post("/api/build", json={"source": source})
    assert answer.status_code == 400
    assert "there is no folder" in answer.json()["detail"]


@pytest.mark.parametrize("token", ["f" * 32, "../jobs", "/etc/passwd"])
def test_forged_tokens_are_refused(client: httpx.Client, token: str) -> None:
    source = {"kind": "archive", "token": token}
    assert client.post("/api/build", json={"source": source}).status_code == 400


def test_an_upload_above_the_limit_is_refused(client: httpx.Client, data: Path) -> None:
    content = b"PK\3\4" + os.urandom(1_100_000)
    answer = client.post("/api/uploads?name=big.zip", content=content, headers=RAW)
    assert answer.status_code == 413

    def chunks() -> Iterator[bytes]:  # without a length
        yield from (content[start : start + 65_536] for start in range(0, len(content), 65_536))

    answer = client.post("/api/uploads?name=big.zip", content=chunks(), headers=RAW)
    assert answer.status_code == 413
    assert list((data / "uploads").iterdir()) == []


def test_html_in_names_stays_text(client: httpx.Client) -> None:
    evil = "<img src=x onerror=alert(1)>"
    for answer in (
        client.post("/api/build", json={"name": evil, "source": {"kind": "demo"}}),
        client.post("/api/uploads", params={"name": evil}, content=b"x", headers=RAW),
    ):
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("route", ["/api", "/api/build/x", "/api/jobs/..", "/api/uploads/x"])
def test_there_are_no_other_routes(client: httpx.Client, route: str) -> None:
    assert client.get(route).status_code == 404
