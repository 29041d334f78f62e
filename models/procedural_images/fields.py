"""Fields: patterns of one value per pixel, before they get colours. All kinds, in one list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, Self

import numpy as np

from models.procedural_images.cells import Cells, Edges, Spots
from models.procedural_images.noise import BandNoise, PowerNoise, warped
from models.procedural_images.plane import Array, Plane, chance
from models.procedural_images.shaders import Checker, Gradient, Julia, Network, Stripes


class Pattern(Protocol):
    """A kind of pattern with its parameters."""

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Parameters at random."""
        ...

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """The pattern on a plane, at any scale. Shape: (S, S)."""
        ...


SHARES: Mapping[type[Pattern], float] = MappingProxyType(
    {
        PowerNoise: 0.18,
        BandNoise: 0.14,
        Stripes: 0.13,
        Network: 0.12,
        Cells: 0.10,
        Edges: 0.08,
        Spots: 0.08,
        Gradient: 0.07,
        Checker: 0.05,
        Julia: 0.05,
    }
)
"""Every kind, and how often it is drawn.

By eye: noise most, as what is most like photographs; regular patterns, which are rare there, least.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """A pattern on a plane that may be warped.

    Attributes:
        pattern: what is drawn.
        warp: how much it is displaced; 0 for not at all.
    """

    pattern: Pattern
    warp: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Self:
        """Any kind; three in five warped, up to where a pattern is just recognised (by eye)."""
        kinds = tuple(SHARES)
        kind = kinds[rng.choice(len(kinds), p=tuple(SHARES.values()))]
        return cls(kind.sample(rng), rng.uniform(0.0, 0.3) if chance(rng, 0.6) else 0.0)

    def values(self, plane: Plane, rng: np.random.Generator) -> Array:
        """Mean 0 and variance 1, or all 0 where nothing varies. Shape: (S, S)."""
        values = self.pattern.values(warped(plane, self.warp, rng) if self.warp else plane, rng)
        centred = values - float(values.mean())
        return centred / (float(centred.std()) + 1e-6)
