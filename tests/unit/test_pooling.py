"""Poolings agree with a loop over the latent."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.errors import PoolingError
from models.pooler import Pooler
from models.pooling import GEM_LEAST, STANDARD, LatentShape, Pooling
from models.whitening import Whitening

UNFITTED = [pooling for pooling in Pooling if not pooling.is_fitted]


def pooler(shape: LatentShape) -> Pooler:
    """One that can do everything: its whitening turns, stretches and shortens."""
    size = Pooling.FLATTEN.size(shape)
    generator = torch.Generator().manual_seed(size)
    projection = torch.randn(size, min(size, 5), generator=generator)
    return Pooler(shape, Whitening(torch.rand(size, generator=generator), projection))


def by_hand(pooling: Pooling, image: NDArray[np.float64], whitening: Whitening) -> list[float]:
    """The definition, cell by cell, in double precision."""
    channels, height, width = image.shape
    cells = [[image[c, y, x] for y in range(height) for x in range(width)] for c in range(channels)]
    match pooling:
        case Pooling.MAXPOOL:
            return [max(channel) for channel in cells]
        case Pooling.FLATTEN:
            return [value for channel in cells for value in channel]
        case Pooling.AVERAGE:
            return [sum(channel) / len(channel) for channel in cells]
        case Pooling.GEM:
            return [
                (sum(max(value, GEM_LEAST) ** 3 for value in channel) / len(channel)) ** (1 / 3)
                for channel in cells
            ]
        case Pooling.WHITENED:
            flat = [value for channel in cells for value in channel]
            length = sum(value**2 for value in flat) ** 0.5
            moved = [
                value / length - mean
                for value, mean in zip(flat, whitening.mean.tolist(), strict=True)
            ]
            return [
                sum(a * b for a, b in zip(moved, column, strict=True))
                for column in whitening.projection.T.tolist()
            ]


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 2, 2), (3, 5, 4, 1), (2, 4, 3, 3)])
def test_pooling_equals_the_definition(pooling: Pooling, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(shape, generator=generator)
    ready = pooler(shape[1:])
    pooled = ready.pool(latent, pooling)
    assert ready.whitening is not None
    expected = [by_hand(pooling, image, ready.whitening) for image in latent.double().numpy()]
    np.testing.assert_allclose(pooled.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert pooled.shape == (shape[0], ready.sizes[pooling])


def test_gem_lies_between_the_average_and_the_maximum_of_what_is_positive() -> None:
    latent = torch.rand(4, 6, 5, 5)
    average, gem, maximum = (
        pooling.apply(latent) for pooling in (Pooling.AVERAGE, Pooling.GEM, Pooling.MAXPOOL)
    )
    assert (average < gem).all()
    assert (gem < maximum).all()


def test_gem_of_a_channel_without_positive_values_is_a_small_number() -> None:
    assert Pooling.GEM.apply(-torch.ones(1, 1, 2, 2)).item() == pytest.approx(GEM_LEAST, rel=1e-3)


@pytest.mark.parametrize("pooling", Pooling)
def test_memory_layout_does_not_change_the_vector(pooling: Pooling) -> None:
    latent = torch.randn(2, 4, 3, 3)
    channels_last = latent.contiguous(memory_format=torch.channels_last)
    ready = pooler((4, 3, 3))
    assert torch.equal(ready.pool(latent, pooling), ready.pool(channels_last, pooling))


@pytest.mark.parametrize("pooling", Pooling)
def test_vectors_are_float32_and_contiguous(pooling: Pooling) -> None:
    pooled = pooler((4, 3, 3)).pool(torch.randn(2, 4, 3, 3, dtype=torch.float64), pooling)
    assert pooled.dtype == torch.float32
    assert pooled.is_contiguous()


def test_without_a_whitening_everything_else_can_be_had() -> None:
    plain = Pooler((4, 3, 3))
    assert list(plain.sizes) == UNFITTED
    assert set(STANDARD) <= set(UNFITTED)
    with pytest.raises(PoolingError, match="no whitened vectors without a whitening"):
        plain.pool(torch.rand(1, 4, 3, 3), Pooling.WHITENED)


@pytest.mark.parametrize("pooling", [pooling for pooling in Pooling if pooling.is_fitted])
def test_a_fitted_pooling_is_not_applied_by_itself(pooling: Pooling) -> None:
    with pytest.raises(ValueError, match="do not follow from the latent alone"):
        pooling.apply(torch.rand(1, 4, 3, 3))
    with pytest.raises(ValueError, match="do not follow from the latent alone"):
        pooling.size((4, 3, 3))


def test_a_whitening_of_other_latents_is_refused() -> None:
    whitening = pooler((4, 3, 3)).whitening
    with pytest.raises(PoolingError, match=r"36 values does not fit latents of \(4, 2, 2\)"):
        Pooler((4, 2, 2), whitening)
