"""The page below a path of a proxy, in a browser and for programs."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect

from indexer.settings import Credentials, Serving
from tests.fake_searcher import FakeSearcher
from tests.page_server import served
from tests.reverse_proxy import proxied

pytestmark = pytest.mark.e2e

PATH = "/some/images"
PASSWORD = Credentials("ann", "pass word")


@pytest.fixture(scope="module")
def server(searcher: FakeSearcher) -> Iterator[str]:
    with served(searcher, serving=Serving(root_path=PATH, credentials=PASSWORD)) as url:
        yield url


@pytest.fixture(scope="module", params=[True, False], ids=["stripping", "passing on"])
def url(request: pytest.FixtureRequest, server: str) -> Iterator[str]:
    with proxied(server, PATH, strip=request.param) as url:
        yield url


def test_a_picture_is_picked_and_its_neighbours_are_shown(browser: Browser, url: str) -> None:
    context = browser.new_context(
        http_credentials={"username": PASSWORD.user, "password": PASSWORD.password}
    )
    page, refused, wrong = context.new_page(), [], []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda answer: refused.append(answer.url) if answer.status > 401 else None)
    page.goto(url)
    page.wait_for_function("document.documentElement.dataset.ready === '1'")
    assert page.url.startswith(f"{url}/")
    page.locator("#pick-grid .pick").first.click()
    thumbnail = page.locator("#result-board .hit img").first
    expect(thumbnail).to_be_visible()
    expect(thumbnail).to_have_js_property("complete", True)
    assert thumbnail.evaluate("image => image.naturalWidth") > 0
    assert thumbnail.evaluate("image => image.src").startswith(f"{url}/media/")
    page.goto(f"{url}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    context.close()
    assert wrong == []
    # This server builds nothing, and so has no jobs.
    assert {one.removeprefix(url) for one in refused} <= {"/api/jobs"}


def test_programs_are_answered_there(searcher: FakeSearcher, url: str) -> None:
    auth = (PASSWORD.user, PASSWORD.password)
    with httpx.Client(base_url=f"{url}/", auth=auth, trust_env=False) as client:
        assert client.get("api/health").json()["ok"]
        assert client.get("config").json()["root"] == url
        question = {"dataset": "hills", "id": str(next(iter(searcher.files)))}
        [hit, *_] = client.post("api/search", json=question).json()["rows"][0]["hits"]
        assert client.get(hit["thumb"]).headers["content-type"] == "image/webp"
        sse = client.stream("GET", "gradio_api/heartbeat/abc")
        with sse as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert "content-encoding" not in answer.headers
    assert httpx.get(f"{url}/api/health", trust_env=False).status_code == 401


def test_gradio_client_works_there(searcher: FakeSearcher, url: str) -> None:
    login = httpx.BasicAuth(PASSWORD.user, PASSWORD.password)
    header = next(login.auth_flow(httpx.Request("GET", url))).headers["Authorization"]
    client = Client(f"{url}/", headers={"Authorization": header}, verbose=False)
    point = str(next(iter(searcher.files)))
    answer = client.predict("hills", point, {"k": 2}, api_name="/search_by_id")
    client.close()
    assert len(answer["rows"][0]["hits"]) == 2
