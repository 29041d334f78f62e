"""Uploaded pictures: what the page takes, and how it shows what a browser cannot."""

from __future__ import annotations

import base64

from indexer.thumbnails import THUMBNAIL_SIDE, make_thumbnail
from models.errors import UnreadableImageError
from models.formats import READ_FORMATS
from models.images import check_image, open_image
from search_ui.queries import UploadedQuery

MAX_MEGAPIXELS = 64
SHOWN_BY_BROWSERS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF"})
"""Formats, Pillow's names, that the browser previews by itself from the visitor's own file."""


def check_upload(query: UploadedQuery) -> str:
    """Refuse, from its header, a file that is no picture of an accepted format and size.

    Returns:
        Its format, Pillow's name.

    Raises:
        UnreadableImageError: with a reason that a visitor understands.
    """
    try:
        return check_image(query.file, max_megapixels=MAX_MEGAPIXELS)
    except UnreadableImageError as error:
        formats = ", ".join(READ_FORMATS.values())
        raise UnreadableImageError(
            query.name,
            f"{error.reason}. The page takes {formats}, up to {MAX_MEGAPIXELS} megapixels.",
        ) from error


def shown_by_browsers(query: UploadedQuery) -> bool:
    """Whether the browser can show the visitor's own file by itself."""
    return check_upload(query) in SHOWN_BY_BROWSERS


def preview(query: UploadedQuery) -> str:
    """A small copy as a data address.

    Nothing that was uploaded is ever served: this travels with the answer to who sent the file, or
    was given its address.

    Raises:
        UnreadableImageError: it cannot be decoded.
    """
    opened = open_image(query.file, at_least=THUMBNAIL_SIDE, max_megapixels=MAX_MEGAPIXELS)
    content = base64.b64encode(make_thumbnail(opened.image)).decode("ascii")
    return f"data:image/webp;base64,{content}"
