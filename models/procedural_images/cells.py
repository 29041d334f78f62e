"""Patterns around scattered points: Worley, "A cellular texture basis function", SIGGRAPH 1996."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.procedural_images.noise import sample_gain, sample_stretch
from models.procedural_images.plane import Array, Plane, log_uniform

_REACH = 1.1
"""Points lie up to here, a little outside the picture, so that its border is like its middle."""
_BLOCK = 2048
"""Pixels whose distances are held at once: memory then does not grow with the picture."""


@dataclass(frozen=True, slots=True)
class Distances:
    """Of each pixel, (S, S) each.

    Attributes:
        nearest: number of the nearest point.
        first: distance to it.
        second: distance to the next.
    """

    nearest: NDArray[np.intp]
    first: Array
    second: Array


@dataclass(frozen=True, slots=True)
class Scatter:
    """Points at random.

    Attributes:
        count: how many.
        stretch: width of the cells in units of their height. The points stay where they are, so
            that cells at the upper and lower border grow long instead: shards beside pebbles.
    """

    count: int
    stretch: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """From a few large stones to gravel, cells of 8 pixels at size 128 (by eye)."""
        return cls(int(log_uniform(rng, 8, 300)), sample_stretch(rng))

    def distances(self, plane: Plane, rng: np.random.Generator) -> Distances:
        """How far each pixel is from the nearest two points."""
        points = rng.uniform(-_REACH, _REACH, (self.count, 2)).astype(np.float32)
        scaled = plane.scaled(1.0, self.stretch)
        pixels = np.stack([scaled.x, scaled.y], axis=-1).reshape(-1, 2).astype(np.float32)
        blocks = [
            _nearest_two(pixels[start : start + _BLOCK], points)
            for start in range(0, len(pixels), _BLOCK)
        ]
        nearest, first, second = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        shape = plane.x.shape
        return Distances(nearest.reshape(shape), first.reshape(shape), second.reshape(shape))


def _nearest_two(
    pixels: NDArray[np.float32], points: NDArray[np.float32]
) -> tuple[NDArray[np.intp], Array, Array]:
    """Number of the nearest point, distance to it, distance to the second nearest."""
    lengths = (pixels**2).sum(axis=1)[:, None] + (points**2).sum(axis=1)
    squares = lengths - 2 * pixels @ points.T
    nearest = squares.argmin(axis=1)
    squares.partition(1, axis=1)
    first, second = np.sqrt(squares[:, :2].astype(np.float64).clip(min=0.0)).T
    return nearest, first, second


@dataclass(frozen=True, slots=True)
class Cells:
    """Mosaic: each cell has a value of its own."""

    scatter: Scatter

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Any scatter."""
        return cls(Scatter.sample(rng))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """A level for each cell, all equally likely."""
        levels = rng.uniform(-1.0, 1.0, self.scatter.count)
        return levels[self.scatter.distances(plane, rng).nearest]


@dataclass(frozen=True, slots=True)
class Edges:
    """Cracks and nets: the lines that are as far from one point as from another."""

    scatter: Scatter

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Any scatter."""
        return cls(Scatter.sample(rng))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """Worley's F2 - F1; tanh makes the lines thin and the cells flat (constants by eye)."""
        distances = self.scatter.distances(plane, rng)
        gap = distances.second - distances.first
        return np.tanh(3.0 * gap / (float(gap.std()) + 1e-6) - 1.5)


@dataclass(frozen=True, slots=True)
class Spots:
    """Pebbles and dots: discs around the points.

    Attributes:
        scatter: the points.
        gain: from soft to sharp borders, see :func:`sample_gain`.
    """

    scatter: Scatter
    gain: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Any scatter, any gain."""
        return cls(Scatter.sample(rng), sample_gain(rng))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """Worley's F1; the discs reach to 0.8 of the mean distance, so most do not touch."""
        distance = self.scatter.distances(plane, rng).first
        return np.tanh(2.0 * self.gain * (distance / (float(distance.mean()) + 1e-6) - 0.8))
