"""Losses: how far a reconstruction is from its image, and two views of an image from each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

ReconstructionLoss = Callable[[Tensor, Tensor], Tensor]

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
SSIM_C1 = 0.01**2
SSIM_C2 = 0.03**2


def mse_loss(reconstruction: Tensor, images: Tensor) -> Tensor:
    """Mean squared error over all pixels; both of shape (B, 3, S, S) in [0, 1]."""
    return F.mse_loss(reconstruction, images)


def ssim_loss(reconstruction: Tensor, images: Tensor) -> Tensor:
    """1 - structural similarity, averaged over images, channels and positions.

    Window 11 x 11, Gaussian of sigma 1.5, K1 = 0.01, K2 = 0.03, only where the window lies inside
    the image: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE TIP 13(4), 2004, section III-C. Images smaller than the window get
    the largest odd window that fits.

    Args:
        reconstruction: in [0, 1]. Shape: (B, 3, S, S).
        images: what was to be reconstructed, likewise.

    Returns:
        A scalar in [0, 2]; 0 for equal images.
    """
    mean_x, mean_y = _blur(reconstruction), _blur(images)
    variance_x = _blur(reconstruction**2) - mean_x**2
    variance_y = _blur(images**2) - mean_y**2
    covariance = _blur(reconstruction * images) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + SSIM_C1) / (mean_x**2 + mean_y**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (variance_x + variance_y + SSIM_C2)
    return 1 - (luminance * structure).mean()


def _blur(images: Tensor) -> Tensor:
    """Gaussian mean of every window that lies inside the image."""
    side = min(SSIM_WINDOW, (images.shape[-1] - 1) // 2 * 2 + 1)
    positions = torch.arange(side, dtype=images.dtype, device=images.device) - side // 2
    row = torch.exp(-(positions**2) / (2 * SSIM_SIGMA**2))
    row = row / row.sum()
    channels = images.shape[1]
    vertical = row.view(1, 1, side, 1).expand(channels, 1, side, 1)
    horizontal = row.view(1, 1, 1, side).expand(channels, 1, 1, side)
    return F.conv2d(F.conv2d(images, vertical, groups=channels), horizontal, groups=channels)


RECONSTRUCTION_LOSSES: Mapping[str, ReconstructionLoss] = {"mse": mse_loss, "ssim": ssim_loss}
"""By the name that command lines use."""


def nt_xent_loss(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross entropy: each view has to find its partner.

    Equation 1 of Chen, Kornblith, Norouzi, Hinton, "A simple framework for contrastive learning of
    visual representations", ICML 2020, arXiv 2002.05709.

    Args:
        first: projections of one view of each image. Shape: (B, D).
        second: those of another view of the same images, in the same order. Shape: (B, D).
        temperature: divides the cosine similarities; smaller looks harder at near neighbours.

    Returns:
        A scalar >= 0; about log(2B - 1) for projections that know nothing.
    """
    views = F.normalize(torch.cat([first, second]), dim=1)
    logits = views @ views.T / temperature
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    count = len(first)
    partner = torch.arange(2 * count, device=views.device).roll(count)
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")), partner)
