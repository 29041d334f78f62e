"""One image from file to encoder input and payload: the same for the index and for queries."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.schema import SCHEMA_VERSION
from indexer.thumbnails import THUMBNAIL_SIDE
from indexer.types import FailedFile, Payload
from models.errors import UnreadableImageError
from models.images import MAX_MEGAPIXELS, OpenedImage, open_image
from models.sources import ImageFile

if TYPE_CHECKING:
    from models.preprocess import Preprocess


def read_image(
    file: Path | bytes, preprocess: Preprocess, *, max_megapixels: float = MAX_MEGAPIXELS
) -> OpenedImage:
    """Open ``file`` large enough for the encoder and the thumbnail.

    A stored image and a query must be decoded at the same scale, or an image would not be its own
    nearest neighbour: the only way in for both. Only their ``max_megapixels`` may differ.

    Raises:
        UnreadableImageError: it cannot be read as an image.
    """
    return open_image(
        file,
        at_least=max(preprocess.image_size, THUMBNAIL_SIDE),
        max_megapixels=max_megapixels,
    )


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
