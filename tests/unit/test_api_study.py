"""``/api/study``: every result, what it has to beat, and nothing of the server's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from indexer.study_results import PRECISION, StudyFolder
from search_ui.api import study
from tests.study_files import QUERIES, write_study

MEASURED = Path(__file__).resolve().parents[2] / "docs/results/study"
TRAINED = "cats-model1-study-none-mse-64px-3xall-b16-s0"
START = "cats-model1-study-none-mse-64px-0xall-b16-s0"


def asking(folder: Path) -> TestClient:
    app = FastAPI()
    app.include_router(study.study_router(StudyFolder(folder)), prefix="/api")
    return TestClient(app)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    write_study(tmp_path)
    with asking(tmp_path) as client:
        yield client


def test_every_result_is_listed_with_what_it_has_to_beat(
    client: TestClient, tmp_path: Path
) -> None:
    told = client.get("/api/study").json()
    runs = {run["name"]: run for run in told["runs"]}
    assert sorted(runs) == sorted(file.stem for file in tmp_path.glob("*.json"))
    assert (runs[TRAINED]["kind"], runs[TRAINED]["start"]) == ("trained", START)
    assert (runs[START]["kind"], runs[START]["start"]) == ("untrained", None)
    assert (runs["cats-pixels"]["kind"], runs["cats-pixels"]["floor"]) == ("floor", "pixels")
    assert runs[TRAINED]["validation_losses"] == [0.9, 0.5, 0.45]
    assert runs[TRAINED]["queries"] == QUERIES


def test_a_pair_has_its_interval_and_the_size_of_its_vector(client: TestClient) -> None:
    run = client.get(f"/api/study/{TRAINED}").json()
    sizes = {(pair["pooling"], pair["vector_size"]) for pair in run["pairs"]}
    assert sizes == {("maxpool", 256), ("flatten", 1024)}
    interval = run["pairs"][0]["figures"][PRECISION]
    assert interval == {"value": 0.25, "low": 0.24, "high": 0.26}
    floor = client.get("/api/study/cats-colours").json()
    assert {pair["vector_size"] for pair in floor["pairs"]} == {None}
    assert floor["history"] == []


def test_one_run_has_its_epochs_machine_and_settings_without_paths(client: TestClient) -> None:
    answer = client.get(f"/api/study/{TRAINED}")
    run = answer.json()
    assert [epoch["validation_loss"] for epoch in run["history"]] == [0.9, 0.5, 0.45]
    assert (run["machine"], run["torch"], run["dead_channels"]) == ("test", "9.9", 0.25)
    assert run["settings"]["weights"] == "older"
    assert (run["settings"]["amp"], run["settings"]["processes"]) == ("bf16", 2)
    assert "/srv" not in answer.text


@pytest.mark.parametrize("name", ["nothing", "..", "../../pyproject", "*"])
def test_only_results_of_the_folder_are_found(client: TestClient, name: str) -> None:
    assert client.get(f"/api/study/{name}").status_code == 404
    assert client.get(f"/api/study/{name.replace('/', '%2F')}").status_code == 404


def test_a_file_that_holds_no_result_is_counted_and_costs_nothing_else(
    client: TestClient, tmp_path: Path
) -> None:
    before = client.get("/api/study").json()
    broken = json.loads((tmp_path / f"{TRAINED}.json").read_text())
    del broken["latent"]
    contents = ["{", "[]", "{}", json.dumps({**broken, "name": "x"}), json.dumps(broken)]
    for number, content in enumerate(contents):
        (tmp_path / f"broken{number}.json").write_text(content)
        assert client.get(f"/api/study/broken{number}").status_code == 404
    (tmp_path / "late.json").write_text(json.dumps({**broken, "name": "late"}))
    after = client.get("/api/study").json()
    assert after["runs"] == before["runs"]
    assert after["unreadable"] == len(contents) + 1
    assert client.get("/api/study/late").status_code == 404


def test_the_list_has_an_end(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = len(list(tmp_path.glob("*.json")))
    monkeypatch.setattr(study, "MOST_RUNS", 3)
    told = client.get("/api/study").json()
    assert (len(told["runs"]), told["left_out"], told["unreadable"]) == (3, total - 3, 0)


def test_without_a_folder_there_are_no_runs(tmp_path: Path) -> None:
    with asking(tmp_path / "none") as client:
        assert client.get("/api/study").json() == {"runs": [], "unreadable": 0, "left_out": 0}


def test_what_was_measured_for_the_docs_is_all_read() -> None:
    with asking(MEASURED) as client:
        told = client.get("/api/study").json()
        assert told["unreadable"] == 0
        assert len(told["runs"]) == len(list(MEASURED.glob("*.json")))
        trained = [run for run in told["runs"] if run["kind"] == "trained"]
        assert trained
        assert all(run["start"] for run in trained)
