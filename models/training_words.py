"""What comes before the first epoch of an encoder of visual words: fitting them to the images."""

from __future__ import annotations

from time import perf_counter
from typing import NoReturn

from torch import Tensor, nn
from tqdm import tqdm

from models.blocks import UnallocatedParameters
from models.errors import TrainingError
from models.preprocess import Preprocess
from models.progress import ProgressFile
from models.recipes import TrainSettings, get_recipe
from models.registry import get_architecture
from models.view_fitting import histograms_made
from models.visual_words import has_words
from models.word_fitting import fit_words

VIEWS_SHARE = 0.5
"""Share of a time budget after which no more views are looked at than have to be. What is left
is for training on them and for the decoder, which no search uses."""


def fits_words(settings: TrainSettings) -> bool:
    """Whether training starts with fitting visual words to the images."""
    if get_recipe(settings.recipe).words is None:
        return False
    with UnallocatedParameters():
        return has_words(get_architecture(settings.arch).build_encoder())


def fit_words_to(
    encoder: nn.Sequential,
    pixels: Tensor,
    preprocess: Preprocess,
    settings: TrainSettings,
    *,
    keep_vocabularies: bool,
    deadline: float | None,
    progress: bool,
    told: ProgressFile,
) -> None:
    """Fit as the recipe of ``settings`` says, within a time, telling how far it is.

    Args:
        encoder: on the CPU; changed.
        pixels: images, uint8. Shape: (N, 3, S, S).
        preprocess: normalisation of the input.
        settings: of the training; :func:`fits_words` of them.
        keep_vocabularies: the words that are there stay.
        deadline: ``perf_counter()`` value at which the whole training shall be over; fewer views
            are looked at where that is soon.
        progress: show a tqdm bar of the histograms that are made.
        told: hears of them, too.

    Raises:
        TrainingError: there are fewer than two images.
    """
    fitting = get_recipe(settings.recipe).words
    assert fitting is not None
    if len(pixels) < 2:
        raise TrainingError(f"{len(pixels)} readable images; fitting words needs at least 2")
    total = histograms_made(len(pixels), fitting)
    told.begin("words", total=total)
    now = perf_counter()
    bar: tqdm[NoReturn]
    with tqdm(desc="Words", total=total, unit="image", disable=not progress) as bar:

        def seen(images: int) -> None:
            bar.update(images)
            told.advance(images)

        fit_words(
            encoder,
            pixels,
            preprocess,
            fitting,
            colour=settings.colour,
            seed=settings.seed,
            keep_vocabularies=keep_vocabularies,
            until=None if deadline is None else now + VIEWS_SHARE * (deadline - now),
            seen=seen,
        )
