"""Encoder: a checkpoint made ready to turn images into vectors."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from models.pooling import LatentShape, Pooling
from models.preprocess import Preprocess

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class Encoder:
    """The encoder half of a checkpoint, in evaluation mode on one device.

    Attributes:
        arch: name of the architecture.
        fingerprint: 64 hex digits over weights and preprocessing.
        preprocess: how images become its input.
        latent_shape: (C, H, W) of one image.
    """

    arch: str
    fingerprint: str
    preprocess: Preprocess
    latent_shape: LatentShape

    @classmethod
    def load(cls, checkpoint: Path, *, device: str = "auto") -> Encoder:
        """Load the encoder of the checkpoint folder ``checkpoint``.

        Raises:
            CheckpointError: no checkpoint there, or a damaged one.
        """
        raise NotImplementedError

    @property
    def name(self) -> str:
        """``<arch>-<first 8 digits of the fingerprint>``."""
        return f"{self.arch}-{self.fingerprint[:8]}"

    def encode(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) -> latent float32 (B, C, H, W)."""
        raise NotImplementedError

    def vectors(
        self, pixels: Tensor, poolings: Iterable[Pooling]
    ) -> dict[Pooling, NDArray[np.float32]]:
        """Encode once, pool often: uint8 (B, 3, S, S) -> float32 (B, D) per pooling."""
        latent = self.encode(pixels)
        return {pooling: pooling.apply(latent).cpu().numpy() for pooling in poolings}
