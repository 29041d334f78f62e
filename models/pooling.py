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


class Pooling(StrEnum):
    """How a latent (B, C, H, W) becomes one vector per image (B, D).

    The study's two: ``maxpool`` is the global maximum of every channel, ``flatten`` is the whole
    feature map, row by row (C-order).
    """

    MAXPOOL = "maxpool"
    FLATTEN = "flatten"

    def apply(self, latent: Tensor) -> Tensor:
        """Pool ``latent``.

        Args:
            latent: Shape: (B, C, H, W).

        Returns:
            float32. Shape: (B, C) for maxpool, (B, C*H*W) for flatten.
        """
        pooled = latent.amax(dim=(2, 3)) if self is Pooling.MAXPOOL else latent.flatten(1)
        return pooled.float().contiguous()

    def size(self, latent_shape: LatentShape) -> int:
        """Number of values of the vector pooled from a latent of ``latent_shape``."""
        channels, height, width = latent_shape
        return channels if self is Pooling.MAXPOOL else channels * height * width
