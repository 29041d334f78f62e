"""Patterns that are a formula of the place, as the small programs called shaders draw them.

Baradad et al., "Procedural image programs for representation learning", NeurIPS 2022, arXiv
2211.16412, train on 21,000 such programs and find that features get better with their number.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.procedural_images.noise import sample_gain, sample_stretch
from models.procedural_images.plane import Array, Plane, any_angle, chance, log_uniform


def _sample_frequency(rng: np.random.Generator) -> float:
    """Radians per unit: from less than one period across the picture to eight (by eye)."""
    return log_uniform(rng, 2.0, 25.0)


@dataclass(frozen=True, slots=True)
class Stripes:
    """Parallel bars.

    Attributes:
        frequency: in radians per unit of the plane.
        angle: direction across the bars.
        gain: from soft to sharp borders.
    """

    frequency: float
    angle: float
    gain: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Three times as many bars as a checker has squares: stripes are finer, by eye."""
        return cls(3.0 * _sample_frequency(rng), any_angle(rng), sample_gain(rng))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """A wave that starts anywhere."""
        along = self.frequency * plane.turned(self.angle).x
        return np.tanh(self.gain * np.sin(along + any_angle(rng)))


@dataclass(frozen=True, slots=True)
class Checker:
    """Two crossed waves: squares, tiles, fabric.

    Attributes:
        frequency: in radians per unit of the plane.
        stretch: length of the tiles in units of their width.
        angle: direction across the tiles.
        gain: from soft to sharp borders.
    """

    frequency: float
    stretch: float
    angle: float
    gain: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Any size, shape and direction."""
        return cls(_sample_frequency(rng), sample_stretch(rng), any_angle(rng), sample_gain(rng))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """The product of the waves, twice as sharp as stripes: it passes zero more slowly."""
        tiles = plane.turned(self.angle).moved(*rng.uniform(-1.0, 0.0, 2))
        wave = np.sin(self.frequency * tiles.x) * np.sin(self.frequency / self.stretch * tiles.y)
        return np.tanh(2.0 * self.gain * wave)


@dataclass(frozen=True, slots=True)
class Gradient:
    """Sky and shadow: a slope in one direction, or around a place.

    Attributes:
        radial: around a place.
    """

    radial: bool

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Both about equally often."""
        return cls(chance(rng, 0.52))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """The centre lies mostly inside the picture."""
        if self.radial:
            return plane.moved(*rng.normal(0.0, 0.4, 2)).radius
        return plane.turned(any_angle(rng)).x


def _bell(inputs: Array) -> Array:
    return np.exp(-(inputs**2))


_ACTIVATIONS: tuple[Callable[[Array], Array], ...] = (np.tanh, np.sin, np.abs, _bell)
"""Of Stanley's set: a step, a repetition, a mirror symmetry, a spot."""


@dataclass(frozen=True, slots=True)
class Network:
    """A small random network from place to value.

    Stanley, "Compositional pattern producing networks: a novel abstraction of development",
    Genetic Programming and Evolvable Machines 8(2), 2007.

    Attributes:
        frequency: what the place is multiplied by: how much happens in the picture.
    """

    frequency: float

    LAYERS = 3
    WIDTH = 16
    GAIN = 1.4
    """Of hidden weights in units of 1 / sqrt(width): above 1, so that detail grows with depth."""

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """A quarter of the frequency of a checker: the layers add their own (by eye)."""
        return cls(0.25 * _sample_frequency(rng))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """Fresh weights; the distance from the middle is an input too, as Stanley has it."""
        moved = plane.moved(*rng.normal(0.0, 0.5, 2))
        inputs = np.stack([moved.x, moved.y, plane.radius], axis=-1).reshape(-1, 3)
        hidden = inputs * self.frequency
        for layer in range(self.LAYERS):
            scale = self.GAIN / math.sqrt(self.WIDTH) if layer else 1.0
            weights = rng.normal(0.0, scale, (hidden.shape[1], self.WIDTH))
            activation = _ACTIVATIONS[rng.integers(len(_ACTIVATIONS))]
            hidden = activation(hidden @ weights + rng.normal(0.0, 1.0, self.WIDTH))
        return (hidden @ rng.normal(0.0, 1.0, self.WIDTH)).reshape(plane.x.shape)


@dataclass(frozen=True, slots=True)
class Julia:
    """The Julia set of z * z + c, by how long a point takes to escape.

    Fractals as training images: Kataoka et al., "Pre-training without natural images", ACCV 2020,
    arXiv 2101.08515 (theirs are iterated function systems).

    Attributes:
        constant: c.
    """

    constant: complex

    MODULUS = 0.7885
    """Of c: on this circle nearly every set is rich in form, and it is often drawn."""
    STEPS = 28
    """More add only detail below a pixel."""
    ESCAPED = 4.0
    """Any bound from 2 on will do; a larger one makes the outer bands rounder."""

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Anywhere on the circle."""
        return cls(cmath.rect(cls.MODULUS, any_angle(rng)))

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """Logarithm of the number of steps, in a view that is moved, turned and zoomed a little."""
        view = cmath.rect(rng.uniform(0.6, 1.4), any_angle(rng))
        place = (plane.x + 1j * plane.y) * view + complex(*rng.normal(0.0, 0.3, 2))
        steps = np.zeros(plane.x.shape)
        for _ in range(self.STEPS):
            inside = np.abs(place) < self.ESCAPED
            place = np.where(inside, place * place + self.constant, place)
            steps += np.abs(place) < self.ESCAPED
        return np.log1p(steps)
