"""What all kinds share: a canvas, a palette, chance, and backgrounds that tell no kind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from models.demo_images.canvas import Canvas, Gradient
from models.demo_images.palettes import Colour, Palette, choose_palette, mix
from models.demo_images.shapes import Points, disc, place, skyline


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture in the making."""

    canvas: Canvas
    palette: Palette
    rng: np.random.Generator

    @classmethod
    def start(cls, size: int, rng: np.random.Generator) -> Scene:
        """An empty canvas and a palette of chance."""
        return cls(Canvas(size), choose_palette(rng), rng)

    def finished(self) -> Image.Image:
        """The picture, RGB."""
        return self.canvas.finished(self.rng)

    def between(self, low: float, high: float) -> float:
        """A number of chance."""
        return float(self.rng.uniform(low, high))

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return bool(self.rng.random() < share)

    def accent(self) -> Colour:
        """One of the accents."""
        return self.palette.accents[int(self.rng.integers(4))]

    def shape(self, points: Points, colour: Colour, *, angle: float = 1.1) -> None:
        """Fill with a quiet gradient from the lit to the shaded side."""
        lit, shaded = self.palette.lit(colour, 0.22), self.palette.shaded(colour, 0.16)
        self.canvas.fill(points, Gradient(lit, shaded, angle))

    def shadow(self, points: Points, *, alpha: float = 0.3) -> None:
        """The soft shadow of a shape."""
        self.canvas.shadow(points, mix(self.palette.deep, (0.0, 0.0, 0.0), 0.4), alpha=alpha)

    def backdrop(self) -> None:
        """A ground, and sometimes a disc, hills, a frame of light or flecks on it."""
        start, end = self.palette.ground
        self.canvas.ground(Gradient(start, end, self.between(0.0, 2 * math.pi)))
        glow = self.palette.paper if not self.palette.dark else self.accent()
        at = (self.between(0.1, 0.9), self.between(0.1, 0.9))
        self.canvas.glow(at, self.between(0.4, 0.8), glow, strength=self.between(0.1, 0.35))
        for ornament in (self._disc, self._hills, self._flecks):
            if self.chance(0.3):
                ornament()

    def _quiet(self, share: float) -> Colour:
        """A colour that stays in the background."""
        return mix(self.palette.ground[int(self.rng.integers(2))], self.accent(), share)

    def _disc(self) -> None:
        at = (self.between(0.2, 0.8), self.between(0.2, 0.8))
        self.canvas.fill(place(disc(self.between(0.18, 0.42), count=96), at), self._quiet(0.3))

    def _hills(self) -> None:
        for base in (self.between(0.55, 0.8), self.between(0.8, 0.95)):
            hill = skyline(self.rng, base=base, height=self.between(0.05, 0.2), jagged=False)
            self.canvas.fill(hill, self._quiet(0.3))

    def _flecks(self) -> None:
        colours = [self._quiet(0.45) for _ in range(3)]
        for _ in range(int(self.rng.integers(8, 26))):
            corners = disc(self.between(0.008, 0.03), count=int(self.rng.integers(5, 9)))
            corners = corners * self.rng.uniform(0.6, 1.3, corners.shape)
            at = (self.between(0.0, 1.0), self.between(0.0, 1.0))
            self.canvas.fill(place(corners, at), colours[int(self.rng.integers(3))])
