"""Browsing over HTTP: pages, labels, failures, groups, duplicates, and work that is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

from indexer.failures import Failure
from indexer.groups import (
    Agreement,
    Example,
    Group,
    GroupingMethod,
    GroupingSummary,
    LabelShare,
)
from indexer.layout import DataFolder
from indexer.search import MAX_PAGE
from indexer.settings import Settings
from indexer.study_results import StudyFolder
from indexer.types import Order
from models.pooling import Pooling
from search_ui.api import add_api
from search_ui.building.builder import Builder
from search_ui.jobs import background
from search_ui.jobs.folder import JobFolder, JobPlan, JobState, now
from search_ui.jobs.lock import JobLock
from search_ui.serving.guard import Guard
from tests.fake_searcher import FakeSearcher, draw_pictures

HILLS = "/api/datasets/hills"
IMAGES = 15
NO_STUDY = StudyFolder(Path("no-study"))
FAILURES = [
    Failure(f"dusk/{number}.jpg", "empty file", 0, 1, "2026-01-02T03:04:05+00:00", number > 0)
    for number in range(3)
]


@pytest.fixture
def searcher(tmp_path: Path) -> FakeSearcher:
    """Three kinds of five pictures; of one there is a copy and a small version, without a label."""
    pictures: list[tuple[Path, str | None]] = [*draw_pictures(tmp_path, kinds=3, of_each=5)]
    original = pictures[0][0]
    copy, small = tmp_path / "copy.png", tmp_path / "small.jpg"
    shutil.copyfile(original, copy)
    with Image.open(original) as image:
        image.resize((96, 96)).save(small)
    return FakeSearcher(tmp_path, [*pictures, (copy, None), (small, None)])


def connected(app: FastAPI) -> TestClient:
    app.add_middleware(Guard, hosts=None)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(searcher: FakeSearcher, tmp_path: Path) -> Iterator[TestClient]:
    app = FastAPI()
    add_api(app, searcher, uploads=tmp_path, study=NO_STUDY)
    with closing(connected(app)) as client:
        yield client


def get(client: TestClient, path: str, **query: object) -> Any:
    answer = client.get(f"{HILLS}/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("order", Order)
def test_pages_in_turn_show_every_image_once_in_the_order_of_the_index(
    client: TestClient, searcher: FakeSearcher, order: Order
) -> None:
    shown = []
    for offset in range(0, 20, 4):
        page = get(client, "images", order=str(order), offset=offset, limit=4)
        assert (page["total"], page["offset"]) == (IMAGES + 2, offset)
        shown += [image["id"] for image in page["images"]]
    expected = searcher.page("hills", order=order, limit=MAX_PAGE).images
    assert shown == [str(image.id) for image in expected]


def test_an_image_comes_with_what_a_tile_needs_and_no_path_of_the_server(
    client: TestClient, tmp_path: Path
) -> None:
    answer = client.get(f"{HILLS}/images", params={"label": "dawn", "limit": 1})
    (image,) = answer.json()["images"]
    assert (image["name"], image["label"], image["width"]) == ("dawn_000.png", "dawn", 128)
    assert image["thumb"].startswith(f"media/hills/{image['id']}/thumb?v=")
    assert str(tmp_path) not in answer.text


def test_images_are_narrowed_by_label_format_and_group_together(client: TestClient) -> None:
    def total(**query: object) -> int:
        return int(get(client, "images", **query)["total"])

    assert total() == IMAGES + 2
    assert total(label="dawn") == 5
    assert total(label=["dawn", "meadow"]) == 10
    assert total(label="") == 2
    assert total(label="", format="JPEG") == 1
    assert total(group=2, label="dawn") == 0
    assert total(group=0) == 2
    assert total(label="no such") == 0


def test_labels_and_formats_come_with_their_numbers_of_images(client: TestClient) -> None:
    assert get(client, "labels") == [
        {"label": "", "images": 2},
        {"label": "dawn", "images": 5},
        {"label": "lagoon", "images": 5},
        {"label": "meadow", "images": 5},
    ]
    assert get(client, "formats") == [
        {"format": "JPEG", "images": 1},
        {"format": "PNG", "images": IMAGES + 1},
    ]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": MAX_PAGE + 1},
        {"offset": -1},
        {"offset": 2**40},
        {"order": "best"},
        {"group": -1},
        {"group": "two"},
        {"label": "x" * 1001},
    ],
)
def test_what_is_not_in_range_is_refused_in_one_line(
    client: TestClient, query: dict[str, object]
) -> None:
    answer = client.get(f"{HILLS}/images", params=query)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["images", "labels", "formats", "failures", "groups", "duplicates"]
)
def test_a_dataset_that_is_not_there_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/datasets/valleys/{path}")
    assert answer.status_code == 404
    assert "valleys" in answer.json()["detail"]


def test_failures_come_in_pages_by_path_with_reason_size_and_time(
    client: TestClient, searcher: FakeSearcher
) -> None:
    assert get(client, "failures")["total"] == 0
    searcher.broken = FAILURES[::-1]
    page = get(client, "failures", offset=1, limit=1)
    assert page == {
        "files": [
            {
                "path": "dusk/1.jpg",
                "reason": "empty file",
                "bytes": 0,
                "since": "2026-01-02T03:04:05+00:00",
                "lasting": True,
            }
        ],
        "total": 3,
        "offset": 1,
        "can_retry": False,
    }


def summary(searcher: FakeSearcher) -> GroupingSummary:
    dawn = [image for image in searcher.page("hills").images if image.label == "dawn"]
    group = Group(
        number=1,
        images=5,
        examples=tuple(Example(image.id, image.path) for image in dawn[2:]),
        labels=(LabelShare("dawn", 1.0),),
    )
    return GroupingSummary(
        dataset="hills",
        fingerprint="1a2b3c4d",
        method=GroupingMethod.KMEANS,
        pooling=Pooling.FLATTEN,
        groups=(group,),
        outside=2,
        silhouette=0.25,
        agreement=Agreement(0.5, 0.75, 15),
        stored_at="2026-01-02T03:04:05+00:00",
    )


def test_groups_come_with_their_representative_first_and_how_they_were_made(
    client: TestClient, searcher: FakeSearcher
) -> None:
    searcher.summary = summary(searcher)
    answer = get(client, "groups")
    assert answer["outside"] == 2
    assert answer["made"] == {
        "method": "kmeans",
        "pooling": "flatten",
        "made_at": "2026-01-02T03:04:05+00:00",
        "silhouette": 0.25,
        "adjusted_rand": 0.5,
        "normalised_mutual_information": 0.75,
        "labelled": 15,
    }
    first = answer["groups"][0]
    assert (first["number"], first["images"]) == (1, 5)
    assert first["labels"] == [{"label": "dawn", "share": 1.0}]
    assert [one["name"] for one in first["examples"]] == [
        "dawn_002.png",
        "dawn_003.png",
        "dawn_004.png",
    ]


def test_groups_that_nothing_more_is_known_of_are_shown_by_their_first_images(
    client: TestClient, searcher: FakeSearcher
) -> None:
    searcher.summary = summary(searcher)
    second = get(client, "groups")["groups"][1]
    wanted = get(client, "images", group=2, order="shuffled", limit=6)["images"]
    assert [one["id"] for one in second["examples"]] == [image["id"] for image in wanted]
    searcher.summary = None
    assert get(client, "groups")["made"] is None


def test_without_groups_there_is_an_empty_list(tmp_path: Path) -> None:
    pictures = [(file, None) for file, _ in draw_pictures(tmp_path, kinds=1, of_each=2)]
    app = FastAPI()
    add_api(app, FakeSearcher(tmp_path, pictures), uploads=tmp_path, study=NO_STUDY)
    with closing(connected(app)) as client:
        answer = get(client, "groups")
    assert answer == {"groups": [], "outside": 2, "made": None, "can_make": False}


def test_duplicates_come_largest_first_with_what_tells_them_apart(client: TestClient) -> None:
    found = get(client, "duplicates", bits=6)
    images = next(
        one["images"]
        for one in found["sets"]
        if "small.jpg" in {image["path"] for image in one["images"]}
    )
    # By bytes, of as many pixels: the fake says that all have the same.
    assert [image["bytes"] for image in images] == sorted(
        (image["bytes"] for image in images), reverse=True
    )
    copies = [image for image in images if image["path"] in {"copy.png", "dawn/dawn_000.png"}]
    assert len({image["bits"] for image in copies}) == 1
    assert found["spare"] == sum(one["total"] - 1 for one in found["sets"])


def test_duplicates_come_in_pages(client: TestClient) -> None:
    whole = get(client, "duplicates", bits=12)
    assert whole["total"] == len(whole["sets"])
    second = get(client, "duplicates", bits=12, offset=1, limit=1)
    assert second["sets"] == whole["sets"][1:2]
    assert second["total"] == whole["total"]


@pytest.mark.parametrize("bits", [-1, 13, "many"])
def test_other_strictness_is_refused(client: TestClient, bits: object) -> None:
    assert client.get(f"{HILLS}/duplicates", params={"bits": bits}).status_code == 422


# Work that is started


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


def worker(searcher: FakeSearcher, data: Path, **settings: Any) -> TestClient:
    app = FastAPI()
    builder = Builder.of(searcher, Settings(data, **settings))
    add_api(app, searcher, uploads=data, study=NO_STUDY, builder=builder)
    return connected(app)


def test_failed_files_are_tried_again_by_a_job_that_runs_the_command(
    searcher: FakeSearcher, tmp_path: Path, plans: list[JobPlan]
) -> None:
    with closing(worker(searcher, tmp_path)) as client:
        assert get(client, "failures")["can_retry"]
        elsewhere = {"sec-fetch-site": "cross-site"}
        assert client.post(f"{HILLS}/failures/retry", headers=elsewhere).status_code == 403
        answer = client.post(f"{HILLS}/failures/retry")
    assert answer.status_code == 202, answer.text
    assert answer.json()["request"] == {"kind": "retry"}
    (plan,) = plans
    (step,) = plan.steps
    assert step.state is JobState.INDEXING
    assert step.command == (
        *(sys.executable, "-m", "indexer", "failures", "hills", "--retry"),
        *("--data-dir", str(tmp_path)),
    )


def test_groups_are_made_by_a_job_with_what_was_chosen(
    searcher: FakeSearcher, tmp_path: Path, plans: list[JobPlan]
) -> None:
    asked = {"method": "kmeans", "pooling": "maxpool", "count": 7}
    with closing(worker(searcher, tmp_path, qdrant_url="http://qdrant:6333")) as client:
        answer = client.post(f"{HILLS}/groups", json=asked)
    assert answer.status_code == 202, answer.text
    assert answer.json()["request"] == {"kind": "group", **asked}
    (step,) = plans[0].steps
    assert step.state is JobState.GROUPING
    assert step.command[3:] == (
        *("group", "hills", "--method", "kmeans", "--pooling", "maxpool", "--groups", "7"),
        *("--data-dir", str(tmp_path), "--qdrant-url", "http://qdrant:6333"),
    )


@pytest.mark.parametrize(
    "asked",
    [{"method": "best"}, {"pooling": "--json"}, {"count": 1}, {"count": "--dry-run"}, []],
)
def test_what_no_command_takes_starts_nothing(
    searcher: FakeSearcher, tmp_path: Path, plans: list[JobPlan], asked: object
) -> None:
    with closing(worker(searcher, tmp_path)) as client:
        assert client.post(f"{HILLS}/groups", json=asked).status_code == 422
        assert client.post("/api/datasets/--json/groups", json={}).status_code == 404
    assert plans == []


@pytest.mark.parametrize("path", ["failures/retry", "groups"])
def test_nothing_is_started_while_a_job_runs(
    searcher: FakeSearcher, tmp_path: Path, plans: list[JobPlan], path: str
) -> None:
    folder = DataFolder(tmp_path).jobs
    JobFolder(folder / "another").write_plan(JobPlan("valleys", {}, (), now()))
    lock = JobLock(folder / "lock").take("another")
    assert lock is not None
    with open(lock, "rb"), closing(worker(searcher, tmp_path)) as client:  # noqa: PTH123
        answer = client.post(f"{HILLS}/{path}", json={})
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith("A build of 'valleys' is running already (another)")
    assert plans == []


@pytest.mark.parametrize("path", ["failures/retry", "groups"])
def test_nothing_is_started_where_the_operator_switched_it_off(
    searcher: FakeSearcher, tmp_path: Path, plans: list[JobPlan], path: str
) -> None:
    with closing(worker(searcher, tmp_path, allow_build=False)) as client:
        assert not get(client, "groups")["can_make"]
        answer = client.post(f"{HILLS}/{path}", json={})
        assert answer.status_code == 403
    assert plans == []
