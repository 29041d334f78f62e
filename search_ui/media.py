"""Thumbnails and originals, by dataset and id. No path ever comes from the browser."""

from __future__ import annotations

import zlib
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from indexer.search import Searcher
from indexer.types import DatasetInfo
from models.errors import SimilarityError
from search_ui.uploads import SHOWN_BY_BROWSERS

RASTER_TYPES = {
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "HEIF": "image/heif",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "PPM": "image/x-portable-anymap",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
"""Formats that are sent as they are, those that no browser shows as a download.

A format that can carry a script is not among them.
"""

WEBP_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture.", "content": {"image/webp": {}}}
}
"""``responses`` of a route that answers with one."""

FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
NO_SCRIPTS = "default-src 'none'; sandbox"


def thumb_url(info: DatasetInfo, point: UUID) -> str:
    """Address of a thumbnail; it changes with every sync, so that browsers may keep it forever."""
    version = zlib.crc32(f"{info.fingerprint} {info.synced_at}".encode())
    return f"{media_url(info, point, 'thumb')}?v={version:08x}"


def media_url(info: DatasetInfo, point: UUID, kind: str) -> str:
    """Address of an image's file, relative to the page."""
    return f"media/{quote(info.name, safe='')}/{point}/{kind}"


def file_name(path: str) -> str:
    """The last part of a stored path."""
    return PurePosixPath(path).name


def media_router(searcher: Searcher) -> APIRouter:
    """The two routes; whatever is wrong with a request, the answer is 404."""
    router = APIRouter(prefix="/media/{dataset}/{point}", include_in_schema=False)

    @router.get("/thumb")
    def thumb(dataset: str, point: str) -> FileResponse:
        try:
            file = searcher.thumbnail(dataset, UUID(point))
        except (SimilarityError, ValueError):
            raise HTTPException(404) from None
        return _file(file, "image/webp", FOREVER)

    @router.get("/original")
    def original(dataset: str, point: str) -> FileResponse:
        try:
            details = searcher.details(dataset, UUID(point))
            # The format is the one found when the file was decoded: its name may lie.
            format = details.format.upper()
            media_type = RASTER_TYPES[format]
            file = searcher.original(dataset, details.id)
        except (SimilarityError, ValueError, KeyError):
            raise HTTPException(404) from None
        name, shown = Path(details.path).name, format in SHOWN_BY_BROWSERS
        return _file(file, media_type, ASK_AGAIN, name=name, shown=shown)

    return router


def _file(
    file: Path, media_type: str, caching: str, *, name: str | None = None, shown: bool = True
) -> FileResponse:
    if not file.is_file():
        raise HTTPException(404)
    return FileResponse(
        file,
        media_type=media_type,
        filename=name,
        content_disposition_type="inline" if shown else "attachment",
        headers={
            "Cache-Control": caching,
            "Content-Security-Policy": NO_SCRIPTS,
            "X-Content-Type-Options": "nosniff",
        },
    )
