"""A square picture to draw on, in units of its side: (0, 0) is top left, (1, 1) bottom right."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from models.demo_images.palettes import Colour
from models.demo_images.shapes import Points

_SUPERSAMPLING = 3  # drawn this much larger, then reduced: smooth edges
_GRADIENT_STEPS = 24


@dataclass(frozen=True, slots=True)
class Gradient:
    """Paint that runs from ``start`` to ``end`` across a shape's own box.

    Attributes:
        start, end: the two colours.
        angle: direction in radians, clockwise from +x; None for a radial gradient.
        focus: centre of a radial gradient, in units of the box.
    """

    start: Colour
    end: Colour
    angle: float | None = math.pi / 2
    focus: tuple[float, float] = (0.5, 0.5)

    def image(self, width: int, height: int) -> Image.Image:
        """The paint for a box of that many pixels; computed small, for it is smooth."""
        across = np.linspace(0.0, 1.0, _GRADIENT_STEPS)
        x, y = np.meshgrid(across, across)
        if self.angle is None:
            share = np.hypot(x - self.focus[0], y - self.focus[1]) / 0.62
        else:
            cos, sin = math.cos(self.angle), math.sin(self.angle)
            share = 0.5 + ((x - 0.5) * cos + (y - 0.5) * sin) / (abs(cos) + abs(sin))
        share = np.clip(share, 0.0, 1.0)[..., None]
        start, end = np.array(self.start), np.array(self.end)
        levels = np.rint(start + (end - start) * share).astype(np.uint8)
        return Image.fromarray(levels).resize((width, height), Image.Resampling.BILINEAR)


Paint = Colour | Gradient


class Canvas:
    """Draws shapes and hands out the finished picture.

    Args:
        size: side of the finished picture in pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._side = size * _SUPERSAMPLING
        self._image = Image.new("RGB", (self._side, self._side))

    def ground(self, paint: Paint) -> None:
        """Fill the whole picture."""
        self.fill(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]), paint)

    def fill(self, points: Points, paint: Paint, *, alpha: float = 1.0) -> None:
        """Fill a closed outline."""
        pixels = points * self._side
        if alpha >= 1.0 and not isinstance(paint, Gradient):
            ImageDraw.Draw(self._image).polygon(pixels.ravel().tolist(), fill=_levels(paint))
            return
        left, top = (int(edge) for edge in np.floor(pixels.min(axis=0)))
        right, bottom = (int(edge) + 1 for edge in np.ceil(pixels.max(axis=0)))
        mask = Image.new("L", (right - left, bottom - top))
        outline = (pixels - (left, top)).ravel().tolist()
        ImageDraw.Draw(mask).polygon(outline, fill=round(255 * alpha))
        if isinstance(paint, Gradient):
            self._image.paste(paint.image(*mask.size), (left, top), mask)
        else:
            self._image.paste(_levels(paint), (left, top, right, bottom), mask)

    def glow(
        self, at: tuple[float, float], radius: float, colour: Colour, *, strength: float
    ) -> None:
        """Soft light around a place, fading to nothing at ``radius``."""
        across = np.linspace(-1.0, 1.0, 48)
        x, y = np.meshgrid(across, across)
        falloff = np.clip(1.0 - np.hypot(x, y), 0.0, 1.0) ** 2
        mask = Image.fromarray(np.rint(255 * strength * falloff).astype(np.uint8))
        left, top = (round((centre - radius) * self._side) for centre in at)
        side = max(1, round(2 * radius * self._side))
        mask = mask.resize((side, side), Image.Resampling.BICUBIC)
        self._image.paste(_levels(colour), (left, top, left + side, top + side), mask)

    def shadow(
        self,
        points: Points,
        colour: Colour,
        *,
        offset: tuple[float, float] = (0.012, 0.022),
        blur: float = 0.02,
        alpha: float = 0.28,
    ) -> None:
        """The soft shadow that a shape throws on what lies below it."""
        side = self._side // 4  # blurred anyway
        mask = Image.new("L", (side, side))
        outline = ((points + offset) * side).ravel().tolist()
        ImageDraw.Draw(mask).polygon(outline, fill=round(255 * alpha))
        mask = mask.filter(ImageFilter.GaussianBlur(blur * side))
        whole = (self._side, self._side)
        mask = mask.resize(whole, Image.Resampling.BILINEAR)
        self._image.paste(_levels(colour), (0, 0, *whole), mask)

    def finished(self, rng: np.random.Generator) -> Image.Image:
        """The picture at its final size, under uneven light and with a fine grain."""
        size = (self._size, self._size)
        small = self._image.resize(size, Image.Resampling.LANCZOS)
        pixels = np.asarray(small, dtype=np.float32)
        across = np.linspace(-0.5, 0.5, self._size, dtype=np.float32)
        x, y = np.meshgrid(across, across)
        angle = rng.uniform(0.0, 2 * math.pi)
        slope = rng.uniform(0.02, 0.12) * (x * math.cos(angle) + y * math.sin(angle))
        vignette = rng.uniform(0.02, 0.16) * (x * x + y * y)
        grain = rng.normal(0.0, 2.6, size).astype(np.float32)
        lit = pixels * (1.0 + slope - vignette)[..., None] + grain[..., None]
        return Image.fromarray(np.clip(np.rint(lit), 0, 255).astype(np.uint8))


def _levels(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(level))) for level in colour)
    return red, green, blue
