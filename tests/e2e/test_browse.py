"""Browsing in a real browser: pages, labels, orders, addresses, keys, failed files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from indexer.errors import CollectionBusyError
from indexer.failures import Failure
from indexer.types import ImagePage
from tests.fake_searcher import FakeSearcher, draw_pictures

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
IMAGES = 156
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    """Six kinds of 26 pictures: three pages; and three files that could not be read."""
    folder = tmp_path_factory.mktemp("pictures")
    searcher = FakeSearcher(folder, draw_pictures(folder, kinds=6, of_each=26))
    searcher.broken = [
        Failure(f"dusk/{name}", reason, size, 1, "2026-01-02T03:04:05+00:00", lasting)
        for name, reason, size, lasting in (
            ("<b>bold</b>.jpg", "truncated image", 1500, True),
            ("empty.jpg", "empty file", 0, True),
            ("locked.jpg", "permission denied", None, False),
        )
    ]
    return searcher


@pytest.fixture
def browse(open_page: Open) -> Callable[..., Page]:
    """Opens the view at an address."""

    def visit(query: str = "", **options: object) -> Page:
        page = open_page(**options)
        page.evaluate(f"location.hash = '#/browse{query}'")
        return page

    return visit


def tiles(page: Page) -> Locator:
    return page.locator("#view-browse .tiles:not(.skeleton) .tile-picture")


def summary(page: Page) -> Locator:
    return page.locator("#view-browse .view-head p")


def test_a_dataset_is_shown_in_pages_whose_addresses_can_be_shared(
    browse: Callable[..., Page],
) -> None:
    page = browse()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 1 of 3")
    expect(tiles(page)).to_have_count(72)
    first = tiles(page).first.get_attribute("data-id")
    page.get_by_role("link", name="Page 3").click()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 3 of 3")
    expect(tiles(page)).to_have_count(IMAGES - 144)
    assert "page=3" in page.url
    page.reload()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 3 of 3")
    page.locator("#view-browse .pager").get_by_role("link", name="Previous page").click()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 2 of 3")
    page.go_back()
    page.go_back()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 1 of 3")
    assert tiles(page).first.get_attribute("data-id") == first


def test_a_page_after_the_last_is_the_last(browse: Callable[..., Page]) -> None:
    page = browse("?page=99")
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 3 of 3")
    assert "page=3" in page.url


def test_a_label_narrows_and_is_marked_and_starts_from_the_first_page(
    browse: Callable[..., Page],
) -> None:
    page = browse("?page=2")
    expect(tiles(page)).to_have_count(72)
    page.get_by_role("link", name="lagoon 26").click()
    expect(summary(page)).to_have_text("26 images")
    expect(page.locator("#view-browse .chip[aria-current]")).to_have_text("lagoon26")
    assert set(page.locator("#view-browse .tile-label").all_inner_texts()) == {"lagoon"}
    assert "label=lagoon" in page.url
    assert "page" not in page.url
    page.get_by_role("link", name=re.compile("^All")).click()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 1 of 3")


def test_the_first_view_and_every_page_after_it_show_the_labels_in_turn(
    browse: Callable[..., Page],
) -> None:
    page = browse()
    expect(page.get_by_label("Order")).to_have_value("mixed")
    labels = page.locator("#view-browse .tile-label")
    expect(labels).to_have_count(72)
    shown = labels.all_inner_texts()
    assert shown == shown[:6] * 12
    assert len(set(shown[:6])) == 6
    page.get_by_role("link", name="Page 3").click()
    expect(labels).to_have_count(IMAGES - 144)
    assert set(labels.all_inner_texts()) == set(shown)
    assert "order" not in page.url


def test_the_order_is_kept_in_the_address(browse: Callable[..., Page]) -> None:
    page = browse("?order=name")
    expect(tiles(page).first).to_have_attribute("aria-label", "Search from amber, amber_000.png")
    page.get_by_label("Order").select_option("Shuffled")
    expect(tiles(page).first).not_to_have_attribute(
        "aria-label", "Search from amber, amber_000.png"
    )
    shuffled = [tile.get_attribute("data-id") for tile in tiles(page).all()]
    assert shuffled == sorted(str(id) for id in shuffled)
    assert "order=shuffled" in page.url
    page.reload()
    expect(page.get_by_label("Order")).to_have_value("shuffled")


def test_a_click_searches_from_the_picture_and_back_leads_to_where_one_was(
    browse: Callable[..., Page],
) -> None:
    page = browse("?page=2")
    expect(tiles(page)).to_have_count(72)
    tile = tiles(page).nth(60)
    tile.scroll_into_view_if_needed()
    height, name = page.evaluate("scrollY"), tile.get_attribute("data-id")
    assert height > 100
    tile.click()
    expect(page.locator("#result-board .pair").first).to_be_visible()
    assert f"id={name}" in page.url
    page.go_back()
    expect(tiles(page)).to_have_count(72)
    assert abs(page.evaluate("scrollY") - height) < 10


def test_arrow_keys_move_through_the_grid(browse: Callable[..., Page]) -> None:
    page = browse()
    expect(tiles(page)).to_have_count(72)
    tiles(page).first.focus()
    places = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "End", "Home"):
        page.keyboard.press(key)
        places.append(
            page.evaluate(
                "[...document.querySelectorAll('#view-browse .tile-picture')]"
                ".indexOf(document.activeElement)"
            )
        )
    assert places == [1, 10, 9, 0, 0, 71, 0]
    page.keyboard.press("Enter")
    expect(page.locator("#result-board .pair").first).to_be_visible()


def test_a_name_shows_on_focus_and_details_open_by_a_button(browse: Callable[..., Page]) -> None:
    page = browse("?order=name")
    name = page.locator("#view-browse .tile-name").first
    expect(name).to_have_css("opacity", "0")
    tiles(page).first.focus()
    expect(name).to_have_css("opacity", "1")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("amber_000.png")


def test_failed_files_are_listed_with_reason_and_size_as_text(browse: Callable[..., Page]) -> None:
    page = browse()
    page.get_by_role("link", name="Could not be read").click()
    expect(summary(page)).to_have_text("3 files could not be read")
    row = page.locator(".failures tbody tr").first
    expect(row.locator("th")).to_have_text("dusk/<b>bold</b>.jpg")
    expect(row).to_contain_text("truncated image")
    expect(row).to_contain_text("1.5 kB")
    expect(row).to_contain_text("Jan 2, 2026")
    # Nothing may be started on this server: it gives the command.
    expect(page.locator("#view-browse .command code")).to_have_text(
        "python -m indexer failures hills --retry"
    )
    assert "show=failed" in page.url


def test_a_click_during_which_the_images_are_drawn_anew_is_one(
    browse: Callable[..., Page],
) -> None:
    page = browse()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 1 of 3")
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/images*", hold)
    page.evaluate("location.hash = '#/browse?order=name'")
    page.locator("#view-browse .drawn[aria-busy]").wait_for()
    page.get_by_role("link", name="Page 3").hover()
    page.mouse.down()
    page.unroute("**/images*")
    with page.expect_response("**/images*"):
        waiting[0].continue_()
    page.wait_for_timeout(200)
    page.mouse.up()
    expect(summary(page)).to_have_text(f"{IMAGES} images, page 3 of 3")


def test_a_label_that_nothing_has_leads_back_to_all(browse: Callable[..., Page]) -> None:
    page = browse("?label=unicorn")
    expect(page.locator("#view-browse .notice h2")).to_have_text("No image is like that")
    page.get_by_role("link", name="Show all images").click()
    expect(tiles(page)).to_have_count(72)


class OnceBusy(FakeSearcher):
    """Cannot be read the first time."""

    busy = True

    def page(self, dataset: str, **wanted: object) -> ImagePage:  # type: ignore[override]
        if self.busy:
            self.busy = False
            raise CollectionBusyError("the index is being written")
        return super().page(dataset, **wanted)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeSearcher]:
    folder = tmp_path_factory.mktemp("busy")
    yield OnceBusy(folder, draw_pictures(folder, kinds=1, of_each=3))


def test_an_error_is_told_and_can_be_tried_again(
    browse: Callable[..., Page], busy: FakeSearcher
) -> None:
    page = browse(source=busy)
    expect(page.locator("#view-browse .notice p")).to_have_text("The index is being written")
    page.locator("#view-browse").get_by_role("button", name="Try again").click()
    expect(tiles(page)).to_have_count(3)


def test_on_a_phone_three_tiles_stand_side_by_side_and_nothing_scrolls_sideways(
    browse: Callable[..., Page],
) -> None:
    page = browse("?page=2", viewport=PHONE, touch=True)
    expect(tiles(page)).to_have_count(72)
    tops = [tile.bounding_box() for tile in tiles(page).all()[:4]]
    assert len({box["y"] for box in tops[:3] if box}) == 1
    assert tops[3] is not None
    assert tops[0] is not None
    assert tops[3]["y"] > tops[0]["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    expect(page.locator("#view-browse .pager-short")).to_have_text("2 of 3")
    expect(page.locator("#view-browse .tile-details").first).to_have_css("opacity", "1")


def many_labels(folder: Path) -> list[tuple[Path, str | None]]:
    pictures = draw_pictures(folder, kinds=1, of_each=40)
    return [(file, f"kind {number // 2:02}") for number, (file, _) in enumerate(pictures)]


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("varied")
    return FakeSearcher(folder, many_labels(folder))


def test_many_labels_are_found_by_typing(browse: Callable[..., Page], varied: FakeSearcher) -> None:
    page = browse(source=varied)
    expect(page.locator("#view-browse .chip")).to_have_count(11)
    field = page.get_by_role("combobox", name="Find a label")
    field.fill("Kind 17")
    field.press("Enter")
    expect(summary(page)).to_have_text("2 images")
    expect(page.locator("#view-browse .chip[aria-current]")).to_have_text("kind 172")
