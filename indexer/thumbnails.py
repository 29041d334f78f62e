"""Thumbnails: small WebP copies by content hash, shared by all datasets."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.layout import write_atomically

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL_SIDE = 256
"""Longest side of a thumbnail, in pixels."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def thumbnail_path(folder: Path, sha256: str) -> Path:
    """Where the thumbnail of an image with this content lies.

    Raises:
        ValueError: ``sha256`` is not 64 hex digits, and might lead anywhere.
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a SHA-256: {sha256!r}")
    return folder / sha256[:2] / f"{sha256}.webp"


def write_thumbnail(image: Image.Image, folder: Path, sha256: str) -> Path:
    """Write the thumbnail of an RGB image, unless it is there; returns its path."""
    path = thumbnail_path(folder, sha256)
    if not path.exists():
        write_atomically(path, make_thumbnail(image))
    return path


def make_thumbnail(image: Image.Image) -> bytes:
    """The WebP file of an RGB image's thumbnail."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), reducing_gap=2.0)
    content = io.BytesIO()
    small.save(content, "WEBP", quality=80, method=2)
    return content.getvalue()
