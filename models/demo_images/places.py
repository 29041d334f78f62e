"""Balloons, cities, mountains."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from models.demo_images.canvas import Gradient
from models.demo_images.palettes import Colour, mix
from models.demo_images.scene import Scene
from models.demo_images.shapes import (
    Points,
    curve,
    disc,
    ellipse,
    place,
    rectangle,
    ribbon,
    skyline,
)


def balloon(scene: Scene) -> None:
    """One to three hot-air balloons among clouds."""
    scene.backdrop()
    for _ in range(int(scene.rng.integers(0, 4))):
        _cloud(scene, (scene.between(0.0, 1.0), scene.between(0.1, 0.95)))
    count = int(scene.rng.choice((1, 1, 2, 3)))
    columns = scene.rng.permutation(np.linspace(0.26, 0.74, count) if count > 1 else [0.5])
    for column in columns:
        radius = scene.between(0.24, 0.33) if count == 1 else scene.between(0.11, 0.2)
        x = float(column) + scene.between(-0.08, 0.08)
        at = (x, scene.between(0.32, 0.46) if count == 1 else scene.between(0.22, 0.62))
        _balloon(scene, at, radius, scene.between(-0.2, 0.2))


def _cloud(scene: Scene, at: tuple[float, float]) -> None:
    tone = mix(scene.palette.paper, scene.palette.ground[0], 0.25)
    size = scene.between(0.05, 0.1)
    for offset, radius in ((-1.4, 0.7), (-0.5, 1.1), (0.6, 0.9), (1.5, 0.6)):
        puff = place(disc(size * radius), (at[0] + offset * size, at[1] - size * radius * 0.5))
        scene.canvas.fill(puff, tone, alpha=0.8)


def _balloon(scene: Scene, at: tuple[float, float], radius: float, tilt: float) -> None:
    """Envelope in gores, ropes and a basket, in units of the envelope's radius."""

    def put(points: Points) -> Points:
        return place(points, at, angle=tilt, scale=radius)

    down = np.linspace(0.0, 1.0, 40)
    long = scene.between(1.25, 1.55)
    level = -1.0 + (1.0 + long) * down  # from the crown to the mouth
    round_part = np.sqrt(np.clip(1.0 - level**2, 0.0, 1.0))
    taper = 1.0 - 0.8 * np.clip(level / long, 0.0, 1.0) ** 1.25
    half = np.where(level < 0.0, round_part, taper)
    outline = np.concatenate([np.stack([half, level], 1), np.stack([-half, level], 1)[::-1]])
    scene.shadow(put(outline), alpha=0.2)
    basket_top = long + scene.between(0.28, 0.45)
    for x in (-0.17, -0.06, 0.06, 0.17):
        rope = np.array([(x, long - 0.02), (x * 0.8, basket_top)])
        scene.canvas.fill(ribbon(put(rope), 0.006), scene.palette.shaded(scene.palette.ink, 0.2))
    basket = np.array([(-0.17, 0.0), (0.17, 0.0), (0.13, 0.25), (-0.13, 0.25)])
    basket[:, 1] += basket_top
    brown = mix(scene.palette.deep, scene.palette.accents[1], 0.45)
    scene.shape(put(basket), brown)
    _gores(scene, put(np.stack([half, level], 1)), put(np.stack([-half, level], 1)))


def _gores(scene: Scene, right: Points, left: Points) -> None:
    """Upright strips of two or three colours, narrower towards the edges; shade on one side."""
    count = int(scene.rng.integers(7, 12))
    used = scene.palette.accents[: int(scene.rng.integers(2, 4))]
    colours = [*used, scene.palette.paper] if scene.chance(0.4) else list(used)
    edges = 0.5 + 0.5 * np.sin(np.linspace(-math.pi / 2, math.pi / 2, count + 1))
    for index, (start, end) in enumerate(pairwise(edges)):
        near, far = left + start * (right - left), left + end * (right - left)
        colour = colours[index % len(colours)]
        dim = 0.5 * (index / count) ** 1.6
        lit, shaded = scene.palette.lit(colour, 0.15), scene.palette.shaded(colour, 0.15)
        paint = Gradient(
            mix(lit, scene.palette.deep, dim * 0.5), mix(shaded, scene.palette.deep, dim)
        )
        scene.canvas.fill(np.concatenate([near, far[::-1]]), paint)


def city(scene: Scene) -> None:
    """Rows of buildings with lit windows, one behind the other."""
    scene.backdrop()
    _sun(scene, scene.between(0.1, 0.45))
    rows = int(scene.rng.integers(2, 4))
    sky, stone = scene.palette.ground[0], scene.accent()
    horizon = scene.between(0.82, 1.02)
    for row in range(rows):
        near = (row + 1) / rows
        colour = mix(mix(sky, stone, 0.5), scene.palette.deep, 0.75 * near**1.5)
        tall = scene.between(0.35, 0.6) * (1.25 - 0.45 * near)
        _row_of_buildings(scene, colour, tall, near, horizon)
    if horizon < 0.98:
        water = Gradient(mix(sky, scene.palette.deep, 0.3), mix(stone, scene.palette.deep, 0.6))
        scene.canvas.fill(rectangle(-0.01, horizon - 0.005, 1.01, 1.01), water)
        _ripples(scene, horizon)


def _sun(scene: Scene, height: float) -> None:
    """A sun or moon with its light."""
    at = (scene.between(0.15, 0.85), height)
    radius = scene.between(0.06, 0.13)
    colour = scene.palette.lit(scene.palette.accents[1], 0.5)
    scene.canvas.glow(at, radius * 4, colour, strength=0.5)
    scene.canvas.fill(place(disc(radius), at), colour)


def _ripples(scene: Scene, horizon: float) -> None:
    light = scene.palette.lit(scene.palette.accents[1], 0.4)
    for _ in range(14):
        x, y = scene.between(0.0, 1.0), scene.between(horizon, 1.0)
        half = scene.between(0.02, 0.1)
        scene.canvas.fill(place(ellipse(half, 0.003), (x, y)), light, alpha=0.4)


def _row_of_buildings(
    scene: Scene, colour: Colour, tall: float, near: float, horizon: float
) -> None:
    x = scene.between(-0.12, 0.0)
    while x < 1.0:
        width = scene.between(0.08, 0.2)
        height = tall * scene.between(0.45, 1.15)
        tone = scene.palette.lit(colour, scene.between(0.0, 0.12))
        _building(scene, (x, horizon - height, x + width, horizon), tone, near)
        x += width + (scene.between(0.0, 0.05) if scene.chance(0.4) else 0.0)


def _building(
    scene: Scene, box: tuple[float, float, float, float], colour: Colour, near: float
) -> None:
    left, top, right, bottom = box
    middle, width = (left + right) / 2, right - left
    roof = int(scene.rng.integers(5))
    if roof == 0:
        spire = np.array([(left, top), (middle, top - width * 0.8), (right, top)])
        scene.canvas.fill(spire, colour)
    elif roof == 1:
        step = rectangle(left + width * 0.22, top - width * 0.35, right - width * 0.22, top + 0.01)
        scene.canvas.fill(step, colour)
        mast = np.array([(middle, top - width * 0.9), (middle, top)])
        scene.canvas.fill(ribbon(mast, 0.008), colour)
    elif roof == 2:
        scene.canvas.fill(place(ellipse(width / 2, width * 0.42), (middle, top)), colour)
    paint = Gradient(scene.palette.lit(colour, 0.14), scene.palette.shaded(colour, 0.1))
    scene.canvas.fill(rectangle(left, top, right, bottom), paint)
    _windows(scene, box, near)


def _windows(scene: Scene, box: tuple[float, float, float, float], near: float) -> None:
    left, top, right, bottom = box
    light = scene.palette.lit(scene.palette.accents[1], 0.45)
    pitch, lit_share = scene.between(0.03, 0.04), scene.between(0.25, 0.75)
    columns = max(1, int((right - left - 0.02) / pitch))
    margin = (right - left - columns * pitch) / 2
    for column in range(columns):
        x = left + margin + (column + 0.28) * pitch
        for y in np.arange(top + 0.025, bottom - 0.03, pitch * 1.35):
            if scene.chance(lit_share):
                pane = rectangle(x, y, x + pitch * 0.45, y + pitch * 0.7)
                scene.canvas.fill(pane, light, alpha=0.25 + 0.65 * near)


def mountain(scene: Scene) -> None:
    """Ridges in haze, each one nearer and deeper in colour."""
    scene.backdrop()
    horizon = scene.between(0.34, 0.6)
    _sun(scene, horizon - scene.between(0.02, 0.24))
    ridges = int(scene.rng.integers(3, 6))
    sky, rock = scene.palette.ground[1], scene.accent()
    snow = scene.chance(0.5)
    for index in range(ridges):
        near = (index + 1) / ridges
        base = horizon + (1.0 - horizon) * (index / ridges) * 1.02
        height = scene.between(0.24, 0.42) * (1.1 - 0.6 * near)
        ground = skyline(scene.rng, base=base, height=height, jagged=True)
        near_colour = mix(rock, scene.palette.deep, 0.8 * near**1.6)
        colour = mix(sky, near_colour, 0.3 + 0.7 * near)
        haze = mix(colour, sky, 0.35)
        scene.canvas.fill(ground, Gradient(colour, haze))
        if snow and index < 2:
            _snow(scene, ground)
    if scene.chance(0.45):
        _trees(scene, mix(rock, scene.palette.deep, 0.85))


def _snow(scene: Scene, ground: Points) -> None:
    """White from the ridge down to a ragged line, where the ridge is high."""
    ridge = ground[:-2]
    line = float(np.quantile(ridge[:, 1], 0.5))
    depth = np.clip(line - ridge[:, 1], 0.0, None)
    teeth = np.interp(np.arange(len(ridge)), *_zigzag(scene, len(ridge)))
    lower = ridge[:, 1] + depth * teeth
    cap = np.concatenate([ridge, np.stack([ridge[:, 0], lower], 1)[::-1]])
    white = mix(scene.palette.paper, scene.palette.ground[1], 0.12)
    scene.canvas.fill(cap, Gradient(white, mix(white, scene.palette.ground[1], 0.3)))


def _zigzag(scene: Scene, length: int) -> tuple[Points, Points]:
    """Where snow reaches far down a gully, and where rock comes through; for interpolation."""
    knots = np.arange(0, length + 6, 5)
    reach = np.where(np.arange(len(knots)) % 2, 0.7, 0.3)
    return knots.astype(np.float64), reach + scene.rng.uniform(-0.12, 0.12, len(knots))


def _trees(scene: Scene, colour: Colour) -> None:
    """Firs along the lower edge."""
    for x in np.arange(-0.02, 1.02, scene.between(0.045, 0.08)):
        tall, foot = scene.between(0.1, 0.24), scene.between(0.99, 1.05)
        at = float(x) + scene.between(-0.015, 0.015)
        for share in (0.0, 0.28, 0.54):
            top, wide = foot - tall * (1 - share * 0.9), tall * (0.12 + 0.2 * share)
            tier = np.array(
                [(at, top), (at + wide, top + tall * 0.42), (at - wide, top + tall * 0.42)]
            )
            scene.canvas.fill(tier, colour)
        trunk = curve((at, foot - tall * 0.2), (at, foot), count=2)
        scene.canvas.fill(ribbon(trunk, 0.01), colour)
