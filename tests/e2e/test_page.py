"""The page in a real browser, as a visitor uses it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from indexer.types import Distance
from models.pooling import STANDARD, Pooling
from tests.fake_searcher import FakeSearcher, draw_hills
from tests.image_files import heic

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
Open = Callable[..., Page]


def rows(page: Page) -> Locator:
    return page.locator("#result-board .pair")


def cards(page: Page, row: int = 0) -> Locator:
    return rows(page).nth(row).locator(".card")


def pick(page: Page, number: int = 0) -> None:
    page.locator("#pick-grid .pick").nth(number).click()
    expect(rows(page)).to_have_count(4)


def title(page: Page) -> Locator:
    return page.locator("#result-board .asked-name")


def upload(page: Page, file: Path) -> None:
    page.locator("#query-image input[type=file]").set_input_files(file)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "holiday.png"
    draw_hills(0.41, 11).save(file)
    return file


def test_the_page_opens_with_an_invitation_and_picks(open_page: Open) -> None:
    page = open_page()
    expect(page.locator("#result-board h2")).to_have_text("Find pictures that look alike")
    expect(page.locator("#pick-grid .pick")).to_have_count(10)
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator(".dataset-choice")).to_be_hidden()


def test_the_first_screen_shows_images_of_the_dataset_to_search_from(open_page: Open) -> None:
    page = open_page()
    gallery = page.locator("#result-board .gallery .pick")
    expect(gallery).to_have_count(40)
    gallery.nth(7).click()
    expect(page.locator("#result-board .pair")).to_have_count(4)


def test_a_pick_gives_four_rows_of_eight_all_in_view(open_page: Open) -> None:
    page = open_page()
    pick(page, 2)
    expect(page.locator("#result-board .card")).to_have_count(32)
    expect(page.locator("#pick-grid .pick[aria-pressed=true]")).to_have_count(1)
    last = rows(page).last.bounding_box()
    right = cards(page, 3).last.bounding_box()
    assert last is not None
    assert right is not None
    assert last["y"] + last["height"] <= 900
    assert right["x"] + right["width"] <= 1440
    assert page.evaluate("document.documentElement.scrollWidth") == 1440


def test_ranks_stand_in_columns(open_page: Open) -> None:
    page = open_page()
    pick(page)
    for rank in (0, 7):
        lefts = {
            round(box["x"])
            for row in range(4)
            if (box := cards(page, row).nth(rank).bounding_box()) is not None
        }
        assert len(lefts) == 1


def test_thumbnails_are_loaded(open_page: Open) -> None:
    page = open_page()
    pick(page)
    expect(rows(page)).to_have_count(4)
    images = "[...document.querySelectorAll('.card img, #pick-grid img')]"
    page.wait_for_function(f"{images}.every((image) => image.complete)")
    widths = page.evaluate(f"{images}.map((image) => image.naturalWidth)")
    assert len(widths) == 4 * 8 + 10
    assert min(widths) > 0


def test_a_click_on_a_hit_searches_from_it_and_back_returns(open_page: Open) -> None:
    page = open_page()
    pick(page)
    first = title(page).inner_text()
    hit = cards(page, 1).nth(3)
    point = hit.get_attribute("data-id")
    hit.click()
    expect(title(page)).not_to_have_text(first)
    expect(rows(page)).to_have_count(4)
    assert page.locator(f"#result-board .card[data-id='{point}']").count() == 0
    page.locator(".trail button").click()
    expect(title(page)).to_have_text(first)
    expect(page.locator(".trail")).to_have_count(0)


def test_an_upload_gives_four_rows_with_its_own_preview(open_page: Open, photo: Path) -> None:
    page = open_page()
    upload(page, photo)
    expect(rows(page)).to_have_count(4)
    expect(title(page)).to_have_text("holiday.png")
    expect(page.locator(".pair-same")).to_have_count(0)
    previews = page.locator("#query-image img, .asked-image img")
    assert {url.split(":")[0] for url in previews.evaluate_all("all => all.map(i => i.src)")} == {
        "blob"
    }
    cards(page).first.click()
    expect(page.locator(".pair-same").first).to_contain_text("same label")
    page.locator(".trail button").click()
    expect(title(page)).to_have_text("holiday.png")


def test_a_picture_that_the_browser_cannot_show_gets_a_preview(
    open_page: Open, tmp_path: Path
) -> None:
    file = tmp_path / "telephone.heic"
    file.write_bytes(heic(6)())
    page = open_page()
    upload(page, file)
    expect(rows(page)).to_have_count(4)
    shown = "#query-image img, .asked-image img"
    loaded = "all.length === 2 && all.every((image) => image.naturalWidth === 96)"
    page.wait_for_function(f"((all) => {loaded})([...document.querySelectorAll('{shown}')])")
    assert page.locator("#query-image img.missing, .asked-image img.missing").count() == 0


def test_a_picture_can_be_pasted_or_dropped_anywhere(open_page: Open) -> None:
    page = open_page()
    give = """async (type) => {
        const canvas = Object.assign(document.createElement("canvas"), {width: 40, height: 40});
        const brush = canvas.getContext("2d");
        brush.fillStyle = "teal";
        brush.fillRect(0, 0, 40, 40);
        const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
        const data = new DataTransfer();
        data.items.add(new File([blob], `${type}.png`, {type: "image/png"}));
        const event = type === "paste"
            ? new ClipboardEvent(type, {clipboardData: data})
            : new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true});
        document.dispatchEvent(event);
    }"""
    for kind in ("paste", "drop"):
        page.evaluate(give, kind)
        expect(title(page)).to_have_text(f"{kind}.png")


def test_settings_run_the_query_again(open_page: Open) -> None:
    page = open_page()
    pick(page)
    page.get_by_label("Similar images, number").fill("3")
    page.keyboard.press("Enter")
    expect(page.locator("#result-board .card")).to_have_count(12)
    page.get_by_role("checkbox", name="Flatten").uncheck()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_role("checkbox", name="Max pool")).to_be_disabled()
    page.get_by_role("checkbox", name="Euclidean").uncheck()
    expect(rows(page)).to_have_count(1)
    page.get_by_role("checkbox", name="Flatten").check()
    expect(rows(page)).to_have_count(2)
    expect(page.locator(".asked p")).to_contain_text("3 nearest of 40 · model3-1a2b3c4d")
    page.reload()
    expect(page.locator("#result-board .card")).to_have_count(6)


def test_many_hits_scroll_sideways_together(open_page: Open) -> None:
    page = open_page()
    pick(page)
    page.get_by_label("Similar images, number").fill("50")
    page.keyboard.press("Enter")
    expect(cards(page)).to_have_count(39)
    assert page.evaluate("document.documentElement.scrollWidth") == 1440
    page.locator(".rows").evaluate("rows => rows.scrollTo({left: 900})")
    assert page.locator(".rows").evaluate("rows => rows.scrollLeft") == 900
    head = rows(page).first.locator(".pair-head").bounding_box()
    board = page.locator(".rows").bounding_box()
    assert head is not None
    assert board is not None
    assert abs(head["x"] - board["x"]) <= 1


def test_hovering_lights_the_same_image_in_every_row(open_page: Open) -> None:
    page = open_page()
    pick(page)
    card = cards(page).first
    point = card.get_attribute("data-id")
    card.hover()
    same = page.locator(f"#result-board .card[data-id='{point}']").count()
    assert same > 1
    expect(page.locator("#result-board .card.lit")).to_have_count(same)
    expect(page.locator("#result-board .card:not(.lit)").first).to_have_css("opacity", "0.3")
    page.locator("h1").hover()
    expect(page.locator("#result-board .card.lit")).to_have_count(0)


def test_the_keyboard_is_enough(open_page: Open) -> None:
    page = open_page()
    page.locator("#pick-grid .pick").nth(1).focus()
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(4)
    first = title(page).inner_text()
    cards(page).first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(cards(page, 1).nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(title(page)).not_to_have_text(first)
    expect(page.locator("#result-board h2")).to_be_focused()


def test_a_file_that_is_no_picture_is_told_in_one_line(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    notes = tmp_path / "notes.jpg"
    notes.write_text("dear diary")
    upload(page, notes)
    expect(page.locator("#result-board h2")).to_have_text("That picture cannot be read")
    pick(page)
    expect(page.locator(".trail")).to_have_count(0)


def test_labels_and_names_are_text_and_never_run(
    open_page: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    label = "${document.documentElement.classList.add(777)}"
    names = (
        "<img src=x onerror=document.documentElement.dataset.pwned=1>.png",
        "\\x3cimg src\\x3dx onerror\\x3ddocument.documentElement.dataset.pwned\\x3d1\\x3e.png",
        "{{constructor}}.png",
    )
    folder = tmp_path_factory.mktemp("evil")
    files = []
    for number, name in enumerate(names):
        draw_hills(number / 3, number).save(folder / name)
        files.append((folder / name, label))
    page = open_page(source=FakeSearcher(folder, files))
    page.locator("#pick-grid .pick").first.click()
    expect(rows(page)).to_have_count(4)
    expect(cards(page).first.locator(".card-label")).to_have_text(label)
    expect(title(page)).to_have_text(names[0])
    cards(page).first.click()
    expect(title(page)).not_to_have_text(names[0])
    assert page.evaluate("document.documentElement.dataset.pwned ?? null") is None
    assert "777" not in page.evaluate("document.documentElement.className")


def test_without_a_dataset_the_page_shows_how_to_make_one(
    open_page: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = open_page(source=FakeSearcher(tmp_path_factory.mktemp("none"), [], names=()))
    expect(page.locator("#result-board h2")).to_have_text("No dataset is indexed yet")
    expect(page.locator(".command code")).to_have_count(2)
    expect(page.locator("#pick-grid .pick")).to_have_count(0)


def test_another_dataset_brings_its_own_picks_and_distances(
    open_page: Open, pictures: list[tuple[Path, str]]
) -> None:
    two = FakeSearcher(
        pictures[0][0].parents[1],
        pictures,
        names=("hills", "valleys"),
        distances=(Distance.COSINE,),
    )
    page = open_page(source=two)
    page.locator("#pick-grid .pick").first.click()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_role("checkbox", name="Euclidean")).to_have_count(0)
    page.get_by_role("combobox", name="Dataset").select_option("valleys")
    expect(page.locator("#pick-grid b")).to_have_text("valleys")
    expect(page.locator("#result-board h2")).to_have_text("Find pictures that look alike")
    page.locator("#pick-grid .pick").first.click()
    expect(rows(page)).to_have_count(2)


@pytest.mark.parametrize("poolings", [STANDARD, tuple(Pooling)])
def test_the_poolings_of_the_dataset_are_offered_and_all_chosen(
    open_page: Open, pictures: list[tuple[Path, str]], poolings: tuple[Pooling, ...]
) -> None:
    page = open_page(source=FakeSearcher(pictures[0][0].parents[1], pictures, poolings=poolings))
    choices = page.locator("#poolings input")
    expect(choices).to_have_count(len(poolings))
    page.locator("#pick-grid .pick").first.click()
    expect(rows(page)).to_have_count(2 * len(poolings))
    choices.last.uncheck()
    expect(rows(page)).to_have_count(2 * len(poolings) - 2)


def test_on_a_phone_results_are_seen_and_nothing_overflows(open_page: Open, photo: Path) -> None:
    page = open_page(viewport=PHONE, touch=True)
    upload(page, photo)
    expect(rows(page)).to_have_count(4)
    first = cards(page).first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] < PHONE["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.locator(".rows").evaluate("rows => rows.scrollWidth > rows.clientWidth")
    expect(page.locator("#search-settings")).to_be_hidden()
    page.get_by_role("button", name="Settings").click()
    expect(page.locator("#search-settings")).to_be_visible()


def test_dark_follows_the_system_and_can_be_switched(open_page: Open) -> None:
    page = open_page(dark=True)
    pick(page)
    assert luminance(page) < 60
    page.get_by_role("button", name="Light or dark").click()
    assert luminance(page) > 200
    page.reload()
    page.wait_for_function("document.documentElement.dataset.ready === '1'")
    assert luminance(page) > 200


def luminance(page: Page) -> float:
    """Brightness of the page's lower right corner, 0 to 255."""
    with Image.open(BytesIO(page.screenshot())) as shot:
        pixel = shot.convert("L").getpixel((shot.width - 4, shot.height - 4))
    assert isinstance(pixel, int)
    return pixel


def test_every_picture_and_button_has_a_name(open_page: Open) -> None:
    page = open_page()
    pick(page)
    assert page.locator("img:not([alt])").count() == 0
    nameless = page.evaluate(
        "[...document.querySelectorAll('button')].filter(b => b.checkVisibility()"
        " && !b.textContent.trim() && !b.getAttribute('aria-label')).map(b => b.outerHTML)"
    )
    assert nameless == []
