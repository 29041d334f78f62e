"""Two views of an image: the random changes that a good embedding should not notice."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_AREA = 0.5
"""A view shows at least this share of the image's area."""
LARGEST_STRETCH = 0.25
"""Natural logarithm of the largest change of the aspect ratio."""
BRIGHTNESS = CONTRAST = 0.10
SATURATION = 0.15
"""Colour is evidence when images are compared, so it is changed little: with +-40 % brightness and
contrast and +-60 % saturation instead, the same recipe ranked worse than a colour histogram."""


def random_view(images: Tensor, generator: torch.Generator) -> Tensor:
    """Crop, stretch, mirror and tint every image of a batch, each in its own way.

    Args:
        images: in [0, 1]. Shape: (B, 3, S, S).
        generator: on the CPU; decides everything, so equal generators give equal views.

    Returns:
        In [0, 1]. Shape: (B, 3, S, S).
    """
    return _tint(_crop(images, generator), generator)


def _uniform(images: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """One number per image of the batch, on its device."""
    numbers = torch.empty(len(images)).uniform_(low, high, generator=generator)
    return numbers.to(images.device)


def _crop(images: Tensor, generator: torch.Generator) -> Tensor:
    """A random part of every image, back at full size; half of them mirrored."""
    area = _uniform(images, LEAST_AREA, 1.0, generator)
    stretch = _uniform(images, -LARGEST_STRETCH, LARGEST_STRETCH, generator).exp()
    width = (area * stretch).sqrt().clamp(max=1.0)
    height = (area / stretch).sqrt().clamp(max=1.0)
    mirror = _uniform(images, -1.0, 1.0, generator).sign()
    transform = torch.zeros(len(images), 2, 3, device=images.device)
    transform[:, 0, 0] = width * mirror
    transform[:, 1, 1] = height
    transform[:, 0, 2] = _uniform(images, -1.0, 1.0, generator) * (1 - width)
    transform[:, 1, 2] = _uniform(images, -1.0, 1.0, generator) * (1 - height)
    grid = F.affine_grid(transform, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _tint(images: Tensor, generator: torch.Generator) -> Tensor:
    """A little brighter or darker, flatter or harder, greyer or more colourful."""

    def factor(strength: float) -> Tensor:
        return _uniform(images, 1 - strength, 1 + strength, generator).view(-1, 1, 1, 1)

    images = images * factor(BRIGHTNESS)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * factor(CONTRAST)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * factor(SATURATION)
    return images.clamp(0.0, 1.0)
