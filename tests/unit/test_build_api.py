"""Routes of builds: what is asked becomes commands; what is forged or too large does not."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from indexer.settings import Settings
from models.checkpoint import DEFAULT_CHECKPOINT
from models.progress import ProgressFile
from models.registry import list_models
from search_ui.api.build import BODY_BYTES, build_router
from search_ui.building import archives
from search_ui.building.archives import MOST_WAITING, harmless_name
from search_ui.building.builder import Builder
from search_ui.jobs import background
from search_ui.jobs.folder import JobFolder, JobKind, JobPlan, JobState, JobStatus, now
from search_ui.jobs.lock import JobLock
from search_ui.serving.guard import Guard
from tests.fake_searcher import FakeSearcher, draw_pictures

Connect = Callable[..., TestClient]
RAW = {"Content-Type": "application/octet-stream"}
DEMO = {"kind": "demo"}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """An allowed folder: two kinds of pictures, and what must not be reached from it."""
    folder = tmp_path / "pictures"
    draw_pictures(folder, kinds=2, of_each=2)
    (tmp_path / "secret").mkdir()
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "in").symlink_to(folder / "dawn")
    (folder / ".hidden").mkdir()
    return folder


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[JobPlan]:
    """What would have run: nothing is started."""
    started: list[JobPlan] = []

    def note(_: background.Jobs, job: JobFolder, lock: int) -> None:  # noqa: ARG001
        plan = job.read_plan()
        assert plan is not None
        started.append(plan)

    monkeypatch.setattr(background.Jobs, "_launch", note)
    return started


@pytest.fixture
def connect(tmp_path: Path, pictures: Path, plans: list[JobPlan]) -> Iterator[Connect]:  # noqa: ARG001
    """A client of the routes behind the guard."""
    searcher = FakeSearcher(tmp_path / "index", [(f, "x") for f in pictures.glob("*/*.png")])

    def connect(**settings: Any) -> TestClient:
        settings = {"image_folders": (pictures,), **settings}
        app = FastAPI()
        builder = Builder.of(searcher, Settings(tmp_path / "data", **settings))
        app.include_router(build_router(builder))
        app.add_middleware(Guard, hosts=None)
        return TestClient(app)

    yield connect


@pytest.fixture
def client(connect: Connect) -> TestClient:
    return connect()


def zipped(name: str = "a.png", data: bytes = b"a") -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr(name, data)
    return buffer.getvalue()


def send(client: TestClient, content: bytes, name: str = "cats.zip") -> httpx.Response:
    return client.post("/api/uploads", params={"name": name}, content=content, headers=RAW)


def build(client: TestClient, **asked: object) -> httpx.Response:
    return client.post("/api/build", json={"source": DEMO, **asked})


def refusal(answer: httpx.Response, status: int = 400) -> str:
    """The one line that says why."""
    assert answer.status_code == status, answer.text
    (key, line), *others = answer.json().items()
    assert (key, others) == ("detail", [])
    assert isinstance(line, str)
    assert line
    assert "\n" not in line
    return line


def words(plan: JobPlan, state: JobState) -> list[str]:
    (step,) = [step for step in plan.steps if step.state is state]
    return list(step.command)


def option(command: list[str], name: str) -> list[str]:
    return [command[at + 1] for at, word in enumerate(command) if word == name]


# --- what can be chosen


def test_every_architecture_can_be_chosen_with_its_defaults_and_limits(client: TestClient) -> None:
    options = client.get("/api/build").json()
    by_name = {option["name"]: option for option in options["architectures"]}
    assert sorted(by_name) == list_models()
    assert options["defaults"]["arch"] == options["architectures"][0]["name"] == "model7"
    assert (by_name["model7"]["image_size"], by_name["model7"]["epochs"]) == (128, 5)
    assert by_name["model7"]["weights"] == ["none", "default"]
    for each in by_name.values():
        assert each["least_image_size"] <= each["image_size"] <= each["largest_image_size"]


def test_allowed_folders_are_named_without_their_paths(client: TestClient, pictures: Path) -> None:
    answer = client.get("/api/build")
    assert answer.json()["folders"] == [{"name": "pictures", "subfolders": ["dawn", "meadow"]}]
    assert str(pictures.parent) not in answer.text


def test_options_need_no_torch() -> None:
    code = (
        "import sys; from search_ui.building import options; options.architectures();"
        "sys.exit('torch' in sys.modules)"
    )
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0


# --- what is asked becomes commands


def test_without_training_there_is_one_command(client: TestClient, plans: list[JobPlan]) -> None:
    answer = build(client, name="mine", distances=["euclid"])
    assert answer.status_code == 202
    assert answer.json()["dataset"] == "mine"
    (plan,) = plans
    assert [step.state for step in plan.steps] == [JobState.INDEXING]
    command = words(plan, JobState.INDEXING)
    assert command[1:5] == ["-m", "indexer", "sync", "demo"]
    assert option(command, "--dataset") == ["mine"]
    assert option(command, "--checkpoint") == [str(DEFAULT_CHECKPOINT)]
    assert option(command, "--distance") == ["euclid"]


def test_a_training_comes_first_and_its_checkpoint_is_indexed(
    client: TestClient, plans: list[JobPlan], tmp_path: Path
) -> None:
    model = {"kind": "train", "arch": "model7", "minutes": 2, "weights": "default"}
    answer = build(client, model=model)
    assert answer.status_code == 202, answer.text
    (plan,) = plans
    assert [step.state for step in plan.steps] == [JobState.TRAINING, JobState.INDEXING]
    training = words(plan, JobState.TRAINING)
    for name, value in (("--arch", "model7"), ("--image-size", "128"), ("--epochs", "5")):
        assert option(training, name) == [value]
    assert option(training, "--time-budget") == ["120"]
    assert option(training, "--weights") == ["default"]
    indexing = words(plan, JobState.INDEXING)
    assert option(indexing, "--checkpoint") == option(training, "--out")
    assert option(indexing, "--distance") == ["cosine", "euclid"]
    assert option(indexing, "--data-dir") == option(training, "--data-dir")
    assert Path(option(training, "--out")[0]).is_relative_to(tmp_path / "data" / "jobs")


def test_the_commands_are_understood_by_the_programs_they_name(
    client: TestClient, plans: list[JobPlan]
) -> None:
    from indexer.cli import make_parser
    from scripts.train import parse

    build(client, model={"kind": "train", "arch": "model3", "image_size": 64, "epochs": 2})
    (plan,) = plans
    training = parse(words(plan, JobState.TRAINING)[2:])
    assert (training.arch, training.image_size, training.epochs) == ("model3", 64, 2)
    assert make_parser().parse_args(words(plan, JobState.INDEXING)[3:]).dataset == "demo"


def test_a_server_is_named_to_the_commands(connect: Connect, plans: list[JobPlan]) -> None:
    build(connect(qdrant_url="http://127.0.0.1:6333"))
    url = option(words(plans[0], JobState.INDEXING), "--qdrant-url")
    assert url == ["http://127.0.0.1:6333"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"kind": "train", "arch": "model9"}, "choose from"),
        ({"kind": "train", "arch": "torchvision:resnet50"}, "choose from"),
        ({"kind": "train", "arch": "model4", "image_size": 32}, "least image size"),
        ({"kind": "train", "arch": "model3", "image_size": 800}, "383 pixels is the most"),
        ({"kind": "train", "arch": "model3", "weights": "default"}, "not of model3"),
    ],
)
def test_a_training_that_cannot_be_is_refused(
    client: TestClient, plans: list[JobPlan], model: dict[str, object], reason: str
) -> None:
    assert reason in refusal(build(client, model=model))
    assert plans == []


@pytest.mark.parametrize(
    "asked",
    [
        {"source": {"kind": "torchvision", "name": "CIFAR10"}},
        {"source": {"kind": "demo", "token": "x"}},
        {"source": "demo"},
        {"source": None},
        {"model": {"kind": "train", "arch": "model7", "epochs": 0}},
        {"model": {"kind": "train", "arch": "model7", "epochs": "5"}},
        {"model": {"kind": "train", "arch": "model7", "epochs": True}},
        {"model": {"kind": "train", "arch": "model7", "weights": "/etc/passwd"}},
        {"model": {"kind": "train", "arch": "model7", "minutes": -1}},
        {"model": {"kind": "train", "arch": "model7", "batch_size": 9}},
        {"model": {"kind": "train", "arch": "model7", "colour": "--overwrite"}},
        {"distances": []},
        {"distances": ["dot"]},
        {"unknown": 1},
    ],
)
def test_a_body_that_is_not_understood_is_refused_in_one_line(
    client: TestClient, plans: list[JobPlan], asked: dict[str, object]
) -> None:
    refusal(build(client, **asked), 422)
    assert plans == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff"])
def test_what_is_no_json_is_refused_in_one_line(client: TestClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/build", content=content, headers=headers)
    refusal(answer, 400 if content == b"\xff" else 422)


def test_a_long_body_is_refused_before_it_is_read(client: TestClient) -> None:
    refusal(build(client, name="x" * BODY_BYTES), 413)
    headers = {"Content-Type": "application/json"}
    refusal(client.post("/api/build", content=iter([b"{}"]), headers=headers), 411)


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "../x", "A", "a__b", "--json"])
def test_a_name_that_can_name_no_dataset_is_refused(
    client: TestClient, plans: list[JobPlan], name: str
) -> None:
    # "--json" would be an option of the command that builds.
    assert "cannot name a dataset" in refusal(build(client, name=name))
    assert plans == []


def test_the_name_of_a_dataset_of_other_images_is_refused_and_the_upload_stays(
    client: TestClient, plans: list[JobPlan]
) -> None:
    token = send(client, zipped()).json()["token"]
    source = {"kind": "archive", "token": token}
    assert "of other images" in refusal(build(client, name="hills", source=source))
    assert build(client, name="others", source=source).status_code == 202
    assert len(plans) == 1


def test_a_dataset_of_the_same_source_is_brought_in_line(
    client: TestClient, plans: list[JobPlan], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    describe = FakeSearcher.describe
    known = str(pictures / "in")  # a link to the folder that is asked for
    monkeypatch.setattr(
        FakeSearcher, "describe", lambda self, name: replace(describe(self, name), source=known)
    )
    source = {"kind": "folder", "folder": "pictures", "path": "dawn"}
    assert build(client, name="hills", source=source).status_code == 202
    refusal(build(client, name="hills", source={**source, "path": "meadow"}))
    refusal(build(client, name="hills"))
    assert len(plans) == 1


# --- folders


def test_allowed_folders_and_what_is_below_them_can_be_built_of(
    client: TestClient, plans: list[JobPlan], pictures: Path
) -> None:
    for path, found in (("", pictures), ("dawn", pictures / "dawn"), ("in/", pictures / "dawn")):
        answer = build(client, source={"kind": "folder", "folder": "pictures", "path": path})
        assert answer.status_code == 202, answer.text
        assert words(plans[-1], JobState.INDEXING)[4] == str(found)
        assert str(pictures.parent) not in answer.text


@pytest.mark.parametrize(
    ("folder", "path"),
    [
        ("pictures", ".."),
        ("pictures", "dawn/../../secret"),
        ("pictures", "../secret"),
        ("pictures", "out"),
        ("pictures", "/etc"),
        ("pictures", "{secret}"),
        ("pictures", "dawn\\..\\..\\secret"),
        ("pictures", "nowhere"),
        ("pictures", "dawn/dawn_000.png"),
        ("pictures", "a\0b"),
        ("pictures", "x" * 3000),
        ("secret", ""),
        ("/etc", ""),
        ("..", ""),
        ("", ""),
    ],
)
def test_nothing_else_can(
    client: TestClient, plans: list[JobPlan], tmp_path: Path, folder: str, path: str
) -> None:
    path = path.format(secret=tmp_path / "secret")
    line = refusal(build(client, source={"kind": "folder", "folder": folder, "path": path}))
    assert str(tmp_path) not in line.replace(path, "")
    assert plans == []


def test_folders_of_one_name_are_told_apart(connect: Connect, tmp_path: Path) -> None:
    folders = (tmp_path / "a" / "cats", tmp_path / "b" / "cats")
    for folder in folders:
        (folder / "x").mkdir(parents=True)
    named = connect(image_folders=folders).get("/api/build").json()["folders"]
    assert [each["name"] for each in named] == ["cats", "cats-2"]


def test_no_folder_is_allowed_unless_the_operator_says_so(connect: Connect) -> None:
    client = connect(image_folders=())
    assert client.get("/api/build").json()["folders"] == []
    refusal(build(client, source={"kind": "folder", "folder": "pictures", "path": ""}))


# --- uploads


def test_an_upload_can_be_built_of_and_the_same_one_is_the_same_source(
    client: TestClient, plans: list[JobPlan], tmp_path: Path
) -> None:
    for _ in range(2):
        received = send(client, zipped()).json()
        assert (received["name"], received["bytes"]) == ("cats.zip", len(zipped()))
        answer = build(client, source={"kind": "archive", "token": received["token"]})
        assert answer.json()["dataset"] == "cats"
    first, second = (Path(words(plan, JobState.INDEXING)[4]) for plan in plans)
    assert first == second
    assert first.read_bytes() == zipped()
    assert first.is_relative_to(tmp_path / "data" / "archives")
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


@pytest.mark.parametrize("token", ["", "0" * 32, "../..", "/etc/passwd", "a" * 64, "%2e%2e"])
def test_a_forged_token_is_refused(client: TestClient, plans: list[JobPlan], token: str) -> None:
    send(client, zipped())
    line = refusal(build(client, source={"kind": "archive", "token": token}))
    assert "upload the archive again" in line
    assert plans == []


def test_an_upload_above_the_limit_is_refused_while_it_comes(
    connect: Connect, tmp_path: Path
) -> None:
    client = connect(max_archive_mb=1)
    content = zipped(data=os.urandom(1_200_000))
    assert "1 MB" in refusal(send(client, content), 413)
    # Without a declared length, and with more to come than would ever be read.
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 100_000
            yield b"PK" + bytes(99_998)

    answer = client.post("/api/uploads", params={"name": "x.zip"}, content=endless(), headers=RAW)
    assert "1 MB" in refusal(answer, 413)
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


def test_an_upload_larger_than_the_disk_is_refused_at_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        archives.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and _Usage()
    )
    assert "no room" in refusal(send(client, zipped()), 413)


class _Usage:
    free = 10


@pytest.mark.parametrize("content", [b"", b"<svg onload='alert(1)'/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_archive_is_refused_at_once(
    client: TestClient, tmp_path: Path, content: bytes
) -> None:
    line = refusal(send(client, content, "page.html"))
    assert "'page.html' is not an archive" in line
    assert str(tmp_path) not in line
    assert list((tmp_path / "data" / "uploads").iterdir()) == []


@pytest.mark.parametrize("type", ["multipart/form-data", "text/plain", "application/zip"])
def test_a_form_of_another_site_cannot_upload(client: TestClient, type: str) -> None:
    headers = {"Content-Type": type}
    answer = client.post("/api/uploads?name=x.zip", content=zipped(), headers=headers)
    refusal(answer, 415)
    crossing = {**RAW, "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/uploads?name=x.zip", content=b"", headers=crossing).status_code == 403


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("cats.zip", "cats.zip"),
        ("../../etc/cron.d/x.zip", "x.zip"),
        ("C:\\Users\\me\\cats.zip", "cats.zip"),
        ("<img src=x onerror=alert(1)>.zip", "_img src_x onerror_alert(1)_.zip"),
        ("a\0b\n.zip", "a_b_.zip"),
        (".zip", "zip"),
        ("..", "archive"),
        ("/", "archive"),
        ("--progress=x.zip", "--progress_x.zip"),
        ("Бабочки 蝶.tar.gz", "Бабочки 蝶.tar.gz"),
        ("x" * 300 + ".zip", "x" * 96 + ".zip"),
    ],
)
def test_names_of_uploads_are_made_harmless(sent: str, kept: str) -> None:
    assert harmless_name(sent) == kept


def test_uploads_that_nobody_comes_back_for_make_room(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = [send(client, zipped()).json()["token"] for _ in range(MOST_WAITING + 2)]
    waiting = {path.name for path in (tmp_path / "data" / "uploads").iterdir()}
    assert len(waiting) == MOST_WAITING
    assert tokens[-1] in waiting
    monkeypatch.setattr(archives, "KEPT_SECONDS", -1)
    last = send(client, zipped()).json()["token"]
    assert [path.name for path in (tmp_path / "data" / "uploads").iterdir()] == [last]


# --- jobs


def test_while_a_build_runs_another_is_refused(client: TestClient, tmp_path: Path) -> None:
    folder = JobFolder(tmp_path / "data" / "jobs" / "20260101-000000-00000000")
    folder.write_plan(JobPlan("cats", {"kind": JobKind.GROUP}, (), now()))
    lock = JobLock(tmp_path / "data" / "jobs" / "lock").take(folder.id)
    assert lock is not None
    assert refusal(build(client), 409).startswith("a grouping of 'cats' is running already")
    assert client.get("/api/build").json()["running"] == "20260101-000000-00000000"
    os.close(lock)
    assert build(client).status_code == 202


def test_where_building_is_off_nothing_can_be_started_or_stopped(
    connect: Connect, plans: list[JobPlan], tmp_path: Path
) -> None:
    id = build(connect()).json()["id"]
    client = connect(allow_build=False)
    assert client.get("/api/build").json()["allowed"] is False
    refusal(build(client), 403)
    refusal(send(client, zipped()), 403)
    refusal(client.post(f"/api/jobs/{id}/stop"), 403)
    assert client.get("/api/jobs").status_code == 200
    assert len(plans) == 1
    assert not (tmp_path / "data" / "uploads").exists()


def test_a_job_shows_progress_curves_and_a_log_without_paths(
    client: TestClient, tmp_path: Path, pictures: Path
) -> None:
    id = build(client, model={"kind": "train", "arch": "model7"}).json()["id"]
    folder = JobFolder(tmp_path / "data" / "jobs" / id)
    told = ProgressFile(folder.progress(JobState.TRAINING))
    told.begin("training", total=40)
    told.epoch(2, 4)
    told.loss(0.5, 0.25)
    told.validation_loss(1, 0.5)
    folder.log.write_text(f"\x1b[2J{pictures}/a.png <b> {tmp_path}/data/jobs {sys.executable}\n")
    lock = JobLock(tmp_path / "data" / "jobs" / "lock").take(id)
    assert lock is not None
    folder.write_status(JobStatus(JobState.TRAINING, process=0))
    seen = client.get(f"/api/jobs/{id}").json()
    os.close(lock)
    assert (seen["state"], seen["over"], seen["stopping"]) == ("training", False, False)
    assert seen["progress"]["phase"] == "training"
    assert (seen["progress"]["epoch"], seen["progress"]["epochs"]) == (2, 4)
    assert seen["losses"] == [{"epoch": 0.5, "loss": 0.25}]
    assert seen["validation_losses"] == [{"epoch": 1, "loss": 0.5}]
    assert seen["log"] == ["[2Jpictures/a.png <b> data/jobs python"]
    assert seen["reconstructions"] is False
    assert str(tmp_path) not in json.dumps(seen)


def test_a_job_that_was_stopped_says_how_far_it_came(client: TestClient, tmp_path: Path) -> None:
    id = build(client, model={"kind": "train", "arch": "model7"}).json()["id"]
    folder = JobFolder(tmp_path / "data" / "jobs" / id)

    def reached(**status: str) -> str:
        folder.write_status(JobStatus(JobState.STOPPED, **status))
        return str(client.get(f"/api/jobs/{id}").json()["reached"])

    assert reached() == "waiting"
    assert reached(started_at="2026-11-25T08:00:00+00:00") == "training"
    ProgressFile(folder.progress(JobState.TRAINING)).begin("reading", total=1)
    assert reached(started_at="2026-11-25T08:00:00+00:00") == "training"
    ProgressFile(folder.progress(JobState.INDEXING)).begin("comparing", total=1)
    assert reached(started_at="2026-11-25T08:00:00+00:00") == "indexing"


def test_reconstructions_are_a_picture_once_there_are_some(
    client: TestClient, tmp_path: Path
) -> None:
    id = build(client, model={"kind": "train", "arch": "model7"}).json()["id"]
    refusal(client.get(f"/api/jobs/{id}/reconstructions"), 404)
    folder = JobFolder(tmp_path / "data" / "jobs" / id)
    folder.checkpoint.mkdir()
    (folder.checkpoint / "reconstructions.webp").write_bytes(b"RIFF")
    answer = client.get(f"/api/jobs/{id}/reconstructions")
    assert (answer.status_code, answer.content) == (200, b"RIFF")
    assert answer.headers["content-type"] == "image/webp"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("tail", ["", "/reconstructions", "/stop"])
def test_an_unknown_job_is_not_there(client: TestClient, tail: str) -> None:
    url = f"/api/jobs/20200101-000000-00000000{tail}"
    refusal(client.post(url) if tail == "/stop" else client.get(url), 404)


@pytest.mark.parametrize("id", ["..", "lock", "%2e%2e%2f%2e%2e", "20200101-000000-0000000G", "a"])
def test_what_is_no_id_has_no_route(client: TestClient, id: str) -> None:
    answer = client.get(f"/api/jobs/{id}")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is nothing at that address."}


def test_a_job_that_is_over_cannot_be_stopped(client: TestClient) -> None:
    id = build(client).json()["id"]  # nothing was launched: it ended without a word
    assert "is over" in refusal(client.post(f"/api/jobs/{id}/stop"), 409)
