"""Copies of an image as people make them: the ground truth of a set without labels.

Whoever searches with a copy wants its original first. Every copy is a function of the image alone,
so the same image always gives the same copies. The kinds follow the copy-detection literature
(Douze et al., "The 2021 image similarity dataset and challenge", arXiv 2106.09672), mildly.

Pillow is imported inside the functions, so that command lines can name the kinds for free.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from models.images import open_image

if TYPE_CHECKING:
    from PIL import Image

Copy = Callable[["Image.Image"], "Image.Image"]


def crop80(image: Image.Image) -> Image.Image:
    """The middle, 80 % of each side."""
    return _middle(image, 0.8)


def crop50(image: Image.Image) -> Image.Image:
    """The middle, half of each side."""
    return _middle(image, 0.5)


def hflip(image: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    from PIL import ImageOps

    return ImageOps.mirror(image)


def colour(image: Image.Image) -> Image.Image:
    """As a filter of a phone does it: 40 % more saturation, 15 % brighter, 10 % less contrast."""
    from PIL import ImageEnhance

    image = ImageEnhance.Color(image).enhance(1.4)
    image = ImageEnhance.Brightness(image).enhance(1.15)
    return ImageEnhance.Contrast(image).enhance(0.9)


def blur(image: Image.Image) -> Image.Image:
    """Gaussian, 1 % of the shorter side."""
    from PIL import ImageFilter

    return image.filter(ImageFilter.GaussianBlur(max(1.0, min(image.size) / 100)))


def jpeg10(image: Image.Image) -> Image.Image:
    """Through JPEG of quality 10."""
    from PIL import Image

    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=10)
    return Image.open(stream).convert("RGB")


def caption(image: Image.Image) -> Image.Image:
    """A white bar with black words over the lowest 15 %."""
    from PIL import ImageDraw, ImageFont

    captioned = image.copy()
    width, height = image.size
    bar = max(1, round(0.15 * height))
    draw = ImageDraw.Draw(captioned)
    draw.rectangle((0, height - bar, width, height), fill="white")
    font = ImageFont.load_default(size=max(1.0, 0.6 * bar))
    draw.text((width / 2, height - bar / 2), "a caption", fill="black", font=font, anchor="mm")
    return captioned


def rot5(image: Image.Image) -> Image.Image:
    """Turned by 5 degrees at the same size, corners black."""
    from PIL import Image

    return image.rotate(5, resample=Image.Resampling.BILINEAR)


def half(image: Image.Image) -> Image.Image:
    """Both sides halved."""
    from PIL import Image

    size = (max(1, image.width // 2), max(1, image.height // 2))
    return image.resize(size, Image.Resampling.LANCZOS)


COPIES: Mapping[str, Copy] = {
    copy.__name__: copy
    for copy in (jpeg10, half, blur, colour, caption, rot5, crop80, hflip, crop50)
}
"""By name, RGB image -> RGB image; roughly from mild to strong."""

SIDE = 768
"""Copies are made of images with no side above this: pictures that are passed on are not larger."""


def write_copies(files: Sequence[Path], folder: Path, *, progress: bool) -> list[Path]:
    """Every kind of copy of every file, as JPEG of quality 95 below ``folder``.

    Returns:
        The copies, those of one file together, in the order of COPIES.

    Raises:
        UnreadableImageError: a file cannot be read.
    """
    copies = []
    for number, file in enumerate(tqdm(files, desc="Copies", unit="image", disable=not progress)):
        image = open_image(file, at_least=SIDE // 2).image
        image.thumbnail((SIDE, SIDE))
        for kind, copy in COPIES.items():
            path = folder / f"{number:06}-{kind}.jpg"
            copy(image).save(path, quality=95, subsampling=0)
            copies.append(path)
    return copies


def _middle(image: Image.Image, share: float) -> Image.Image:
    """The middle, ``share`` of each side."""
    width, height = image.size
    left, top = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    return image.crop((left, top, max(left + 1, width - left), max(top + 1, height - top)))
