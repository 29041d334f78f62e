"""Why an image was found: shown on the query and on the hit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from models.pooling import STANDARD, Pooling
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
Open = Callable[..., Page]


def open_why(page: Page, *, card: int = 0) -> Locator:
    """The big view of a hit of the first row, with why it was found."""
    page.locator("#result-board .card").nth(card).press("i")
    page.get_by_role("button", name="Why it was found").click()
    return page.get_by_role("dialog")


def stored(searcher: FakeSearcher, more: str = "") -> str:
    return f"#/search?dataset=hills&id={next(iter(searcher.files))}{more}"


def shades(veil: Locator) -> list[int]:
    """How dark each place is, 0 to 255."""
    return veil.evaluate(
        """canvas => {
            const shown = canvas.getContext("2d");
            const { data } = shown.getImageData(0, 0, canvas.width, canvas.height);
            return [...data].filter((_, at) => at % 4 === 3);
        }"""
    )


def test_what_two_images_have_in_common_is_lit_on_both(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=stored(searcher))
    dialog = open_why(page)
    expect(dialog.locator(".lit")).to_have_count(2)
    expect(dialog.locator(".lit-meaning")).to_have_text(
        re.compile(r"cosine similarity of \d\.\d{3}\. On each")
    )
    for veil in dialog.locator(".veil").all():
        dark = shades(veil)
        assert min(dark) < 30
        assert max(dark) > min(dark) + 30
    assert shades(dialog.locator(".veil").first) != shades(dialog.locator(".veil").last)
    dialog.get_by_role("button", name="Flatten").click()
    expect(dialog.locator(".lit-meaning")).to_contain_text("equal places")
    assert shades(dialog.locator(".veil").first) == shades(dialog.locator(".veil").last)


def test_it_takes_the_score_of_the_row_apart(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=stored(searcher, "&pooling=flatten&distance=cosine"))
    score = page.locator("#result-board .card-score").nth(2).text_content() or ""
    dialog = open_why(page, card=2)
    expect(dialog.get_by_role("group", name="Compared by")).to_have_count(0)
    expect(dialog.locator(".lit-meaning")).to_contain_text(f"cosine similarity of {score}")


def test_it_stays_while_one_walks_from_hit_to_hit(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=stored(searcher))
    dialog = open_why(page)
    expect(dialog.locator(".veil")).to_have_count(2)
    first = dialog.locator("h2").text_content() or ""
    page.keyboard.press("ArrowRight")
    expect(dialog.locator("h2")).not_to_have_text(first)
    expect(dialog.locator(".veil")).to_have_count(2)
    dialog.get_by_role("button", name="Picture", exact=True).click()
    expect(dialog.locator(".veil")).to_have_count(0)
    expect(dialog.locator(".details-stage > img")).to_be_visible()


def test_of_a_part_of_an_upload_only_that_part_can_be_lit(open_page: Open, tmp_path: Path) -> None:
    photo = tmp_path / "holiday.png"
    draw_hills(0.41, 11).save(photo)
    page = open_page()
    page.locator("#query-image input[type=file]").set_input_files(photo)
    expect(page.locator("#result-board .asked-name")).to_have_text("holiday.png")
    page.evaluate("location.hash += '&crop=0.5,0.25,1,0.75'")
    expect(page.locator("#result-board .chip")).to_be_visible()
    dialog = open_why(page)
    expect(dialog.locator(".veil")).to_have_count(2)
    query, found = dialog.locator(".lit-picture").all()
    expect(query.locator(".crop-frame .veil")).to_be_visible()
    expect(found.locator(".crop-frame")).to_have_count(0)
    page.wait_for_function("document.querySelector('.lit-picture').style.width")
    whole, part = query.bounding_box(), query.locator(".veil").bounding_box()
    assert whole and part
    assert part["width"] == pytest.approx(whole["width"] / 2, abs=1)
    assert part["x"] == pytest.approx(whole["x"] + whole["width"] / 2, abs=1)
    assert part["y"] == pytest.approx(whole["y"] + whole["height"] / 4, abs=1)


def test_on_a_phone_both_stand_side_by_side(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=stored(searcher), viewport=PHONE, touch=True)
    dialog = open_why(page)
    expect(dialog.locator(".veil")).to_have_count(2)
    boxes = [one.bounding_box() for one in dialog.locator(".lit-picture").all()]
    assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert boxes[0] and boxes[1] and boxes[0]["y"] == boxes[1]["y"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_refusal_is_told_and_the_picture_is_still_there(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=stored(searcher))
    expect(page.locator("#result-board .card").first).to_be_visible()
    page.route(
        "**/api/board/similarity",
        lambda route: route.fulfill(status=503, json={"detail": "The index is busy."}),
    )
    dialog = open_why(page)
    expect(dialog.locator(".lit-meaning")).to_have_text("The index is busy.")
    dialog.get_by_role("button", name="Picture", exact=True).click()
    expect(dialog.locator(".details-stage > img")).to_be_visible()


def test_whitened_vectors_do_not_tell_where(open_page: Open, tmp_path: Path) -> None:
    poolings = (*STANDARD, Pooling.WHITENED)
    searcher = FakeSearcher(tmp_path, draw_pictures(tmp_path), poolings=poolings)
    page = open_page(source=searcher, at=stored(searcher))
    dialog = open_why(page)
    switch = dialog.get_by_role("group", name="Compared by")
    expect(switch.get_by_role("button")).to_have_text(["Max pool", "Flatten"])
    page.keyboard.press("Escape")
    page.evaluate("location.hash += '&pooling=whitened'")
    expect(page.locator("#result-board .pair h3").first).to_contain_text("Whitened")
    page.locator("#result-board .card").first.press("i")
    expect(page.get_by_role("dialog").locator(".details-actions")).to_be_visible()
    expect(page.get_by_role("button", name="Why it was found")).to_have_count(0)


def test_an_image_that_was_not_searched_for_has_no_why(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=stored(searcher))
    page.get_by_role("button", name="Details of the query").click()
    expect(page.get_by_role("dialog").locator(".details-actions")).to_be_visible()
    expect(page.get_by_role("button", name="Why it was found")).to_have_count(0)
