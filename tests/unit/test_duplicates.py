"""Duplicates: every near pair is found, as slowly comparing all of them finds it."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import combinations
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from indexer import duplicates
from indexer.cli import main
from indexer.commands.duplicates import DEFAULT_BITS
from indexer.duplicates import MAX_BITS, HashedImages, find_duplicates, near_pairs
from indexer.errors import InvalidRequestError
from indexer.phash import perceptual_hash
from indexer.schema import IndexSpec, point_id
from indexer.settings import Settings
from indexer.store import open_store
from indexer.types import Distance, Point
from models.pooling import Pooling
from tests.fake_searcher import draw_hills


def clustered(count: int, *, seed: int = 0, spread: int = 8) -> list[int]:
    """Hashes of which many lie within ``spread`` bits of another; some are equal."""
    random = np.random.default_rng(seed)
    middles = random.integers(0, 2**64, count // 4, np.uint64)
    made = []
    for number in range(count):
        value = int(middles[number % len(middles)])
        for bit in random.choice(64, random.integers(0, spread // 2 + 1), replace=False):
            value ^= 1 << int(bit)
        made.append(value)
    return made


def hashed(values: list[int], contents: list[int] | None = None) -> HashedImages:
    def wide(numbers: list[int]) -> np.ndarray:
        return np.array([number.to_bytes(16, "big") for number in numbers], "V16")

    numbers = list(range(len(values)))
    return HashedImages(wide(numbers), np.array(values, np.uint64), wide(contents or numbers))


def all_pairs(values: list[int], bits: int) -> list[list[int]]:
    return [
        [low, high]
        for low, high in combinations(range(len(values)), 2)
        if (values[low] ^ values[high]).bit_count() <= bits
    ]


@pytest.mark.parametrize("bits", range(MAX_BITS + 1))
def test_near_pairs_are_those_that_comparing_every_pair_finds(bits: int) -> None:
    values = clustered(400, seed=bits)
    expected = all_pairs(values, bits)
    assert expected
    assert near_pairs(np.array(values, np.uint64), bits=bits).tolist() == expected


@pytest.mark.parametrize("bits", [0, 3, 8])
def test_long_runs_of_agreeing_parts_are_compared_block_by_block(
    monkeypatch: pytest.MonkeyPatch, bits: int
) -> None:
    monkeypatch.setattr(duplicates, "_COMPARED", 200)
    monkeypatch.setattr(duplicates, "_SHORT", 3)
    # The upper half is the same in all: they agree in whole parts.
    values = [value & 0xFFFFFFFF | 0x5A5A << 40 for value in clustered(300, spread=6)]
    assert near_pairs(np.array(values, np.uint64), bits=bits).tolist() == all_pairs(values, bits)


def greedy(values: list[int], bits: int) -> list[list[int]]:
    """The first takes all that are near it, and so on, in plain words."""
    left = list(range(len(values)))
    found = []
    while left:
        first, *rest = left
        alike = [p for p in rest if (values[p] ^ values[first]).bit_count() <= bits]
        left = [place for place in rest if place not in alike]
        if alike:
            found.append([first, *alike])
    return sorted(found, key=lambda places: (-len(places), places[0]))


@pytest.mark.parametrize("bits", [0, 2, 4, 7, 12])
def test_the_best_image_takes_all_that_are_near_it_then_the_next_best(bits: int) -> None:
    values = clustered(300, seed=9)
    found = find_duplicates(hashed(values), bits=bits)
    assert [[one.id.int for one in images] for images in found.sets] == greedy(values, bits)
    for images in found.sets:
        first = values[images[0].id.int]
        assert [one.bits for one in images] == [
            (values[one.id.int] ^ first).bit_count() for one in images
        ]
    assert found.spare == sum(len(images) - 1 for images in found.sets)


def test_nothing_is_left_to_find_once_only_the_best_of_each_set_are_kept() -> None:
    values = clustered(300, seed=4)
    found = find_duplicates(hashed(values), bits=6)
    gone = {one.id.int for images in found.sets for one in images[1:]}
    kept = [value for place, value in enumerate(values) if place not in gone]
    assert len(kept) < 250
    assert find_duplicates(hashed(kept), bits=6).sets == ()


def test_plain_images_share_a_hash_and_are_only_found_as_copies_of_a_file() -> None:
    blank = 1 << 63
    found = find_duplicates(hashed([blank, blank, blank, 3, 3], [7, 8, 7, 1, 2]), bits=4)
    assert found.plain == 5
    assert [[one.id.int for one in images] for images in found.sets] == [[0, 2]]
    assert found.sets[0][1].same_file


def test_a_file_that_comes_again_is_told_even_where_the_first_is_another() -> None:
    found = find_duplicates(hashed([0xFFFF, 0xFFFE, 0xFFFE, 0xFFFE], [9, 7, 8, 7]), bits=2)
    assert [one.same_file for one in found.sets[0]] == [False, False, False, True]


@pytest.mark.parametrize(("colour", "is_plain"), [((200, 30, 30), True), (None, False)])
def test_one_colour_all_over_is_plain_and_a_picture_is_not(
    colour: tuple[int, int, int] | None, is_plain: bool
) -> None:
    image = Image.new("RGB", (64, 64), colour) if colour else draw_hills(0.3, 5)
    value = int(perceptual_hash(image), 16)
    assert (value.bit_count() < duplicates.LEAST_ONES) == is_plain


@pytest.mark.parametrize("bits", [-1, MAX_BITS + 1])
def test_other_numbers_of_bits_are_refused(bits: int) -> None:
    with pytest.raises(InvalidRequestError, match=f"{bits} bits: duplicates differ by 0 to 12"):
        find_duplicates(hashed([1]), bits=bits)


def test_too_many_pairs_are_refused_before_memory_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 100)
    values = [0xFFFF << 48 | number for number in range(50)]
    with pytest.raises(InvalidRequestError, match="at 12 bits more than 100 pairs"):
        find_duplicates(hashed(values), bits=12)


def test_nothing_has_no_duplicates() -> None:
    assert find_duplicates(hashed([])).sets == ()


SIZES = {Pooling.MAXPOOL: 2, Pooling.FLATTEN: 4}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A picture as it came, half as large, as a JPEG, and copied; and another picture."""
    picture, other = draw_hills(0.3, 5, size=256), draw_hills(0.7, 9, size=256)
    (tmp_path / "pets").mkdir()
    picture.save(tmp_path / "pets/original.png", compress_level=0)
    picture.resize((128, 128)).save(tmp_path / "pets/half.png")
    picture.save(tmp_path / "pets/jpeg.jpg", quality=40)
    (tmp_path / "pets/copy.png").write_bytes((tmp_path / "pets/original.png").read_bytes())
    other.save(tmp_path / "pets/other.png")
    with closing(open_store(Settings(tmp_path))) as store:
        publish(store, sorted((tmp_path / "pets").iterdir()))
    return tmp_path


def publish(store: object, files: list[Path]) -> None:
    import hashlib

    points = []
    for file in files:
        with Image.open(file) as image:
            payload = {
                "path": file.name,
                "label": None,
                "width": image.width,
                "height": image.height,
                "format": image.format,
                "bytes": file.stat().st_size,
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "phash": perceptual_hash(image),
            }
        vectors = {pooling: np.ones(size, np.float32) for pooling, size in SIZES.items()}
        points.append(Point(point_id("pets", file.name), vectors, payload))
    spec = IndexSpec("pets", "model1", "a" * 64, 32, tuple(Distance), SIZES, "/pets", "/pets")
    with closing(store.writer(spec)) as writer:
        writer.upsert(points)
        writer.publish()


def test_the_command_lists_a_smaller_a_recompressed_and_a_copied_picture_largest_first(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["duplicates", "pets", "--data-dir", str(data)]
    assert main([*arguments, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["bits"], shown["plain"], len(shown["sets"])) == (DEFAULT_BITS, 0, 1)
    (images,) = shown["sets"]
    assert {image["path"] for image in images[:2]} == {"copy.png", "original.png"}
    assert [image["path"] for image in images[2:]] == ["jpeg.jpg", "half.png"]
    assert [image["same_file"] for image in images] == [False, True, False, False]
    assert UUID(images[0]["id"]) == point_id("pets", images[0]["path"])
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()] == ["set", "1", "1", "1", "1"]
    assert "1 sets; 3 images beside the first of each" in printed.err


def test_the_command_refuses_what_cannot_be_in_one_line(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["duplicates", "pets", "--bits", "40", "--data-dir", str(data)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["duplicates", "cats", "--data-dir", str(data)]) == 1


def test_the_help_text_and_the_search_mean_the_same_strictness() -> None:
    assert DEFAULT_BITS == duplicates.DEFAULT_BITS
