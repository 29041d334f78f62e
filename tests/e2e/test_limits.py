"""What is asked too often: the page says so, and when to ask again, wherever it was asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from indexer.settings import Rates, Serving, Settings
from search_ui.building.builder import Builder
from tests.archive_builders import Item, build_zip
from tests.fake_searcher import FakeSearcher
from tests.page_server import served

pytestmark = pytest.mark.e2e

TOO_OFTEN = re.compile(r"^That was asked too often from your address\. Try again in \d+ s\.$")
Open = Callable[..., Page]


@pytest.fixture
def serve(searcher: FakeSearcher, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Serves where an address may search, upload and build once."""
    builder = Builder.of(searcher, Settings(data_dir=tmp_path / "data"))
    with served(searcher, builder=builder, serving=Serving(rates=Rates(1, 1, 1))) as address:
        yield lambda _: address


def spend(page: Page, route: str) -> None:
    """Ask once for what is not there: that counts, too."""
    page.evaluate("route => fetch(route, { method: 'POST' })", route)


def test_a_search(open_page: Open) -> None:
    page = open_page()
    page.locator("#result-board .gallery .pick").first.click()
    expect(page.locator("#result-board .card").first).to_be_visible()
    page.locator("#result-board .card").nth(1).click()
    expect(page.locator("#result-board .notice p")).to_have_text(TOO_OFTEN)


def test_an_upload(open_page: Open, pictures: list[tuple[Path, str]]) -> None:
    page = open_page()
    spend(page, "gradio_api/upload")
    page.locator("#query-image input[type=file]").set_input_files(pictures[0][0])
    expect(page.locator("#query-image .query-problem")).to_have_text(TOO_OFTEN)


def test_an_archive(open_page: Open, tmp_path: Path) -> None:
    build_zip(tmp_path / "a.zip", [Item("a.png")])
    page = open_page(at="#/build")
    spend(page, "api/uploads")
    page.get_by_role("radio", name="An archive").check()
    page.locator("#build input[type=file]").set_input_files(tmp_path / "a.zip")
    expect(page.locator("#build .field-problem").filter(has_text="asked")).to_have_text(TOO_OFTEN)


def test_a_build(open_page: Open) -> None:
    page = open_page(at="#/build")
    spend(page, "api/build")
    page.get_by_role("radio", name="Demo pictures").check()
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.locator("#build .build-end .field-problem")).to_have_text(TOO_OFTEN)
