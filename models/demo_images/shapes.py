"""Outlines as arrays of points, (N, 2) of (x, y), y downwards; made at the origin, then placed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def place(
    points: Points,
    at: tuple[float, float],
    *,
    angle: float = 0.0,
    scale: float = 1.0,
    mirrored: bool = False,
) -> Points:
    """Mirror left-right, scale, turn by ``angle`` (radians, clockwise on screen), then move."""
    local = points * (-scale if mirrored else scale, scale)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.asarray(local @ np.array([[cos, sin], [-sin, cos]]) + at)


def ellipse(radius_x: float, radius_y: float, *, count: int = 48) -> Points:
    """An ellipse around the origin."""
    turn = np.linspace(0.0, 2 * math.pi, count, endpoint=False)
    return np.stack([radius_x * np.cos(turn), radius_y * np.sin(turn)], axis=1)


def disc(radius: float, *, count: int = 48) -> Points:
    """A circle around the origin."""
    return ellipse(radius, radius, count=count)


def blade(length: float, width: float, *, belly: float = 1.0, fullness: float = 1.0) -> Points:
    """A leaf or petal from the origin along +x.

    Args:
        length: from stalk to tip.
        width: at the widest.
        belly: below 1 the widest place is near the stalk, above 1 near the tip.
        fullness: below 1 round, above 1 slender and pointed.
    """
    along = np.linspace(0.0, 1.0, 28)
    half = 0.5 * width * np.sin(math.pi * along**belly) ** fullness
    upper = np.stack([along * length, -half], axis=1)
    return np.concatenate([upper, (upper * (1, -1))[::-1]])


def ribbon(path: Points, widths: Points | float) -> Points:
    """The outline of a line of varying width along ``path``."""
    direction = np.gradient(path, axis=0)
    normal = direction[:, ::-1] * (-1, 1)
    normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    half = np.broadcast_to(np.asarray(widths, dtype=np.float64) / 2, len(path))[:, None]
    return np.concatenate([path + normal * half, (path - normal * half)[::-1]])


def curve(*corners: tuple[float, float], count: int = 32) -> Points:
    """A Bezier curve (of any degree) from the first corner to the last."""
    along = np.linspace(0.0, 1.0, count)[:, None]
    degree = len(corners) - 1
    total = np.zeros((count, 2))
    for index, corner in enumerate(corners):
        weight = math.comb(degree, index) * along**index * (1 - along) ** (degree - index)
        total += weight * np.array(corner)
    return total


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """An upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def skyline(
    rng: np.random.Generator, *, base: float, height: float, jagged: bool, count: int = 120
) -> Points:
    """The ground below a ridge across the picture, its last two points the lower corners.

    Args:
        rng: decides where the tops are.
        base: mean level of the ridge (y).
        height: from the lowest to the highest place, about.
        jagged: peaks like mountains, or round like hills.
        count: points along the ridge.
    """
    across = np.linspace(-0.02, 1.02, count)
    if jagged:
        level = _peaks(rng, across)
    else:
        level = np.sin(2 * math.pi * (rng.uniform(0.6, 1.3) * across + rng.random()))
        level += 0.4 * np.sin(2 * math.pi * (rng.uniform(1.5, 2.5) * across + rng.random()))
    ridge = np.stack([across, base - height * level / 2], axis=1)
    return np.concatenate([ridge, [(1.02, 1.05), (-0.02, 1.05)]])


def _peaks(rng: np.random.Generator, across: Points) -> Points:
    """A broken line through tops and saddles, roughened by smaller and smaller steps; -1..1."""
    tops = int(rng.integers(2, 5))
    places = np.linspace(-0.15, 1.15, 2 * tops + 1) + rng.uniform(-0.05, 0.05, 2 * tops + 1)
    levels = np.where(np.arange(2 * tops + 1) % 2, rng.uniform(0.3, 1.0, 2 * tops + 1), 0.0)
    levels = 2 * (levels - rng.uniform(0.0, 0.25, 2 * tops + 1)) - 0.5
    line = np.interp(across, places, levels)
    for steps, strength in ((14, 0.13), (32, 0.07), (70, 0.03)):
        knots = np.linspace(-0.05, 1.05, steps)
        line += np.interp(across, knots, rng.uniform(-strength, strength, steps))
    return np.asarray(line)
