"""Pooling: how a latent becomes one vector per image.

No import of torch here: command lines list the poolings without paying for it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LatentShape = tuple[int, int, int]
"""(channels, height, width) of one image's latent."""

GEM_POWER = 3.0
"""Radenovic et al.'s starting value, and about what their training arrives at."""
GEM_LEAST = 1e-6
"""Values are raised to this before the power is taken."""
WHITENED_SIZE = 128
"""Most values of a whitened vector, unless another number is asked for."""


class Pooling(StrEnum):
    """How a latent (B, C, H, W) becomes one vector per image (B, D).

    The study's two: ``maxpool`` is the global maximum of every channel, ``flatten`` is the whole
    feature map, row by row (C-order).

    Further ones: ``average`` is the global mean of every channel; ``gem`` the generalised mean
    between the two (Radenovic, Tolias, Chum, TPAMI 2019, arXiv 1711.02512), of the positive part;
    ``whitened`` is flatten, shortened to its principal components of equal variance, which have to
    be fitted to images first (models/whitening.py).
    """

    MAXPOOL = "maxpool"
    FLATTEN = "flatten"
    AVERAGE = "average"
    GEM = "gem"
    WHITENED = "whitened"

    @property
    def is_fitted(self) -> bool:
        """Whether it takes more than the latent: something fitted to images, of a checkpoint."""
        return self is Pooling.WHITENED

    def apply(self, latent: Tensor) -> Tensor:
        """Pool ``latent``.

        Args:
            latent: Shape: (B, C, H, W).

        Returns:
            float32. Shape: (B, C*H*W) for flatten, (B, C) for the others.

        Raises:
            ValueError: the pooling is a fitted one: a :class:`models.pooler.Pooler` applies it.
        """
        latent = latent.float().contiguous()  # sums depend on the order of memory
        match self:
            case Pooling.MAXPOOL:
                return latent.amax(dim=(2, 3))
            case Pooling.FLATTEN:
                return latent.flatten(1)
            case Pooling.AVERAGE:
                return latent.mean(dim=(2, 3))
            case Pooling.GEM:
                powers = latent.clamp(min=GEM_LEAST).pow(GEM_POWER)
                return powers.mean(dim=(2, 3)).pow(1 / GEM_POWER)
            case Pooling.WHITENED:
                raise self._not_by_itself()

    def size(self, latent_shape: LatentShape) -> int:
        """Number of values of the vector pooled from a latent of ``latent_shape``.

        Raises:
            ValueError: the pooling is a fitted one: what was fitted decides.
        """
        if self.is_fitted:
            raise self._not_by_itself()
        channels, height, width = latent_shape
        return channels * height * width if self is Pooling.FLATTEN else channels

    def _not_by_itself(self) -> ValueError:
        return ValueError(f"{self} vectors do not follow from the latent alone")


STANDARD = (Pooling.MAXPOOL, Pooling.FLATTEN)
"""The study's two: every index has them."""
