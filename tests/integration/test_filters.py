"""Searches that are confined to some of the images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from indexer.errors import InvalidRequestError
from indexer.schema import point_id
from indexer.search import Searcher
from indexer.store import VectorStore
from indexer.types import Distance, Filter, Payload, SyncReport
from models.pooling import STANDARD
from tests.fake_encoder import FakeEncoder

Sync = Callable[..., SyncReport]
PAIRS = {"poolings": list(STANDARD), "distances": list(Distance)}


@pytest.fixture
def searcher(store: VectorStore, data: Path) -> Searcher:
    return Searcher(data, store=store, load_encoder=FakeEncoder.load)


@pytest.fixture
def mixed(photos: Path) -> Path:
    """The twelve, one without a label, in another format and larger."""
    Image.new("RGB", (60, 50), "teal").save(photos / "loose.jpg")
    return photos


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filter(labels=("warm",)), 6),
        (Filter(labels=("",)), 1),
        (Filter(formats=("JPEG",)), 1),
        (Filter(min_side=31), 1),
        (Filter(labels=("cold", "warm"), min_side=30), 12),
        (Filter(groups=(0,)), 13),
        (Filter(groups=(1,)), 0),
    ],
)
def test_only_what_passes_is_a_hit_of_a_file_and_of_a_stored_image(
    run: Sync, searcher: Searcher, mixed: Path, where: Filter, expected: int
) -> None:
    run()
    payloads = {str(one.payload["path"]): one.payload for one in searcher.records("photos")}
    passing = {path for path, payload in payloads.items() if where.matches(payload)}
    assert len(passing) == expected
    by_file = searcher.by_image("photos", mixed / "loose.jpg", k=50, where=where, **PAIRS)
    by_id = searcher.by_id("photos", point_id("photos", "warm/00.png"), k=50, where=where, **PAIRS)
    for row in by_file.rows:
        assert {hit.path for hit in row.hits} == passing
    for row in by_id.rows:
        assert {hit.path for hit in row.hits} == passing - {"warm/00.png"}


PAYLOAD: Payload = {"label": "cat", "format": "PNG", "group": 2, "width": 64, "height": 48}


@pytest.mark.parametrize(
    ("where", "payload", "expected"),
    [
        (Filter(), PAYLOAD, True),
        (Filter(), {}, True),
        (Filter(labels=("dog", "cat")), PAYLOAD, True),
        (Filter(labels=("dog",)), PAYLOAD, False),
        (Filter(labels=("",)), PAYLOAD, False),
        (Filter(labels=("",)), {"label": None}, True),
        (Filter(labels=("",)), {}, True),
        (Filter(labels=("cat",)), {"label": None}, False),
        (Filter(formats=("PNG",)), PAYLOAD, True),
        (Filter(formats=("JPEG",)), PAYLOAD, False),
        (Filter(groups=(1, 2)), PAYLOAD, True),
        (Filter(groups=(0, 1)), PAYLOAD, False),
        (Filter(groups=(0,)), {}, True),
        (Filter(min_side=48), PAYLOAD, True),
        (Filter(min_side=49), PAYLOAD, False),
        (Filter(min_side=1), {}, False),
        (Filter(labels=("cat",), formats=("JPEG",)), PAYLOAD, False),
    ],
)
def test_what_a_filter_lets_through(where: Filter, payload: Payload, expected: bool) -> None:
    assert where.matches(payload) is expected


@pytest.mark.parametrize("side", [0, -3])
def test_a_shortest_side_without_a_pixel_is_refused(side: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"shortest side of {side} pixels"):
        Filter(min_side=side)
