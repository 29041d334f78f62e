"""What the served page does with a choice of poolings, offered or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from models.pooling import STANDARD, Pooling
from tests.fake_searcher import FakeSearcher, draw_pictures
from tests.page_server import served


class OpenPage:
    """A served page, and what it searches."""

    def __init__(self, client: httpx.Client, searcher: FakeSearcher) -> None:
        self.client = client
        self.searcher = searcher

    def search(self, poolings: Sequence[str]) -> Any:
        """The board, asked from a page that this server has not opened."""
        question = {
            "dataset": "hills",
            "id": str(next(iter(self.searcher.files))),
            "pooling": list(poolings),
            "distance": "cosine",
        }
        return self.client.post("/api/board", json=question).raise_for_status().json()


@pytest.fixture(scope="module", params=[STANDARD, tuple(Pooling)], ids=["standard", "all"])
def page(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenPage]:
    folder = tmp_path_factory.mktemp("pictures")
    searcher = FakeSearcher(folder, draw_pictures(folder, kinds=2), poolings=request.param)
    with served(searcher) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield OpenPage(client, searcher)


@pytest.mark.parametrize("pooling", Pooling)
def test_a_choice_of_a_page_from_before_a_restart_is_searched_if_the_dataset_has_it(
    page: OpenPage, pooling: Pooling
) -> None:
    board = page.search([pooling])
    if pooling in page.searcher.poolings:
        assert [row["pooling"] for row in board["rows"]] == [pooling]
    else:
        assert board["title"] == "Nothing to compare with"


def test_a_pooling_that_nobody_knows_is_refused(page: OpenPage) -> None:
    assert page.search(["maxpool", "median"])["state"] == "error"
