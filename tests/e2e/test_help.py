"""The help: readable, true for the dataset that is looked at, and the same on a phone."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from indexer.search import Searcher
from tests.fake_searcher import FakeSearcher

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
Open = Callable[..., Page]


def show_help(page: Page) -> None:
    page.get_by_role("link", name="Help").click()
    expect(page.get_by_role("heading", name="Help", exact=True)).to_be_visible()


def test_the_help_shows_the_four_stages_in_their_order(open_page: Open) -> None:
    page = open_page()
    show_help(page)
    expect(page.locator("#help .stages h4")).to_have_text(["Train", "Encode", "Store", "Search"])
    expect(page.locator("h1")).to_have_count(1)


def test_examples_name_the_dataset_and_the_address_and_are_answered(
    open_page: Open, searcher: FakeSearcher, serve: Callable[[Searcher], str]
) -> None:
    page = open_page()
    show_help(page)
    expect(page.locator("#help code", has_text="indexer search")).to_contain_text("--dataset hills")
    examples = page.locator("#help code", has_text="curl").all_text_contents()
    assert examples
    for example in examples:
        url = example.removeprefix("curl ")
        assert url.startswith(f"{serve(searcher)}/api/")
        assert httpx.get(url, trust_env=False).status_code == 200


def test_a_command_can_be_copied_by_keyboard(open_page: Open) -> None:
    page = open_page()
    show_help(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator("#help .copy").nth(1)
    button.focus()
    page.keyboard.press("Enter")
    expect(button.locator(".icon-check")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#help .lines code").nth(1).text_content()


def test_the_help_fits_a_phone(open_page: Open) -> None:
    page = open_page(viewport=PHONE)
    show_help(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
