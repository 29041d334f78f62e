"""Groups and duplicates in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from indexer.groups import (
    Agreement,
    Example,
    Group,
    GroupingMethod,
    GroupingSummary,
    LabelShare,
)
from models.pooling import Pooling
from tests.fake_searcher import FakeSearcher, draw_pictures

pytestmark = pytest.mark.e2e

PHONE = {"width": 390, "height": 844}
Open = Callable[..., Page]
Visit = Callable[..., Page]


def described(searcher: FakeSearcher) -> GroupingSummary:
    """The groups that the fake has, one for each label, as a grouping would have kept them."""
    images = searcher.page("hills").images
    labels = sorted({image.label for image in images if image.label})
    groups = []
    for number, label in enumerate(labels, 1):
        inside = [image for image in images if image.group == number]
        groups.append(
            Group(
                number,
                len(inside),
                tuple(Example(image.id, image.path) for image in inside[:6]),
                (LabelShare(label, 0.75), LabelShare("<i>other</i>", 0.25)),
            )
        )
    return GroupingSummary(
        dataset="hills",
        fingerprint="1a2b3c4d",
        method=GroupingMethod.KMEANS,
        pooling=Pooling.FLATTEN,
        groups=tuple(groups),
        outside=3,
        silhouette=0.31,
        agreement=Agreement(0.52, 0.61, 40),
        stored_at="2026-01-02T03:04:05+00:00",
    )


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    """Five groups of eight; three pictures in none, of which two are versions of a third."""
    folder = tmp_path_factory.mktemp("pictures")
    pictures: list[tuple[Path, str | None]] = [*draw_pictures(folder)]
    with Image.open(pictures[0][0]) as image:
        odd = image.rotate(90)
    for name, options in (("odd.png", {}), ("odd.jpg", {"quality": 30})):
        odd.save(folder / name, **options)
    shutil.copyfile(folder / "odd.png", folder / "copy of odd.png")
    pictures += [(folder / name, None) for name in ("odd.png", "odd.jpg", "copy of odd.png")]
    searcher = FakeSearcher(folder, pictures)
    searcher.summary = described(searcher)
    return searcher


@pytest.fixture(scope="module")
def ungrouped(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("ungrouped")
    files = [file for file, _ in draw_pictures(folder, kinds=1, of_each=6)]
    return FakeSearcher(folder, [(file, None) for file in files])


@pytest.fixture
def groups(open_page: Open) -> Visit:
    """Opens the view at an address."""

    def visit(query: str = "", prepare: Callable[[Page], None] | None = None, **options: object):
        page = open_page(**options)
        if prepare:
            prepare(page)
        page.evaluate(f"location.hash = '#/groups{query}'")
        return page

    return visit


def test_each_group_shows_examples_its_number_of_images_and_its_labels(groups: Visit) -> None:
    page = groups()
    cards = page.locator("#view-groups .group")
    expect(cards).to_have_count(5)
    first = cards.first
    expect(first.locator(".group-title")).to_have_text("Group 1 8 images")
    expect(first.locator(".group-labels li")).to_have_text(["dawn75%", "<i>other</i>25%"])
    expect(first.locator(".mosaic img:visible")).to_have_count(5)
    made = page.get_by_label("How these groups were made")
    expect(made).to_contain_text("k-means, 5 groups")
    expect(made).to_contain_text("0.31")
    expect(made).to_contain_text("groups are apart")
    expect(made).to_contain_text("0.52")
    expect(made.get_by_role("link")).to_have_text("3 images in no group")


def test_a_group_opens_as_its_images_and_can_be_left_again(groups: Visit) -> None:
    page = groups()
    page.get_by_role("link", name=re.compile("^Group 2")).click()
    tiles = page.locator("#view-browse .tiles:not(.skeleton) .tile")
    expect(tiles).to_have_count(8)
    assert "group=2" in page.url
    expect(page.locator("#view-browse .narrowed")).to_contain_text("Only images in group 2")
    page.get_by_role("link", name="Show all", exact=True).click()
    expect(tiles).to_have_count(43)
    page.go_back()
    page.get_by_role("link", name="Back to the groups").click()
    page.get_by_role("link", name="3 images in no group").click()
    expect(tiles).to_have_count(3)


def test_a_click_during_which_the_groups_are_drawn_anew_is_one(groups: Visit) -> None:
    page = groups()
    link = page.get_by_role("link", name="3 images in no group")
    expect(link).to_be_visible()
    page.evaluate("location.hash = '#/help'")
    expect(link).to_be_hidden()
    waiting: list[Route] = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/groups*", hold)
    page.evaluate("location.hash = '#/groups'")
    expect(link).to_be_visible()
    link.hover()
    page.mouse.down()
    with page.expect_response("**/groups*"):
        waiting[0].continue_()
    page.wait_for_timeout(200)
    page.mouse.up()
    expect(page.locator("#view-browse .tiles:not(.skeleton) .tile")).to_have_count(3)


def test_a_search_starts_from_the_representative(groups: Visit, searcher: FakeSearcher) -> None:
    assert searcher.summary is not None
    representative = searcher.summary.groups[2].representative
    page = groups()
    page.get_by_role("link", name=re.compile("representative: group 3")).click()
    expect(page.locator("#result-board .pair").first).to_be_visible()
    assert f"id={representative.id}" in page.url


def test_without_groups_it_says_what_they_are_and_gives_the_command(
    groups: Visit, ungrouped: FakeSearcher
) -> None:
    page = groups(source=ungrouped)
    expect(page.locator("#view-groups .notice")).to_contain_text("A group is a set of images")
    code = page.locator("#view-groups .command code")
    expect(code).to_have_text("python -m indexer group hills")
    page.get_by_role("spinbutton", name="Number of groups").fill("3")
    page.get_by_label("Vectors").select_option("maxpool")
    expect(code).to_have_text("python -m indexer group hills --groups 3 --pooling maxpool")
    page.get_by_role("radio", name=re.compile("HDBSCAN")).check()
    expect(code).to_have_text("python -m indexer group hills --method hdbscan --pooling maxpool")
    expect(page.get_by_role("spinbutton", name="Number of groups")).to_be_disabled()
    # Nothing may be started on this server.
    expect(page.get_by_role("button", name="Make groups")).to_have_count(0)


class FakeJobs:
    """A server that may start work, and whose job is over when it was looked at twice."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.looked_at = 0

    def job(self) -> dict[str, object]:
        over = self.looked_at > 1
        state = "failed" if over else "grouping"
        return {
            **{"id": "1", "dataset": "hills", "over": over, "state": state, "log": []},
            **{"message": "the disk is full" if over else "", "request": {"kind": "group"}},
            "created_at": "2026-11-25T08:00:00+00:00",
        }

    def attach(self, page: Page) -> None:
        page.route("**/api/datasets/hills/groups", self.groups)
        page.route("**/api/jobs", self.jobs)
        page.route("**/api/jobs/1", self.look)

    def groups(self, route: Route) -> None:
        if route.request.method == "POST":
            self.asked.append(json.loads(route.request.post_data or ""))
            route.fulfill(status=202, json=self.job())
        else:
            empty = {"groups": [], "outside": 6, "made": None, "can_make": True}
            route.fulfill(json=empty)

    def jobs(self, route: Route) -> None:
        found = [self.job()] if self.asked else []
        running = "1" if found and not found[0]["over"] else None
        route.fulfill(json={"running": running, "jobs": found})

    def look(self, route: Route) -> None:
        self.looked_at += 1
        route.fulfill(json=self.job())


def test_groups_are_made_in_the_background_also_across_a_reload(
    groups: Visit, ungrouped: FakeSearcher
) -> None:
    fake = FakeJobs()
    page = groups(source=ungrouped, prepare=fake.attach)
    page.get_by_role("spinbutton", name="Number of groups").fill("3")
    page.get_by_role("button", name="Make groups").click()
    line = page.locator("#view-groups .work-line")
    expect(line).to_have_text("Comparing the images …")
    expect(page.get_by_role("button", name="Make groups")).to_be_disabled()
    expect(page.get_by_role("link", name="Build (work is running)")).to_be_visible()
    assert fake.asked == [{"method": "kmeans", "pooling": "flatten", "count": 3}]
    page.reload()
    expect(line).to_have_text("the disk is full")
    expect(page.get_by_role("button", name="Make groups")).to_be_enabled()


def test_duplicates_stand_side_by_side_with_the_largest_marked(groups: Visit) -> None:
    page = groups("?show=duplicates")
    expect(page.locator("#view-groups .strictness output")).to_contain_text("at most 4 of 64")
    odd = page.locator("#view-groups .set").filter(has_text="odd.jpg")
    expect(odd).to_have_count(1)
    expect(odd.locator(".alike")).to_have_count(3)
    expect(odd.locator(".badge").first).to_have_text("Largest")
    expect(odd.locator(".badge.keep")).to_have_count(1)
    expect(odd).to_contain_text("Same file again")
    expect(odd).to_contain_text(re.compile(r"128 . 128"))
    assert page.locator("#view-groups").get_by_role("button", name="Delete").count() == 0


def test_a_looser_comparison_is_an_address_of_its_own(groups: Visit) -> None:
    page = groups("?show=duplicates&bits=0")
    sets = page.locator("#view-groups .set")
    expect(sets.first).to_be_visible()
    strict = page.locator("#view-groups .alike").count()
    slider = page.get_by_label("How alike")
    slider.focus()
    for bits in range(2, 14, 2):
        page.keyboard.press("ArrowRight")
        told = page.locator("#view-groups .strictness output")
        expect(told).to_contain_text(f"at most {bits} of 64")
        expect(page).to_have_url(re.compile(f"bits={bits}|duplicates$"))  # 4 is what is not said
        expect(slider).to_be_focused()
    expect(page).to_have_url(re.compile("bits=12"))
    expect(page.locator("#view-groups .compare")).to_contain_text("other images are among them")
    assert page.locator("#view-groups .alike").count() > strict


def test_on_a_phone_nothing_scrolls_sideways(groups: Visit) -> None:
    page = groups(viewport=PHONE, touch=True, dark=True)
    expect(page.locator("#view-groups .group")).to_have_count(5)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    page.get_by_role("link", name="Duplicates").click()
    expect(page.locator("#view-groups .set").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
