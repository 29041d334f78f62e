"""Searches with a part of a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.commands.search import box
from indexer.errors import InvalidRequestError, PointNotFoundError
from indexer.reading import MIN_CROP, read_image
from indexer.schema import point_id
from indexer.search import Searcher
from indexer.store import VectorStore
from indexer.types import Box, Distance, Filter, SyncReport
from models.pooling import STANDARD
from models.preprocess import Preprocess
from tests.fake_encoder import FakeEncoder

Sync = Callable[..., SyncReport]
PAIRS = {"poolings": list(STANDARD), "distances": list(Distance)}
WHOLE = Box(0, 0, 1, 1)
UPPER_RIGHT = Box(0.5, 0, 1, 0.5)
COLOURS = {
    "red": (250, 20, 20),
    "green": (20, 250, 20),
    "blue": (20, 20, 250),
    "yellow": (250, 250, 20),
}


@pytest.fixture
def searcher(store: VectorStore, data: Path) -> Searcher:
    return Searcher(data, store=store, load_encoder=FakeEncoder.load)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """One image of each colour, and one with all of them: red and green above blue and yellow."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (64, 48), colour).save(folder / f"{name}.png")
    quarters().save(folder / "quarters.png")
    return folder


def quarters(side: int = 200) -> Image.Image:
    image = Image.new("RGB", (side, side))
    for place, colour in enumerate(COLOURS.values()):
        image.paste(colour, (place % 2 * side // 2, place // 2 * side // 2, side, side))
    return image


CORNERS = {
    "red": Box(0, 0, 0.5, 0.5),
    "green": UPPER_RIGHT,
    "blue": Box(0, 0.5, 0.5, 1),
    "yellow": Box(0.5, 0.5, 1, 1),
}


@pytest.mark.parametrize("colour", CORNERS)
def test_a_part_finds_what_looks_like_it_from_a_file_and_from_a_stored_image(
    run: Sync, searcher: Searcher, photos: Path, colour: str
) -> None:
    run()
    crop, stored = CORNERS[colour], point_id("photos", "quarters.png")
    by_file = searcher.by_image("photos", photos / "quarters.png", crop=crop, k=5, **PAIRS)
    by_id = searcher.by_id("photos", stored, crop=crop, k=5, **PAIRS)
    assert by_id.query == searcher.details("photos", stored)
    assert len(by_file.rows) == len(by_id.rows) == 4
    for one, other in zip(by_file.rows, by_id.rows, strict=True):
        assert one.hits[0].path == f"{colour}.png"
        best = 1.0 if one.distance is Distance.COSINE else 0.0
        assert one.hits[0].score == pytest.approx(best, abs=1e-5)
        without = [(hit.path, hit.score) for hit in one.hits if hit.id != stored]
        assert [(hit.path, hit.score) for hit in other.hits] == without


def test_all_of_a_picture_is_the_picture(run: Sync, searcher: Searcher, photos: Path) -> None:
    run()
    file, stored = photos / "quarters.png", point_id("photos", "quarters.png")
    whole = searcher.by_image("photos", file, crop=WHOLE, k=5, **PAIRS)
    usual = searcher.by_image("photos", file, k=5, **PAIRS)
    assert [row.hits for row in whole.rows] == [row.hits for row in usual.rows]
    cut, kept = (
        searcher.by_id("photos", stored, k=5, crop=crop, **PAIRS) for crop in (WHOLE, None)
    )
    for one, other in zip(cut.rows, kept.rows, strict=True):
        assert [hit.id for hit in one.hits] == [hit.id for hit in other.hits]


def test_a_crop_and_a_filter_go_together(run: Sync, searcher: Searcher, photos: Path) -> None:
    run()
    result = searcher.by_image(
        "photos", photos / "quarters.png", crop=UPPER_RIGHT, where=Filter(min_side=100)
    )
    assert [hit.path for hit in result.rows[0].hits] == ["quarters.png"]


def test_a_stored_image_whose_file_is_gone_has_no_parts(
    run: Sync, searcher: Searcher, photos: Path
) -> None:
    run()
    (photos / "quarters.png").unlink()
    stored = point_id("photos", "quarters.png")
    assert searcher.by_id("photos", stored).rows[0].hits
    with pytest.raises(PointNotFoundError, match=r"quarters\.png"):
        searcher.by_id("photos", stored, crop=UPPER_RIGHT)


# --- reading


def jpeg(image: Image.Image, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    image.save(content, "JPEG", quality=95, exif=exif)
    return content.getvalue()


TURNS = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_270,),
}
"""How a camera that was held so stores an upright image."""


@pytest.mark.parametrize("orientation", TURNS)
def test_a_part_is_cut_from_the_upright_image(orientation: int) -> None:
    image = quarters(400).resize((800, 400))
    for turn in TURNS[orientation]:
        image = image.transpose(turn)
    for colour, crop in CORNERS.items():
        opened = read_image(jpeg(image, orientation), Preprocess(32), crop=crop)
        assert (opened.width, opened.height) == (400, 200)
        middle = np.asarray(opened.image)[10:-10, 10:-10].reshape(-1, 3)
        assert np.abs(middle.astype(int) - COLOURS[colour]).max() < 12


@pytest.mark.parametrize("side", [0.5, 0.25, 0.1, 0.03])
def test_a_part_of_a_large_photo_has_all_the_pixels_that_the_encoder_takes(side: float) -> None:
    """Where the file has fewer, it has all of those; where many, not more than needed by far."""
    needed = 256
    content = jpeg(Image.effect_noise((4_000, 3_000), 60).convert("RGB"))
    opened = read_image(content, Preprocess(32), crop=Box(0.2, 0.3, 0.2 + side, 0.3 + side))
    assert (opened.width, opened.height) == (round(4_000 * side), round(3_000 * side))
    assert min(opened.image.size) >= min(needed, opened.height)
    assert opened.image.height in {math.ceil(3_000 * side / scale) for scale in (1, 2, 4, 8)}
    assert opened.image.height < 4 * needed


def test_a_reduced_part_shows_the_same_as_one_of_full_size() -> None:
    image = quarters(400).resize((4_000, 3_000), Image.Resampling.BICUBIC)
    crop = Box(0.1, 0.2, 0.9, 0.7)
    opened = read_image(jpeg(image), Preprocess(32), crop=crop)
    assert opened.image.width < 4_000 * 0.8
    expected = image.crop((400, 600, 3_600, 2_100)).resize((32, 32), Image.Resampling.BOX)
    found = opened.image.resize((32, 32), Image.Resampling.BOX)
    assert np.abs(np.asarray(found, int) - np.asarray(expected, int)).mean() < 2


@pytest.mark.parametrize(
    ("crop", "pixels"),
    [(Box(0, 0, 0.1, 1), "15 x 100"), (Box(0, 0.9, 1, 1), "150 x 10"), (Box(0, 0, 1e-9, 1), "0 x")],
)
def test_a_part_of_too_few_pixels_is_refused_with_their_number(
    tmp_path: Path, crop: Box, pixels: str
) -> None:
    file = tmp_path / "small.png"
    Image.new("RGB", (150, 100)).save(file)
    with pytest.raises(InvalidRequestError, match=rf"{pixels}.* of .*150 x 100 .*at least 16"):
        read_image(file, Preprocess(32), crop=crop)


def test_a_part_of_just_enough_pixels_is_taken_whatever_rounding_does(tmp_path: Path) -> None:
    file = tmp_path / "small.png"
    Image.new("RGB", (160, 160)).save(file)
    for tenth in range(10):
        crop = Box(tenth / 10, tenth / 10, (tenth + 1) / 10, (tenth + 1) / 10)
        opened = read_image(file, Preprocess(32), crop=crop)
        assert opened.image.size == (opened.width, opened.height) == (MIN_CROP, MIN_CROP)


# --- what is no part


@pytest.mark.parametrize(
    "edges",
    [
        (0.5, 0, 0.5, 1),
        (0.6, 0, 0.5, 1),
        (0, 1, 1, 0),
        (-0.1, 0, 1, 1),
        (0, 0, 1, 1.1),
        (0, math.nan, 1, 1),
        (0, 0, math.inf, 1),
    ],
)
def test_edges_outside_the_image_or_in_the_wrong_order_are_refused(
    edges: tuple[float, float, float, float],
) -> None:
    with pytest.raises(InvalidRequestError, match=f"crop from {edges[0]:g},{edges[1]:g} to"):
        Box(*edges)


def test_a_crop_is_written_as_four_fractions() -> None:
    assert box("0.5,0,1,.5") == UPPER_RIGHT
