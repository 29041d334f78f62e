"""Scenes: textured things that cover one another, the dead leaves model.

Lee, Mumford, Huang, "Occlusion models for natural images", IJCV 41(1/2), 2001: shapes of random
size, thrown one upon another, have many of the statistics of photographs, edges above all. Baradad
et al., "Learning to see by looking at noise", NeurIPS 2021, arXiv 2106.05963, train on such images;
textured leaves of mixed shapes do better there than plain squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.procedural_images.outlines import Outline, sample_kind, sample_outline
from models.procedural_images.plane import Array, Plane, any_angle, chance, log_uniform
from models.procedural_images.textures import Texture

_TEXTURES = (0.20, 0.25, 0.25, 0.20, 0.10)
"""Shares of scenes with 1, 2, ... 5 textures; with one, the ground is all there is."""
_MOST_LEAVES = 40
"""Fewer than these: of more, a picture of 128 pixels shows only pieces (by eye)."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One thing in a scene.

    Attributes:
        plane: the picture's pixels, seen from the thing.
        outline: its shape.
        radius: its size, in half sides of the picture.
    """

    plane: Plane
    outline: Outline
    radius: float

    def depth(self) -> Array:
        """How deep inside each pixel lies. Shape: (S, S)."""
        return self.outline.depth(self.plane, self.radius)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture is made of, before anything has its place.

    Attributes:
        textures: the ground's, then the leaves', in turn.
        leaves: how many things lie on the ground.
        size: their typical radius, in half sides of the picture.
        kinds: their outlines, in turn; one kind when both are the same.
        lobes: how far blobs are from discs, in radii.
        softness: width of their borders, in pixels.
        light: how strongly things and picture are shaded.
        blurred: the picture is a little out of focus.
    """

    textures: tuple[Texture, ...]
    leaves: int
    size: float
    kinds: tuple[str, str]
    lobes: float
    softness: float
    light: float
    blurred: bool

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """From one large thing to many small ones.

        Lee et al. let sizes fall as 1 / size ** 3 within one picture; here each picture has its
        own, evenly spread over scales, so that pictures differ. Ranges were chosen by eye.
        """
        count = 1 + int(rng.choice(len(_TEXTURES), p=_TEXTURES))
        return cls(
            textures=tuple(Texture.sample(rng) for _ in range(count)),
            leaves=int(log_uniform(rng, 1, _MOST_LEAVES)) if count > 1 else 0,
            size=log_uniform(rng, 0.15, 0.8),
            kinds=(sample_kind(rng), sample_kind(rng)),
            lobes=rng.uniform(0.05, 0.45),
            softness=log_uniform(rng, 0.5, 4.0),
            light=rng.uniform(0.0, 0.5),
            blurred=chance(rng, 0.2),
        )

    def render(self, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """The picture. Shape: (S, S, 3)."""
        plane = Plane.of_size(size)
        ground, *surfaces = (texture.pixels(plane, rng) for texture in self.textures)
        picture = ground
        for number in range(self.leaves):
            leaf = self._leaf(number, plane, rng)
            surface = surfaces[number % len(surfaces)]
            picture = self._covered(picture, leaf, _shifted(surface, rng))
        slope = plane.turned(any_angle(rng)).x[..., None]
        picture = picture * (1 + 0.5 * self.light * slope)
        return _levels(_blurred(picture) if self.blurred else picture)

    def _leaf(self, number: int, plane: Plane, rng: np.random.Generator) -> Leaf:
        """Place, size, turn and shape; few things are larger and nearer the middle (by eye)."""
        reach = 0.5 if self.leaves < 3 else 1.0
        scale = 1.0 if self.leaves < 6 else 0.6
        aspect = float(np.exp(rng.normal(0.0, 0.35)))
        seen = plane.moved(*rng.uniform(-reach, reach, 2)).turned(any_angle(rng))
        return Leaf(
            plane=seen.scaled(aspect, 1 / aspect),
            outline=sample_outline(self.kinds[number % 2], rng, lobes=self.lobes),
            radius=scale * self.size * float(np.exp(rng.normal(0.0, 0.4))),
        )

    def _covered(self, picture: Array, leaf: Leaf, surface: Array) -> Array:
        """``picture`` with a leaf on it, which is lighter in its middle and on one side."""
        depth = leaf.depth()
        size = leaf.plane.size
        mask = _sigmoid(depth * size / self.softness)[..., None]  # size / 2 pixels in each unit
        bulge = (depth / leaf.radius).clip(0.0, 1.0) - 0.5
        side = (leaf.plane.x / (leaf.radius + 0.1)).clip(-1.0, 1.0)
        shade = 1 + self.light * (bulge + 0.4 * side)[..., None]
        return picture * (1 - mask) + surface * shade * mask


def _shifted(surface: Array, rng: np.random.Generator) -> Array:
    """Another part of the same surface for each leaf, at the cost of a seam where it wraps."""
    rows, columns = rng.integers(len(surface), size=2)
    return np.roll(surface, (int(rows), int(columns)), axis=(0, 1))


def _sigmoid(inputs: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + np.exp(-np.clip(inputs, -30.0, 30.0)))


def _blurred(picture: Array) -> Array:
    """Means of two by two pixels."""
    padded = np.pad(picture, ((1, 0), (1, 0), (0, 0)), mode="edge")
    rows = padded[1:] + padded[:-1]
    return (rows[:, 1:] + rows[:, :-1]) / 4


def _levels(picture: Array) -> NDArray[np.uint8]:
    """Levels of 0 to 255."""
    return np.rint(255 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)
