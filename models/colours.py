"""Any pixels that Pillow decodes -> sRGB: modes, depths, transparency, colour profiles."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageCms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.ImageCms import ImageCmsTransform

_SAME_COLOUR = 2
"""Levels of 255. A profile that moves no colour further is taken for sRGB itself: rounding."""

_BAND = 256
"""Rows of deep grey that are floats at a time: eight bytes for every pixel would be too many."""


def to_srgb(image: Image.Image, *, at_least: int | None = None) -> Image.Image:
    """A copy of a decoded image in mode RGB and in the colours of sRGB.

    Transparency goes on white. An embedded colour profile is applied; one that is damaged, or of
    another kind of colours than the image, counts as absent.

    Args:
        image: in any mode of Pillow's.
        at_least: the caller will shrink the image so that no side is above this many pixels: an
            image with a profile may come back smaller, no side below twice this, because
            converting colours takes longer than averaging pixels.
    """
    mode = _mode_of_profile(image)
    transform = _transform_to_srgb(image.info.get("icc_profile"), mode)
    if transform is None:
        return _to_rgb(image)
    if mode == "CMYK":
        coloured = image
    else:
        coloured = _to_rgb(image) if mode == "RGB" else _to_rgb(image).getchannel("R")
    factor = min(coloured.size) // (2 * at_least) if at_least else 1
    converted = transform.apply(coloured.reduce(factor) if factor > 1 else coloured)
    converted.info.clear()
    return converted


def _mode_of_profile(image: Image.Image) -> str:
    """RGB, L or CMYK: what the image's profile must be about."""
    if image.mode == "CMYK":
        return "CMYK"
    grey = image.mode in ("1", "L", "LA", "La", "I", "F") or image.mode.startswith("I;16")
    return "L" if grey else "RGB"


@functools.lru_cache(maxsize=16)
def _transform_to_srgb(profile: object, mode: str) -> ImageCmsTransform | None:
    """What takes ``mode`` in the colours of ``profile`` (ICC, bytes) to sRGB; None for nothing.

    Little CMS guards its transforms, so that threads may share one.
    """
    if not isinstance(profile, bytes) or not profile:
        return None
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, _srgb(), mode, "RGB")
    except ImageCms.PyCMSError:  # damaged, or of another kind of colours than ``mode``
        return None
    assert isinstance(transform, ImageCms.ImageCmsTransform)
    return None if mode != "CMYK" and _changes_nothing(transform, mode) else transform


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _changes_nothing(transform: ImageCmsTransform, mode: str) -> bool:
    """Whether colours all over the cube stay what they are."""
    import numpy as np

    steps = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
    before = Image.fromarray(cube).convert(mode)
    after = np.asarray(transform.apply(before), np.int16)
    return bool(np.abs(after - np.asarray(before.convert("RGB"), np.int16)).max() <= _SAME_COLOUR)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow's -> RGB, transparency on white, profiles left aside."""
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _deep_grey_to_8_bit(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(layer, mask=layer)
        return paper
    # A copy even of RGB: the caller's image must outlive the file.
    return image.convert("RGB")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    """CIE Lab through colour management: Pillow's ``convert`` cannot do it."""
    lab = ImageCms.createProfile("LAB")
    converted = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, _srgb(), "LAB", "RGB"))
    if converted is None:
        raise ValueError("no colour transform")
    return converted


def _deep_grey_to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey -> 8-bit grey, scaled and not cut off.

    Integers count as 16-bit (0..65535) and floats as 0..1, as these files are usually written;
    values outside are stretched from their own least to their greatest.
    """
    import numpy as np

    deep = np.asarray(image)
    low, high = 0.0, (1.0 if image.mode == "F" else 65535.0)
    bands = [deep[top : top + _BAND] for top in range(0, len(deep), _BAND)]
    least = min(float(_finite(band).min()) for band in bands)
    greatest = max(float(_finite(band).max()) for band in bands)
    if least < low or greatest > high:
        low, high = least, greatest
    scale = 255.0 / ((high - low) or 1.0)
    grey = [np.rint((_finite(band) - low) * scale).astype(np.uint8) for band in bands]
    return Image.fromarray(np.concatenate(grey))


def _finite(values: NDArray[Any]) -> NDArray[np.float64]:
    """As floats, zero where there is no number."""
    import numpy as np

    return np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
