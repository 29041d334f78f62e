"""What ``scripts/benchmark.py ui`` tells of the page is so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from indexer.types import SearchResult
from scripts.benchmarks.ui import AnswerTimes, ListTimes, LoadTimes, measure_page
from tests.fake_searcher import FakeSearcher, draw_pictures

pytestmark = pytest.mark.e2e

SLOW_SECONDS = 0.4


class SlowSearcher(FakeSearcher):
    """Takes its time, so that what it takes can be told from what the page adds."""

    def by_id(self, dataset: str, point: UUID, **options: Any) -> SearchResult:
        time.sleep(SLOW_SECONDS)
        return super().by_id(dataset, point, **options)


def test_the_page_is_timed_beside_the_same_searches(browser: Browser, tmp_path: Path) -> None:
    searcher = SlowSearcher(tmp_path, draw_pictures(tmp_path))
    rows = list(measure_page(browser, searcher, "hills", questions=2, rounds=1))
    click, upload = [row for row in rows if isinstance(row, AnswerTimes)]
    assert (click.questions, upload.questions, click.images) == (2, 2, 40)
    assert SLOW_SECONDS <= click.bare_p50 <= click.painted_p50 <= click.pictures_p50
    assert click.parts["requests"] >= SLOW_SECONDS
    assert 0 < upload.bare_p50 < SLOW_SECONDS
    assert upload.bare_p50 < upload.painted_p50

    empty, warm = [row for row in rows if isinstance(row, LoadTimes)]
    assert (empty.cache, warm.cache) == ("empty", "warm")
    assert 0 < warm.requests < empty.requests < 200
    assert 0 < warm.bytes < empty.bytes / 2
    assert 0 < empty.first_paint <= empty.usable

    lists = [row for row in rows if isinstance(row, ListTimes)]
    assert [row.images for row in lists] == [40] * 5
    assert all((row.pictures is None) == (row.way == "endpoint") for row in lists)
