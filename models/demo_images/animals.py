"""Butterflies, fish, shells."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from models.demo_images.canvas import Gradient
from models.demo_images.palettes import Colour
from models.demo_images.scene import Scene
from models.demo_images.shapes import Points, blade, curve, disc, ellipse, place, ribbon

_Put = Callable[[Points], Points]


def butterfly(scene: Scene) -> None:
    """A butterfly with open wings, turned any way."""
    scene.backdrop()
    at = (scene.between(0.42, 0.58), scene.between(0.42, 0.58))
    scale, angle = scene.between(0.72, 1.0), scene.between(-0.9, 0.9)
    upper, lower, mark, _ = scene.palette.accents
    wings = [
        (_wing(scene.between(0.3, 0.44), scene.between(0.36, 0.5), 1.0), lower, 0.75, 0.05),
        (_wing(scene.between(0.42, 0.5), scene.between(0.4, 0.56), 1.5), upper, -0.5, -0.04),
    ]
    spots = int(scene.rng.integers(2, 5))
    for outline, colour, raised, shift in wings:
        for mirrored in (False, True):
            local = place(outline, (0.012, shift), angle=raised)
            put = partial(place, at=at, angle=angle, scale=scale, mirrored=mirrored)
            _draw_wing(scene, local, put, colour)
            _wing_spots(scene, local, put, mark, count=spots)
    _butterfly_body(scene, at, angle, scale)


def _wing(length: float, width: float, belly: float) -> Points:
    return blade(length, width, belly=belly, fullness=0.7)


def _draw_wing(scene: Scene, local: Points, put: _Put, colour: Colour) -> None:
    """One wing: dark border, bright field, veins."""
    outline = put(local)
    scene.shadow(outline, alpha=0.22)
    scene.canvas.fill(outline, scene.palette.shaded(colour, 0.72))
    root, tip = local[0], local[len(local) // 2]
    middle = root + 0.46 * (tip - root)
    field = put(middle + (local - middle) * 0.8)
    start, end = scene.palette.lit(colour, 0.45), scene.palette.shaded(colour, 0.1)
    scene.canvas.fill(field, Gradient(start, end, None))
    for share in (0.28, 0.42, 0.58, 0.72):
        edge = local[int(share * (len(local) - 1))]
        vein = put(np.linspace(root, root + 0.86 * (edge - root), 4))
        scene.canvas.fill(ribbon(vein, 0.007), scene.palette.shaded(colour, 0.6))


def _wing_spots(scene: Scene, local: Points, put: _Put, colour: Colour, *, count: int) -> None:
    """A row of eyes along the outer edge of a wing."""
    root = local[0]
    for share in np.linspace(0.36, 0.64, count):
        edge = local[int(share * (len(local) - 1))]
        x, y = root + 0.72 * (edge - root)
        for radius, tone in ((0.03, scene.palette.deep), (0.019, scene.palette.lit(colour))):
            scene.canvas.fill(put(place(disc(radius, count=20), (x, y))), tone)


def _butterfly_body(scene: Scene, at: tuple[float, float], angle: float, scale: float) -> None:
    dark = scene.palette.shaded(scene.palette.accents[3], 0.75)
    for side in (-1, 1):
        feeler = curve((0, -0.13), (side * 0.03, -0.24), (side * 0.11, -0.28), count=14)
        placed = place(feeler, at, angle=angle, scale=scale)
        scene.canvas.fill(ribbon(placed, 0.009), dark)
        end = (float(placed[-1, 0]), float(placed[-1, 1]))
        scene.canvas.fill(place(disc(0.012 * scale, count=14), end), dark)
    body = np.array([(0.0, -0.16)]) + blade(0.4, 0.06, belly=0.7, fullness=0.7)[:, ::-1]
    scene.shape(place(body, at, angle=angle, scale=scale), dark)


def fish(scene: Scene) -> None:
    """One to three fish in profile, with bubbles."""
    scene.backdrop()
    count = int(scene.rng.choice((1, 1, 2, 3)))
    for index in range(int(scene.rng.integers(0, 9))):
        at = (scene.between(0.05, 0.95), scene.between(0.05, 0.95))
        bubble = place(disc(scene.between(0.008, 0.03) * (1 + index % 2)), at)
        scene.canvas.fill(bubble, scene.palette.paper, alpha=0.35)
    looks_left, tilt = scene.chance(0.5), scene.between(-0.45, 0.45)
    length = scene.between(0.55, 0.78) if count == 1 else scene.between(0.36, 0.5)
    start = scene.between(0.4, 0.6) - 0.3 * (count - 1) / 2
    for index in range(count):
        sideways = 0.0 if count == 1 else scene.between(-0.16, 0.16)
        at = (0.5 + sideways, start + 0.3 * index)
        _fish(scene, at, length * scene.between(0.85, 1.1), tilt, mirrored=looks_left)


def _fish(
    scene: Scene, at: tuple[float, float], length: float, tilt: float, *, mirrored: bool
) -> None:
    """A fish of unit length, head at +x, put in place part by part."""
    fat = scene.between(0.36, 0.62)
    colour, fin, mark, _ = (scene.palette.accents[index] for index in scene.rng.permutation(4))
    body = blade(0.86, fat, belly=1.25, fullness=0.85) - (0.43, 0.0)

    def put(points: Points) -> Points:
        return place(points, at, angle=tilt, scale=length, mirrored=mirrored)

    scene.shadow(put(body), alpha=0.25)
    spread = scene.between(0.16, 0.28)
    tail = np.concatenate(
        [
            curve((-0.32, 0.0), (-0.42, -0.06), (-0.62, -spread), count=12),
            curve((-0.62, -spread), (-0.5, 0.0), (-0.62, spread), count=12),
            curve((-0.62, spread), (-0.42, 0.06), (-0.32, 0.0), count=12),
        ]
    )
    scene.shape(put(tail), fin, angle=0.0)
    high = fat * scene.between(0.7, 1.0)
    back = curve((0.16, -fat * 0.36), (0.0, -high), (-0.3, -high * 0.8), (-0.26, -0.06), count=24)
    belly = curve(
        (0.1, fat * 0.34), (-0.06, high * 0.9), (-0.26, high * 0.7), (-0.2, 0.06), count=24
    )
    scene.shape(put(back), fin)
    scene.shape(put(belly), scene.palette.shaded(fin, 0.2))
    scene.canvas.fill(
        put(body), Gradient(scene.palette.shaded(colour, 0.12), scene.palette.lit(colour, 0.6))
    )
    _fish_pattern(scene, put, fat, mark)
    gill = curve((0.2, -fat * 0.32), (0.12, 0.0), (0.2, fat * 0.32), count=14)
    scene.canvas.fill(ribbon(put(gill), 0.014 * length), scene.palette.shaded(colour, 0.4))
    side_fin = blade(0.2, 0.13, belly=1.4, fullness=0.7)
    scene.shape(put(place(side_fin, (0.1, 0.05), angle=math.pi - 0.5)), fin, angle=0.4)
    for radius, tone in ((0.05, scene.palette.paper), (0.03, scene.palette.deep)):
        scene.canvas.fill(put(place(disc(radius, count=24), (0.29, -fat * 0.1))), tone)


def _fish_pattern(scene: Scene, put: _Put, fat: float, colour: Colour) -> None:
    """Bands across the body, or scales along it."""
    if scene.chance(0.6):
        for x in np.linspace(-0.24, 0.1, int(scene.rng.integers(2, 5))):
            half = 0.43 * fat * math.sin(math.pi * ((x + 0.43) / 0.86) ** 1.25) ** 0.85
            band = curve((x, -half), (x - 0.06, 0.0), (x, half), count=14)
            widths = 0.06 * np.sin(np.linspace(0.5, math.pi - 0.5, 14))
            scene.canvas.fill(put(ribbon(band, widths)), scene.palette.lit(colour, 0.2))
        return
    for row, x in enumerate(np.linspace(-0.26, 0.08, 5)):
        half = 0.3 * fat * math.sin(math.pi * ((x + 0.43) / 0.86) ** 1.25)
        for y in np.linspace(-half, half, 4 + row % 2):
            scale = curve((x, y - 0.035), (x - 0.05, y), (x, y + 0.035), count=8)
            scene.canvas.fill(put(ribbon(scale, 0.012)), scene.palette.shaded(colour, 0.1))


def shell(scene: Scene) -> None:
    """A coiled shell, or a fan-shaped one."""
    scene.backdrop()
    at = (scene.between(0.42, 0.58), scene.between(0.42, 0.58))
    angle, mirrored = scene.between(0.0, 2 * math.pi), scene.chance(0.5)
    if scene.chance(0.7):
        _nautilus(scene, at, angle, mirrored=mirrored)
    else:
        _scallop(scene, at, scene.between(-0.7, 0.7))


def _nautilus(scene: Scene, at: tuple[float, float], angle: float, *, mirrored: bool) -> None:
    """Bands between one whorl of a logarithmic spiral and the next."""
    growth = scene.between(2.3, 3.1)  # per turn
    chambers = int(scene.rng.integers(13, 22))
    size = scene.between(0.36, 0.44)
    turns = np.linspace(-3.2, 0.0, int(3.2 * chambers) + 1)

    def spiral(turn: Points) -> Points:
        radius = size * growth**turn
        around = 2 * math.pi * turn
        return np.asarray(radius[:, None] * np.stack([np.cos(around), np.sin(around)], axis=1))

    def put(points: Points) -> Points:
        return place(points, at, angle=angle, mirrored=mirrored)

    outer = spiral(np.linspace(-1.0, 0.0, 90))
    scene.shadow(put(outer))
    first, second, third, _ = scene.palette.accents
    scene.canvas.fill(put(outer), scene.palette.shaded(first, 0.3))
    stripe = scene.palette.lit(second, 0.45)
    for index, (start, end) in enumerate(pairwise(turns)):
        edge = np.linspace(start, end, 5)
        bent = edge[::-1] - 1.0 + 0.35 / chambers
        band = np.concatenate([spiral(edge), spiral(bent)])
        tone = first if index % 2 else stripe
        depth = 0.45 * (1 - (index + 1) / len(turns))
        light = Gradient(scene.palette.lit(tone, 0.4), scene.palette.shaded(tone, depth), None)
        scene.canvas.fill(put(band), light)
    rim = spiral(np.linspace(-3.2, 0.0, 160))
    widths = np.linspace(0.002, 0.016, 160)
    scene.canvas.fill(put(ribbon(rim, widths)), scene.palette.shaded(third, 0.45))


def _scallop(scene: Scene, at: tuple[float, float], angle: float) -> None:
    """Ribs that fan out from a hinge."""
    ribs = int(scene.rng.integers(7, 12))
    size, sweep = scene.between(0.5, 0.64), scene.between(2.0, 2.5)
    first, second, third, _ = scene.palette.accents
    foot = (at[0] - 0.42 * size * math.sin(angle), at[1] + 0.42 * size * math.cos(angle))
    turns = np.linspace(-sweep / 2, sweep / 2, ribs * 8 + 1) - math.pi / 2
    reach = size * (1 - 0.1 * np.linspace(-1, 1, len(turns)) ** 2)
    reach = reach + size * 0.03 * np.abs(np.sin(np.linspace(0, ribs * math.pi, len(turns))))
    rim = reach[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    fan = np.concatenate([[(0.0, 0.0)], rim])
    hinge = np.array([(-0.16, -0.13), (0.16, -0.13), (0.11, 0.02), (-0.11, 0.02)]) * size
    scene.shape(place(hinge, foot, angle=angle), scene.palette.shaded(first, 0.25))
    scene.shadow(place(fan, foot, angle=angle))
    for rib in range(ribs):
        part = np.concatenate([[(0.0, 0.0)], rim[rib * 8 : rib * 8 + 9]])
        middle = float(turns[rib * 8 + 4]) + angle
        tone = first if rib % 2 else scene.palette.lit(first, 0.4)
        scene.canvas.fill(
            place(part, foot, angle=angle),
            Gradient(scene.palette.shaded(tone, 0.35), scene.palette.lit(tone, 0.3), middle),
        )
    for share in (0.5, 0.72, 0.9):
        line = place(rim * share, foot, angle=angle)
        scene.canvas.fill(ribbon(line, 0.012), scene.palette.lit(second, 0.3), alpha=0.75)
    scene.canvas.fill(place(ellipse(0.05, 0.04), foot, angle=angle), scene.palette.shaded(third))
