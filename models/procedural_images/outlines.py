"""Outlines of things: how deep inside each pixel of a plane lies, negative outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from models.procedural_images.plane import TURN, Array, Plane, any_angle


class Outline(Protocol):
    """A shape around the origin."""

    def depth(self, plane: Plane, radius: float) -> Array:
        """Distance from the outline, roughly, in units of the plane. Shape: (S, S)."""
        ...


@dataclass(frozen=True, slots=True)
class Ellipse:
    """A disc; the plane makes an ellipse of it."""

    def depth(self, plane: Plane, radius: float) -> Array:
        """See :class:`Outline`."""
        return radius - plane.radius


@dataclass(frozen=True, slots=True)
class Polygon:
    """What lies on the inner side of all edges.

    Attributes:
        normals: directions of the edges, in radians.
    """

    normals: tuple[float, ...]

    def depth(self, plane: Plane, radius: float) -> Array:
        """Edges at 0.8 of the radius: a square then has the area of a disc to within a fifth."""
        edges = [0.8 * radius - plane.turned(angle).x for angle in self.normals]
        nearest: Array = np.min(edges, axis=0)
        return nearest


@dataclass(frozen=True, slots=True)
class Blob:
    """A disc whose radius is a sum of waves around it.

    Attributes:
        waves: (amplitude in radii, number around the disc, phase).
    """

    waves: tuple[tuple[float, int, float], ...]

    def depth(self, plane: Plane, radius: float) -> Array:
        """See :class:`Outline`."""
        angle = np.arctan2(plane.y, plane.x)
        swing = sum(size * np.cos(count * angle + phase) for size, count, phase in self.waves)
        return radius * (1 + swing) - plane.radius


@dataclass(frozen=True, slots=True)
class Band:
    """A winding strip from border to border: branch, road, snake."""

    def depth(self, plane: Plane, radius: float) -> Array:
        """Width and bends by eye."""
        return 0.3 * radius - np.abs(plane.y + 0.2 * np.sin(3 * plane.x))


def _sample_polygon(rng: np.random.Generator) -> Polygon:
    """Three to six edges, not quite regular."""
    count = int(rng.integers(3, 7))
    return Polygon(tuple(np.arange(count) * TURN / count + rng.normal(0.0, 0.2, count)))


def _sample_blob(rng: np.random.Generator, lobes: float) -> Blob:
    """Amplitudes that fall with the number of waves, as those of smooth outlines do."""
    return Blob(
        tuple((lobes * rng.normal() / count, count, any_angle(rng)) for count in (2, 3, 4, 5, 7))
    )


_SAMPLERS: Mapping[str, Callable[[np.random.Generator, float], Outline]] = MappingProxyType(
    {
        "ellipse": lambda _rng, _lobes: Ellipse(),
        "polygon": lambda rng, _lobes: _sample_polygon(rng),
        "blob": _sample_blob,
        "band": lambda _rng, _lobes: Band(),
    }
)

SHARES: Mapping[str, float] = MappingProxyType(
    {"ellipse": 0.30, "polygon": 0.20, "blob": 0.35, "band": 0.15}
)
"""Every kind, and how often it is drawn: round things more than angular ones, by eye."""


def sample_kind(rng: np.random.Generator) -> str:
    """One of the kinds."""
    return str(rng.choice(tuple(SHARES), p=tuple(SHARES.values())))


def sample_outline(kind: str, rng: np.random.Generator, *, lobes: float) -> Outline:
    """One outline of a kind.

    Args:
        kind: one of :data:`SHARES`.
        rng: where chance comes from.
        lobes: how far blobs are from discs, in radii.
    """
    return _SAMPLERS[kind](rng, lobes)
