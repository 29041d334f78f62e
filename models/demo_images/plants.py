"""Flowers, leaves, citrus slices, mushrooms."""

from __future__ import annotations

import math

import numpy as np

from models.demo_images.canvas import Gradient
from models.demo_images.palettes import Colour, mix
from models.demo_images.scene import Scene
from models.demo_images.shapes import Points, blade, curve, disc, ellipse, place, ribbon

_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def flower(scene: Scene) -> None:
    """An open blossom from above, sometimes with a smaller one behind it."""
    scene.backdrop()
    radius = scene.between(0.27, 0.42)
    at = (scene.between(0.36, 0.64), scene.between(0.36, 0.64))
    _leaves_around(scene, at, radius)
    if scene.chance(0.4):
        turn = scene.between(0.0, 2 * math.pi)
        beside = (at[0] + 0.42 * math.cos(turn), at[1] + 0.42 * math.sin(turn))
        _blossom(scene, beside, radius * scene.between(0.45, 0.65))
    _blossom(scene, at, radius)


def _leaves_around(scene: Scene, at: tuple[float, float], radius: float) -> None:
    colour = scene.accent()
    first = scene.between(0.0, 2 * math.pi)
    for index in range(int(scene.rng.integers(0, 5))):
        angle = first + index * scene.between(1.0, 1.7)
        leaf = place(blade(radius * 1.45, radius * 0.5, fullness=1.2), at, angle=angle)
        scene.shape(leaf, scene.palette.shaded(colour, 0.25), angle=angle)


def _blossom(scene: Scene, at: tuple[float, float], radius: float) -> None:
    petals = int(scene.rng.integers(5, 14))
    colour, heart = (scene.palette.accents[index] for index in scene.rng.permutation(4)[:2])
    fullness, belly = scene.between(0.45, 1.1), scene.between(1.1, 2.0)
    start = scene.between(0.0, 2 * math.pi)
    scene.shadow(place(disc(radius * 0.85), at))
    layers = int(scene.rng.integers(1, 4))
    for layer in range(layers):
        length = radius * (1 - 0.27 * layer)
        width = length * min(0.95, scene.between(4.2, 5.6) / petals)
        tone = scene.palette.lit(colour, 0.05 + 0.22 * layer)
        for index in range(petals):
            angle = start + (index + 0.5 * layer) * 2 * math.pi / petals
            petal = place(blade(length, width, belly=belly, fullness=fullness), at, angle=angle)
            base, tip = scene.palette.shaded(tone, 0.38), scene.palette.lit(tone, 0.35)
            scene.canvas.fill(petal, Gradient(base, tip, angle))
    _stamens(scene, at, radius * scene.between(0.16, 0.28), heart)


def _stamens(scene: Scene, at: tuple[float, float], radius: float, colour: Colour) -> None:
    """Seeds in the spiral that flowers use."""
    scene.canvas.fill(place(disc(radius), at), scene.palette.shaded(colour, 0.45))
    for index in range(34):
        distance, turn = radius * 0.95 * math.sqrt(index / 34), index * _GOLDEN_ANGLE
        spot = (at[0] + distance * math.cos(turn), at[1] + distance * math.sin(turn))
        seed = place(disc(radius * 0.12, count=10), spot)
        scene.canvas.fill(seed, scene.palette.lit(colour, 0.15 + 0.4 * index / 34))


def leaf(scene: Scene) -> None:
    """A sprig with leaves in pairs, or one large leaf with its veins."""
    scene.backdrop()
    if scene.chance(0.35):
        _large_leaf(scene)
        return
    colours = scene.palette.accents
    for colour in colours[: 1 + int(scene.chance(0.3))]:
        _sprig(scene, colour)


def _large_leaf(scene: Scene) -> None:
    length, angle = scene.between(0.72, 0.95), scene.between(0.0, 2 * math.pi)
    width = length * scene.between(0.42, 0.66)
    middle = np.array([scene.between(0.44, 0.56), scene.between(0.44, 0.56)])
    stalk = middle - 0.5 * length * np.array([math.cos(angle), math.sin(angle)])
    _leaf_with_veins(scene, (stalk[0], stalk[1]), angle, (length, width), scene.accent(), veins=8)


def _sprig(scene: Scene, colour: Colour) -> None:
    turn = scene.between(0.0, 2 * math.pi)
    pairs, length = int(scene.rng.integers(3, 7)), scene.between(0.2, 0.34)
    slim, swing = scene.between(0.32, 0.6), scene.between(-0.28, 0.28)
    stem = curve((-0.44, 0.0), (-0.1, swing), (0.2, -swing), (0.34, 0.0), count=40)
    at = (scene.between(0.42, 0.58), scene.between(0.42, 0.58))
    stem = place(stem, at, angle=turn)
    scene.canvas.fill(ribbon(stem, np.linspace(0.022, 0.008, 40)), scene.palette.shaded(colour))
    spread, alternate = scene.between(0.65, 1.1), scene.chance(0.5)
    for index, step in enumerate(np.linspace(7, 37, pairs).astype(int)):
        along = stem[step] - stem[step - 2]
        heading = math.atan2(along[1], along[0])
        size = length * (1 - 0.45 * index / pairs)
        for side in (-1, 1):
            foot = stem[max(0, step - (3 if alternate and side > 0 else 0))]
            angle = heading + side * spread
            _leaf_with_veins(scene, (foot[0], foot[1]), angle, (size, size * slim), colour, veins=3)
    tip = stem[-1] - stem[-3]
    end = math.atan2(tip[1], tip[0])
    foot = stem[-2]
    size = length * 0.6
    _leaf_with_veins(scene, (foot[0], foot[1]), end, (size, size * slim), colour, veins=3)


def _leaf_with_veins(
    scene: Scene,
    at: tuple[float, float],
    angle: float,
    size: tuple[float, float],
    colour: Colour,
    *,
    veins: int,
) -> None:
    length, width = size
    outline = blade(length, width, belly=0.8, fullness=1.0)
    placed = place(outline, at, angle=angle)
    if length > 0.5:
        scene.shadow(placed)
    tone = mix(colour, scene.palette.paper, scene.between(0.0, 0.15))
    scene.canvas.fill(placed, Gradient(scene.palette.shaded(tone, 0.3), tone, angle))
    half = place(outline[: len(outline) // 2], at, angle=angle)
    scene.canvas.fill(half, scene.palette.lit(tone, 0.4), alpha=0.45)
    line = scene.palette.lit(tone, 0.6)
    thick = 0.006 + 0.008 * length
    rib = np.array([(0.0, 0.0), (length * 0.5, 0.0), (length * 0.96, 0.0)])
    scene.canvas.fill(place(ribbon(rib, np.linspace(thick, 0.002, 3)), at, angle=angle), line)
    for share in np.linspace(0.14, 0.72, veins):
        end = min(0.97, share + 0.45 * width / length * (1 - 0.4 * share))
        reach = 0.44 * width * math.sin(math.pi * end**0.8)  # inside the outline
        for side in (-1, 1):
            vein = curve(
                (share * length, 0.0),
                ((0.5 * share + 0.5 * end) * length, side * reach * 0.35),
                (end * length, side * reach),
                count=8,
            )
            placed = place(ribbon(vein, thick * 0.5), at, angle=angle)
            scene.canvas.fill(placed, line, alpha=0.7)


def citrus(scene: Scene) -> None:
    """Slices of citrus fruit, one to four."""
    scene.backdrop()
    count = int(scene.rng.integers(1, 5))
    radius = (0.4, 0.29, 0.25, 0.22)[count - 1] * scene.between(0.88, 1.08)
    turn = scene.between(0.0, 2 * math.pi)
    centre = (scene.between(0.44, 0.56), scene.between(0.44, 0.56))
    for index in range(count):
        away = 0.0 if count == 1 else radius * scene.between(0.95, 1.12)
        direction = turn + index * 2 * math.pi / count
        at = (centre[0] + away * math.cos(direction), centre[1] + away * math.sin(direction))
        _slice(scene, at, radius, half=scene.chance(0.22))


def _slice(scene: Scene, at: tuple[float, float], radius: float, *, half: bool) -> None:
    """Rind, pith and segments of one slice."""
    colour, angle = scene.accent(), scene.between(0.0, 2 * math.pi)
    sweep = math.pi if half else 2 * math.pi
    scene.shadow(place(_pie(radius, sweep), at, angle=angle))
    scene.shape(place(_pie(radius, sweep), at, angle=angle), colour)
    pith = mix(scene.palette.paper, colour, 0.12)
    scene.canvas.fill(place(_pie(radius * 0.92, sweep), at, angle=angle), pith)
    segments = int(scene.rng.integers(8, 12)) // (2 if half else 1)
    for index in range(segments):
        middle = angle + (index + 0.5) * sweep / segments
        foot = (at[0] + 0.09 * radius * math.cos(middle), at[1] + 0.09 * radius * math.sin(middle))
        wedge = _segment(radius * 0.76, sweep / segments)
        inner, outer = scene.palette.lit(colour, 0.5), scene.palette.lit(colour, 0.04)
        scene.canvas.fill(place(wedge, foot, angle=middle), Gradient(inner, outer, middle))
        if scene.chance(0.3):
            spot = (
                at[0] + 0.3 * radius * math.cos(middle),
                at[1] + 0.3 * radius * math.sin(middle),
            )
            seed = place(blade(radius * 0.15, radius * 0.07), spot, angle=middle)
            scene.canvas.fill(seed, scene.palette.paper)


def _pie(radius: float, sweep: float) -> Points:
    """A circle, or a part of it from angle 0 on."""
    turn = np.linspace(0.0, sweep, 96)
    return radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _segment(radius: float, sweep: float) -> Points:
    """A wedge with round corners along +x."""
    turn = np.linspace(-0.5, 0.5, 17) * sweep * 0.86
    reach = radius * (1 - 0.16 * np.abs(np.linspace(-1, 1, 17)) ** 4)
    arc = np.stack([reach * np.cos(turn), reach * np.sin(turn)], axis=1)
    return np.concatenate([[(0.0, 0.0)], arc])


def mushroom(scene: Scene) -> None:
    """One to three mushrooms on a mound with grass."""
    scene.backdrop()
    ground = scene.between(0.72, 0.9)
    earth = scene.palette.shaded(scene.accent(), 0.4)
    mound = place(ellipse(scene.between(0.55, 0.9), 0.32), (scene.between(0.3, 0.7), ground + 0.28))
    scene.shape(mound, earth)
    count = int(scene.rng.integers(1, 4))
    middle = scene.between(0.4, 0.6)
    places = middle + (np.arange(count) - (count - 1) / 2) * scene.between(0.24, 0.32)
    for x in scene.rng.permutation(places):
        scale = scene.between(0.6, 0.86) if count == 1 else scene.between(0.38, 0.66)
        _mushroom(scene, (float(x), ground + scene.between(0.0, 0.05)), scale)
    for _ in range(int(scene.rng.integers(6, 16))):
        foot = (scene.between(0.05, 0.95), ground + scene.between(0.03, 0.1))
        angle = -math.pi / 2 + scene.between(-0.5, 0.5)
        grass = place(blade(scene.between(0.05, 0.14), 0.016, belly=0.6), foot, angle=angle)
        scene.canvas.fill(grass, scene.palette.lit(earth, scene.between(0.1, 0.4)))


def _mushroom(scene: Scene, foot: tuple[float, float], scale: float) -> None:
    """Stem, gills, cap and spots; ``scale`` is its height."""
    lean = scene.between(-0.16, 0.16)
    height, width = scale * scene.between(0.55, 0.75), scale * scene.between(0.34, 0.5)
    dome = width * scene.between(0.6, 1.25)
    top = (foot[0] + lean * scale, foot[1] - height)
    stem_path = curve(foot, (foot[0], foot[1] - height * 0.5), top, count=20)
    stem = ribbon(stem_path, np.linspace(0.17, 0.1, 20) * scale)
    pale = mix(scene.palette.paper, scene.accent(), 0.1)
    scene.canvas.fill(stem, Gradient(pale, scene.palette.shaded(pale, 0.3), 0.0))
    gills = place(ellipse(width * 0.96, width * 0.2), top, angle=lean)
    scene.canvas.fill(gills, scene.palette.shaded(pale, 0.45))
    turn = np.linspace(math.pi, 2 * math.pi, 40)
    arch = np.stack([width * np.cos(turn), dome * np.sin(turn)], axis=1)
    brim = np.stack(
        [np.linspace(width, -width, 20), 0.1 * width * np.cos(np.linspace(-1.57, 1.57, 20))], 1
    )
    cap = place(np.concatenate([arch, brim]), top, angle=lean)
    scene.shadow(cap, alpha=0.22)
    colour = scene.accent()
    light = Gradient(
        scene.palette.lit(colour, 0.35), scene.palette.shaded(colour, 0.2), None, (0.35, 0.2)
    )
    scene.canvas.fill(cap, light)
    _spots(scene, top, lean, width, dome)


def _spots(scene: Scene, top: tuple[float, float], lean: float, width: float, dome: float) -> None:
    if scene.chance(0.25):
        return
    light = mix(scene.palette.paper, scene.accent(), 0.1)
    for _ in range(int(scene.rng.integers(5, 10))):
        turn, out = scene.between(1.12, 1.88) * math.pi, scene.between(0.15, 0.8)
        x, y = width * out * math.cos(turn), dome * max(out, 0.3) * math.sin(turn)
        cos, sin = math.cos(lean), math.sin(lean)
        spot = (top[0] + x * cos - y * sin, top[1] + x * sin + y * cos)
        size = width * scene.between(0.06, 0.14)
        scene.canvas.fill(place(ellipse(size, size * 0.8, count=20), spot, angle=lean), light)
