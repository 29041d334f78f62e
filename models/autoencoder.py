"""ConvAutoencoder: the contract every architecture fulfils: encode, decode, forward."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Activation, build_activation
from models.pooling import LatentShape
from models.registry import Architecture


class ConvAutoencoder(nn.Module):
    """An architecture as a torch module.

    Args:
        architecture: what to build.
        output: activation of the reconstruction; the architecture's own when None.
    """

    def __init__(self, architecture: Architecture, *, output: Activation | None = None) -> None:
        super().__init__()
        self.architecture = architecture
        self.output: Activation = output or architecture.output
        self.encoder = architecture.build_encoder()
        self.decoder = architecture.build_decoder()
        self.decoder.extend(build_activation(self.output))

    def latent_shape(self, image_size: int) -> LatentShape:
        """(C, H, W) of one image's latent; ImageSizeError where the image is too small."""
        return self.architecture.latent_shape(image_size)

    def encode(self, images: Tensor) -> Tensor:
        """Images to latents.

        Args:
            images: normalised. Shape: (B, 3, S, S).

        Returns:
            Shape: (B, C, H, W), as ``latent_shape(S)`` says.

        Raises:
            ImageSizeError: S is too small.
        """
        self.latent_shape(images.shape[-1])
        latent: Tensor = self.encoder(images)
        return latent

    def decode(self, latent: Tensor, *, image_size: int) -> Tensor:
        """Latents to reconstructions in the [0, 1] pixel range.

        Most decoders return the input's size at 224 pixels only (at 128, model4's returns 160). A
        latent cell stands for the same fraction of the picture on both sides, so any other size is
        resampled to the input's, which keeps every part in its place; a crop would not.

        Args:
            latent: Shape: (B, C, H, W).
            image_size: S of the images that were encoded, in pixels.

        Returns:
            Shape: (B, 3, S, S).
        """
        images: Tensor = self.decoder(latent).float()  # from mixed precision, in training
        if images.shape[-2:] == (image_size, image_size):
            return images
        size = (image_size, image_size)
        return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct ``images``. Shape: (B, 3, S, S) -> (B, 3, S, S)."""
        return self.decode(self.encode(images), image_size=images.shape[-1])
