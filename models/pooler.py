"""Pooler: every pooling that one encoder offers, the fitted ones included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import PoolingError
from models.pooling import LatentShape, Pooling

if TYPE_CHECKING:
    from torch import Tensor

    from models.whitening import Whitening


@dataclass(frozen=True, slots=True)
class Pooler:
    """Pools latents of one shape.

    Attributes:
        latent_shape: of one image.
        whitening: fitted to latents of this shape; without it there are no whitened vectors.
    """

    latent_shape: LatentShape
    whitening: Whitening | None = None

    def __post_init__(self) -> None:
        """Refuse a whitening of other latents."""
        flat_size = Pooling.FLATTEN.size(self.latent_shape)
        if self.whitening is not None and self.whitening.flat_size != flat_size:
            raise PoolingError(
                f"a whitening of {self.whitening.flat_size} values does not fit latents of "
                f"{self.latent_shape}, which have {flat_size}"
            )

    @property
    def sizes(self) -> Mapping[Pooling, int]:
        """The poolings there are, in their order, and the number of values of their vectors."""
        sizes = {each: each.size(self.latent_shape) for each in Pooling if not each.is_fitted}
        if self.whitening is not None:
            sizes[Pooling.WHITENED] = self.whitening.size
        return sizes

    def pool(self, latent: Tensor, pooling: Pooling) -> Tensor:
        """Pool ``latent``: (B, C, H, W) -> float32 (B, D), D as ``sizes`` says.

        Raises:
            PoolingError: a fitted pooling of which nothing was fitted.
        """
        if not pooling.is_fitted:
            return pooling.apply(latent)
        if self.whitening is None:
            raise PoolingError(f"no {pooling} vectors without a whitening in the checkpoint")
        return self.whitening.apply(Pooling.FLATTEN.apply(latent))
