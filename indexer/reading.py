"""One image from file to encoder input and payload: the same for the index and for queries."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import InvalidRequestError
from indexer.schema import SCHEMA_VERSION
from indexer.thumbnails import THUMBNAIL_SIDE
from indexer.types import Box, FailedFile, Payload
from models.errors import UnreadableImageError
from models.images import MAX_MEGAPIXELS, OpenedImage, open_image
from models.sources import ImageFile

if TYPE_CHECKING:
    from models.preprocess import Preprocess


MIN_CROP = 16
"""Fewest pixels of a cropped part's sides, in the file: less is a colour rather than a picture."""


def read_image(
    file: Path | bytes,
    preprocess: Preprocess,
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
    crop: Box | None = None,
) -> OpenedImage:
    """Open ``file`` large enough for the encoder and the thumbnail.

    A stored image and a query must be decoded at the same scale, or an image would not be its own
    nearest neighbour: the only way in for both. Only their ``max_megapixels`` may differ. A part is
    decoded at the scale at which an image of its size would be.

    Args:
        file: a path, or the bytes of a file.
        preprocess: the encoder's.
        max_megapixels: larger images are refused, however small the part that is wanted.
        crop: the part of the upright image to give; its width and height are those of the part.

    Raises:
        UnreadableImageError: it cannot be read as an image.
        InvalidRequestError: a side of the part has less than MIN_CROP pixels in the file.
    """
    side = max(preprocess.image_size, THUMBNAIL_SIDE)
    if crop is None:
        return open_image(file, at_least=side, max_megapixels=max_megapixels)
    at_least = math.ceil(side / crop.smaller_side)
    return _part(open_image(file, at_least=at_least, max_megapixels=max_megapixels), crop)


def _part(opened: OpenedImage, crop: Box) -> OpenedImage:
    left, top, right, bottom = crop.edges(opened.width, opened.height)
    width, height = right - left, bottom - top
    if min(width, height) < MIN_CROP:
        raise InvalidRequestError(
            f"the crop has {width} x {height} of the image's {opened.width} x {opened.height} "
            f"pixels: choose a part with at least {MIN_CROP} on each side"
        )
    image = opened.image.crop(crop.edges(*opened.image.size))
    return replace(opened, image=image, width=width, height=height)


def hash_file(path: Path) -> str:
    """SHA-256 of the file's bytes, 64 hex digits.

    Raises:
        UnreadableImageError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableImageError(path, (error.strerror or "cannot be read").lower()) from error


def failed_file(file: ImageFile, error: UnreadableImageError) -> FailedFile:
    """``file`` with why it cannot be read.

    What the system refuses (a permission, a network drive, memory) may go well the next time; what
    a decoder made of the content does not.
    """
    cause = error.__cause__
    refused = isinstance(cause, OSError) and cause.errno is not None
    lasting = not refused and not isinstance(cause, MemoryError)
    return FailedFile(file.relative_path, error.reason, lasting=lasting)


def image_payload(dataset: str, file: ImageFile, opened: OpenedImage, sha256: str) -> Payload:
    """The payload that follows from the file; ``mtime`` is in nanoseconds since the epoch."""
    from indexer.phash import perceptual_hash

    payload: Payload = {
        **file_payload(file),
        "dataset": dataset,
        "width": opened.width,
        "height": opened.height,
        "format": opened.format,
        "bytes": file.bytes,
        "sha256": sha256,
        "phash": perceptual_hash(opened.image),
        "schema": SCHEMA_VERSION,
    }
    if opened.taken_at is not None:
        payload["taken_at"] = opened.taken_at
    return payload


def file_payload(file: ImageFile) -> Payload:
    """The part of the payload that can change while the content stays."""
    return {"path": file.relative_path, "label": file.label, "mtime": file.mtime_ns}
