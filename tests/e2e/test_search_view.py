"""A search as an address: links, history, filters, parts, the big view and the camera."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
Open = Callable[..., Page]


def rows(page: Page) -> Locator:
    return page.locator("#result-board .pair")


def cards(page: Page, row: int = 0) -> Locator:
    return rows(page).nth(row).locator(".card")


def title(page: Page) -> Locator:
    return page.locator("#result-board .asked-name")


def chips(page: Page) -> Locator:
    return page.locator("#result-board .chip")


def link(searcher: FakeSearcher, index: int = 0, more: str = "") -> str:
    return f"#/search?dataset=hills&id={list(searcher.files)[index]}{more}"


def asked(page: Page) -> dict[str, list[str]]:
    """What the address asks for."""
    return parse_qs(urlsplit(page.url).fragment.partition("?")[2])


def ids(page: Page) -> list[str]:
    return page.locator("#result-board .card").evaluate_all("all => all.map(c => c.dataset.id)")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "holiday.png"
    draw_hills(0.41, 11).save(file)
    return file


def test_a_link_opens_the_same_search(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(
        at=link(searcher, 3, "&k=5&pooling=flatten&distance=euclid&label=dawn&label=rose")
    )
    expect(rows(page)).to_have_count(1)
    expect(cards(page)).to_have_count(5)
    expect(rows(page).locator("h3")).to_have_text("FlattenEuclidean")
    expect(title(page)).to_have_text("dawn_003.png")
    expect(page.get_by_label("Similar images, number")).to_have_value("5")
    expect(page.get_by_role("checkbox", name="Max pool")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="rose")).to_be_checked()
    expect(chips(page)).to_have_text(["label: dawn", "label: rose", "Clear all"])
    expect(page.locator("#query-image img")).to_have_attribute(
        "src", page.locator(".asked-image img").get_attribute("src") or ""
    )
    found = ids(page)
    page.reload()
    expect(cards(page)).to_have_count(5)
    assert ids(page) == found


def test_the_link_to_a_search_is_copied(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=link(searcher))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(rows(page)).to_have_count(4)
    page.get_by_role("button", name="Copy link to this search").click()
    expect(page.locator(".asked .button .icon-check")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_back_and_forward_walk_the_questions(open_page: Open) -> None:
    page = open_page()
    page.locator("#pick-grid .pick").first.click()
    expect(rows(page)).to_have_count(4)
    first = title(page).inner_text()
    cards(page).nth(2).click()
    expect(title(page)).not_to_have_text(first)
    second = title(page).inner_text()
    expect(page.locator(".trail button")).to_have_count(1)
    page.go_back()
    expect(title(page)).to_have_text(first)
    expect(page.locator(".trail button")).to_have_count(0)
    page.go_forward()
    expect(title(page)).to_have_text(second)
    expect(page.locator(".trail button")).to_have_count(1)
    page.go_back()
    page.go_back()
    expect(page.locator("#result-board h2")).to_have_text("Find pictures that look alike")
    expect(page.locator("#query-image .query-box")).not_to_have_class("filled")


def test_the_tab_leads_back_to_the_search_and_then_to_its_start(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=link(searcher, 3, "&k=5"))
    expect(cards(page)).to_have_count(5)
    tabs = page.get_by_role("navigation", name="Views")
    tabs.get_by_role("link", name="Help").click()
    expect(title(page)).to_be_hidden()
    tabs.get_by_role("link", name="Search").click()
    expect(title(page)).to_have_text("dawn_003.png")
    assert asked(page)["k"] == ["5"]
    tabs.get_by_role("link", name="Search").click()
    expect(page.locator("#result-board h2")).to_have_text("Find pictures that look alike")


def test_all_views_fit_a_phone_without_scrolling(open_page: Open) -> None:
    page = open_page(viewport={"width": 390, "height": 844})
    tabs = page.get_by_role("navigation", name="Views")
    expect(tabs.get_by_role("link")).to_have_count(7)
    for name in ("Study", "Help"):
        tabs.get_by_role("link", name=name).click()
        widths = tabs.evaluate("({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]")
        assert widths[0] <= widths[1] == 390


def test_an_uploaded_query_can_be_shared(open_page: Open, photo: Path) -> None:
    page = open_page()
    page.locator("#query-image input[type=file]").set_input_files(photo)
    expect(title(page)).to_have_text("holiday.png")
    found = ids(page)
    folder, name = asked(page)["upload"][0].split("/")
    assert (len(folder), name) == (64, "holiday.png")
    other = open_page(at=f"#{urlsplit(page.url).fragment}")
    expect(title(other)).to_have_text("holiday.png")
    assert ids(other) == found
    for image in ("#query-image img", ".asked-image img"):
        source = other.locator(image).get_attribute("src")
        assert source is not None
        assert source.startswith("data:image/webp;base64,")


def test_an_upload_that_is_gone_is_told_and_another_picture_helps(open_page: Open) -> None:
    page = open_page(at=f"#/search?dataset=hills&upload={'a' * 64}/holiday.png")
    expect(page.locator("#result-board h2")).to_have_text("That picture is not here any more")
    page.locator("#pick-grid .pick").first.click()
    expect(rows(page)).to_have_count(4)
    expect(page.locator(".trail")).to_have_count(0)


def test_filters_narrow_the_search_and_chips_take_them_away(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=link(searcher, more="&k=16"))
    expect(cards(page)).to_have_count(16)
    labels = page.locator("#labels")
    expect(labels.locator(".check")).to_have_text(["dawn8", "dusk8", "lagoon8", "meadow8", "rose8"])
    labels.get_by_text("rose").click()
    expect(cards(page).first.locator(".card-label")).to_have_text("rose")
    labels.get_by_text("dusk").click()
    page.get_by_label("Shorter side").select_option("256")
    expect(page.locator("#result-board .notice h2")).to_have_text("Nothing passes these filters")
    expect(chips(page)).to_have_text(["label: dusk", "label: rose", "at least 256 px", "Clear all"])
    page.get_by_role("button", name="Remove at least 256 px").click()
    expect(cards(page)).to_have_count(16)
    names = set(page.locator("#result-board .card-label").all_inner_texts())
    assert names == {"rose", "dusk"}
    page.get_by_role("button", name="Clear all").click()
    expect(chips(page)).to_have_count(0)
    expect(labels.locator(":checked")).to_have_count(0)
    assert "label" not in asked(page)
    page.go_back()
    expect(chips(page)).to_have_count(3)


def test_many_labels_are_found_by_typing(
    open_page: Open, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("many")
    files = [(file, f"kind {number}") for number, (file, _) in enumerate(draw_pictures(folder))]
    page = open_page(source=FakeSearcher(folder, files))
    expect(page.locator("#labels .check:visible")).to_have_count(40)
    page.get_by_label("Find a label").fill("KIND 3")
    expect(page.locator("#labels .check:visible")).to_have_count(11)


def test_more_hits_are_a_click_away(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=link(searcher))
    expect(cards(page)).to_have_count(8)
    page.get_by_role("button", name="More", exact=True).click()
    expect(cards(page)).to_have_count(16)
    expect(page.get_by_label("Similar images, number")).to_have_value("16")
    assert asked(page)["k"] == ["16"]


def test_every_card_tells_how_many_rows_agree(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=link(searcher, more="&k=3"))
    expect(rows(page)).to_have_count(4)
    found = ids(page)
    told = page.locator("#result-board .agreed").all_inner_texts()
    assert told == [f"{found.count(point)}/4" for point in found]
    assert len(set(told)) > 1


def test_a_part_of_the_picture_is_drawn_and_searched_with(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=link(searcher, 2))
    expect(rows(page)).to_have_count(4)
    whole = ids(page)
    page.get_by_role("button", name="Search with a part").click()
    stage = page.locator(".crop-stage")
    page.wait_for_function("document.querySelector('.crop-stage').style.width")
    area = stage.bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.1, area["y"] + area["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.6, area["y"] + area["height"] * 0.9, steps=3)
    page.mouse.up()
    page.get_by_role("button", name="Search with this part").click()
    expect(chips(page)).to_have_text(["part of the picture"])
    box = [float(edge) for edge in asked(page)["crop"][0].split(",")]
    assert box == pytest.approx([0.1, 0.2, 0.6, 0.9], abs=0.01)
    assert ids(page) != whole
    frame = page.locator("#query-image .crop-frame")
    expect(frame).to_be_visible()
    page.get_by_role("button", name="Remove part of the picture").click()
    expect(chips(page)).to_have_count(0)
    expect(frame).to_have_count(0)
    assert ids(page) == whole


def test_a_part_is_chosen_by_keyboard(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=link(searcher, 2))
    expect(rows(page)).to_have_count(4)
    opener = page.get_by_role("button", name="Search with a part")
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".crop-box")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_text(["part of the picture"])
    assert asked(page)["crop"] == ["0.23,0.26,0.74,0.75"]


def test_a_part_is_drawn_by_touch_on_a_phone(open_page: Open, photo: Path) -> None:
    page = open_page(viewport=PHONE, touch=True)
    page.locator("#query-image input[type=file]").set_input_files(photo)
    expect(rows(page)).to_have_count(4)
    page.get_by_role("button", name="Search with a part").tap()
    page.wait_for_function("document.querySelector('.crop-stage').style.width")
    area = page.locator(".crop-stage").bounding_box()
    assert area is not None
    assert area["width"] <= PHONE["width"]
    corner = page.locator(".corner.se").bounding_box()
    assert corner is not None
    x, y = corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + area["width"] * 0.1, "y": y + area["height"] * 0.2}]),
        ("touchEnd", []),
    ):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    # Not a tap: just after a movement the browser takes one for the end of it.
    page.get_by_role("button", name="Search with this part").click()
    expect(chips(page)).to_have_text(["part of the picture"])
    box = [float(edge) for edge in asked(page)["crop"][0].split(",")]
    assert box == pytest.approx([0.25, 0.25, 0.85, 0.95], abs=0.01)


def test_the_big_view_tells_all_about_a_hit(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=link(searcher))
    expect(rows(page)).to_have_count(4)
    card = cards(page).nth(1)
    point = card.get_attribute("data-id")
    card.hover()
    page.locator(".card-details").nth(1).click()
    dialog = page.get_by_role("dialog")
    file, label = next(known for id, known in searcher.files.items() if str(id) == point)
    expect(dialog.locator("dd").first).to_have_text(label or "")
    expect(dialog.locator("dl")).to_contain_text("128 \N{MULTIPLICATION SIGN} 128 px")
    expect(dialog.locator("dl")).to_contain_text("PNG")
    page.wait_for_function("document.querySelector('.details-picture img').naturalWidth === 128")
    within = ids(page).count(point or "")
    expect(dialog.locator("tbody tr")).to_have_count(within)
    original = dialog.get_by_role("link", name="Open original")
    expect(original).to_have_attribute("href", f"media/hills/{point}/original")
    dialog.get_by_role("button", name="Search from it").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(title(page)).to_have_text(file.name)


def test_the_big_view_is_walked_by_keyboard(open_page: Open, searcher: FakeSearcher) -> None:
    page = open_page(at=link(searcher))
    expect(rows(page)).to_have_count(4)
    cards(page).first.focus()
    page.keyboard.press("i")
    name = page.locator(".dialog-head h2")
    first = cards(page).first.get_attribute("title") or ""
    second = cards(page).nth(1).get_attribute("title") or ""
    expect(page.locator(".details-path code")).to_have_text(first.split(" · ")[0])
    expect(page.get_by_role("button", name="Image before")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".details-path code")).to_have_text(second.split(" · ")[0])
    expect(name).to_have_text(second.split(" · ")[0].split("/")[-1])
    for _ in range(12):  # the focus stays inside
        page.keyboard.press("Tab")
    assert page.evaluate(
        "document.querySelector('dialog').contains(document.activeElement)"
        " || document.activeElement === document.body"
    )
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(cards(page).first).to_be_focused()


def test_a_picture_is_taken_with_the_camera_which_is_off_afterwards(open_page: Open) -> None:
    page = open_page()
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = ((ask) => async (wanted) => {"
        " window.stream = await ask(wanted); return window.stream; })"
        "(navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)); }"
    )
    page.get_by_role("button", name="Take a picture").click()
    page.get_by_role("button", name="Take picture", exact=True).click()
    expect(title(page)).to_have_text("camera.jpg")
    expect(rows(page)).to_have_count(4)
    assert page.evaluate("stream.getTracks().every(track => track.readyState === 'ended')")


def test_without_the_server_the_page_says_so_and_tries_again(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=link(searcher))
    expect(rows(page)).to_have_count(4)
    page.context.set_offline(True)
    cards(page).first.click()
    expect(page.locator("#result-board h2")).to_have_text("The server does not answer")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    expect(rows(page)).to_have_count(4)


def test_of_questions_that_come_while_a_search_runs_the_last_is_asked(
    open_page: Open, searcher: FakeSearcher
) -> None:
    page = open_page(at=link(searcher))
    expect(rows(page)).to_have_count(4)
    sent: list[Route] = []

    def hold_the_first(route: Route) -> None:
        sent.append(route)
        if len(sent) > 1:
            route.continue_()

    page.route("**/api/board", hold_the_first)
    points = [cards(page).nth(number).get_attribute("data-id") for number in range(3)]
    for number in range(3):
        cards(page).nth(number).click()
    expect(page).to_have_url(re.compile(str(points[2])))
    sent[0].continue_()
    expect(page.locator("#result-board .asked-image img")).to_have_attribute(
        "src", re.compile(str(points[2]))
    )
    assert [route.request.post_data_json["id"] for route in sent] == [points[0], points[2]]


def test_another_dataset_keeps_the_settings_and_an_uploaded_query(
    open_page: Open, pictures: list[tuple[Path, str]], photo: Path
) -> None:
    two = FakeSearcher(pictures[0][0].parents[1], pictures, names=("hills", "valleys"))
    page = open_page(source=two, at="#/search?dataset=hills&k=3&pooling=flatten&label=dawn")
    page.locator("#query-image input[type=file]").set_input_files(photo)
    expect(cards(page)).to_have_count(3)
    page.get_by_role("combobox", name="Dataset").select_option("valleys")
    expect(page.locator("#pick-grid b")).to_have_text("valleys")
    expect(title(page)).to_have_text("holiday.png")
    expect(rows(page)).to_have_count(2)
    expect(chips(page)).to_have_count(0)
    assert asked(page)["dataset"] == ["valleys"]
