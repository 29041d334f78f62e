"""``/api/datasets/{dataset}/images``: a dataset's images in pages, and what they can be sorted by."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from indexer.search import Searcher
from indexer.types import DatasetInfo, Filter, ImageDetails, Order
from search_ui.media import file_name, thumb_url

PAGE = 72
MAX_PAGE = 200
"""Most images of one answer: thumbnails of more would not be looked at."""
LAST = 2**31 - 1

Name = Annotated[str, StringConstraints(max_length=1_000)]
Offset = Annotated[int, Query(ge=0, le=LAST, description="How many to leave out before the first.")]


class ListedImage(BaseModel):
    """An image among many; ``thumb`` is an address relative to the page."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str = Field(description="Of its file, without folders.")
    label: str | None
    width: int
    height: int
    group: int | None
    thumb: str

    @classmethod
    def of(cls, info: DatasetInfo, image: ImageDetails) -> Self:
        """What of ``image`` is told."""
        return cls(
            id=image.id,
            name=file_name(image.path),
            label=image.label,
            width=image.width,
            height=image.height,
            group=image.group,
            thumb=thumb_url(info, image.id),
        )


class ImageList(BaseModel):
    """Some of the images that were asked for, and how many there are in all."""

    model_config = ConfigDict(frozen=True)

    images: tuple[ListedImage, ...]
    total: int
    offset: int


class LabelImages(BaseModel):
    """How many images have a label; "" stands for none."""

    model_config = ConfigDict(frozen=True)

    label: str
    images: int


class FormatImages(BaseModel):
    """How many images are of a format."""

    model_config = ConfigDict(frozen=True)

    format: str
    images: int


def images_router(searcher: Searcher) -> APIRouter:
    """The images of a dataset."""
    router = APIRouter(prefix="/datasets/{dataset}", tags=["images"])

    @router.get("/images")
    def list_images(
        dataset: str,
        label: Annotated[list[Name], Query(description='Any of these; "" for no label.')] = [],  # noqa: B006 - FastAPI copies it
        format: Annotated[list[Name], Query(description='Any of these, such as "JPEG".')] = [],  # noqa: B006
        group: Annotated[
            list[Annotated[int, Field(ge=0, le=LAST)]],
            Query(description="Any of these; 0 for no group."),
        ] = [],  # noqa: B006
        order: Order = Order.NAME,
        offset: Offset = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = PAGE,
    ) -> ImageList:
        """A page of the images of a dataset."""
        info = searcher.describe(dataset)
        where = Filter(labels=tuple(label), formats=tuple(format), groups=tuple(group))
        page = searcher.page(dataset, where=where, order=order, offset=offset, limit=limit)
        return ImageList(
            images=tuple(ListedImage.of(info, image) for image in page.images),
            total=page.total,
            offset=page.offset,
        )

    @router.get("/labels")
    def list_labels(dataset: str) -> list[LabelImages]:
        """The labels of a dataset, by name; images without one come first."""
        return [
            LabelImages(label=count.label or "", images=count.images)
            for count in searcher.labels(dataset)
        ]

    @router.get("/formats")
    def list_formats(dataset: str) -> list[FormatImages]:
        """The formats of a dataset's files, by name."""
        return [
            FormatImages(format=count.format, images=count.images)
            for count in searcher.formats(dataset)
        ]

    return router
