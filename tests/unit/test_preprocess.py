import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from models.preprocess import Preprocess


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.mark.parametrize("size", [(500, 300), (40, 31), (64, 64), (1, 1)])
def test_pixels_equal_pillows_antialiased_bilinear_to_one_level(size: tuple[int, int]) -> None:
    image = noise(*size)
    pixels = Preprocess(64).pixels(image)
    expected = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR), dtype=np.int16)
    assert (pixels.dtype, tuple(pixels.shape)) == (torch.uint8, (3, 64, 64))
    assert pixels.is_contiguous()
    assert np.abs(pixels.permute(1, 2, 0).numpy().astype(np.int16) - expected).max() <= 1


def test_pixels_wants_rgb() -> None:
    with pytest.raises(ValueError, match="mode is L"):
        Preprocess(8).pixels(Image.new("L", (8, 8)))


def test_normalize_without_mean_and_std_is_the_unit_range() -> None:
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    assert Preprocess(1).normalize(pixels).flatten().tolist() == pytest.approx([0.0, 0.2, 1.0])


def test_normalize_applies_mean_and_std_per_channel() -> None:
    preprocess = Preprocess(1, mean=(0.5, 0.0, 1.0), std=(0.5, 2.0, 1.0))
    pixels = torch.full((2, 3, 1, 1), 255, dtype=torch.uint8)
    normalized = preprocess.normalize(pixels)
    assert normalized.dtype == torch.float32
    assert normalized[1].flatten().tolist() == pytest.approx([1.0, 0.5, 0.0])
    assert pixels.unique().tolist() == [255]


@pytest.mark.parametrize(
    "values",
    [
        {"image_size": 0},
        {"image_size": 8, "std": (1.0, 0.0, 1.0)},
        {"image_size": 8, "std": (1.0, float("nan"), 1.0)},
        {"image_size": 8, "mean": (0.0, 0.0)},
    ],
)
def test_nonsense_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"it must be|must be above 0"):
        Preprocess(**values)


def test_json_round_trip() -> None:
    preprocess = Preprocess(96, mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 3.0))
    assert Preprocess.from_json(json.loads(json.dumps(preprocess.as_json()))) == preprocess


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": "64"},
        {"image_size": True},
        {"image_size": 6.4},
        {"mean": "abc"},
        {"mean": [0, 0]},
        {"std": [1, 1, 0]},
        {"crop": 1},
    ],
)
def test_nonsense_in_json_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"preprocess|image_size|mean|std"):
        Preprocess.from_json(Preprocess(64).as_json() | change)


def test_json_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="preprocess needs"):
        Preprocess.from_json({"image_size": 64})


def test_importing_sources_images_and_preprocess_is_light() -> None:
    code = (
        "import sys, models.images, models.preprocess, models.sources;"
        "print([name for name in ('torch', 'PIL', 'numpy') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
