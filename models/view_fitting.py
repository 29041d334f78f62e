"""Fitting what comes after histograms of words: what do two views of one image have in common?

Two answers stand side by side in the latent. :func:`fit_projection` divides directions by how much
views of one image differ in them, in closed form. :func:`fit_agreement` trains two layers to find
an image's views among those of other images. The second finds more of what a picture shows, and is
blind to more, such as fine differences of colour. Side by side they lose little where one of them
is best and gain where it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from models.augment import Jitter, random_view
from models.blocks import SideBySide
from models.losses import nt_xent_loss
from models.preprocess import Preprocess
from models.recipes import WordFitting

BATCH = 8
"""Images at once: few, because maps of many words are large, and fresh memory is slow."""
LEAST_VIEWS = 2
"""Of each image, whatever the time: agreement is between two."""
FEWEST_IMAGES = 512
"""That views are looked at of, whatever the time."""
STEP_IMAGES = 128
"""Images that a view is found among in one step. With more of them, so fewer steps for as many
passes, the vectors ranked worse."""
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
"""Of AdamW: PyTorch's defaults."""
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True, slots=True)
class Views:
    """Histograms of images and of views of them: means over the cells.

    Attributes:
        vocabularies: normalised images to histograms (B, K, H, W).
        preprocess: normalisation of the input.
        least_area: least share of an image that a view shows.
        generator: of the views.
        seen: hears of how many images histograms were made.
    """

    vocabularies: SideBySide
    preprocess: Preprocess
    least_area: float
    generator: torch.Generator
    seen: Callable[[int], object] = lambda _: None

    def plain(self, images: Tensor) -> Tensor:
        """Of the images as they are: uint8 (N, 3, S, S) -> (N, K)."""
        return self._histograms(images, lambda batch: batch)

    def difference(self, images: Tensor, jitter: Jitter) -> Tensor:
        """Of two views of each image, one minus the other: uint8 (N, 3, S, S) -> (N, K)."""
        return self._random(images, jitter) - self._random(images, jitter)

    def several(
        self, images: Tensor, jitter: Jitter, count: int, *, until: float | None = None
    ) -> Tensor:
        """Of ``count`` views of each image, in half precision: uint8 (N, 3, S, S) -> (N, V, K).

        After ``until``, a ``perf_counter()`` value, V stays what it is, once it is LEAST_VIEWS.
        """
        rows: list[Tensor] = []
        for _ in range(count):
            if len(rows) >= LEAST_VIEWS and until is not None and perf_counter() > until:
                break
            rows.append(self._random(images, jitter).half())
        return torch.stack(rows, dim=1)

    def _random(self, images: Tensor, jitter: Jitter) -> Tensor:
        def view(batch: Tensor) -> Tensor:
            return random_view(batch, jitter, self.generator, least_area=self.least_area)

        return self._histograms(images, view)

    @torch.no_grad()
    def _histograms(self, images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        rows = []
        for batch in torch.split(images, BATCH):
            changed = self.preprocess.standardize(change(self.preprocess.unit(batch)))
            rows.append(self.vocabularies(changed).mean(dim=(2, 3)))
            self.seen(len(batch))
        return torch.cat(rows)


def histograms_made(images: int, fitting: WordFitting) -> int:
    """How many histograms ``fitting`` to so many images takes where there is time for all."""
    return min(images, fitting.images) * (1 + 2 + fitting.views)


def in_time(
    images: Tensor, seconds_each: float, until: float | None, generator: torch.Generator
) -> Tensor:
    """As many of ``images`` as the least views can be looked at of until then, drawn at random.

    Args:
        images: shape (N, ...).
        seconds_each: that one histogram takes.
        until: ``perf_counter()`` value; None leaves time for all.
        generator: draws, where there is not time for all.

    Returns:
        Shape: (n, ...), FEWEST_IMAGES <= n <= N, or all where they are fewer.
    """
    if until is None:
        return images
    affordable = (until - perf_counter()) / (seconds_each * (2 + LEAST_VIEWS))
    if max(affordable, FEWEST_IMAGES) >= len(images):
        return images
    count = max(int(affordable), FEWEST_IMAGES)
    return images[torch.randperm(len(images), generator=generator)[:count]]


def fit_projection(
    projection: nn.Module, plain: Tensor, differences: Tensor, fitting: WordFitting
) -> None:
    """What views of one image differ in counts less; then the strongest directions are kept.

    Args:
        projection: kernel 1, from K words to at most K channels; changed.
        plain: histograms of images. Shape: (N, K).
        differences: of the histograms of two views of each image. Shape: (N, K).
        fitting: how much less.
    """
    assert isinstance(projection, nn.Conv2d)
    within = differences.T @ differences / len(differences)
    weaken = matrix_power(within, -fitting.view_exponent, shrinkage=fitting.view_shrinkage)
    mean = plain.mean(dim=0)
    centred = (plain - mean) @ weaken
    directions = torch.linalg.eigh((centred.T @ centred).double()).eigenvectors.flip(1).float()
    weight = (weaken @ directions[:, : projection.out_channels]).T
    set_values(projection, weight, -(weight @ mean))


def fit_agreement(
    layers: nn.Sequential,
    plain: Tensor,
    views: Tensor,
    differences: Tensor,
    fitting: WordFitting,
    *,
    generator: torch.Generator,
) -> None:
    """Views of one image come to lie together, apart from those of others.

    NT-Xent (Chen, Kornblith, Norouzi, Hinton, "A simple framework for contrastive learning of
    visual representations", ICML 2020, arXiv 2002.05709) on histograms instead of pictures: the
    words stay, so that each view is looked at once and every step costs next to nothing. What
    comes in is made alike in all directions first, as by :func:`fit_projection`.

    Args:
        layers: convolution, ReLU, convolution, of kernel 1, from K words; changed.
        plain: histograms of images. Shape: (N, K).
        views: of views of them, V >= 2. Shape: (N, V, K).
        differences: of two views of each image, for the directions. Shape: (N, K).
        fitting: how long, how sharply.
        generator: of the start and the order.
    """
    hidden, _, outer, *_ = layers
    assert isinstance(hidden, nn.Conv2d)
    assert isinstance(outer, nn.Conv2d)
    words, width, size = plain.shape[1], hidden.out_channels, outer.out_channels
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(int(torch.randint(2**31 - 1, (), generator=generator)))
        even, shift = _evened(plain, differences, fitting)
        first, norm, last = nn.Linear(words, width), nn.BatchNorm1d(width), nn.Linear(width, size)
        network = nn.Sequential(first, norm, nn.ReLU(), last)
        _train_agreement(network, views.float() @ even.T + shift, fitting, generator)
    with torch.no_grad():
        folded = fuse_linear_bn_eval(first.eval(), norm.eval())
        set_values(hidden, folded.weight @ even, folded.weight @ shift + folded.bias)
        set_values(outer, last.weight, last.bias)


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


def _train_agreement(
    network: nn.Module, views: Tensor, fitting: WordFitting, generator: torch.Generator
) -> None:
    """Steps of one cycle of the learning rate (Smith, Topin, 2018, arXiv 1708.07120)."""
    images, count, _ = views.shape
    steps = fitting.view_epochs * -(-images // STEP_IMAGES)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=steps, pct_start=WARM_UP
    )
    for _ in range(steps):
        batch = torch.randperm(images, generator=generator)[:STEP_IMAGES]
        one = torch.randint(count, (len(batch),), generator=generator)
        other = (one + torch.randint(1, count, (len(batch),), generator=generator)) % count
        projected = network(torch.cat([views[batch, one], views[batch, other]]))
        loss = nt_xent_loss(*projected.chunk(2), temperature=fitting.view_temperature)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()


def matrix_power(covariance: Tensor, exponent: float, *, shrinkage: float) -> Tensor:
    """``covariance`` with a share of its mean variance added everywhere, to a power.

    Symmetric, so that directions stay in place. Shape: (D, D) -> (D, D).
    """
    values, vectors = torch.linalg.eigh(covariance.double())
    values = values.clamp(min=0) + shrinkage * values.mean().clamp(min=1e-12)
    power: Tensor = vectors * values**exponent @ vectors.T
    return power.float()


@torch.no_grad()
def set_values(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """Replace the values of ``layer``."""
    assert layer.bias is not None
    layer.weight.copy_(weight.view_as(layer.weight))
    layer.bias.copy_(bias)
