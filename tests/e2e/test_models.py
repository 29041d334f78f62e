"""The models: every architecture drawn from its layers, and the checkpoints that are in use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from models.registry import get_architecture, list_models
from tests.checkpoint_descriptions import describe_checkpoint
from tests.fake_searcher import FakeSearcher

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
NAME = "model3-1a2b3c4d"
Open = Callable[..., Page]


@pytest.fixture
def checkpoint(searcher: FakeSearcher) -> Iterator[Path]:
    """The folder of the fake datasets' checkpoint."""
    folder = searcher.folder / "checkpoints" / NAME
    describe_checkpoint(folder)
    yield folder
    for file in folder.iterdir():
        file.unlink()


def show(page: Page, address: str) -> None:
    page.evaluate("address => { location.hash = address; }", address)


@pytest.mark.usefixtures("checkpoint")
def test_the_table_has_every_architecture_and_marks_the_one_in_use(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("link", name="Models").click()
    rows = page.locator("#models .archs tbody tr")
    expect(rows).to_have_count(len(list_models()))
    expect(rows.filter(has_text="in use")).to_contain_text("model3")
    expect(page.locator("#models #arch-title")).to_contain_text("model3")
    cells = page.locator("#models .archs :is(th, td)")
    shown = "all => [...new Set(all.map((cell) => getComputedStyle(cell).display))]"
    assert cells.evaluate_all(shown) == ["table-cell"]


@pytest.mark.usefixtures("checkpoint")
def test_a_phone_shows_the_figures_without_scrolling_and_the_rest_with_the_layers(
    open_page: Open,
) -> None:
    page = open_page(viewport=PHONE)
    show(page, "#/models")
    table = page.locator("#models .archs")
    heads = table.locator("thead th:visible")
    expect(heads).to_have_text(["architecture", "maxpool", "flatten", "GFLOP"])
    wide = "one => one.parentElement.scrollWidth - one.parentElement.clientWidth"
    assert table.evaluate(wide) == 0
    row = table.locator("tbody tr").filter(has_text="model3")
    summary = get_architecture("model3").summary
    expect(row.locator("th")).to_have_text(f"model3in use{summary}")
    table.get_by_role("link", name="model4").click()
    expect(page.locator("#models .facts")).to_contain_text("least image64 pixels")
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(heads).to_have_count(2 + 3 + 2 * 4 + 3)
    expect(page.locator("#models .facts")).to_be_hidden()


def test_a_click_draws_the_architecture_from_its_layers_and_back_undoes_it(open_page: Open) -> None:
    page = open_page()
    show(page, "#/models?arch=model4")
    expect(page.locator("#arch-title")).to_contain_text("model4")
    architecture = get_architecture("model4")
    layers = len(architecture.encoder_steps(64)) + len(architecture.decoder_steps(64))
    expect(page.locator("#models .diagram .slab")).to_have_count(1 + layers)
    page.get_by_role("link", name="model7").click()
    expect(page.locator("#arch-title")).to_contain_text("model7")
    expect(page).to_have_url(re.compile("arch=model7"))
    page.go_back()
    expect(page.locator("#arch-title")).to_contain_text("model4")


@pytest.mark.usefixtures("checkpoint")
def test_a_checkpoint_shows_its_training_and_says_why_pictures_are_missing(open_page: Open) -> None:
    page = open_page()
    show(page, f"#/models?checkpoint={NAME}")
    expect(page.locator("#models .facts")).to_contain_text("34 images, 6 more to watch")
    expect(page.locator("#models .facts")).to_contain_text("fp16")
    chart = page.locator("#models .chart svg")
    expect(chart).to_have_attribute("aria-label", re.compile("validation from 0.9 to 0.4"))
    expect(chart.locator("path.mark")).to_have_count(6)
    expect(page.locator("#models")).to_contain_text("left no picture of reconstructions")
    page.locator("#models summary").click()
    expect(page.locator("#models details tbody tr")).to_have_count(3)


def test_reconstructions_are_shown_where_training_left_them(
    open_page: Open, checkpoint: Path
) -> None:
    Image.new("RGB", (160, 40), "teal").save(checkpoint / "reconstructions.webp")
    page = open_page()
    show(page, "#/models?checkpoint=")
    sheet = page.get_by_role("img", name=re.compile("originals above"))
    expect(sheet).to_be_visible()
    about = page.locator("#models figcaption", has_text="Originals")
    expect(about).to_contain_text("after 3 epochs. The decoder is there for training only")
    assert sheet.evaluate("image => image.decode().then(() => image.naturalWidth)") == 160


def test_an_unknown_name_is_told_with_a_way_back(open_page: Open) -> None:
    page = open_page()
    show(page, "#/models?checkpoint=model3-00000000")
    expect(page.locator("#models .notice")).to_contain_text("No published dataset uses")
    page.get_by_role("link", name="All models").click()
    expect(page.locator("#models .archs")).to_be_visible()


def test_without_a_dataset_the_checkpoints_say_how_to_make_one(
    open_page: Open, tmp_path: Path
) -> None:
    page = open_page(source=FakeSearcher(tmp_path, [], names=[]), viewport=PHONE)
    show(page, "#/models?checkpoint=")
    expect(page.locator("#models .notice")).to_contain_text("No checkpoint is in use yet")
    show(page, "#/models")
    expect(page.locator("#models .diagram")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
