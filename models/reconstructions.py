"""Originals over reconstructions, as one picture: what the latents of an autoencoder keep."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.checkpoint import RECONSTRUCTIONS_FILE
from models.errors import CheckpointError

if TYPE_CHECKING:
    from PIL import Image

    from models.autoencoder import ConvAutoencoder
    from models.preprocess import Preprocess

SHOWN = 8
"""Most images side by side."""
LARGEST_SIDE = 160
"""Of one image on the sheet, in pixels."""


@torch.no_grad()
def reconstruction_sheet(
    model: ConvAutoencoder, pixels: Tensor, preprocess: Preprocess
) -> Image.Image:
    """The upper row: images as the encoder sees them; the lower: what the decoder makes of them.

    Args:
        model: on any device; in training it stays in training.
        pixels: images, uint8. Shape: (N, 3, S, S), N >= 1; the first SHOWN are shown.
        preprocess: normalisation of the input.
    """
    from PIL.Image import Resampling, fromarray

    shown = pixels[:SHOWN]
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        made = model(preprocess.normalize(shown.to(device))).cpu()
    finally:
        model.train(was_training)
    levels = (made.nan_to_num(0.0).clamp(0, 1) * 255).round().to(torch.uint8)
    rows = [torch.cat(tuple(row), dim=2) for row in (shown, levels)]  # each (3, S, N * S)
    sheet = fromarray(torch.cat(rows, dim=1).permute(1, 2, 0).contiguous().numpy())
    side = shown.shape[-1]
    if side > LARGEST_SIDE:
        size = (LARGEST_SIDE * len(shown), LARGEST_SIDE * 2)
        sheet = sheet.resize(size, Resampling.BOX)
    return sheet


def write_sheet(
    folder: Path, model: ConvAutoencoder, pixels: Tensor, preprocess: Preprocess
) -> None:
    """Put the sheet into the checkpoint ``folder``; what was there is replaced in one step.

    Raises:
        CheckpointError: it cannot be written.
    """
    content = io.BytesIO()
    reconstruction_sheet(model, pixels, preprocess).save(content, "WEBP", quality=85)
    target = folder / RECONSTRUCTIONS_FILE
    beside = target.with_name(f"{RECONSTRUCTIONS_FILE}.new")
    try:
        beside.write_bytes(content.getvalue())
        beside.replace(target)
    except OSError as error:
        raise CheckpointError(f"cannot write {target}: {error.strerror}") from error


def remove_sheet(folder: Path) -> None:
    """Remove the sheet of an earlier training, which is not of these weights."""
    (folder / RECONSTRUCTIONS_FILE).unlink(missing_ok=True)
