"""What training minimises: reconstruction, and where a recipe asks for it, agreement of views."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.augment import JITTERS, random_view
from models.autoencoder import ConvAutoencoder
from models.losses import RECONSTRUCTION_LOSSES, nt_xent_loss
from models.pooling import Pooling
from models.preprocess import Preprocess
from models.recipes import Recipe

HIDDEN_SIZE, PROJECTION_SIZE = 256, 128
"""Sizes of the projection head; 128 as in SimCLR, arXiv 2002.05709, section 4.2."""


@dataclass(frozen=True, slots=True)
class Losses:
    """One batch's losses, each a scalar tensor; ``total`` is what is minimised."""

    total: Tensor
    reconstruction: Tensor
    contrastive: Tensor
    latent: Tensor


class Objective(nn.Module):
    """A model, its projection head, and how they are judged.

    Args:
        model: the autoencoder to train.
        recipe: the weights of the parts.
        preprocess: normalisation of the input.
        loss: name of the reconstruction loss.
        colour: what views may do to colours, one of JITTERS.
        fixed_encoder: the encoder is fitted already; the decoder learns to read its latents.
    """

    def __init__(
        self,
        model: ConvAutoencoder,
        recipe: Recipe,
        preprocess: Preprocess,
        *,
        loss: str,
        colour: str,
        fixed_encoder: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self._compares_views = recipe.contrastive > 0 and not fixed_encoder
        self.projection = _projection(model) if self._compares_views else nn.Identity()
        model.encoder.requires_grad_(not fixed_encoder)
        self._recipe = recipe
        self._preprocess = preprocess
        self._jitter = JITTERS[colour]
        self._loss = RECONSTRUCTION_LOSSES[loss]

    def forward(self, pixels: Tensor, generator: torch.Generator) -> Losses:
        """Judge the model on a batch: uint8 (B, 3, S, S)."""
        images = self._preprocess.unit(pixels)
        if self._compares_views:
            views = [random_view(images, self._jitter, generator) for _ in range(2)]
            images = torch.cat(views)
        latent = self.model.encode(self._preprocess.standardize(images))
        reconstruction = self._loss(self.model.decode(latent, image_size=images.shape[-1]), images)
        contrastive = self._contrastive(latent)
        total = self._recipe.reconstruction * reconstruction
        total = total + self._recipe.contrastive * contrastive
        return Losses(total, reconstruction, contrastive, latent)

    def _contrastive(self, latent: Tensor) -> Tensor:
        if not self._compares_views:
            return latent.new_zeros(())
        # The head reads the very vector that is searched.
        first, second = self.projection(Pooling.MAXPOOL.apply(latent)).chunk(2)
        return nt_xent_loss(first, second, temperature=self._recipe.temperature)


def _projection(model: ConvAutoencoder) -> nn.Sequential:
    channels = model.architecture.latent_channels
    return nn.Sequential(
        nn.Linear(channels, HIDDEN_SIZE), nn.ReLU(), nn.Linear(HIDDEN_SIZE, PROJECTION_SIZE)
    )
