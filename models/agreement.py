"""Training layers on histograms of words, so that views of one image come to lie together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from time import perf_counter
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from models.losses import nt_xent_loss
from models.progress import Phases
from models.recipes import WordFitting
from models.view_fitting import fit_projection, set_values

STEP_IMAGES = 128
"""Images that a view is found among in one step. With more of them, so fewer steps for as many
passes, the vectors ranked worse."""
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
"""Of AdamW: PyTorch's defaults."""
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""
TRIAL_STEPS = 4
"""That tell how long one takes, where time is short."""


def fit_agreement(
    heads: Sequence[nn.Sequential],
    plain: Tensor,
    views: Tensor,
    differences: Tensor,
    fitting: WordFitting,
    *,
    generator: torch.Generator,
    told: Phases,
    until: float | None = None,
) -> None:
    """Parts of views of one image come to lie together, apart from those of others.

    NT-Xent (Chen, Kornblith, Norouzi, Hinton, "A simple framework for contrastive learning of
    visual representations", ICML 2020, arXiv 2002.05709) on histograms instead of pictures: the
    words stay, so that each view is looked at once and every step costs next to nothing. Of each
    view a step sees a random part, the mean of some of its cells, so that a few views go a long
    way. What comes in is made alike in all directions first, as by :func:`fit_projection`. Heads
    know nothing of each other; they are trained at once so that time is theirs in equal parts.

    Args:
        heads: convolutions of kernel 1 each, from K words, a ReLU between each two; changed.
        plain: histograms of images. Shape: (N, K).
        views: cells of views of them for each head, V >= 2. Shape: (heads, V, N, P, K), P a square.
        differences: of two views of each image, for the directions. Shape: (N, K).
        fitting: how long, how sharply.
        generator: of the start, the order and the parts.
        told: hears of the images of each step.
        until: ``perf_counter()`` value at which to be done, with fewer passes where need be.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator)))
        even, shift = _evened(plain, differences, fitting)
        networks = nn.ModuleList(_trainable(_convolutions(head)) for head in heads)

        def step(networks: nn.ModuleList) -> Tensor:
            losses = []
            for network, seen in zip(networks, views, strict=True):
                one, other = (part @ even.T + shift for part in _parts(seen, fitting, generator))
                pair = network(torch.cat([one, other])).chunk(2)
                losses.append(nt_xent_loss(*pair, temperature=fitting.view_temperature))
            return torch.stack(losses).sum()

        images = views.shape[2]
        steps = fitting.view_epochs * -(-images // STEP_IMAGES)
        if until is not None:
            before = generator.get_state()
            steps = min(steps, _steps_until(until, networks, step))
            generator.set_state(before)
        _train(networks, step, steps, told, images=min(images, STEP_IMAGES))
    for head, network in zip(heads, networks.eval(), strict=True):
        _take_over(head, cast(nn.Sequential, network), even, shift)


def _convolutions(head: nn.Sequential) -> list[nn.Conv2d]:
    return [layer for layer in head if isinstance(layer, nn.Conv2d)]


def _trainable(convolutions: Sequence[nn.Conv2d]) -> nn.Sequential:
    """As ``convolutions`` on rows, with a batch norm and a ReLU after each but the last."""
    *hidden, last = convolutions
    network = nn.Sequential()
    for layer in hidden:
        linear = nn.Linear(layer.in_channels, layer.out_channels)
        network.append(nn.Sequential(linear, nn.BatchNorm1d(layer.out_channels), nn.ReLU()))
    return network.append(nn.Linear(last.in_channels, last.out_channels))


@torch.no_grad()
def _take_over(head: nn.Sequential, network: nn.Sequential, even: Tensor, shift: Tensor) -> None:
    """What ``network`` does to evened histograms, ``head`` does to histograms from now on."""
    weights = [_folded(part) for part in network]
    first, bias = weights[0]
    weights[0] = first @ even, first @ shift + bias
    for layer, (weight, bias) in zip(_convolutions(head), weights, strict=True):
        set_values(layer, weight, bias)


def _folded(part: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer, with the batch norm that may follow it."""
    if isinstance(part, nn.Sequential):
        linear, norm, _ = part
        assert isinstance(linear, nn.Linear)
        assert isinstance(norm, nn.BatchNorm1d)
        part = fuse_linear_bn_eval(linear, norm)
    assert isinstance(part, nn.Linear)
    return part.weight, part.bias


@torch.no_grad()
def _evened(plain: Tensor, differences: Tensor, fitting: WordFitting) -> tuple[Tensor, Tensor]:
    """All directions of :func:`fit_projection`, with a mean square of 1.

    Returns:
        What to multiply histograms by, and to add then. Shapes: (K, K), (K,).
    """
    layer = nn.Conv2d(plain.shape[1], plain.shape[1], 1)
    fit_projection(layer, plain, differences, fitting)
    assert layer.bias is not None
    even, shift = layer.weight.flatten(1), layer.bias
    spread = (plain @ even.T + shift).square().mean().sqrt().clamp(min=1e-12)
    return even / spread, shift / spread


def _parts(
    views: Tensor, fitting: WordFitting, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Means of some cells of one view each, and of another, of a step's images.

    Shape: (V, N, P, K) -> twice (B, K).
    """
    count, images, cells, _ = views.shape
    batch = torch.randperm(images, generator=generator)[:STEP_IMAGES]
    one = torch.randint(count, (len(batch),), generator=generator)
    other = (one + torch.randint(1, count, (len(batch),), generator=generator)) % count
    shares = (
        random_parts(len(batch), round(cells**0.5), fitting.part_side, generator) for _ in range(2)
    )
    first, second = (
        torch.bmm(share.unsqueeze(1), views[which, batch].float()).squeeze(1)
        for which, share in zip((one, other), shares, strict=True)
    )
    return first, second


def random_parts(count: int, side: int, least: float, generator: torch.Generator) -> Tensor:
    """What share each cell of a square map has in a random rectangle, cells cut through included.

    Args:
        count: of rectangles.
        side: of the map, in cells.
        least: side of a rectangle, as a share of the map's, in (0, 1].
        generator: draws.

    Returns:
        In [0, 1], 1 in all. Shape: (count, side * side).
    """
    cell = torch.arange(side)

    def stretch() -> Tensor:
        length = side * torch.empty(count, 1).uniform_(least, 1.0, generator=generator)
        start = torch.rand(count, 1, generator=generator) * (side - length)
        return (torch.minimum(cell + 1, start + length) - torch.maximum(cell, start)).clamp(min=0)

    parts = (stretch().unsqueeze(2) * stretch().unsqueeze(1)).flatten(1)
    return parts / parts.sum(dim=1, keepdim=True)


def _steps_until(
    until: float, networks: nn.ModuleList, step: Callable[[nn.ModuleList], Tensor]
) -> int:
    """How many steps there is time for, at least one, from a few on a copy."""
    trial = deepcopy(networks)
    optimizer = torch.optim.AdamW(trial.parameters(), LEARNING_RATE)
    durations = []
    for _ in range(TRIAL_STEPS):
        started = perf_counter()
        _follow(step(trial), optimizer)
        durations.append(perf_counter() - started)
    return max(int((until - perf_counter()) / sorted(durations)[TRIAL_STEPS // 2]), 1)


def _train(
    networks: nn.ModuleList,
    step: Callable[[nn.ModuleList], Tensor],
    steps: int,
    told: Phases,
    *,
    images: int,
) -> None:
    """Steps of one cycle of the learning rate (Smith, Topin, 2018, arXiv 1708.07120)."""
    optimizer = torch.optim.AdamW(networks.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP
    )
    told.begin("views", total=steps * images)
    for _ in range(steps):
        _follow(step(networks), optimizer)
        scheduler.step()
        told.advance(images)


def _follow(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
