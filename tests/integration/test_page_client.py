"""The named endpoints, through ``gradio_client`` and attacked by raw HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from scripts.page_server import served_in_thread
from search_ui import blocks
from search_ui.app import make_app
from search_ui.environment import upload_folder
from search_ui.serving import sessions
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures
from tests.integration.test_page_security import FILE_META
from tests.page_server import served


def fire(page: httpx.Client, event: int, data: list[Any]) -> dict[str, Any]:
    """What the event answers: ``{"success", "output"}``."""
    session = uuid4().hex
    body = {"data": data, "fn_index": event, "session_hash": session}
    page.post("/gradio_api/queue/join", json=body).raise_for_status()
    url = f"/gradio_api/queue/data?session_hash={session}"
    with page.stream("GET", url) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                message: dict[str, Any] = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    return message
    raise AssertionError("no answer")


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    return FakeSearcher(folder, draw_pictures(folder, kinds=2))


@pytest.fixture(scope="module")
def url(searcher: FakeSearcher) -> Iterator[str]:
    with served(searcher) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Client]:
    client = Client(url, verbose=False)
    yield client
    client.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "mine.png"
    draw_hills(0.02, 5).save(file)
    return file


def with_files(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of ``answer``, the hits' paths called files."""
    for row in answer["rows"]:
        for hit in row["hits"]:
            hit["file"] = hit.pop("path")
    return list(answer["rows"])


def test_the_endpoints_are_described_and_nothing_of_the_page_is(client: Client) -> None:
    described: Any = client.view_api(return_format="dict", print_info=False)
    named = described["named_endpoints"]
    assert set(named) == {"/search", "/search_by_id"}
    names = {
        endpoint: [parameter["parameter_name"] for parameter in told["parameters"]]
        for endpoint, told in named.items()
    }
    assert names["/search"] == ["image", "dataset", "options"]
    assert names["/search_by_id"] == ["dataset", "id", "options"]
    assert described["unnamed_endpoints"] == {}


def test_a_file_is_searched_as_the_http_endpoint_does(
    client: Client, url: str, photo: Path
) -> None:
    options = {"k": 3, "pooling": ["maxpool"], "label": "dawn", "crop": [0, 0, 0.5, 0.5]}
    found = client.predict(
        image=handle_file(photo), dataset="hills", options=options, api_name="/search"
    )
    fields = {**options, "dataset": "hills", "crop": "0,0,0.5,0.5"}
    sent = httpx.post(
        f"{url}/api/search/upload",
        files={"image": photo.read_bytes()},
        data=fields,
        trust_env=False,
    )
    assert found["rows"] == with_files(sent.json())
    assert [len(row["hits"]) for row in found["rows"]] == [3, 3]


def test_an_id_is_searched_as_the_http_endpoint_does(
    client: Client, url: str, searcher: FakeSearcher
) -> None:
    point = str(next(iter(searcher.files)))
    found = client.predict("hills", point, {"k": 2}, api_name="/search_by_id")
    question = {"dataset": "hills", "id": point, "k": 2}
    sent = httpx.post(f"{url}/api/search", json=question, trust_env=False)
    assert found["rows"] == with_files(sent.json())


@pytest.mark.parametrize(
    ("dataset", "options", "said"),
    [
        ("nowhere", {}, "No dataset 'nowhere'"),
        ("hills", {"k": 0}, "K: input should be greater than or equal to 1"),
        ("hills", {"id": "x"}, "Id: extra inputs are not permitted"),
        ("hills", ["k", 3], "The options are not understood: give an object."),
    ],
)
def test_what_cannot_be_asked_is_told(
    client: Client, photo: Path, dataset: str, options: Any, said: str
) -> None:
    with pytest.raises(AppError) as told:
        client.predict(handle_file(photo), dataset, options, api_name="/search")
    assert str(told.value) == said


@pytest.mark.parametrize(
    "extra", [{"meta": FILE_META}, {}, {"meta": {"_type": "x"}}, {"url": "/etc/passwd"}]
)
def test_a_file_that_was_not_uploaded_is_refused(
    url: str, photo: Path, extra: dict[str, Any]
) -> None:
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as page:
        config = page.get("/config").json()
        event = next(
            number
            for number, dependency in enumerate(config["dependencies"])
            if dependency["api_name"] == "search"
        )
        before = set(upload_folder().rglob("*"))
        for image in ({"path": str(photo), **extra}, str(photo), [{"path": str(photo), **extra}]):
            answer = fire(page, event, [image, "hills", {}])
            assert not answer["success"]
            assert str(photo) not in str(answer) or "was not uploaded" in str(answer)
        answer = fire(page, event, [None, {"path": str(photo), "meta": FILE_META}, {}])
        assert not answer["success"]
        answer = fire(page, event, [None, "hills", {"path": str(photo), "meta": FILE_META}])
        assert not answer["success"]
        assert set(upload_folder().rglob("*")) == before


def test_callers_leave_no_more_behind_than_is_kept(
    searcher: FakeSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "SESSIONS_KEPT", 3)
    made: list[FastAPI] = []
    with (
        served_in_thread(lambda: made.append(make_app(searcher)) or made[0]) as url,
        httpx.Client(base_url=url, timeout=20, trust_env=False) as caller,
    ):
        events = caller.get("/config").json()["dependencies"]
        event = next(event["id"] for event in events if event["api_name"] == "search_by_id")
        point = str(next(iter(searcher.files)))
        for _ in range(6):
            assert fire(caller, event, ["hills", point, {}])["success"]
        holders = [getattr(route, "app", None) for route in made[0].routes]
        (state,) = [holder.state_holder for holder in holders if hasattr(holder, "state_holder")]
        assert len(state.session_data) == 3
        # All but the last caller's: what is read goes when the next one asks.
        queue = state.blocks._queue
        assert len(queue.pending_messages_per_session) == len(queue.pending_event_ids_session) == 1
        # No statistics are made, and next to nothing is kept to make them of.
        assert queue.cached_event_analytics_summary == {"functions": {}}
        assert len(queue.event_analytics) == 1


def test_answers_that_nobody_reads_are_not_kept(
    searcher: FakeSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions.tidy, "__kwdefaults__", {"most": 3})
    with (
        served_in_thread(lambda: make_app(searcher)) as url,
        httpx.Client(base_url=url, timeout=20, trust_env=False) as caller,
    ):
        events = caller.get("/config").json()["dependencies"]
        event = next(event["id"] for event in events if event["api_name"] == "search_by_id")
        point = str(next(iter(searcher.files)))
        asked = {"data": ["hills", point, {}], "fn_index": event}
        for session in ("first", *["second"] * 3, "third"):
            join = {**asked, "session_hash": session}
            assert caller.post("/gradio_api/queue/join", json=join).status_code == 200
        address = "/gradio_api/queue/data?session_hash="
        told = [caller.get(f"{address}{session}") for session in ("first", "second", "third")]
        assert [answer.status_code for answer in told] == [404, 200, 200]
        assert [answer.text.count('"process_completed"') for answer in told] == [0, 3, 1]
        assert fire(caller, event, asked["data"])["success"]
