"""The study: filtered, sorted and shared by address; every run against what needs no training."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.study_files import PAIRS, write_run, write_study

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
TRAINED = "cats-model1-study-none-mse-64px-3xall-b16-s0"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_study(folder)
    return folder


def show(page: Page, address: str) -> None:
    page.evaluate("address => { location.hash = address; }", address)


def choice(page: Page, name: str) -> Locator:
    return page.locator("#study").get_by_label(name, exact=True)


def test_every_set_shows_its_runs_best_first_beside_their_untrained_start(
    open_page: Open, results: Path
) -> None:
    page = open_page(study_dir=results)
    page.get_by_role("link", name="Study").click()
    expect(page.locator("#study .sets h3")).to_have_count(2)
    rows = page.locator("#study .sets .panel").first.locator(".dot-row")
    names = rows.all_text_contents()
    assert [name.split()[0] for name in names] == ["model1", "model3"]
    assert "0.280 [0.270, 0.290]; untrained 0.230" in names[0]
    expect(page.locator("#study .chart svg[role=img]")).to_have_count(4)


def test_cards_of_sets_are_as_high_as_their_neighbours_and_say_what_was_not_run(
    open_page: Open, tmp_path: Path
) -> None:
    write_study(tmp_path)
    (tmp_path / "cats-model3-study-none-mse-64px-3xall-b16-s0.json").unlink()
    page = open_page(study_dir=tmp_path)
    show(page, "#/study")
    panels = page.locator("#study .sets .panel")
    expect(panels.locator("h3")).to_have_text([re.compile("dogs"), re.compile("cats")])
    expect(panels.nth(1).locator(".missing")).to_have_text(
        re.compile("model3.*not run on this set")
    )
    ends = "all => all.map((one) => one.querySelector('.dot-axis').getBoundingClientRect().bottom)"
    first, second = panels.evaluate_all(ends)
    assert first == second
    page.set_viewport_size(PHONE)
    expect(page.locator("#study .missing")).to_be_hidden()


def test_a_phone_shows_the_figures_of_every_pair_without_scrolling(
    open_page: Open, results: Path
) -> None:
    page = open_page(viewport=PHONE, study_dir=results)
    show(page, "#/study?sort=-precision")
    table = page.locator("#study .pairs-table")
    expect(table.locator("th[scope=col]:visible")).to_have_text(
        ["network", re.compile("precision@8"), "mAP"]
    )
    wide = "one => one.parentElement.scrollWidth - one.parentElement.clientWidth"
    assert table.evaluate(wide) == 0
    best = table.locator("tbody tr").first
    expect(best.locator("small")).to_have_text("dogs · study · scheduler none · flatten euclid")
    expect(best.locator("td:visible").first).to_contain_text("0.480")


def test_a_filter_and_an_order_stay_in_the_address(open_page: Open, results: Path) -> None:
    page = open_page(study_dir=results)
    show(page, "#/study")
    choice(page, "Set").select_option("dogs")
    choice(page, "Pooling").select_option("flatten")
    body = page.locator("#study .pairs-table tbody tr")
    runs, floors = 4, 2
    expect(body).to_have_count(runs * len(PAIRS) // 2 + floors * 2)
    page.get_by_role("button", name="mAP").click()
    expect(page.locator("#study [aria-sort=descending]")).to_contain_text("mAP")
    shown = [float(text.split()[0]) for text in body.locator("td:last-child").all_text_contents()]
    assert shown == sorted(shown, reverse=True)
    expect(page.get_by_role("button", name="mAP")).to_be_focused()
    before = body.all_text_contents()
    page.reload()
    page.wait_for_function("document.documentElement.dataset.ready === '1'")
    expect(choice(page, "Set")).to_have_value("dogs")
    expect(body).to_have_count(len(before))
    assert body.all_text_contents() == before


def test_a_run_opens_by_keyboard_and_leads_back_to_what_was_looked_at(
    open_page: Open, results: Path
) -> None:
    page = open_page(study_dir=results)
    show(page, "#/study?set=cats")
    page.locator("#study a.dot-row").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#study h2")).to_have_text("model1 on cats, trained by the recipe “study”")
    expect(page.locator("#study .facts")).to_contain_text("34 images, 6 more to watch")
    expect(page.locator("#study .facts")).to_contain_text("bf16")
    loss = page.get_by_role("img", name=re.compile("Loss by epoch"))
    expect(loss).to_have_attribute("aria-label", re.compile("validation from 0.9 to 0.45"))
    page.get_by_role("link", name="All runs").click()
    expect(choice(page, "Set")).to_have_value("cats")


def test_a_training_without_any_effect_says_so(open_page: Open, tmp_path: Path) -> None:
    write_run(tmp_path, "cats", "model1", 0.4, losses=(0.5, 0.4))
    write_run(tmp_path, "cats", "model3", 0.5, losses=(0.5, 0.5))
    page = open_page(study_dir=tmp_path)
    show(page, "#/study")
    rows = page.locator("#study a.dot-row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("model3")
    expect(rows.first).to_contain_text("learned nothing")
    expect(rows.last).not_to_contain_text("learned nothing")


def test_a_file_name_is_only_ever_text(open_page: Open, tmp_path: Path) -> None:
    write_study(tmp_path)
    page = open_page(study_dir=tmp_path)
    show(page, "#/study?run=<img src=x onerror=alert(1)>${alert(1)}")
    expect(page.locator("#study .notice")).to_contain_text("The study has no result")
    expect(page.locator("#study img")).to_have_count(0)


def test_filters_that_leave_nothing_say_so(open_page: Open, results: Path) -> None:
    page = open_page(study_dir=results)
    show(page, "#/study?arch=model9")
    expect(page.locator("#study .notice")).to_contain_text("No run is like that")
    choice(page, "Network").select_option("model3")
    expect(page.locator("#study .pairs-table")).to_be_visible()


def test_without_results_it_says_how_to_get_some_and_fits_a_phone(open_page: Open) -> None:
    page = open_page(viewport=PHONE)
    show(page, "#/study")
    expect(page.locator("#study .notice")).to_contain_text("No study was run here")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_phone_scrolls_tables_and_never_the_page(open_page: Open, results: Path) -> None:
    page = open_page(viewport=PHONE, study_dir=results)
    show(page, f"#/study?run={TRAINED}")
    expect(page.locator("#study .dots")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    show(page, "#/study")
    expect(page.locator("#study .pairs-table")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
