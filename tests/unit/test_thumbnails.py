import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer.phash import perceptual_hash
from indexer.thumbnails import is_thumbnail, make_thumbnail, thumbnail_path, write_thumbnail

SHA256 = hashlib.sha256(b"image").hexdigest()


def test_a_thumbnail_is_webp_with_the_longest_side_256(tmp_path: Path) -> None:
    path = write_thumbnail(Image.new("RGB", (1024, 512), "teal"), tmp_path, SHA256)
    assert path == tmp_path / SHA256[:2] / f"{SHA256}.webp"
    with Image.open(path) as image:
        assert (image.format, image.size) == ("WEBP", (256, 128))
    assert list(path.parent.iterdir()) == [path], "nothing half-written stays"


def test_a_small_image_is_not_enlarged_and_the_given_one_not_changed(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 20), "teal")
    with Image.open(write_thumbnail(image, tmp_path, SHA256)) as small:
        assert small.size == (30, 20)
    large = Image.new("RGB", (300, 20))
    write_thumbnail(large, tmp_path, "0" * 64)
    assert large.size == (300, 20)


def test_a_thumbnail_that_exists_is_kept(tmp_path: Path) -> None:
    path = write_thumbnail(Image.new("RGB", (30, 20), "teal"), tmp_path, SHA256)
    before = path.read_bytes()
    write_thumbnail(Image.new("RGB", (30, 20), "red"), tmp_path, SHA256)
    assert path.read_bytes() == before


def test_an_empty_file_as_a_power_cut_leaves_is_made_anew(tmp_path: Path) -> None:
    path = thumbnail_path(tmp_path, SHA256)
    path.parent.mkdir()
    assert not is_thumbnail(path)
    path.touch()
    assert not is_thumbnail(path)
    write_thumbnail(Image.new("RGB", (30, 20), "teal"), tmp_path, SHA256)
    assert is_thumbnail(path)


@pytest.mark.parametrize("size", [(700, 400), (257, 901), (2000, 3)])
def test_a_thumbnail_looks_as_pillow_would_shrink_it(size: tuple[int, int]) -> None:
    fractal = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 100)
    image = Image.merge("RGB", [fractal, fractal.rotate(180), fractal.transpose(1)])
    with Image.open(io.BytesIO(make_thumbnail(image))) as small:
        oracle = image.resize(small.size, Image.Resampling.BICUBIC)
        kept = io.BytesIO()
        oracle.save(kept, "WEBP", quality=80, method=0)
        with Image.open(kept) as expected:
            apart = np.asarray(small, np.float64) - np.asarray(expected, np.float64)
    assert max(small.size) == 256
    assert np.sqrt((apart**2).mean()) < 1.5, "in levels of 255"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_a_content_hash_leads_to_a_thumbnail(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        thumbnail_path(tmp_path, name)


def _differing_bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_a_perceptual_hash_survives_scaling_and_tells_images_apart() -> None:
    fractal = Image.effect_mandelbrot((256, 256), (-2, -1.5, 1, 1.5), 100).convert("RGB")
    other = Image.effect_mandelbrot((256, 256), (-0.8, 0, -0.6, 0.2), 100).convert("RGB")
    assert perceptual_hash(fractal) == "c4001b0065008c00"
    assert _differing_bits(perceptual_hash(fractal), perceptual_hash(fractal.resize((90, 70)))) <= 6
    assert _differing_bits(perceptual_hash(fractal), perceptual_hash(other)) > 12
