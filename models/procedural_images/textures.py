"""Textures: a field, or two blended, in the colours of a palette."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.procedural_images.fields import Field
from models.procedural_images.plane import Array, Plane, chance

_CONTRAST = 0.28
"""Palette per standard deviation of a field: its ends lie 1.8 deviations from the middle, so that
about 7 % of a field of normal values is beyond them."""


def hsv_to_rgb(hue: Array, saturation: Array, value: Array) -> Array:
    """Colours in [0, 1]; hue in turns. Shape: three times (N,) -> (N, 3)."""
    # The hexcone without cases: each channel is a trapezium over hue, shifted by a third of a turn.
    sixth = (np.array([5.0, 3.0, 1.0]) + hue[:, None] * 6) % 6
    dimmed = np.clip(np.minimum(sixth, 4 - sixth), 0.0, 1.0)
    rgb: Array = value[:, None] * (1 - saturation[:, None] * dimmed)
    return rgb


def sample_palette(rng: np.random.Generator) -> Array:
    """Two to five colours that go together. Shape: (N, 3).

    Most things in photographs keep to one hue and vary in lightness, so hues mostly stay close
    (spread 0.03 or 0.1 of a turn), saturation is low more often than high, and an eighth is nearly
    grey. All constants were chosen by eye.
    """
    count = int(rng.integers(2, 6))
    spread = rng.choice([0.03, 0.1, 0.5], p=[0.45, 0.3, 0.25])
    hue = (rng.uniform() + rng.normal(0.0, spread, count)) % 1.0
    saturation = (rng.beta(1.3, 1.7) + rng.normal(0.0, 0.15, count)).clip(0.0, 1.0)
    value = (rng.uniform(0.25, 0.8) + rng.normal(0.0, 0.28, count)).clip(0.02, 1.0)
    if chance(rng, 0.12):
        saturation = saturation * 0.1
    return hsv_to_rgb(hue, saturation, value)


def coloured(field: Array, palette: Array) -> Array:
    """Low to high values as the palette's first to last colour, linear between them.

    Shape: (S, S), (N, 3) -> (S, S, 3).
    """
    last = len(palette) - 1
    place = np.clip(0.5 + _CONTRAST * field, 0.0, 1.0) * last
    below = np.minimum(place.astype(np.intp), last - 1)
    share = (place - below)[..., None]
    mixed: Array = palette[below] * (1 - share) + palette[below + 1] * share
    return mixed


@dataclass(frozen=True, slots=True)
class Texture:
    """The surface of a thing.

    Attributes:
        field: its pattern.
        overlay: a second pattern in it.
        blend: share of the overlay; 0 for none.
        palette: its colours, (N, 3).
        grain: standard deviation of the noise on it, of a full scale of 1.
    """

    field: Field
    overlay: Field
    blend: float
    palette: Array
    grain: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Half with an overlay, mostly weaker than the pattern; grain up to a few levels of 255."""
        return cls(
            field=Field.sample(rng),
            overlay=Field.sample(rng),
            blend=rng.uniform(0.0, 0.6) if chance(rng, 0.5) else 0.0,
            palette=sample_palette(rng),
            grain=abs(rng.normal(0.0, 0.03)),
        )

    def pixels(self, plane: Plane, rng: np.random.Generator) -> Array:
        """The texture all over the plane, about 0 to 1. Shape: (S, S, 3)."""
        values = self.field.values(plane, rng)
        if self.blend:
            values = (1 - self.blend) * values + self.blend * self.overlay.values(plane, rng)
        noise = rng.standard_normal((*values.shape, 1))
        return coloured(values, self.palette) + self.grain * noise
