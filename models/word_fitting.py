"""Fitting an encoder of visual words to images, in closed form: no labels, no gradient steps.

Data-dependent initialisation by clustering patches, as Kraehenbuehl et al. ("Data-dependent
initializations of convolutional neural networks", ICLR 2016, arXiv 1511.06856), with the whitening
that makes clusters of patches useful (Coates, Ng, Lee, "An analysis of single-layer networks in
unsupervised feature learning", AISTATS 2011). The layer after the histograms then learns from pairs
of views which differences between histograms to ignore.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.augment import FITTING_JITTERS, Jitter, random_view
from models.blocks import SideBySide
from models.preprocess import Preprocess
from models.recipes import WordFitting
from models.visual_words import LEAST_CONTRAST, WordAssignment

BATCH = 8
"""Images at once: few, because maps of many words are large, and fresh memory is slow."""
KMEANS_STEPS = 20
"""Most steps of k-means; later ones move few patches to another word."""


def fit_words(
    encoder: nn.Sequential,
    pixels: Tensor,
    preprocess: Preprocess,
    fitting: WordFitting,
    *,
    colour: str,
    seed: int,
    keep_vocabularies: bool = False,
) -> None:
    """Give ``encoder`` the words of ``pixels`` and a layer that ignores what views change.

    Args:
        encoder: vocabularies side by side, then a convolution of kernel 1; changed.
        pixels: images, uint8. Shape: (N, 3, S, S), N >= 2.
        preprocess: normalisation of the input.
        fitting: how.
        colour: what views may do to colours, one of FITTING_JITTERS.
        seed: of everything drawn.
        keep_vocabularies: fit the last layer alone, to the words that are there.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(pixels), generator=generator)[: fitting.images].sort().values
    images = pixels[chosen]
    vocabularies, projection, *_ = encoder
    assert isinstance(vocabularies, SideBySide)
    assert isinstance(projection, nn.Conv2d)
    if not keep_vocabularies:
        fit_vocabularies(vocabularies, images, preprocess, fitting, generator)
    views = Views(vocabularies, preprocess, fitting, FITTING_JITTERS[colour], generator)
    fit_projection(projection, views.plain(images), views.difference(images), fitting)


def fit_vocabularies(
    vocabularies: SideBySide,
    images: Tensor,
    preprocess: Preprocess,
    fitting: WordFitting,
    generator: torch.Generator,
) -> None:
    """Find the words of every branch among what comes to it.

    Args:
        vocabularies: rows of layers with one WordAssignment each; changed.
        images: uint8. Shape: (N, 3, S, S).
        preprocess: normalisation of the input.
        fitting: how.
        generator: of everything drawn.
    """
    share = -(-fitting.patches // len(images))
    for branch in vocabularies:
        assert isinstance(branch, nn.Sequential)
        place = next(i for i, layer in enumerate(branch) if isinstance(layer, WordAssignment))
        assignment = branch[place]
        assert isinstance(assignment, WordAssignment)
        rows = []
        for batch in torch.split(images, BATCH):
            seen = assignment.seen(branch[:place](preprocess.normalize(batch)))
            count = share * len(batch)
            rows.append(_draw_patches(seen, assignment.layer.kernel, count, generator))
        _fit_assignment(assignment, torch.cat(rows), fitting, generator)


def _draw_patches(seen: Tensor, kernel: int, count: int, generator: torch.Generator) -> Tensor:
    """Random patches as rows. Shape: (count, C * kernel * kernel)."""
    windows = seen.unfold(2, kernel, 1).unfold(3, kernel, 1)  # (N, C, H, W, kernel, kernel)
    image, row, column = (
        torch.randint(length, (count,), generator=generator)
        for length in (windows.shape[0], windows.shape[2], windows.shape[3])
    )
    return windows[image, :, row, column].flatten(1)


def _fit_assignment(
    assignment: WordAssignment, patches: Tensor, fitting: WordFitting, generator: torch.Generator
) -> None:
    """Words are the centres of whitened patches; a match is high where its centre is near.

    |z - c|^2 = |z|^2 - 2 c z + |c|^2, and softmax ignores what all words share, so the nearest
    centre has the largest c z - |c|^2 / 2: a convolution. ``sharpness`` scales it.
    """
    layer = assignment.layer
    if layer.equalise:
        patches = patches - patches.mean(dim=1, keepdim=True)
        spread = (patches**2).mean(dim=1, keepdim=True)
        patches = patches / (spread + LEAST_CONTRAST**2).sqrt()
    mean = patches.mean(dim=0)
    centred = patches - mean
    covariance = centred.T @ centred / len(centred)
    whitening = _power(covariance, -0.5, shrinkage=fitting.patch_shrinkage)
    centres = _centres(centred @ whitening, layer.words, generator)
    weight = layer.sharpness * centres @ whitening
    bias = -(weight @ mean) - layer.sharpness * (centres**2).sum(dim=1) / 2
    _set(assignment.match, weight, bias)


def _power(covariance: Tensor, exponent: float, *, shrinkage: float) -> Tensor:
    """``covariance`` with a share of its mean variance added everywhere, to a power.

    Symmetric, so that directions stay in place. Shape: (D, D) -> (D, D).
    """
    values, vectors = torch.linalg.eigh(covariance.double())
    values = values.clamp(min=0) + shrinkage * values.mean().clamp(min=1e-12)
    power: Tensor = vectors * values**exponent @ vectors.T
    return power.float()


def _centres(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """``count`` cluster centres of ``rows``, by k-means. Shape: (N, D) -> (count, D)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    kmeans = KMeans(  # type: ignore[no-untyped-call]
        count, init="random", n_init=1, max_iter=KMEANS_STEPS, random_state=seed
    )
    # Several threads add up their parts of a sum in the order in which they finish: the last bits
    # would not repeat.
    one_thread = threadpool_limits(1, user_api="openmp")  # type: ignore[no-untyped-call]
    with warnings.catch_warnings(), one_thread:
        # Plain images have fewer different patches than words; some words are then the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(rows.numpy())
    return torch.from_numpy(kmeans.cluster_centers_).float()


@dataclass(frozen=True, slots=True)
class Views:
    """Histograms of images and of views of them: means over the cells.

    Attributes:
        vocabularies: normalised images to histograms (B, K, H, W).
        preprocess: normalisation of the input.
        fitting: what a view shows.
        jitter: what a view may do to colours.
        generator: of the views.
    """

    vocabularies: SideBySide
    preprocess: Preprocess
    fitting: WordFitting
    jitter: Jitter
    generator: torch.Generator

    def plain(self, images: Tensor) -> Tensor:
        """Of the images as they are: uint8 (N, 3, S, S) -> (N, K)."""
        return self._histograms(images, lambda batch: batch)

    def difference(self, images: Tensor) -> Tensor:
        """Of two views of each image, one minus the other: uint8 (N, 3, S, S) -> (N, K)."""

        def view(batch: Tensor) -> Tensor:
            area = self.fitting.view_area
            return random_view(batch, self.jitter, self.generator, least_area=area)

        return self._histograms(images, view) - self._histograms(images, view)

    @torch.no_grad()
    def _histograms(self, images: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        rows = []
        for batch in torch.split(images, BATCH):
            changed = self.preprocess.standardize(change(self.preprocess.unit(batch)))
            laid = changed.contiguous(memory_format=torch.channels_last)
            rows.append(self.vocabularies(laid).mean(dim=(2, 3)))
        return torch.cat(rows)


def fit_projection(
    projection: nn.Conv2d, plain: Tensor, differences: Tensor, fitting: WordFitting
) -> None:
    """What views of one image differ in counts less; then the strongest directions are kept.

    Args:
        projection: kernel 1, from K words to at most K channels; changed.
        plain: histograms of images. Shape: (N, K).
        differences: of the histograms of two views of each image. Shape: (N, K).
        fitting: how much less.
    """
    within = differences.T @ differences / len(differences)
    weaken = _power(within, -fitting.view_exponent, shrinkage=fitting.view_shrinkage)
    mean = plain.mean(dim=0)
    centred = (plain - mean) @ weaken
    directions = torch.linalg.eigh((centred.T @ centred).double()).eigenvectors.flip(1).float()
    weight = (weaken @ directions[:, : projection.out_channels]).T
    _set(projection, weight, -(weight @ mean))


@torch.no_grad()
def _set(layer: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """Replace the values of ``layer``."""
    assert layer.bias is not None
    layer.weight.copy_(weight.view_as(layer.weight))
    layer.bias.copy_(bias)
