"""Recipes: what else decides a training beside the numbers on the command line.

``study`` is the original's: PyTorch's default initialisation, plain [0, 1] input, ReLU output and
reconstruction alone. Measured on labelled photographs it ranks worse than random weights: within an
epoch about half of the latent channels are dead (docs/recipe.md). ``retrieval``, the default,
keeps the reconstruction and adds what mends that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models.errors import TrainingError
from models.layers import Activation
from models.preprocess import Channels

Initialisation = Literal["pytorch", "kaiming"]


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
        reconstruction: weight of the reconstruction loss.
        contrastive: weight of NT-Xent on two views; 0 leaves it out.
        temperature: of NT-Xent.
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
    temperature: float = 0.2


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="retrieval",
            summary="reconstruction and agreement of two views; made for search",
            initialisation="kaiming",
            output="sigmoid",
            mean=(0.5, 0.5, 0.5),
            std=(0.25, 0.25, 0.25),
            scheduler="cosine",
            reconstruction=5.0,
            contrastive=1.0,
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
