"""Open one file as upright RGB. The one decoder for training, index, query and thumbnails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MAX_MEGAPIXELS = 200.0
"""Default cap on width*height/1e6 of an image: a larger one is refused before it is decoded."""


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """A decoded image and the facts of its file.

    Attributes:
        image: upright, mode RGB; may be smaller than the file's when ``at_least`` allowed it.
        width, height: of the upright image at the file's full size, in pixels.
        format: Pillow's name, such as "JPEG".
        taken_at: EXIF DateTimeOriginal as ISO 8601 ("2024-05-01T12:30:00"), or None.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    taken_at: str | None


def open_image(
    file: Path | bytes, *, at_least: int | None = None, max_megapixels: float = MAX_MEGAPIXELS
) -> OpenedImage:
    """Decode ``file`` to an upright RGB image.

    EXIF orientation is applied, alpha goes on white, palette, CMYK, 16-bit and grey become RGB,
    and of an animation the first frame is taken.

    Args:
        file: a path, or the bytes of a file.
        at_least: the caller will shrink the image so that no side is above this many pixels: a
            JPEG may then be decoded at a fraction of its size, no side below twice this.
        max_megapixels: refuse larger images, from the header, before decoding.

    Raises:
        UnreadableImageError: not an image, damaged, truncated, too large, or not permitted.
    """
    raise NotImplementedError
