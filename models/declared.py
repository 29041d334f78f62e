"""Architectures declared layer by layer: the study's and our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.layers import Layer, Shape, build_layers, count_macs, count_parameters
from models.registry import Architecture
from models.steps import Step, trace

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredArchitecture(Architecture):
    """An autoencoder as data: everything known of it is arithmetic, without torch.

    Attributes:
        encoder: from (3, S, S) to the latent; ends with its activation.
    """

    encoder: tuple[Layer, ...]

    def encode_shape(self, image_size: int) -> Shape | None:
        """(C, H, W) of the latent at ``image_size`` pixels square; None where that is too small."""
        shape: Shape = (3, image_size, image_size)
        for layer in self.encoder:
            shape = layer.output_shape(shape)
            if min(shape) < 1:
                return None
        return shape

    def encoder_parameters(self) -> int:
        """Number of learned values of the encoder."""
        return count_parameters(self.encoder, channels=3)

    def encoder_gflop(self, image_size: int) -> float:
        """10^9 floating point operations to encode one image; a multiply-add counts as two.

        Raises:
            ImageSizeError: ``image_size``, in pixels, is too small.
        """
        self.latent_shape(image_size)
        return 2 * count_macs(self.encoder, (3, image_size, image_size)) / 1e9

    def encoder_steps(self, image_size: int) -> tuple[Step, ...]:
        """From an image of ``image_size`` pixels square to its latent, layer by layer.

        Raises:
            ImageSizeError: too small.
        """
        self.latent_shape(image_size)
        return trace(self.encoder, (3, image_size, image_size))

    def build_encoder(self) -> nn.Sequential:
        """Modules from images (B, 3, S, S) to latents (B, C, H, W), PyTorch's initialisation."""
        return build_layers(self.encoder, channels=3)
