"""Every kind of copy: the same each time, RGB, changed, and changed as its name says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.copies import COPIES, SIDE, write_copies

KINDS = list(COPIES)
SAME_SIZE = [kind for kind in KINDS if kind not in ("half", "crop80", "crop50")]


@pytest.fixture
def photo() -> Image.Image:
    coarse = np.random.default_rng(0).integers(40, 216, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_rgb_and_the_same_each_time(kind: str, photo: Image.Image) -> None:
    before = photo.tobytes()
    copy = COPIES[kind](photo)
    assert copy.mode == "RGB"
    assert copy.tobytes() == COPIES[kind](photo).tobytes()
    assert photo.tobytes() == before
    assert copy.size != photo.size or copy.tobytes() != before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 200)])
def test_tiny_images_have_copies(kind: str, size: tuple[int, int]) -> None:
    copy = COPIES[kind](Image.new("RGB", size, "red"))
    assert min(copy.size) >= 1


@pytest.mark.parametrize("kind", SAME_SIZE)
def test_what_is_not_cropped_or_halved_keeps_its_size(kind: str, photo: Image.Image) -> None:
    assert COPIES[kind](photo).size == photo.size


def test_crops_are_the_middle(photo: Image.Image) -> None:
    for kind, box in (("crop80", (16, 12, 144, 108)), ("crop50", (40, 30, 120, 90))):
        assert COPIES[kind](photo).tobytes() == photo.crop(box).tobytes()


def test_a_flip_exchanges_left_and_right(photo: Image.Image) -> None:
    assert np.array_equal(levels(COPIES["hflip"](photo)), levels(photo)[:, ::-1])


def test_half_has_half_the_sides(photo: Image.Image) -> None:
    assert COPIES["half"](photo).size == (80, 60)


def test_blur_takes_detail_away() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert levels(COPIES["blur"](Image.fromarray(noise))).std() < 0.5 * noise.std()


def test_jpeg_and_colour_change_little_but_something(photo: Image.Image) -> None:
    for kind, least, most in (("jpeg10", 2.5, 15), ("colour", 5, 60)):
        assert least < np.abs(levels(COPIES[kind](photo)) - levels(photo)).mean() < most


def test_colour_makes_brighter_and_more_colourful(photo: Image.Image) -> None:
    copy = COPIES["colour"](photo)
    assert levels(copy).mean() > levels(photo).mean()
    saturation = [levels(image.convert("HSV"))[..., 1].mean() for image in (photo, copy)]
    assert saturation[1] > saturation[0]


def test_a_caption_covers_the_lowest_part_only(photo: Image.Image) -> None:
    copy = levels(COPIES["caption"](photo))
    assert np.array_equal(copy[:101], levels(photo)[:101])
    bar = copy[102:]
    assert (bar == 255).mean() > 0.5
    assert bar.min() < 60


def test_a_turned_image_has_black_corners_and_a_still_middle(photo: Image.Image) -> None:
    copy = levels(COPIES["rot5"](photo))
    assert copy[0, 0].tolist() == copy[-1, -1].tolist() == [0, 0, 0]
    middle = np.s_[55:65, 75:85]
    assert np.abs(copy[middle] - levels(photo)[middle]).mean() < 5


def test_files_of_copies_come_image_by_image(tmp_path: Path, photo: Image.Image) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    photo.save(files[0])
    Image.new("RGB", (2 * SIDE, SIDE), "blue").save(files[1])
    (tmp_path / "copies").mkdir()
    copies = write_copies(files, tmp_path / "copies", progress=False)
    assert len(copies) == 2 * len(COPIES)
    for path, kind in zip(copies, KINDS * 2, strict=True):
        assert kind in path.name
    flat = copies[len(COPIES) + KINDS.index("hflip")]
    with Image.open(flat) as image:
        assert image.size == (SIDE, SIDE // 2)
        assert np.abs(levels(image)[0, 0] - [0, 0, 255]).max() <= 3
