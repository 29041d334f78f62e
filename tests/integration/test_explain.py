"""Where in a query and in a stored image their similarity comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from indexer.errors import InvalidRequestError, PointNotFoundError
from indexer.schema import point_id
from indexer.search import Searcher
from indexer.store import VectorStore
from indexer.types import Box, Distance, SyncReport
from models.pooling import STANDARD, Pooling
from models.similarity_maps import SimilarityMaps
from tests.fake_encoder import FakeEncoder

Sync = Callable[..., SyncReport]
SEEN = {"left": (0, 0), "right": (1, 1)}


@pytest.fixture
def searcher(store: VectorStore, data: Path) -> Searcher:
    return Searcher(data, store=store, load_encoder=FakeEncoder.load)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A red square, in the upper left of one black image and in the lower right of another."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, (column, row) in SEEN.items():
        image = Image.new("RGB", (64, 64))
        image.paste((250, 0, 0), (32 * column, 32 * row, 32 * column + 32, 32 * row + 32))
        image.save(folder / f"{name}.png")
    return folder


def lit(cells: np.ndarray) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(cells > cells.max() / 5)}


def quarter(column: int, row: int) -> set[tuple[int, int]]:
    return {(2 * row + i, 2 * column + j) for i in (0, 1) for j in (0, 1)}


@pytest.mark.parametrize("pooling", [*STANDARD, Pooling.AVERAGE])
@pytest.mark.parametrize("distances", [None, (Distance.EUCLID,)])
def test_the_maps_sum_to_the_score_of_a_search(
    run: Sync,
    searcher: Searcher,
    pooling: Pooling,
    distances: tuple[Distance, ...] | None,
) -> None:
    run(poolings=(Pooling.AVERAGE,), **({"distances": distances} if distances else {}))
    left, right = (point_id("photos", f"{name}.png") for name in SEEN)
    maps = searcher.explain("photos", left, right, pooling=pooling)
    expected = {Pooling.FLATTEN: 0.0}.get(pooling, 1.0)
    assert maps.similarity == pytest.approx(expected, abs=1e-2)  # edges are blurred
    if distances is None:
        (row,) = searcher.by_id("photos", left, poolings=[pooling]).rows
        assert row.hits[0].score == pytest.approx(maps.similarity, abs=1e-5)


def test_what_both_have_is_found_on_each_where_it_lies(run: Sync, searcher: Searcher) -> None:
    run(poolings=(Pooling.AVERAGE,))
    left, right = (point_id("photos", f"{name}.png") for name in SEEN)
    maps = searcher.explain("photos", left, right, pooling=Pooling.AVERAGE)
    assert (lit(maps.query), lit(maps.hit)) == (quarter(*SEEN["left"]), quarter(*SEEN["right"]))


def test_a_file_and_a_part_are_encoded_as_a_search_does(
    run: Sync, searcher: Searcher, photos: Path
) -> None:
    run()
    left, right = (point_id("photos", f"{name}.png") for name in SEEN)
    content = (photos / "left.png").read_bytes()

    def told(query: object, **options: object) -> SimilarityMaps:
        return searcher.explain("photos", query, right, pooling=Pooling.FLATTEN, **options)

    for query in (photos / "left.png", content):
        np.testing.assert_allclose(told(query).query, told(left).query, atol=1e-5)
    # All of the part is red, as a quarter of the hit is.
    part = Box(0, 0, 0.5, 0.5)
    for query in (left, photos / "left.png"):
        maps = told(query, crop=part)
        assert maps.similarity == pytest.approx(0.5, abs=2e-2)
        assert lit(maps.hit) == quarter(*SEEN["right"])


def test_what_is_not_there_or_has_no_cells_is_refused(run: Sync, searcher: Searcher) -> None:
    run(poolings=(Pooling.WHITENED,))
    left, right = (point_id("photos", f"{name}.png") for name in SEEN)
    with pytest.raises(PointNotFoundError):
        searcher.explain("photos", left, uuid4())
    with pytest.raises(PointNotFoundError):
        searcher.explain("photos", uuid4(), right)
    with pytest.raises(InvalidRequestError, match="whitened vectors do not tell"):
        searcher.explain("photos", left, right, pooling=Pooling.WHITENED)
    with pytest.raises(InvalidRequestError, match="gem"):
        searcher.explain("photos", left, right, pooling=Pooling.GEM)
