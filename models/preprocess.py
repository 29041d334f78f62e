"""From an opened image to the encoder's input: the same steps for training, index and query."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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

    Raises:
        ValueError: an image size below 1, or a mean or std that is not three usable numbers.
    """

    image_size: int
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.image_size < 1:
            raise ValueError(f"image_size is {self.image_size}; it must be at least 1")
        for name, channels in (("mean", self.mean), ("std", self.std)):
            if len(channels) != 3 or not all(math.isfinite(value) for value in channels):
                raise ValueError(f"{name} is {channels!r}; it must be three finite numbers")
        if min(self.std) <= 0:
            raise ValueError(f"std is {self.std!r}; each value must be above 0")

    def pixels(self, image: Image.Image) -> Tensor:
        """Stretch an RGB image to the square: antialiased bilinear. uint8, shape (3, S, S).

        Raises:
            ValueError: the image's mode is not RGB.
        """
        side = self.image_size
        return resample(image, height=side, width=side)

    def unit(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) -> float32 (B, 3, S, S) in [0, 1]; same memory layout."""
        return pixels.float().div_(255.0)

    def standardize(self, images: Tensor) -> Tensor:
        """[0, 1] images (B, 3, S, S) -> the encoder's input of the same shape and layout."""
        return self._standardize_in_place(images.clone())

    def _standardize_in_place(self, images: Tensor) -> Tensor:
        mean = images.new_tensor(self.mean).view(3, 1, 1)
        std = images.new_tensor(self.std).view(3, 1, 1)
        return images.sub_(mean).div_(std)

    def normalize(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) -> float32 (B, 3, S, S), the encoder's input; same memory layout."""
        return self._standardize_in_place(self.unit(pixels))

    def as_json(self) -> dict[str, object]:
        """Plain values for ``json.dumps``; :meth:`from_json` reads them back."""
        return {"image_size": self.image_size, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Preprocess:
        """Rebuild what :meth:`as_json` wrote.

        Raises:
            ValueError: a key is missing or unknown, or a value is not usable.
        """
        if set(values) != {"image_size", "mean", "std"}:
            raise ValueError(f"preprocess needs image_size, mean and std, not {sorted(values)}")
        image_size = values["image_size"]
        if not isinstance(image_size, int) or isinstance(image_size, bool):
            raise ValueError(f"image_size is {image_size!r}; it must be a whole number")
        return cls(image_size, _channels("mean", values["mean"]), _channels("std", values["std"]))


def resample(
    image: Image.Image,
    *,
    height: int,
    width: int,
    kernel: Literal["bilinear", "bicubic"] = "bilinear",
) -> Tensor:
    """An RGB image at another size, antialiased. uint8, shape (3, height, width).

    What Pillow's filters of these names give, to within a level, several times as fast.

    Raises:
        ValueError: the image's mode is not RGB.
    """
    import numpy as np
    import torch
    import torch.nn.functional as F

    if image.mode != "RGB":
        raise ValueError(f"the image's mode is {image.mode}; open it with models.images first")
    # A copy, because Pillow lends read-only memory and torch warns of that.
    rows = torch.from_numpy(np.array(image))  # (H, W, 3)
    # A view with channels last in memory: torch's fast uint8 kernel works on that layout.
    batch = rows.permute(2, 0, 1).unsqueeze(0)
    resampled = F.interpolate(batch, size=(height, width), mode=kernel, antialias=True)
    return resampled.squeeze(0).contiguous()


def _channels(name: str, value: object) -> Channels:
    """Three numbers from parsed JSON."""
    match value:
        case [int() | float() as red, int() | float() as green, int() | float() as blue]:
            return float(red), float(green), float(blue)
        case _:
            raise ValueError(f"{name} is {value!r}; it must be three numbers")
