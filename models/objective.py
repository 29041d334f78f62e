"""What training minimises: reconstruction, and where a recipe asks for it, agreement of views."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.augment import JITTERS, random_view
from models.autoencoder import ConvAutoencoder
from models.losses import RECONSTRUCTION_LOSSES, nt_xent_loss
from models.pooling import Pooling
from models.precision import Precision
from models.preprocess import Preprocess
from models.recipes import Recipe
from models.training_share import Share
from models.training_team import Team
from models.visual_words import has_words

HIDDEN_SIZE, PROJECTION_SIZE = 256, 128
"""Sizes of the projection head; 128 as in SimCLR, arXiv 2002.05709, section 4.2."""


@dataclass(frozen=True, slots=True)
class Losses:
    """One step's losses, each a scalar tensor; ``total`` is what is minimised.

    Where several processes share a step, each has its part of them: they add up to the step's.
    """

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
        precision: in how many bits the network computes; losses are always in fp32.
        team: the processes that share each step; gradients add up over them.
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
        precision: Precision,
        team: Team,
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
        self._precision, self._team = precision, team
        # Words are told apart by small differences of large numbers, which 16 bits cannot hold.
        self._mixes_encoder = not has_words(model.encoder)

    def forward(self, pixels: Tensor, generator: torch.Generator, share: Share) -> Losses:
        """Judge the model on a batch: uint8 (B, 3, S, S), this process's ``share`` of a step."""
        images = self._preprocess.unit(pixels)
        if self._compares_views:
            views = [random_view(images, self._jitter, generator, share=share) for _ in range(2)]
            images = torch.cat(views)
        with self._precision.autocast(enabled=self._mixes_encoder):
            latent = self.model.encode(self._preprocess.standardize(images))
        with self._precision.autocast():
            decoded = self.model.decode(latent, image_size=images.shape[-1])
        reconstruction = self._loss(decoded, images) * share.weight
        contrastive = self._contrastive(latent, share)
        total = self._recipe.reconstruction * reconstruction
        total = total + self._recipe.contrastive * contrastive
        return Losses(total, reconstruction, contrastive, latent)

    def _contrastive(self, latent: Tensor, share: Share) -> Tensor:
        """This process's part of the loss over the views of all images of the step."""
        if not self._compares_views:
            return latent.new_zeros((), dtype=torch.float32)
        with self._precision.autocast():
            # The head reads the very vector that is searched.
            projected = self.projection(Pooling.MAXPOOL.apply(latent)).float()
        first, second = (
            self._team.gather(half[: share.count], share) for half in projected.chunk(2)
        )
        loss = nt_xent_loss(first, second, temperature=self._recipe.temperature)
        # Every process has the whole loss, but its own images' gradients alone: the values have to
        # be divided so that they add up, the gradients add up as they are.
        return loss - loss.detach() * (1 - 1 / self._team.size)


def _projection(model: ConvAutoencoder) -> nn.Sequential:
    channels = model.architecture.latent_channels
    return nn.Sequential(
        nn.Linear(channels, HIDDEN_SIZE), nn.ReLU(), nn.Linear(HIDDEN_SIZE, PROJECTION_SIZE)
    )
