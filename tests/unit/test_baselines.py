"""Baselines: known answers on pictures made for them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.baselines import (
    baselines,
    colour_layout_histogram,
    encode_files,
    random_encoder,
    raw_pixels,
)
from models.pooling import Pooling
from models.recipes import RECIPES


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Red, red in another size, and half red, half blue."""
    Image.new("RGB", (40, 40), "red").save(tmp_path / "0.png")
    Image.new("RGB", (90, 20), "red").save(tmp_path / "1.png")
    two = Image.new("RGB", (40, 40), "red")
    two.paste("blue", (0, 20, 40, 40))
    two.save(tmp_path / "2.png")
    return sorted(tmp_path.iterdir())


def test_raw_pixels_are_the_pixels_between_0_and_1(files: list[Path]) -> None:
    vectors = raw_pixels(files, side=4, progress=False)
    assert vectors.shape == (3, 48)
    assert vectors[0].tolist() == [1.0] * 16 + [0.0] * 32
    assert np.array_equal(vectors[0], vectors[1])


def test_colours_are_compared_by_place_and_by_share(files: list[Path]) -> None:
    vectors = colour_layout_histogram(files, progress=False)
    assert vectors.shape == (3, 8 * 8 * 3 + 64)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([2**0.5] * 3)
    assert np.allclose(vectors[0], vectors[1])
    histogram = vectors[2, 192:].reshape(4, 4, 4)
    assert histogram[3, 0, 0] == pytest.approx(0.5**0.5)
    assert histogram[0, 0, 3] == pytest.approx(0.5**0.5)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_random_encoders_repeat_by_seed(files: list[Path], recipe) -> None:  # type: ignore[no-untyped-def]
    def vectors(seed: int) -> np.ndarray:
        encoder = random_encoder("model1", recipe, image_size=32, seed=seed)
        return encode_files(encoder, files, poolings=[Pooling.MAXPOOL], title="", progress=False)[
            Pooling.MAXPOOL
        ]

    assert vectors(0).shape == (3, 256)
    assert np.array_equal(vectors(0), vectors(0))
    assert not np.array_equal(vectors(0), vectors(1))


def test_making_a_random_encoder_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    random_encoder("model1", RECIPES["retrieval"], image_size=32)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("poolings", [(Pooling.MAXPOOL,), tuple(Pooling)])
def test_random_weights_have_the_poolings_that_need_no_fitting(
    files: list[Path], poolings: tuple[Pooling, ...]
) -> None:
    unfitted = [pooling for pooling in poolings if not pooling.is_fitted]
    for baseline in baselines("model1", image_size=32, poolings=iter(poolings), progress=False):
        found = list(baseline.vectors(files))
        assert found == (unfitted if "random weights" in baseline.name else [None])
