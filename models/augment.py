"""Two views of an image: the random changes that a good embedding should not notice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.training_share import Share

LEAST_AREA = 0.5
"""A view shows at least this share of the image's area, unless somebody asks for another."""
LARGEST_STRETCH = 0.25
"""Natural logarithm of the largest change of the aspect ratio."""


@dataclass(frozen=True, slots=True)
class Jitter:
    """How far colours may change between two views of an image.

    Attributes:
        brightness, contrast, saturation: largest relative change.
        hue: largest turn around the colour circle, as a share of it: 0.5 is any colour.
        grey: share of the views that lose their colour.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float = 0.0
    grey: float = 0.0


JITTERS: Mapping[str, Jitter] = {
    "keep": Jitter(brightness=0.3, contrast=0.3, saturation=0.45),
    "ignore": Jitter(brightness=0.3, contrast=0.3, saturation=0.45, hue=0.5, grey=0.2),
}
"""By what ``--colour`` says of the images: ``keep`` where images of one kind are alike in colour,
``ignore`` where the same thing comes in any colour. What each gives on which images is measured in
docs/recipe.md."""

FITTING_JITTERS: Mapping[str, Jitter] = {
    "keep": Jitter(brightness=0.3, contrast=0.3, saturation=0.45, hue=0.08, grey=0.1),
    "ignore": JITTERS["ignore"],
}
"""The same for views that a last layer is fitted to (models/word_fitting.py): there a little hue
and grey pays even where colour tells kinds apart. ``scripts/embedding_study.py`` without
``--skip-colours`` measures what other changes give."""

AGREEMENT_JITTERS: Mapping[str, tuple[Jitter, Jitter]] = {
    "keep": (
        Jitter(brightness=0.3, contrast=0.3, saturation=0.45, hue=0.03),
        FITTING_JITTERS["keep"],
    ),
    "ignore": (JITTERS["ignore"], JITTERS["ignore"]),
}
"""The same for views that layers are trained to bring together, a head for each of the two
(models/agreement.py). What views change is forgotten altogether there: of some images a lot of
colour is worth keeping, of others a little, and where one head is best the other costs little."""

RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
"""NTSC's luma and two colour axes (FCC, 1953): turning the axes turns the hue."""


Draw = Callable[[float, float], Tensor]
"""Random numbers between two limits, one for each image of a batch, on its device."""


def random_view(
    images: Tensor,
    jitter: Jitter,
    generator: torch.Generator,
    *,
    least_area: float = LEAST_AREA,
    share: Share | None = None,
) -> Tensor:
    """Crop, stretch, mirror and tint every image of a batch, each in its own way.

    Args:
        images: in [0, 1]. Shape: (B, 3, S, S).
        jitter: how far colours may change.
        generator: on the CPU; decides everything, so equal generators give equal views.
        least_area: least share of an image that its view shows, in (0, 1].
        share: what ``images`` are of a step; they get the views that they would get in the whole.

    Returns:
        In [0, 1]. Shape: (B, 3, S, S).
    """
    part = share or Share(0, 1, len(images))

    def draw(low: float, high: float) -> Tensor:
        numbers = torch.empty(part.images).uniform_(low, high, generator=generator)
        return part.of(numbers).to(images.device)

    images = _crop(images, least_area, draw)
    images = _tint(images, jitter, draw)
    images = _turn_hue(images, jitter.hue, draw)
    return _drop_colour(images, jitter.grey, draw).clamp(0.0, 1.0)


def _crop(images: Tensor, least_area: float, draw: Draw) -> Tensor:
    """A random part of every image, back at full size; half of them mirrored."""
    area = draw(least_area, 1.0)
    stretch = draw(-LARGEST_STRETCH, LARGEST_STRETCH).exp()
    width = (area * stretch).sqrt().clamp(max=1.0)
    height = (area / stretch).sqrt().clamp(max=1.0)
    mirror = draw(-1.0, 1.0).sign()
    transform = torch.zeros(len(images), 2, 3, device=images.device)
    transform[:, 0, 0] = width * mirror
    transform[:, 1, 1] = height
    transform[:, 0, 2] = draw(-1.0, 1.0) * (1 - width)
    transform[:, 1, 2] = draw(-1.0, 1.0) * (1 - height)
    grid = F.affine_grid(transform, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _tint(images: Tensor, jitter: Jitter, draw: Draw) -> Tensor:
    """A little brighter or darker, flatter or harder, greyer or more colourful."""

    def factor(strength: float) -> Tensor:
        return draw(1 - strength, 1 + strength).view(-1, 1, 1, 1)

    images = images * factor(jitter.brightness)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * factor(jitter.contrast)
    grey = images.mean(dim=1, keepdim=True)
    return grey + (images - grey) * factor(jitter.saturation)


def _turn_hue(images: Tensor, hue: float, draw: Draw) -> Tensor:
    """Turn the colours of each image around the grey axis by its own angle."""
    if not hue:
        return images
    angle = 2 * math.pi * draw(-hue, hue)
    turn = torch.zeros(len(images), 3, 3, device=images.device)
    turn[:, 0, 0] = 1.0
    turn[:, 1, 1] = turn[:, 2, 2] = angle.cos()
    turn[:, 2, 1] = angle.sin()
    turn[:, 1, 2] = -angle.sin()
    to_yiq = torch.tensor(RGB_TO_YIQ, device=images.device)
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return torch.einsum("bij,bjhw->bihw", matrix, images)


def _drop_colour(images: Tensor, share: float, draw: Draw) -> Tensor:
    """Make a random share of the images grey."""
    if not share:
        return images
    chosen = draw(0.0, 1.0).view(-1, 1, 1, 1) < share
    return torch.where(chosen, images.mean(dim=1, keepdim=True), images)
