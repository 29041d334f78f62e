"""Colours: one pool of palettes that every kind of picture draws from.

Because all kinds share all palettes, in light and in dark, colour says little about the kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Red, green, blue in 0..255."""

_PALETTES = (
    # deep, mid, soft, paper, then four accents
    "3b2a2f 7a4a45 e9cdb4 f8efe4 d8694a e9a15b 6f8f7f 2f5d62",  # terracotta
    "22313f 3f5a73 c9d8e0 f2f5f4 e07a5f f2cc8f 81b29a 5c7fa3",  # nordic
    "2f3b26 5e7043 dfe3c0 f8f6e6 c8553d e9b44c 8aa05a 588b8b",  # orchard
    "2b1f47 5b3f7a e4c8dc f9eef0 f08a5d f9c784 b86fa8 6a8fd0",  # dusk
    "0f3a47 1f6f78 bfe3da f0faf4 ff8966 ffd07b 3fa7a0 2f6690",  # lagoon
    "4a2030 8d3f56 f2cdcf fcf1ee e25f6b f4a78b 9db28c 5f7f9c",  # rose
    "40280f 8a5a22 f4d9a0 fdf5e0 e8871e d1495b 5b8e7d 30638e",  # saffron
    "1d3b34 3f7a68 cbe8d8 f3fbf5 f2a65a ee6c6c 69b598 7d8cc4",  # mint
    "2d1832 64395f d9c3d6 f6eef5 c95d8b e8b04b 7fa08e 4f6d9a",  # plum
    "1f2630 485769 cfd5d8 f4f3ef d96c4f e6b566 7e9aa8 5d7a5f",  # slate
    "12324f 2b5f8c b9d7ea eef6fb f26b5b f7b267 4aa3b5 8f6bb3",  # reef
    "20301f 47603a ccd6b4 f3f4e4 b5654a dfa94f 74925a 8e7aa8",  # moss
)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """``first`` at share 0, ``second`` at share 1."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one picture.

    Attributes:
        ground: the two ends of the background's gradient.
        ink: stands out from the ground.
        paper: the lightest colour.
        deep: the darkest colour.
        accents: four colours in an order of chance.
        dark: the ground is darker than what stands on it.
    """

    ground: tuple[Colour, Colour]
    ink: Colour
    paper: Colour
    deep: Colour
    accents: tuple[Colour, Colour, Colour, Colour]
    dark: bool

    def lit(self, colour: Colour, share: float = 0.35) -> Colour:
        """Towards light."""
        return mix(colour, self.paper, share)

    def shaded(self, colour: Colour, share: float = 0.3) -> Colour:
        """Towards dark."""
        return mix(colour, self.deep, share)


def choose_palette(rng: np.random.Generator) -> Palette:
    """One palette of the pool, with its roles shuffled and its colours a little varied."""
    deep, mid, soft, paper, *accents = _parse(_PALETTES[rng.integers(len(_PALETTES))], rng)
    order = rng.permutation(4)
    first, second, third, fourth = (accents[index] for index in order)
    style = rng.choice(3, p=(0.42, 0.33, 0.25))
    if style == 0:
        ground, dark = (paper, soft), False
    elif style == 1:
        ground, dark = (deep, mid), True
    else:  # tinted: the fourth accent becomes the ground
        ground, dark = (mix(fourth, paper, 0.25), mix(fourth, soft, 0.7)), False
        fourth = mid
    if rng.random() < 0.5:
        ground = (ground[1], ground[0])
    if dark:
        first, second, third, fourth = (mix(c, paper, 0.18) for c in (first, second, third, fourth))
    return Palette(
        ground, paper if dark else deep, paper, deep, (first, second, third, fourth), dark
    )


def _parse(text: str, rng: np.random.Generator) -> list[Colour]:
    """Hexadecimal colours, all moved together by a few levels."""
    drift = rng.normal(0.0, 5.0, 3)
    colours: list[Colour] = []
    for word in text.split():
        levels = np.frombuffer(bytes.fromhex(word), np.uint8) + drift
        red, green, blue = np.clip(levels, 0, 255).tolist()
        colours.append((red, green, blue))
    return colours
