"""``/api/datasets/{dataset}/images/{id}``: one image, with everything that is known of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from indexer.search import Searcher
from indexer.types import DatasetInfo, ImageDetails
from search_ui.api.parameters import DatasetName, ImageId
from search_ui.api.refusals import refusals
from search_ui.media import RASTER_TYPES, file_name, media_url, thumb_url
from search_ui.uploads import SHOWN_BY_BROWSERS


class Image(BaseModel):
    """A stored image. Addresses are relative to the page."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    path: str = Field(description="Inside the dataset's folder.")
    name: str
    label: str | None
    width: int
    height: int
    format: str = Field(description='Found when it was decoded, such as "JPEG".')
    bytes: int
    modified: datetime | None = Field(description="When its file was last changed.")
    taken_at: str | None = Field(description="EXIF time, ISO 8601 without a zone.")
    group: int | None
    thumb: str
    original: str | None = Field(description="None where the file is of a kind that is not sent.")
    shown: bool = Field(description="Browsers can show the original.")

    @classmethod
    def of(cls, info: DatasetInfo, image: ImageDetails) -> Self:
        """What of ``image`` is told."""
        format = image.format.upper()
        return cls(
            id=image.id,
            path=image.path,
            name=file_name(image.path),
            label=image.label,
            width=image.width,
            height=image.height,
            format=format,
            bytes=image.bytes,
            modified=_time(image.mtime),
            taken_at=image.taken_at,
            group=image.group,
            thumb=thumb_url(info, image.id),
            original=media_url(info, image.id, "original") if format in RASTER_TYPES else None,
            shown=format in SHOWN_BY_BROWSERS,
        )


def _time(nanoseconds: int | None) -> datetime | None:
    return None if nanoseconds is None else datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def details_router(searcher: Searcher) -> APIRouter:
    """One image."""
    router = APIRouter(
        prefix="/datasets/{dataset}/images", tags=["images"], responses=refusals(404, 503)
    )

    @router.get("/{id}")
    def describe_image(dataset: DatasetName, id: ImageId) -> Image:
        """One image of a dataset."""
        return Image.of(searcher.describe(dataset), searcher.details(dataset, id))

    return router
