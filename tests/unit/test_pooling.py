"""Poolings agree with a loop over the latent."""

import pytest
import torch

from models.pooling import Pooling


def by_hand(pooling: Pooling, latent: torch.Tensor) -> torch.Tensor:
    """The definition, cell by cell."""
    rows = []
    for image in latent.tolist():
        cells = [[value for row in channel for value in row] for channel in image]
        if pooling is Pooling.MAXPOOL:
            rows.append([max(channel) for channel in cells])
        else:
            rows.append([value for channel in cells for value in channel])
    return torch.tensor(rows)


@pytest.mark.parametrize("pooling", Pooling)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 3, 2, 2), (3, 5, 4, 1)])
def test_pooling_equals_the_definition(pooling: Pooling, shape: tuple[int, ...]) -> None:
    latent = torch.randn(shape)
    pooled = pooling.apply(latent)
    assert torch.equal(pooled, by_hand(pooling, latent))
    assert pooled.shape[1] == pooling.size(shape[1:])


@pytest.mark.parametrize("pooling", Pooling)
def test_memory_layout_does_not_change_the_vector(pooling: Pooling) -> None:
    latent = torch.randn(2, 4, 3, 3)
    channels_last = latent.contiguous(memory_format=torch.channels_last)
    assert torch.equal(pooling.apply(latent), pooling.apply(channels_last))


@pytest.mark.parametrize("pooling", Pooling)
def test_vectors_are_float32_and_contiguous(pooling: Pooling) -> None:
    pooled = pooling.apply(torch.randn(2, 4, 3, 3, dtype=torch.float64))
    assert pooled.dtype == torch.float32
    assert pooled.is_contiguous()
