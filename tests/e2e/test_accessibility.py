"""Every view in its main states, light and dark, at a desk and on a phone, judged by axe-core."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from indexer.failures import Failure
from indexer.groups import Example, Group, GroupingMethod, GroupingSummary, LabelShare
from indexer.settings import Settings
from models.pooling import Pooling
from search_ui.blocks import VIEWS
from search_ui.building.builder import Builder
from search_ui.jobs.folder import JobFolder, JobPlan, JobState, JobStatus, JobStep, now
from tests.checkpoint_descriptions import describe_checkpoint
from tests.fake_searcher import FakeSearcher, draw_pictures
from tests.page_server import served
from tests.study_files import write_study

pytestmark = pytest.mark.e2e

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
LOOKS = (("dark", PHONE), ("light", DESKTOP))
JOB = "20260101-000000-0123abcd"
RUN = "cats-model1-study-none-mse-64px-3xall-b16-s0"
Open = Callable[..., Page]
Act = Callable[[Page], None]


@dataclass(frozen=True)
class State:
    """What is looked at: an address, what shows that it is there, and what is done then."""

    name: str
    shown: str
    query: str = ""
    act: Act | None = None


def crop(page: Page) -> None:
    page.get_by_role("button", name="Search with a part").click()
    expect(page.locator("dialog.crop .crop-box")).to_be_visible()


def big_view(page: Page) -> None:
    page.locator("#result-board .card").first.press("i")
    expect(page.locator("dialog.details .details-actions")).to_be_visible()


def why(page: Page) -> None:
    big_view(page)
    page.get_by_role("button", name="Why it was found").click()
    expect(page.locator("dialog.details .veil")).to_have_count(2)


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def train(page: Page) -> None:
    page.get_by_role("radio", name="Demo pictures").check()
    page.get_by_role("radio", name="Train on these pictures").check()
    open_all(page)


FOUND = "?dataset=hills&id={id}"
STATES = {
    "search": (
        State("start", "#result-board .gallery .pick"),
        State("results", "#result-board .card", FOUND),
        State(
            "narrowed results", "#result-board .chip", f"{FOUND}&label=dawn&crop=0.1,0.1,0.9,0.9"
        ),
        State("nothing found", "#result-board .notice", f"{FOUND}&min_side=9000"),
        State("a failure", "#result-board .notice-alert", "?id=no-id"),
        State("crop dialog", "#result-board .card", FOUND, crop),
        State("big view", "#result-board .card", FOUND, big_view),
        State("why it was found", "#result-board .card", FOUND, why),
    ),
    "browse": (
        State("first page", "#view-browse .tiles:not(.skeleton)"),
        State("a group", "#view-browse .narrowed", "?group=2"),
        State("nothing found", "#view-browse .notice", "?label=none"),
        State("failed files", "#view-browse table.failures", "?show=failed"),
    ),
    "groups": (
        State("groups, and how to make them", "#view-groups .group", act=open_all),
        State("duplicates", "#view-groups .compare", "?show=duplicates"),
    ),
    "build": (
        State("form", "#build .build-form"),
        State("form, all open", "#build .build-form", act=train),
        State("a job that failed", "#build .ending.failed", f"?job={JOB}"),
        State("no such job", "#build h2", "?job=20200101-000000-00000000"),
    ),
    "models": (
        State("architectures", "#models .archs"),
        State("checkpoint", "#models #checkpoint-title", "?checkpoint=model3-1a2b3c4d"),
    ),
    "study": (
        State("all runs", "#study .sets .dot-row"),
        State("one run", "#study .halves", f"?run={RUN}"),
    ),
    "help": (State("page", "#help h2"),),
}


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    """Something for every view to show."""
    folder = tmp_path_factory.mktemp("pictures")
    searcher = FakeSearcher(folder, draw_pictures(folder), names=("hills", "valleys"))
    searcher.broken = [Failure("dusk/a.jpg", "empty file", 0, 1, "2026-01-02T03:04:05+00:00", True)]
    searcher.summary = grouping(searcher)
    describe_checkpoint(folder / "checkpoints" / "model3-1a2b3c4d")
    return searcher


def grouping(searcher: FakeSearcher) -> GroupingSummary:
    """One group for each label, as the fake has them."""
    groups = []
    images = searcher.page("hills").images
    for number, label in enumerate(sorted({image.label or "" for image in images}), 1):
        inside = [image for image in images if image.group == number]
        examples = tuple(Example(image.id, image.path) for image in inside[:6])
        groups.append(Group(number, len(inside), examples, (LabelShare(label, 1.0),)))
    return GroupingSummary(
        dataset="hills",
        fingerprint="1a2b3c4d",
        method=GroupingMethod.KMEANS,
        pooling=Pooling.FLATTEN,
        groups=tuple(groups),
        outside=0,
        silhouette=0.31,
        agreement=None,
        stored_at="2026-01-02T03:04:05+00:00",
    )


@pytest.fixture(scope="module")
def serve(
    searcher: FakeSearcher, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., str]]:
    """Serves with a study, and a builder that has a failed job behind it."""
    study, data = tmp_path_factory.mktemp("study"), tmp_path_factory.mktemp("data")
    write_study(study)
    job = JobFolder(data / "jobs" / JOB)
    step = JobStep(JobState.INDEXING, ("true",))
    job.write_plan(JobPlan("hills", {"kind": "retry"}, (step,), created_at=now()))
    job.write_status(
        JobStatus(JobState.FAILED, "the disk is full", started_at=now(), ended_at=now())
    )
    builder = Builder.of(searcher, Settings(data_dir=data))
    with ExitStack() as servers:
        address = servers.enter_context(served(searcher, builder=builder, study_dir=study))
        yield lambda _: address


def findings(page: Page) -> list[str]:
    """What axe-core finds fault with, of any impact, a line for each element."""
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: "
        f"{node['failureSummary']}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("view", [view.name for view in VIEWS])
def test_axe_finds_no_fault(view: str, open_page: Open, searcher: FakeSearcher) -> None:
    """A view without states here fails: there is nothing to look at."""
    page = open_page()
    page.emulate_media(reduced_motion="reduce")
    found = {}
    for state in STATES[view]:
        query = state.query.format(id=next(iter(searcher.files)))
        page.evaluate("document.querySelectorAll('dialog').forEach((open) => open.close())")
        page.evaluate("address => { location.hash = address; }", f"#/{view}{query}")
        expect(page.locator(state.shown).first).to_be_visible()
        if state.act:
            state.act(page)
        for theme, size in LOOKS:
            page.set_viewport_size(size)
            set_theme(page, theme)
            found[f"{state.name}, {theme}, {size['width']} px"] = findings(page)
    faults = {place: lines for place, lines in found.items() if lines}
    assert not faults, json.dumps(faults, indent=1)


def set_theme(page: Page, theme: str) -> None:
    """As the switch of the page does, that may lie behind a dialog."""
    page.evaluate(
        """theme => {
            document.documentElement.dataset.theme = theme;
            document.body.classList.toggle("dark", theme === "dark");
        }""",
        theme,
    )


def test_a_flaw_would_be_found(open_page: Open) -> None:
    page = open_page(at="#/help")
    page.evaluate("""() => {
        const pale = document.createElement("p");
        pale.textContent = "Hardly to be read";
        pale.style.cssText = "color: #ccc; background: #fff";
        document.querySelector("#help").append(pale, document.createElement("button"));
    }""")
    rules = {line.partition(":")[0] for line in findings(page)}
    assert rules == {"color-contrast (serious)", "button-name (critical)"}
