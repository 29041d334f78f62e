"""Training layers on histograms of words, so that views of one image come to lie together."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from time import perf_counter

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
    layers: nn.Sequential,
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
    way. What comes in is made alike in all directions first, as by :func:`fit_projection`.

    Args:
        layers: convolutions of kernel 1, from K words, a ReLU between each two; changed.
        plain: histograms of images. Shape: (N, K).
        views: cells of views of them, V >= 2. Shape: (V, N, P, K), P a square.
        differences: of two views of each image, for the directions. Shape: (N, K).
        fitting: how long, how sharply.
        generator: of the start, the order and the parts.
        told: hears of the images of each step.
        until: ``perf_counter()`` value at which to be done, with fewer passes where need be.
    """
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator)))
        even, shift = _evened(plain, differences, fitting)
        network = nn.Sequential(*(_trainable(layer) for layer in convolutions[:-1]))
        network.append(nn.Linear(convolutions[-1].in_channels, convolutions[-1].out_channels))

        def step(network: nn.Module) -> Tensor:
            one, other = (part @ even.T + shift for part in _parts(views, fitting, generator))
            projected = network(torch.cat([one, other]))
            return nt_xent_loss(*projected.chunk(2), temperature=fitting.view_temperature)

        steps = fitting.view_epochs * -(-views.shape[1] // STEP_IMAGES)
        if until is not None:
            before = generator.get_state()
            steps = min(steps, _steps_until(until, network, step))
            generator.set_state(before)
        _train(network, step, steps, told, images=min(views.shape[1], STEP_IMAGES))
    with torch.no_grad():
        weights = [_folded(part.eval()) for part in network]
        weights[0] = weights[0][0] @ even, weights[0][0] @ shift + weights[0][1]
    for layer, (weight, bias) in zip(convolutions, weights, strict=True):
        set_values(layer, weight, bias)


def _trainable(layer: nn.Conv2d) -> nn.Sequential:
    """As ``layer`` on rows, with a batch norm, and a ReLU after it."""
    norm = nn.BatchNorm1d(layer.out_channels)
    return nn.Sequential(nn.Linear(layer.in_channels, layer.out_channels), norm, nn.ReLU())


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


def _steps_until(until: float, network: nn.Module, step: Callable[[nn.Module], Tensor]) -> int:
    """How many steps there is time for, at least one, from a few on a copy."""
    trial = deepcopy(network)
    optimizer = torch.optim.AdamW(trial.parameters(), LEARNING_RATE)
    durations = []
    for _ in range(TRIAL_STEPS):
        started = perf_counter()
        _follow(step(trial), optimizer)
        durations.append(perf_counter() - started)
    return max(int((until - perf_counter()) / sorted(durations)[TRIAL_STEPS // 2]), 1)


def _train(
    network: nn.Module,
    step: Callable[[nn.Module], Tensor],
    steps: int,
    told: Phases,
    *,
    images: int,
) -> None:
    """Steps of one cycle of the learning rate (Smith, Topin, 2018, arXiv 1708.07120)."""
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP
    )
    told.begin("views", total=steps * images)
    for _ in range(steps):
        _follow(step(network), optimizer)
        scheduler.step()
        told.advance(images)


def _follow(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
