"""Starting an encoder of visual words from images, in closed form: no labels, no gradient steps.

Data-dependent initialisation by clustering patches, as Kraehenbuehl et al. ("Data-dependent
initializations of convolutional neural networks", ICLR 2016, arXiv 1511.06856), with the whitening
that makes clusters of patches useful (Coates, Ng, Lee, "An analysis of single-layer networks in
unsupervised feature learning", AISTATS 2011). The last layer then learns from pairs of views which
differences between histograms to ignore.
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
from models.visual_words import LEAST_CONTRAST, WordAssignment

PATCHES = 30_000
"""Patches that the words are found among."""
FITTED_IMAGES = 4_096
"""Most images that are looked at: several times the number of words."""
PATCH_SHRINKAGE = 0.1
"""Share of the mean variance of whitened patches that is added to each direction's, so that noise
is not blown up to the size of structure."""
VIEW_SHRINKAGE = 0.1
"""The same for the differences between views."""
VIEW_EXPONENT = 0.35
"""Variances between views to this power divide. Within-class covariance normalisation (Hatch,
Kajarekar, Stolcke, "Within-class covariance normalization for SVM-based speaker recognition",
Interspeech 2006) would be 1/2; docs/embedding.md has the measurements."""
VIEW_AREA = 0.3
"""Least share of an image that a view shows."""
BATCH = 8
"""Images at once: few, because maps of many words are large, and fresh memory is slow."""


def has_words(encoder: nn.Module) -> bool:
    """Whether there is something to fit."""
    return any(isinstance(module, WordAssignment) for module in encoder.modules())


def fit_words(
    encoder: nn.Sequential, pixels: Tensor, preprocess: Preprocess, *, colour: str, seed: int
) -> None:
    """Give ``encoder`` the words of ``pixels`` and a last layer that ignores what views change.

    Args:
        encoder: histograms of visual words and then a convolution of kernel 1; changed.
        pixels: images, uint8. Shape: (N, 3, S, S), N >= 2.
        preprocess: normalisation of the input.
        colour: what views may do to colours, one of FITTING_JITTERS.
        seed: of everything drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(pixels), generator=generator)[:FITTED_IMAGES].sort().values
    images = pixels[chosen]
    for module in encoder.modules():
        if isinstance(module, SideBySide):
            for branch in module:
                _fit_branch(branch, images, preprocess, generator)
    place = next(i for i, module in enumerate(encoder) if isinstance(module, nn.Conv2d))
    front, projection = encoder[:place], encoder[place]
    assert isinstance(front, nn.Sequential)
    assert isinstance(projection, nn.Conv2d)
    views = _Views(front, images, preprocess, FITTING_JITTERS[colour], generator)
    _fit_projection(projection, views)


def _fit_branch(
    branch: nn.Module, images: Tensor, preprocess: Preprocess, generator: torch.Generator
) -> None:
    """Fit the words of a row of layers to what comes to them."""
    assert isinstance(branch, nn.Sequential)
    place = next(i for i, module in enumerate(branch) if isinstance(module, WordAssignment))
    module = branch[place]
    assert isinstance(module, WordAssignment)
    share = -(-PATCHES // len(images))
    rows = []
    for batch in torch.split(images, BATCH):
        seen = module.seen(branch[:place](preprocess.normalize(batch)))
        rows.append(_patches(seen, module.layer.kernel, share * len(batch), generator))
    _fit_assignment(module, torch.cat(rows), generator)


def _fit_assignment(module: WordAssignment, patches: Tensor, generator: torch.Generator) -> None:
    """Words are the centres of whitened patches; a match is high where its centre is near.

    |z - c|^2 = |z|^2 - 2 c z + |c|^2, and softmax ignores what all words share, so the nearest
    centre has the largest c z - |c|^2 / 2: a convolution. ``sharpness`` scales it.
    """
    layer = module.layer
    if layer.equalise:
        patches = patches - patches.mean(dim=1, keepdim=True)
        spread = (patches**2).mean(dim=1, keepdim=True)
        patches = patches / (spread + LEAST_CONTRAST**2).sqrt()
    mean = patches.mean(dim=0)
    whitening = _whitening(torch.cov((patches - mean).T))
    centres = _centres((patches - mean) @ whitening, layer.words, generator)
    weight = layer.sharpness * centres @ whitening
    bias = -(weight @ mean) - layer.sharpness * (centres**2).sum(dim=1) / 2
    with torch.no_grad():
        module.match.weight.copy_(weight.view_as(module.match.weight))
        assert module.match.bias is not None
        module.match.bias.copy_(bias)


def _patches(seen: Tensor, kernel: int, count: int, generator: torch.Generator) -> Tensor:
    """Random patches as rows. Shape: (count, C * kernel * kernel)."""
    windows = seen.unfold(2, kernel, 1).unfold(3, kernel, 1)  # (N, C, H, W, kernel, kernel)
    image, row, column = (
        torch.randint(length, (count,), generator=generator)
        for length in (windows.shape[0], windows.shape[2], windows.shape[3])
    )
    return windows[image, :, row, column].flatten(1)


def _whitening(covariance: Tensor) -> Tensor:
    """ZCA: the symmetric root of the inverse, shrunk. Shape: (D, D) -> (D, D)."""
    return _power(covariance, -0.5, shrinkage=PATCH_SHRINKAGE)


def _power(covariance: Tensor, exponent: float, *, shrinkage: float) -> Tensor:
    """``covariance`` with a share of its mean variance added everywhere, to a power."""
    values, vectors = torch.linalg.eigh(covariance.double())
    values = values.clamp(min=0) + shrinkage * values.mean().clamp(min=1e-12)
    power: Tensor = vectors * values**exponent @ vectors.T
    return power.float()


def _centres(rows: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """``count`` cluster centres of ``rows``, by k-means. Shape: (N, D) -> (count, D)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    kmeans = KMeans(  # type: ignore[no-untyped-call]
        count, init="random", n_init=1, max_iter=20, random_state=seed
    )
    with warnings.catch_warnings():
        # Plain images have fewer different patches than words; some words are then the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(rows.numpy())
    return torch.from_numpy(kmeans.cluster_centers_).float()


@dataclass(frozen=True, slots=True)
class _Views:
    """Histograms of images and of views of them.

    Attributes:
        front: normalised images to histograms (B, K, H, W).
        images: uint8. Shape: (N, 3, S, S).
        preprocess: normalisation of the input.
        jitter: what views may do to colours.
        generator: of the views.
    """

    front: nn.Sequential
    images: Tensor
    preprocess: Preprocess
    jitter: Jitter
    generator: torch.Generator

    def plain(self) -> Tensor:
        """Of the images as they are, mean over cells. Shape: (N, K)."""
        return self._histograms(lambda batch: batch)

    def difference(self) -> Tensor:
        """Of two views of each image, one minus the other. Shape: (N, K)."""

        def view(batch: Tensor) -> Tensor:
            return random_view(batch, self.jitter, self.generator, least_area=VIEW_AREA)

        return self._histograms(view) - self._histograms(view)

    def _histograms(self, change: Callable[[Tensor], Tensor]) -> Tensor:
        rows = []
        for batch in torch.split(self.images, BATCH):
            images = self.preprocess.standardize(change(self.preprocess.unit(batch)))
            laid = images.contiguous(memory_format=torch.channels_last)
            rows.append(self.front(laid).mean(dim=(2, 3)))
        return torch.cat(rows)


@torch.no_grad()
def _fit_projection(projection: nn.Conv2d, views: _Views) -> None:
    """What views of one image differ in counts less; then the strongest directions are kept.

    Args:
        projection: kernel 1, from K words to at most K channels; changed.
        views: of the images to fit to.
    """
    plain, differences = views.plain(), views.difference()
    within = differences.T @ differences / len(differences)
    weaken = _power(within, -VIEW_EXPONENT, shrinkage=VIEW_SHRINKAGE)
    mean = plain.mean(dim=0)
    centred = (plain - mean) @ weaken
    directions = torch.linalg.eigh((centred.T @ centred).double()).eigenvectors.flip(1).float()
    weight = (weaken @ directions[:, : projection.out_channels]).T
    projection.weight.copy_(weight.view_as(projection.weight))
    assert projection.bias is not None
    projection.bias.copy_(-(weight @ mean))
