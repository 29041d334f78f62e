"""The choices of a build, their defaults and their meanings. No torch: all is arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from indexer.schema import largest_image_size
from indexer.types import Distance
from models.checkpoint import DEFAULT_CHECKPOINT, read_info
from models.pretrained import DEFAULT, NO_WEIGHTS
from models.recipes import COLOURS, RECIPES, TrainSettings
from models.registry import STUDY_IMAGE_SIZE, get_architecture, list_models
from search_ui.building.bodies import (
    ArchitectureOption,
    BuildDefaults,
    Choice,
    TrainedModel,
)
from search_ui.building.sources import BadBuildError

_RECIPE = next(iter(RECIPES.values()))
_STUDY_EPOCHS = RECIPES["study"].epochs

MODELS = (
    Choice(value="default", meaning="Indexes at once, with the checkpoint that comes with the "
           "program; nothing is trained."),
    Choice(value="train", meaning="Takes longer; from some hundred images on it ranks better."),
)  # fmt: skip
WEIGHTS = (
    Choice(value=NO_WEIGHTS, meaning="Start at random."),
    Choice(value=DEFAULT, meaning="Start from the checkpoint that comes with the program: "
           "its visual words stay, what is made of them is fitted to these images."),
)  # fmt: skip
COLOUR_CHOICES = (
    Choice(value=COLOURS[0], meaning="Colour tells kinds apart, as in most photographs."),
    Choice(value=COLOURS[1], meaning="The same thing comes in any colour."),
)
DISTANCES = (
    Choice(value=Distance.COSINE, meaning="Direction of the vectors: how strong an image is in "
           "all does not count. 1 is identical."),
    Choice(value=Distance.EUCLID, meaning="Straight distance of the vectors: strength counts. "
           "0 is identical."),
)  # fmt: skip
MEANINGS = {
    "name": "1 to 64 of a-z, 0-9, - and _. A dataset that was built of the same source is "
    "brought in line with it.",
    "arch": "The network that turns an image into numbers.",
    "image_size": "Images are stretched to a square of so many pixels. Larger shows finer detail "
    "and takes longer, with the square of it.",
    "epochs": "How often training looks at every image.",
    "minutes": "Train no longer than this: fewer epochs then.",
    "distances": "How vectors are compared; each takes its own collection.",
}


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """A training with everything decided.

    Attributes:
        settings: what decides the result.
        seconds: for all of it, None: as long as it takes.
    """

    settings: TrainSettings
    seconds: float | None


def usual_size_and_epochs(arch: str) -> tuple[int, int]:
    """What train.py takes for ``arch`` when nobody says."""
    if arch == _RECIPE.arch:
        return _RECIPE.image_size, _RECIPE.epochs
    return STUDY_IMAGE_SIZE, _STUDY_EPOCHS


@cache
def architectures() -> tuple[ArchitectureOption, ...]:
    """Every registered one, the recipe's own first."""
    names = sorted(list_models(), key=lambda name: name != _RECIPE.arch)
    return tuple(_architecture(name) for name in names)


def _architecture(name: str) -> ArchitectureOption:
    architecture = get_architecture(name)
    size, epochs = usual_size_and_epochs(name)
    from_default = name == read_info(DEFAULT_CHECKPOINT).arch
    return ArchitectureOption(
        name=name,
        summary=architecture.summary,
        image_size=size,
        epochs=epochs,
        least_image_size=architecture.least_image_size,
        largest_image_size=largest_image_size(name),
        latent=architecture.latent_shape(size),
        encoder_parameters=architecture.encoder_parameters(),
        decoder_parameters=architecture.decoder_parameters(),
        weights=[NO_WEIGHTS, DEFAULT] if from_default else [NO_WEIGHTS],
    )


def defaults() -> BuildDefaults:
    """What a form starts with."""
    return BuildDefaults(
        model="default",
        arch=_RECIPE.arch,
        weights=NO_WEIGHTS,
        colour=COLOURS[0],
        distances=list(Distance),
    )


def plan_training(asked: TrainedModel) -> TrainingPlan:
    """What was asked for, completed and checked.

    Raises:
        BadBuildError: no such architecture, or one that cannot do that image size.
        SimilarityError: settings that training refuses.
    """
    known = {option.name: option for option in architectures()}
    if asked.arch not in known:
        raise BadBuildError(f"no architecture {asked.arch!r}; choose from {', '.join(known)}")
    size, epochs = usual_size_and_epochs(asked.arch)
    settings = TrainSettings(
        arch=asked.arch,
        image_size=asked.image_size or size,
        epochs=asked.epochs or epochs,
        colour=asked.colour,
        weights=asked.weights,
    )
    largest = known[asked.arch].largest_image_size
    if settings.image_size > largest:
        raise BadBuildError(
            f"{asked.arch} at {settings.image_size} pixels makes vectors longer than an index "
            f"takes; {largest} pixels is the most"
        )
    return TrainingPlan(settings, None if asked.minutes is None else 60 * asked.minutes)
