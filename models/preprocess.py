"""From an opened image to the encoder's input: the same steps for training, index and query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Channels = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How an image becomes the encoder's input; stored in the checkpoint, part of the fingerprint.

    Attributes:
        image_size: S, the side of the square the image is stretched to, in pixels.
        mean, std: per channel, in the [0, 1] range; input = (pixels / 255 - mean) / std. The study
            used plain [0, 1] tensors: mean 0, std 1.
    """

    image_size: int
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)

    def pixels(self, image: Image.Image) -> Tensor:
        """Stretch an RGB image to the square: antialiased bilinear. uint8, shape (3, S, S)."""
        raise NotImplementedError

    def normalize(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) -> float32 (B, 3, S, S), the encoder's input."""
        raise NotImplementedError
