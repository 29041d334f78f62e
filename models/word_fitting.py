"""Fitting an encoder of visual words to images, without labels.

Data-dependent initialisation by clustering patches, as Kraehenbuehl et al. ("Data-dependent
initializations of convolutional neural networks", ICLR 2016, arXiv 1511.06856), with the whitening
that makes clusters of patches useful (Coates, Ng, Lee, "An analysis of single-layer networks in
unsupervised feature learning", AISTATS 2011). What comes after the histograms of words is fitted to
views of the images: models/view_fitting.py.
"""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import cast

import torch
from torch import Tensor, nn

from models.agreement import fit_agreement
from models.augment import AGREEMENT_JITTERS, FITTING_JITTERS
from models.blocks import SideBySide
from models.preprocess import Preprocess
from models.progress import Phases, ProgressFile
from models.recipes import WordFitting
from models.view_fitting import (
    BATCH,
    Views,
    fit_projection,
    histograms_made,
    in_time,
    matrix_power,
    set_values,
)
from models.visual_words import LEAST_CONTRAST, WordAssignment

KMEANS_STEPS = 20
"""Most steps of k-means; later ones move few patches to another word."""
VIEWS_SHARE = 0.5
"""Share of the time for fitting after which no more views are looked at than have to be; the rest
is for training on them."""


def fit_words(
    encoder: nn.Sequential,
    pixels: Tensor,
    preprocess: Preprocess,
    fitting: WordFitting,
    *,
    colour: str,
    seed: int,
    keep_vocabularies: bool = False,
    until: float | None = None,
    told: Phases | None = None,
) -> None:
    """Give ``encoder`` the words of ``pixels`` and layers that look past what views change.

    Args:
        encoder: vocabularies side by side, a layer without weights, and heads side by side: a
            convolution; and, for each of AGREEMENT_JITTERS, convolutions with a ReLU between each
            two. All of kernel 1; changed.
        pixels: images, uint8. Shape: (N, 3, S, S), N >= 2.
        preprocess: normalisation of the input.
        fitting: how.
        colour: what views may do to colours, one of FITTING_JITTERS.
        seed: of everything drawn.
        keep_vocabularies: fit what comes after the words alone, to the words that are there.
        until: ``perf_counter()`` value at which to be done: views are looked at for VIEWS_SHARE of
            the time, of fewer images where it does not suffice for the least.
        told: hears of two phases: "words", the images that words are counted of, and "views", those
            of the training on views.
    """
    told = told or ProgressFile()
    now = perf_counter()
    views_until = None if until is None else now + VIEWS_SHARE * (until - now)
    jitters = AGREEMENT_JITTERS[colour]
    told.begin("words", total=histograms_made(len(pixels), fitting, heads=len(jitters)))
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(pixels), generator=generator)[: fitting.images].sort().values
    images = pixels[chosen]
    vocabularies, _, heads = encoder
    assert isinstance(vocabularies, SideBySide)
    assert isinstance(heads, SideBySide)
    steady, *agreeing = (cast(nn.Sequential, head) for head in heads)
    if not keep_vocabularies:
        fit_vocabularies(vocabularies, images, preprocess, fitting, generator)
    views = Views(vocabularies, preprocess, fitting.view_area, generator, told)
    started = perf_counter()
    plain = views.plain(images)
    seconds_each = (perf_counter() - started) / len(images)
    images = in_time(images, seconds_each, views_until, generator, heads=len(jitters))
    differences = views.difference(images, FITTING_JITTERS[colour])
    fit_projection(steady[0], plain, differences, fitting)
    several = views.several(images, jitters, fitting.views, until=views_until)
    fit_agreement(
        agreeing, plain, several, differences, fitting,
        generator=generator, told=told, until=until,
    )  # fmt: skip


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
    whitening = matrix_power(covariance, -0.5, shrinkage=fitting.patch_shrinkage)
    centres = _centres(centred @ whitening, layer.words, generator)
    weight = layer.sharpness * centres @ whitening
    bias = -(weight @ mean) - layer.sharpness * (centres**2).sum(dim=1) / 2
    set_values(assignment.match, weight, bias)


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
