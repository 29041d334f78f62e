"""Recipes and settings: what decides a training. No torch here: command lines list the choices.

``study`` is the original's: PyTorch's default initialisation, plain [0, 1] input, ReLU output and
reconstruction alone. Measured on labelled photographs (docs/recipe.md) it does not rank above
random weights: most latent channels of model3 die, and a residual network whose channels lived
gained nothing either, so the objective is at fault too. ``retrieval``, the default, mends both, and
fits visual words instead where the architecture has some (docs/embedding.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from models.errors import TrainingError
from models.layers import Activation
from models.preprocess import Channels
from models.registry import get_architecture

Initialisation = Literal["pytorch", "kaiming"]

LOSSES = ("mse", "ssim")
"""Names of the reconstruction losses (models/losses.py)."""
COLOURS = ("keep", "ignore")
"""What views may do to colours (models/augment.py)."""
SCHEDULERS = ("none", "cosine", "warm-restarts-5", "warm-restarts-10", "plateau")
"""Names of the learning-rate schedulers (models/schedulers.py)."""
PRECISIONS = ("auto", "off", "bf16", "fp16")
"""Names of mixed precisions (models/precision.py); ``auto`` is ``off`` but on CUDA."""


@dataclass(frozen=True, slots=True)
class WordFitting:
    """How an encoder of visual words is fitted to images (models/word_fitting.py).

    docs/embedding.md has other numbers of views and passes, and other temperatures, beside these.

    Attributes:
        patches: number of patches that the words are found among.
        images: most images that are looked at, several times the number of words.
        patch_shrinkage: share of the mean variance of patches that whitening adds to each
            direction's, so that noise is not blown up to the size of structure.
        view_area: least share of an image that a view shows.
        view_shrinkage: as ``patch_shrinkage``, for the differences between views.
        view_exponent: variances between views to this power divide; 0 leaves views out.
            Within-class covariance normalisation (Hatch, Kajarekar, Stolcke, "Within-class
            covariance normalization for SVM-based speaker recognition", Interspeech 2006) is 1/2.
        views: of each image, that a head's layers are trained with to find it again.
        part_side: least side of the part of a view that one step sees, as a share of the view's.
        view_epochs: passes over the images in that training.
        view_temperature: of its NT-Xent. Higher than usual: what is alike in kind then comes
            together, too, not only what is the same image.
    """

    patches: int = 30_000
    images: int = 4_096
    patch_shrinkage: float = 0.1
    view_area: float = 0.3
    view_shrinkage: float = 0.1
    view_exponent: float = 0.35
    views: int = 12
    part_side: float = 0.35
    view_epochs: int = 200
    view_temperature: float = 0.5


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to train.

    Attributes:
        name: what ``--recipe`` calls it.
        summary: one line for help.
        initialisation: ``pytorch`` is the layers' default; ``kaiming`` keeps the variance through
            ReLU layers (He et al., 2015, arXiv 1502.01852), with biases zero.
        output: activation of the reconstruction; None keeps the architecture's. A ReLU output that
            is below zero everywhere has no gradient left; a sigmoid always has.
        mean, std: input normalisation.
        scheduler: learning-rate scheduler unless the user names one.
        warmup_steps: over so many first steps the learning rate rises in a line from 0: full
            steps from a random start kill channels for good (Goyal et al., 2017,
            arXiv 1706.02677, section 2.2).
        reconstruction: weight of the reconstruction loss.
        contrastive: weight of NT-Xent on two views; 0 leaves it out.
        temperature: of NT-Xent.
        words: how encoders of visual words are fitted to the images; they stay so, and training is
            about the reconstruction. None trains them like any other.
        arch, image_size, epochs: what to train, and how long, when nobody says.
    """

    name: str
    summary: str
    initialisation: Initialisation
    output: Activation | None
    mean: Channels
    std: Channels
    scheduler: str
    reconstruction: float
    contrastive: float
    warmup_steps: int = 0
    temperature: float = 0.2
    words: WordFitting | None = None
    arch: str = "model6"
    image_size: int = 224
    epochs: int = 40


_RETRIEVAL = Recipe(
    name="retrieval",
    summary="reconstruction and agreement of views; made for search",
    initialisation="kaiming",
    output="sigmoid",
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    scheduler="cosine",
    reconstruction=5.0,
    contrastive=1.0,
    warmup_steps=100,
    words=WordFitting(),
    arch="model7",
    image_size=128,
    epochs=5,
)

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _RETRIEVAL,
        replace(
            _RETRIEVAL,
            name="general",
            summary="as retrieval, for other images than those that are trained on",
            # A high temperature teaches what these very images have in common: photographs and
            # drawn kinds that the default checkpoint never saw were all found less often with it,
            # drawn kinds also with parts of views, which gained nothing on photographs.
            words=WordFitting(part_side=1.0, view_epochs=150, view_temperature=0.1),
        ),
        Recipe(
            name="study",
            summary="the study's: reconstruction alone",
            initialisation="pytorch",
            output=None,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            scheduler="none",
            reconstruction=1.0,
            contrastive=0.0,
        ),
    )
}
"""By name; the first is the default."""

DEFAULT_RECIPE = next(iter(RECIPES))


def get_recipe(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        TrainingError: there is none of that name.
    """
    if name not in RECIPES:
        raise TrainingError(f"no recipe {name!r}; choose from {', '.join(RECIPES)}")
    return RECIPES[name]


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What decides a training's result, beside the images.

    Attributes:
        arch: a registered architecture, or ``torchvision:NAME``.
        image_size: side of the square images are stretched to, in pixels.
        epochs: passes over the training part; 0 keeps what training would start from.
        batch_size: images per step.
        lr: Adam's learning rate at the start.
        loss: reconstruction loss, ``mse`` or ``ssim``.
        scheduler: one of SCHEDULERS; the recipe's own when None.
        seed: of the split, the weights, the order and the views.
        recipe: one of RECIPES.
        colour: ``keep`` where colour tells kinds apart, ``ignore`` where it misleads; of no effect
            where the recipe uses no views.
        weights: what the encoder starts from: ``none`` (random), a checkpoint folder, ``default``
            for the one that comes with the program, and for ``torchvision:NAME`` also ``imagenet``
            or a file with a state dict; the architecture's default when None. Visual words are
            then taken over, and only the layers after them are fitted to the images.
    """

    arch: str = "model6"
    image_size: int = 224
    epochs: int = 40
    batch_size: int = 32
    lr: float = 1e-3
    loss: str = "mse"
    scheduler: str | None = None
    seed: int = 0
    recipe: str = DEFAULT_RECIPE
    colour: str = COLOURS[0]
    weights: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is read."""
        get_recipe(self.recipe)
        architecture = get_architecture(self.arch)
        architecture.latent_shape(self.image_size)
        architecture.check_weights(self.start)
        if self.epochs < 0:
            raise TrainingError(f"epochs is {self.epochs}; it must be at least 0")
        for name in ("batch_size", "lr"):
            if getattr(self, name) <= 0:
                raise TrainingError(f"{name} is {getattr(self, name)}; it must be above 0")
        if self.loss not in LOSSES:
            raise TrainingError(f"no loss {self.loss!r}; choose from {', '.join(LOSSES)}")
        if self.colour not in COLOURS:
            raise TrainingError(f"no colour {self.colour!r}; choose from {', '.join(COLOURS)}")
        if self.scheduler not in (None, *SCHEDULERS):
            choices = ", ".join(SCHEDULERS)
            raise TrainingError(f"no scheduler {self.scheduler!r}; choose from {choices}")

    @property
    def start(self) -> str:
        """``weights``, or where nobody chose them, the architecture's default."""
        return self.weights or get_architecture(self.arch).default_weights
