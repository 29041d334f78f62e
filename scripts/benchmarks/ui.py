"""``ui``: the page in a real browser beside the bare searches, its first load, its lists."""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from indexer.errors import DatasetNotIndexedError
from indexer.settings import Settings
from indexer.types import Distance
from models.pooling import STANDARD
from scripts.benchmarks.page_visits import (
    FirstLoad,
    Step,
    browse,
    click,
    first_load,
    open_page,
    upload,
)
from scripts.page_browser import open_browser
from scripts.page_server import served_in_thread

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from indexer.search import Searcher

K = 8
PAGES = (72, 200)
LISTS = (72, 200, 1_000)
WARM_UP = 3
MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """Questions in the browser, each beside the same search without page; seconds.

    Attributes:
        asked: how.
        images, questions: of the dataset; that were timed.
        bare_p50, bare_p95: ``Searcher`` alone: search, and for an upload decode and encode.
        painted_p50, painted_p95: from the click until new rows were painted.
        pictures_p50, pictures_p95: until their pictures were, too.
        parts: medians of what the time until rows were painted is made of.
    """

    asked: str
    images: int
    questions: int
    bare_p50: float
    bare_p95: float
    painted_p50: float
    painted_p95: float
    pictures_p50: float
    pictures_p95: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LoadTimes:
    """Opening the page; medians over rounds, seconds."""

    cache: str
    requests: int
    bytes: int
    first_paint: float
    usable: float


@dataclass(frozen=True, slots=True)
class ListTimes:
    """A list of images; medians over rounds, seconds.

    Attributes:
        way: the view Browse, or the endpoint alone.
        images: in the list.
        seconds: until they are drawn, or the answer is there.
        pictures: until those in sight are decoded; None for the endpoint.
        bytes: of the endpoint's answer, before it is compressed; None for the view.
    """

    way: str
    images: int
    seconds: float
    pictures: float | None
    bytes: int | None


Row = AnswerTimes | LoadTimes | ListTimes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the indexes")
    parser.add_argument("--dataset", metavar="NAME", help="default: the largest")
    parser.add_argument("--questions", type=int, default=40, help="clicks, and uploads")
    parser.add_argument("--rounds", type=int, default=5, help="of loading and listing")


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Serve the index from this process, so that both ways ask the same ``Searcher``."""
    from indexer.search import Searcher
    from search_ui.environment import keep_gradio_local

    keep_gradio_local()
    settings = Settings.resolve(data_dir=arguments.data_dir)
    searcher = Searcher.open(settings)
    try:
        name = arguments.dataset or _largest(searcher, settings)
        asked = {"questions": arguments.questions, "rounds": arguments.rounds}
        with open_browser() as browser:
            return list(measure_page(browser, searcher, name, **asked))
    finally:
        searcher.close()


def _largest(searcher: Searcher, settings: Settings) -> str:
    datasets = searcher.datasets()
    if not datasets:
        raise DatasetNotIndexedError(f"no dataset {settings.place}: make demo makes one")
    return max(datasets, key=lambda info: info.images).name


def measure_page(
    browser: Browser, searcher: Searcher, dataset: str, *, questions: int, rounds: int
) -> Iterator[Row]:
    """All that is measured, one row after the other.

    Args:
        browser: visits the page.
        searcher: of the page, and of the bare searches.
        dataset: what is asked.
        questions: how many of each kind.
        rounds: how often the page is opened and images are listed.
    """
    from search_ui.app import make_app

    with served_in_thread(lambda: make_app(searcher)) as address:
        url = f"{address}/#/search?dataset={dataset}"
        page = open_page(browser, url)
        yield _clicks(page, searcher, dataset, questions)
        yield _uploads(page, searcher, dataset, questions)
        page.close()
        yield from _loads(browser, url, rounds)
        yield from _views(browser, url, rounds)
        yield from _lists(address, dataset, rounds)


def _clicks(page: Page, searcher: Searcher, dataset: str, questions: int) -> AnswerTimes:
    """Walk from hit to hit; the bare search comes before and after by turns."""
    page.locator("#result-board .gallery .pick").first.click()
    page.wait_for_selector("#result-board .card")
    steps, bare = [], []
    # Far down the rows, where walks seldom come back to what was seen.
    for number in itertools.islice(itertools.cycle(range(K - 1, 2, -1)), questions + WARM_UP):
        point, step = click(page, number)
        steps.append(step)
        bare.append(_bare_by_id(searcher, dataset, UUID(point)))
    images = searcher.describe(dataset).images
    return _answers("a click on a hit", images, steps[WARM_UP:], bare[WARM_UP:])


def _bare_by_id(searcher: Searcher, dataset: str, point: UUID) -> float:
    return _seconds(
        lambda: searcher.by_id(dataset, point, poolings=STANDARD, distances=tuple(Distance), k=K)
    )


def _uploads(page: Page, searcher: Searcher, dataset: str, questions: int) -> AnswerTimes:
    """The dataset's own files, as a visitor would send them."""
    wanted = [
        image
        for image in searcher.sample(dataset, 10 * (questions + WARM_UP))
        if image.format in MEDIA_TYPES
    ]
    steps, bare = [], []
    for image in itertools.islice(itertools.cycle(wanted), questions + WARM_UP):
        file = searcher.original(dataset, image.id)
        steps.append(upload(page, file, MEDIA_TYPES[image.format]))
        bare.append(_bare_by_image(searcher, dataset, file))
    images = searcher.describe(dataset).images
    return _answers("an upload", images, steps[WARM_UP:], bare[WARM_UP:])


def _bare_by_image(searcher: Searcher, dataset: str, file: Path) -> float:
    return _seconds(
        lambda: searcher.by_image(dataset, file, poolings=STANDARD, distances=tuple(Distance), k=K)
    )


def _answers(asked: str, images: int, steps: Sequence[Step], bare: Sequence[float]) -> AnswerTimes:
    painted = _percentiles([step.painted for step in steps])
    pictures = _percentiles([step.pictures for step in steps])
    parts = {name: statistics.median(step.parts[name] for step in steps) for name in steps[0].parts}
    return AnswerTimes(asked, images, len(steps), *_percentiles(bare), *painted, *pictures, parts)


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    p50, p95 = np.percentile(seconds, (50, 95)).tolist()
    return p50, p95


def _seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def _loads(browser: Browser, url: str, rounds: int) -> Iterator[LoadTimes]:
    """A fresh context has an empty cache, and a full one when the page was opened in it."""
    loads: dict[str, list[FirstLoad]] = {"empty": [], "warm": []}
    for _ in range(rounds):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        for seen in loads.values():
            seen.append(first_load(context, url))
        context.close()
    for cache, seen in loads.items():
        yield LoadTimes(
            cache,
            round(statistics.median(load.requests for load in seen)),
            round(statistics.median(load.bytes for load in seen)),
            statistics.median(load.first_paint for load in seen),
            statistics.median(load.usable for load in seen),
        )


def _views(browser: Browser, url: str, rounds: int) -> Iterator[ListTimes]:
    for images in PAGES:
        seen = [browse(browser, url, images) for _ in range(rounds)]
        drawn = statistics.median(one[1] for one in seen)
        pictures = statistics.median(one[2] for one in seen)
        yield ListTimes("Browse", seen[0][0], drawn, pictures, None)


def _lists(address: str, dataset: str, rounds: int) -> Iterator[ListTimes]:
    for images in LISTS:
        answers = [_listed(address, dataset, images) for _ in range(rounds + 1)][1:]
        seconds = statistics.median(answer[0] for answer in answers)
        content = answers[0][1]
        yield ListTimes("endpoint", content.count(b'"thumb":'), seconds, None, len(content))


def _listed(address: str, dataset: str, images: int) -> tuple[float, bytes]:
    import httpx

    started = perf_counter()
    answer = httpx.get(
        f"{address}/api/datasets/{dataset}/images",
        params={"limit": images},
        trust_env=False,
        timeout=60,
    )
    answer.raise_for_status()
    return perf_counter() - started, answer.content


def report(measurements: Sequence[Row], _arguments: argparse.Namespace) -> str:
    """Lines for people."""
    return "\n".join(line for row in measurements for line in _lines(row))


def _lines(row: Row) -> Iterator[str]:
    if isinstance(row, AnswerTimes):
        over = 1000 * (row.painted_p50 - row.bare_p50)
        yield (
            f"{row.asked:<17} bare {1000 * row.bare_p50:6.1f} ms p50 {1000 * row.bare_p95:6.1f} p95"
            f"  page {1000 * row.painted_p50:6.1f} p50 {1000 * row.painted_p95:6.1f} p95"
            f"  {row.painted_p50 / row.bare_p50:5.2f} x bare, {over:+.1f} ms"
            f"  pictures {1000 * row.pictures_p50:6.1f} p50"
        )
        yield "  " + ", ".join(f"{name} {1000 * part:.1f}" for name, part in row.parts.items())
    elif isinstance(row, LoadTimes):
        yield (
            f"first load, {row.cache} cache: {row.requests} requests, {row.bytes / 1000:,.0f} kB, "
            f"first paint {row.first_paint:.2f} s, usable {row.usable:.2f} s"
        )
    elif row.bytes is None:
        yield (
            f"{row.way:<8} {row.images:>5} images: drawn in {1000 * row.seconds:.0f} ms, pictures "
            f"in sight {1000 * (row.pictures or 0):.0f} ms"
        )
    else:
        yield (
            f"{row.way:<8} {row.images:>5} images: {1000 * row.seconds:.0f} ms, "
            f"{row.bytes / 1000:,.0f} kB of JSON"
        )
