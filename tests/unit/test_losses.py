"""Losses agree with slow versions written from their papers."""

import math

import pytest
import torch

from models.losses import mse_loss, nt_xent_loss, ssim_loss


def ssim_by_hand(x: torch.Tensor, y: torch.Tensor) -> float:
    """Wang et al., 2004, window by window, for (C, S, S) images in [0, 1]."""
    offsets = range(-5, 6)
    weights = [[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in offsets] for i in offsets]
    window = torch.tensor(weights, dtype=torch.float64)
    window /= window.sum()
    scores = []
    for channel in range(x.shape[0]):
        for top in range(x.shape[1] - 10):
            for left in range(x.shape[2] - 10):
                a = x[channel, top : top + 11, left : left + 11].double()
                b = y[channel, top : top + 11, left : left + 11].double()
                mean_a, mean_b = (window * a).sum(), (window * b).sum()
                var_a = (window * (a - mean_a) ** 2).sum()
                var_b = (window * (b - mean_b) ** 2).sum()
                cov = (window * (a - mean_a) * (b - mean_b)).sum()
                score = (2 * mean_a * mean_b + 1e-4) * (2 * cov + 9e-4)
                score /= (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
                scores.append(score.item())
    return sum(scores) / len(scores)


def test_ssim_equals_the_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 14, 14, generator=generator)
    y = (x + 0.2 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    assert ssim_loss(x, y).item() == pytest.approx(1 - ssim_by_hand(x[0], y[0]), abs=1e-5)


def test_equal_images_lose_nothing() -> None:
    images = torch.rand(2, 3, 16, 16)
    assert mse_loss(images, images).item() == 0
    assert ssim_loss(images, images).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("size", [1, 2, 7, 10])
def test_ssim_takes_images_smaller_than_its_window(size: int) -> None:
    images = torch.rand(1, 3, size, size)
    assert 0 < ssim_loss(images, 1 - images).item() <= 2


def nt_xent_by_hand(first: torch.Tensor, second: torch.Tensor, temperature: float) -> float:
    """Chen et al., 2020, equation 1, averaged over both directions of every pair."""
    views = [*first, *second]
    count = len(first)
    losses = []
    for i, anchor in enumerate(views):
        logits = {
            j: torch.cosine_similarity(anchor, other, dim=0).item() / temperature
            for j, other in enumerate(views)
            if j != i
        }
        partner = (i + count) % (2 * count)
        losses.append(-logits[partner] + math.log(sum(math.exp(v) for v in logits.values())))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("count", [2, 5])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_nt_xent_equals_the_definition(count: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(count)
    first, second = torch.randn(2, count, 6, generator=generator)
    expected = nt_xent_by_hand(first, second, temperature)
    loss = nt_xent_loss(first, second, temperature=temperature)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_nt_xent_of_projections_that_know_nothing_is_the_logarithm_of_the_choices() -> None:
    same = torch.ones(4, 3)
    assert nt_xent_loss(same, same, temperature=0.2).item() == pytest.approx(math.log(7), rel=1e-5)
