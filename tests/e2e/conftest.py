"""A real browser, if there is one, that is allowed to talk to the page's server only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, Route, expect

from indexer.search import Searcher
from scripts.page_browser import NoBrowserError, chromium_path, open_browser
from tests.fake_searcher import FakeSearcher, draw_pictures
from tests.page_server import served

DESKTOP = {"width": 1440, "height": 900}
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        chromium_path()
    except NoBrowserError as error:
        pytest.skip(str(error))
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with open_browser(camera) as browser:
        yield browser


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, str]]:
    return draw_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def searcher(pictures: list[tuple[Path, str]]) -> FakeSearcher:
    return FakeSearcher(pictures[0][0].parents[1], pictures)


@dataclass
class Visit:
    """A page and what went wrong on it."""

    page: Page
    errors: list[Error] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)


Open = Callable[..., Page]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Serves a searcher, and a study or none, until the module's tests are done, once."""
    addresses: dict[tuple[int, Path], str] = {}
    no_study = tmp_path_factory.mktemp("study")
    with ExitStack() as servers:

        def start(searcher: Searcher, study_dir: Path = no_study) -> str:
            if (id(searcher), study_dir) not in addresses:
                addresses[id(searcher), study_dir] = servers.enter_context(
                    served(searcher, study_dir=study_dir)
                )
            return addresses[id(searcher), study_dir]

        yield start


@pytest.fixture
def open_page(
    browser: Browser, searcher: FakeSearcher, serve: Callable[..., str]
) -> Iterator[Open]:
    """Opens the page; fails the test if a script broke or another host was asked."""
    visits: list[Visit] = []

    def visit(
        *,
        source: Searcher = searcher,
        viewport: dict[str, int] = DESKTOP,
        dark: bool = False,
        touch: bool = False,
        study_dir: Path | None = None,
        at: str = "",
    ) -> Page:
        context = browser.new_context(
            viewport=viewport, color_scheme="dark" if dark else "light", has_touch=touch
        )
        context.set_default_timeout(PATIENCE_MS)
        seen = Visit(context.new_page())
        visits.append(seen)
        # Playwright marks its handlers, which a method of a list does not allow.
        seen.page.on("pageerror", lambda error: seen.errors.append(error))  # noqa: PLW0108
        seen.page.route("**/*", lambda route: keep_home(route, seen.foreign))
        address = serve(source, study_dir) if study_dir else serve(source)
        seen.page.goto(f"{address}/{at}")
        seen.page.wait_for_function("document.documentElement.dataset.ready === '1'")
        return seen.page

    yield visit
    for seen in visits:
        seen.page.context.close()
        assert seen.errors == []
        assert seen.foreign == []


def keep_home(route: Route, foreign: list[str]) -> None:
    """Let requests to this machine through; note and stop the others."""
    url = urlsplit(route.request.url)
    if url.hostname == "127.0.0.1":
        route.continue_()
    else:
        foreign.append(route.request.url)
        route.abort()
