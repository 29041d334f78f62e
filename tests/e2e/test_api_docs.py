"""The page that describes the API: whole without another host, by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.search import Searcher
from tests.e2e.conftest import keep_home
from tests.fake_searcher import FakeSearcher

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}


@pytest.fixture(params=["light", "dark"])
def docs(
    request: pytest.FixtureRequest,
    browser: Browser,
    searcher: FakeSearcher,
    serve: Callable[[Searcher], str],
) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, color_scheme=request.param)
    page, wrong, foreign = context.new_page(), [], []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    # What the Content-Security-Policy forbids is told there.
    page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
    page.route("**/*", lambda route: keep_home(route, foreign))
    page.goto(f"{serve(searcher)}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    yield page
    context.close()
    assert wrong == []
    assert foreign == []


def test_an_endpoint_is_tried_by_keyboard(docs: Page) -> None:
    operation = docs.locator(".opblock", has_text="The published datasets, by name")
    operation.locator(".opblock-summary-control").focus()
    docs.keyboard.press("Enter")
    # Shown when Swagger UI has resolved the operation; before, it cannot execute it.
    expect(operation.locator(".responses-table").first).to_be_visible()
    operation.get_by_role("button", name="Execute").focus()
    docs.keyboard.press("Enter")
    expect(operation.locator(".live-responses-table .microlight").first).to_contain_text("hills")


def test_it_fits_a_phone_and_follows_the_theme(docs: Page) -> None:
    assert docs.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    wanted = docs.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert docs.evaluate("document.documentElement.classList.contains('dark-mode')") == wanted
    red = docs.evaluate("+getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)")
    assert (red < 60) == wanted
