"""Fitting what comes after histograms of words: what do two views of one image have in common?

Several answers stand side by side in the latent. :func:`fit_projection` divides directions by how
much views of one image differ in them, in closed form. :func:`models.agreement.fit_agreement`
trains layers to find an image's views among those of other images, once with views that change
colours a little and once a lot. Those find more of what a picture shows, and are blind to more,
such as fine differences of colour. Side by side they lose little where one of them is best and gain
where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.augment import Jitter, random_view
from models.blocks import SideBySide
from models.preprocess import Preprocess
from models.progress import Phases
from models.recipes import WordFitting

BATCH = 8
"""Images at once: few, because maps of many words are large, and fresh memory is slow."""
LEAST_VIEWS = 2
"""Of each image for each head, whatever the time: agreement is between two."""
DIFFERENCE_VIEWS = 2
"""Of each image, for :meth:`Views.difference`."""
FEWEST_IMAGES = 512
"""That views are looked at of, whatever the time."""
MOST_CELLS = 4
"""Per side of a view's map, which are those of 128 pixels; larger maps are averaged, for memory's
sake: what is kept of 4,096 images takes a gigabyte for each head."""


@dataclass(frozen=True, slots=True)
class Views:
    """Histograms of images and of views of them.

    Attributes:
        vocabularies: normalised images to histograms (B, K, H, W).
        preprocess: normalisation of the input.
        least_area: least share of an image that a view shows.
        generator: of the views.
        told: hears of how many images histograms were made.
    """

    vocabularies: SideBySide
    preprocess: Preprocess
    least_area: float
    generator: torch.Generator
    told: Phases

    def plain(self, images: Tensor) -> Tensor:
        """The mean of the cells of each image as it is: uint8 (N, 3, S, S) -> (N, K)."""
        return self._histograms(images, lambda batch: batch, _mean_of_cells)

    def difference(self, images: Tensor, jitter: Jitter) -> Tensor:
        """The same of two views of each image, one minus the other: (N, 3, S, S) -> (N, K)."""
        first, second = (
            self._random(images, jitter, _mean_of_cells) for _ in range(DIFFERENCE_VIEWS)
        )
        return first - second

    def several(
        self,
        images: Tensor,
        jitters: Sequence[Jitter],
        count: int,
        *,
        until: float | None = None,
    ) -> Tensor:
        """The cells of ``count`` views of each image by each jitter, in half precision.

        After ``until``, a ``perf_counter()`` value, V stays what it is, once it is LEAST_VIEWS.

        Shape: uint8 (N, 3, S, S) -> (J, V, N, P, K), of P <= MOST_CELLS ** 2 cells each.
        """
        first = [self._random(images, jitter, _some_cells) for jitter in jitters]
        views = first[0].new_empty((len(jitters), count, *first[0].shape))
        views[:, 0] = torch.stack(first)
        for made in range(1, count):
            if made >= LEAST_VIEWS and until is not None and perf_counter() > until:
                return views[:, :made]
            for index, jitter in enumerate(jitters):
                views[index, made] = self._random(images, jitter, _some_cells)
        return views

    def _random(
        self, images: Tensor, jitter: Jitter, summary: Callable[[Tensor], Tensor]
    ) -> Tensor:
        def view(batch: Tensor) -> Tensor:
            return random_view(batch, jitter, self.generator, least_area=self.least_area)

        return self._histograms(images, view, summary)

    @torch.no_grad()
    def _histograms(
        self,
        images: Tensor,
        change: Callable[[Tensor], Tensor],
        summary: Callable[[Tensor], Tensor],
    ) -> Tensor:
        rows = []
        for batch in torch.split(images, BATCH):
            changed = self.preprocess.standardize(change(self.preprocess.unit(batch)))
            rows.append(summary(self.vocabularies(changed)))
            self.told.advance(len(batch))
        return torch.cat(rows)


def _mean_of_cells(maps: Tensor) -> Tensor:
    """Shape: (B, K, H, W) -> (B, K)."""
    return maps.mean(dim=(2, 3))


def _some_cells(maps: Tensor) -> Tensor:
    """Shape: (B, K, H, W) -> (B, P, K)."""
    height, width = (min(side, MOST_CELLS) for side in maps.shape[2:])
    return F.adaptive_avg_pool2d(maps, (height, width)).flatten(2).transpose(1, 2).half()


def histograms_made(images: int, fitting: WordFitting, *, heads: int) -> int:
    """How many histograms it takes where there is time for all.

    Args:
        images: that there are.
        fitting: how many of them, and how many views for each head.
        heads: that are trained.
    """
    return min(images, fitting.images) * (1 + DIFFERENCE_VIEWS + heads * fitting.views)


def in_time(
    images: Tensor,
    seconds_each: float,
    until: float | None,
    generator: torch.Generator,
    *,
    heads: int,
) -> Tensor:
    """As many of ``images`` as the least views can be looked at of until then, drawn at random.

    Args:
        images: shape (N, ...).
        seconds_each: that one histogram takes.
        until: ``perf_counter()`` value; None leaves time for all.
        generator: draws, where there is not time for all.
        heads: that views are looked at for.

    Returns:
        Shape: (n, ...), FEWEST_IMAGES <= n <= N, or all where they are fewer.
    """
    if until is None:
        return images
    views = DIFFERENCE_VIEWS + heads * LEAST_VIEWS
    affordable = (until - perf_counter()) / (seconds_each * views)
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
