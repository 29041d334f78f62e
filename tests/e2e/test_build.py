"""Datasets built from the page, by real builds in a folder of their own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.sync_api import Locator, Page, expect

from indexer.search import Searcher
from indexer.settings import Settings
from search_ui.building.builder import Builder
from search_ui.jobs.folder import JobFolder, JobPlan, JobState, JobStatus, JobStep, now
from tests.archive_builders import Item, build_zip
from tests.fake_searcher import FakeSearcher, draw_pictures
from tests.page_server import served

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
BUILD_MS = 90_000
JOB = re.compile(r"#/build\?job=[0-9a-f-]{24}$")
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("allowed")
    draw_pictures(folder / "winter hills", kinds=1, of_each=2)
    return folder


@pytest.fixture(scope="module")
def searcher(data: Path) -> Iterator[Searcher]:
    with closing(Searcher(data)) as searcher:
        yield searcher


@pytest.fixture(scope="module")
def serve(searcher: Searcher, data: Path, allowed: Path) -> Iterator[Callable[[Searcher], str]]:
    """Real builds for the real searcher; for the fake one building is switched off."""
    settings = Settings(data_dir=data, image_folders=(allowed,))
    builder = Builder.of(searcher, settings)
    addresses: dict[int, str] = {}
    with ExitStack() as servers:
        servers.callback(end_builds, builder)

        def start(source: Searcher) -> str:
            if id(source) not in addresses:
                mine = builder
                if source is not searcher:
                    off = Settings(data_dir=data, allow_build=False)
                    mine = Builder.of(source, off)
                addresses[id(source)] = servers.enter_context(served(source, builder=mine))
            return addresses[id(source)]

        yield start


def end_builds(builder: Builder) -> None:
    """Leave none behind that a failed test began."""
    while (running := builder.jobs.running()) is not None:
        builder.jobs.stop(running)
        time.sleep(0.2)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    pictures = draw_pictures(tmp_path / "drawn", kinds=2, of_each=6)
    file = tmp_path / "Spring hills.zip"
    build_zip(file, [Item(f"{label}/{path.name}", path.read_bytes()) for path, label in pictures])
    return file


@pytest.fixture
def open_form(open_page: Open) -> Open:
    def visit(**options: object) -> Page:
        page = open_page(**options)
        page.locator(".tabs").get_by_role("link", name="Build").click()
        expect(page.locator(".build-form")).to_be_visible()
        return page

    return visit


def choose_archive(page: Page, archive: Path) -> None:
    page.get_by_role("radio", name="An archive").check()
    page.locator("#build input[type=file]").set_input_files(archive)


def build(page: Page) -> None:
    page.get_by_role("button", name="Build", exact=True).click()


def name_field(page: Page) -> Locator:
    return page.get_by_label("Name of the dataset")


def sign(page: Page) -> Locator:
    return page.locator('.tabs a[href="#/build"] .tab-sign')


def test_an_archive_becomes_a_dataset_in_which_one_can_search(
    open_form: Open, archive: Path
) -> None:
    page = open_form()
    choose_archive(page, archive)
    expect(name_field(page)).to_have_value("spring-hills")
    expect(page.locator(".file-row")).to_contain_text("uploaded")
    build(page)
    expect(page).to_have_url(JOB)
    page.reload()
    done = page.locator(".ending.done")
    expect(done).to_contain_text("spring-hills is ready to be searched.", timeout=BUILD_MS)
    expect(page.locator(".dataset-choice option")).to_have_text(["spring-hills"])
    expect(page.locator(".log")).to_contain_text("indexer sync")
    done.get_by_role("link", name="Search in spring-hills").click()
    expect(page).to_have_url(re.compile(r"#/search\?dataset=spring-hills$"))
    page.locator("#pick-grid .pick").first.click()
    expect(page.locator("#result-board .card").first).to_be_visible()


def test_a_training_shows_what_it_learns_and_is_stopped_when_one_insists(
    open_form: Open, archive: Path
) -> None:
    page = open_form()
    choose_archive(page, archive)
    page.get_by_role("radio", name="Train on these pictures").check()
    page.get_by_label("Architecture").select_option("model1")
    page.get_by_label("Epochs").fill("10000")
    page.locator("summary", has_text="Image size").click()
    page.get_by_label("Image size").fill("32")
    name_field(page).fill("endless")
    build(page)
    expect(page.locator(".steps .now")).to_contain_text("Training", timeout=BUILD_MS)
    expect(page.locator(".job figure, .job .chart svg")).to_be_visible(timeout=BUILD_MS)
    expect(page.locator(".learned img")).to_be_visible(timeout=BUILD_MS)
    expect(page.locator(".facts")).to_contain_text("of 10000")
    assert page.locator(".learned img").evaluate("image => image.naturalWidth") > 0
    # Also from elsewhere one sees that it runs, and comes back to it.
    page.locator(".tabs").get_by_role("link", name="Search").click()
    expect(sign(page)).to_have_text("(work is running)")
    page.go_back()
    page.get_by_role("link", name="Latest work").click()
    expect(page.get_by_role("button", name="Build", exact=True)).to_be_disabled()
    page.get_by_role("link", name="See how far it is").click()

    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Keep going").click()
    expect(page.locator(".ending")).to_be_hidden()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop it").click()
    expect(page.locator(".ending.stopped")).to_contain_text("no dataset was made", timeout=BUILD_MS)
    expect(page.locator(".steps .now")).to_have_text(re.compile("Training: stopped"))
    expect(sign(page)).to_be_hidden()
    expect(page.locator(".dataset-choice option", has_text="endless")).to_have_count(0)


def test_a_name_that_can_name_nothing_is_told_beside_its_field(open_form: Open) -> None:
    page = open_form(viewport=PHONE)
    page.get_by_role("radio", name="Demo pictures").check()
    expect(name_field(page)).to_have_value("demo")
    name_field(page).fill("My pictures")
    problem = page.locator(".form-field", has=name_field(page)).get_by_role("alert")
    expect(problem).to_contain_text("cannot be in a name")
    build(page)
    expect(name_field(page)).to_be_focused()
    expect(page.locator(".build-form")).to_be_visible()
    name_field(page).fill("my__pictures")
    expect(problem).to_contain_text("“__” cannot")
    name_field(page).fill("my-pictures_2")
    expect(problem).to_have_count(0)
    expect(name_field(page)).to_have_attribute("aria-invalid", "false")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_what_the_server_refuses_is_told_above_the_button(open_form: Open) -> None:
    page = open_form()
    page.get_by_role("radio", name="A folder").check()
    page.get_by_label("Subfolder").fill("winter hills")
    expect(name_field(page)).to_have_value("winter-hills")
    page.get_by_label("Subfolder").fill("../elsewhere")
    build(page)
    expect(page.locator(".build-end").get_by_role("alert")).to_contain_text("There is no folder")


def test_what_is_no_archive_is_not_sent(open_form: Open, tmp_path: Path) -> None:
    page = open_form()
    file = tmp_path / "cat.png"
    file.write_bytes(b"\x89PNG")
    choose_archive(page, file)
    expect(page.locator("#build").get_by_role("alert").first).to_contain_text("is no archive")
    build(page)
    expect(page.locator(".build-end")).to_contain_text("Choose an archive first.")


def test_an_upload_can_be_cancelled(open_form: Open, archive: Path) -> None:
    page = open_form()
    page.route("**/api/uploads?*", lambda _: None)  # never answered
    choose_archive(page, archive)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".drop")).to_be_visible()
    expect(page.locator(".file-row")).to_be_hidden()


def test_other_work_on_datasets_is_listed_in_plain_words(open_form: Open, data: Path) -> None:
    job = JobFolder(data / "jobs" / "20260101-000000-0123abcd")
    step = JobStep(JobState.INDEXING, ("true",))
    job.write_plan(JobPlan("hills", {"kind": "retry"}, (step,), created_at=now()))
    job.write_status(
        JobStatus(JobState.FAILED, "the disk is full", started_at=now(), ended_at=now())
    )
    page = open_form()
    entry = page.locator(".earlier").get_by_role("link", name="hills").last
    expect(entry).to_contain_text("Tries the pictures again that could not be read.")
    entry.click()
    expect(page.locator(".ending.failed")).to_contain_text("The disk is full")


def test_a_build_that_is_not_there_is_told(open_page: Open) -> None:
    page = open_page()
    page.evaluate("location.hash = '#/build?job=20200101-000000-00000000'")
    expect(page.locator("#build h2")).to_have_text("There is no such job")


def test_where_building_is_off_the_page_says_so(open_page: Open, tmp_path: Path) -> None:
    fake = FakeSearcher(tmp_path, draw_pictures(tmp_path / "drawn", kinds=1, of_each=2))
    page = open_page(source=fake)
    page.locator(".tabs").get_by_role("link", name="Build").click()
    expect(page.locator("#build h2")).to_have_text("Building is switched off here")
    expect(page.locator(".build-form")).to_have_count(0)
