"""What comes before the first epoch of an encoder of visual words: fitting them to the images."""

from __future__ import annotations

from contextlib import closing
from time import perf_counter
from typing import NoReturn

from torch import Tensor, nn
from tqdm import tqdm

from models.blocks import UnallocatedParameters
from models.errors import TrainingError
from models.preprocess import Preprocess
from models.progress import Phases
from models.recipes import TrainSettings, get_recipe
from models.registry import get_architecture
from models.visual_words import has_words
from models.word_fitting import fit_words

FITTING_SHARE = 0.8
"""Of a time budget. What is left is for the decoder, which no search uses."""


class PhaseBars:
    """A tqdm bar for each phase, and somebody else who hears of them.

    Args:
        told: hears the same.
        progress: whether bars are shown.
    """

    def __init__(self, told: Phases, *, progress: bool) -> None:
        self._told, self._hidden = told, not progress
        self._bar: tqdm[NoReturn] = tqdm(disable=True)

    def begin(self, phase: str, *, total: int = 0) -> None:
        """Another bar takes the place of the last."""
        self._told.begin(phase, total=total)
        self.close()
        name = phase.capitalize()
        self._bar = tqdm(desc=name, total=total, unit="image", disable=self._hidden)

    def advance(self, images: int = 1) -> None:
        """Go on by ``images``."""
        self._told.advance(images)
        self._bar.update(images)

    def close(self) -> None:
        """Leave the last bar as it is."""
        self._bar.close()


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
    told: Phases,
) -> None:
    """Fit as the recipe of ``settings`` says, within a time, telling how far it is.

    Args:
        encoder: on the CPU; changed.
        pixels: images, uint8. Shape: (N, 3, S, S).
        preprocess: normalisation of the input.
        settings: of the training; :func:`fits_words` of them.
        keep_vocabularies: the words that are there stay.
        deadline: ``perf_counter()`` value at which the whole training shall be over; fewer views
            are looked at, and less often, where that is soon.
        progress: show a tqdm bar of each phase.
        told: hears of them, too.

    Raises:
        TrainingError: there are fewer than two images.
    """
    fitting = get_recipe(settings.recipe).words
    assert fitting is not None
    if len(pixels) < 2:
        raise TrainingError(f"{len(pixels)} readable images; fitting words needs at least 2")
    now = perf_counter()
    with closing(PhaseBars(told, progress=progress)) as bars:
        fit_words(
            encoder,
            pixels,
            preprocess,
            fitting,
            colour=settings.colour,
            seed=settings.seed,
            keep_vocabularies=keep_vocabularies,
            until=None if deadline is None else now + FITTING_SHARE * (deadline - now),
            told=bars,
        )
