"""``/api/datasets/{dataset}/images``: a dataset's images in pages, and their labels."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from indexer.search import MAX_PAGE, Searcher
from indexer.types import DatasetInfo, Filter, ImageDetails, Order
from search_ui.api.parameters import DatasetName
from search_ui.api.refusals import refusals
from search_ui.media import file_name, thumb_url

PAGE = 72
LAST = 2**31 - 1

Name = Annotated[str, StringConstraints(max_length=1_000)]
Offset = Annotated[int, Query(ge=0, le=LAST, description="How many to leave out before the first.")]


class WantedImages(BaseModel):
    """Which images, in which order, and how many of them."""

    model_config = ConfigDict(frozen=True)

    label: list[Name] = Field([], description='Any of these labels; "" for no label.')
    format: list[Name] = Field([], description='Any of these formats, such as "JPEG".')
    group: list[Annotated[int, Field(ge=0, le=LAST)]] = Field(
        [], description="Any of these groups; 0 for no group."
    )
    order: Order = Field(
        Order.NAME,
        description="Newest by when the file was changed, largest by pixels, mixed one of each "
        "label in turn.",
    )
    offset: int = Field(0, ge=0, le=LAST, description="How many to leave out before the first.")
    limit: int = Field(PAGE, ge=1, le=MAX_PAGE, description="Most images.")

    @property
    def where(self) -> Filter:
        """As the index asks it."""
        return Filter(tuple(self.label), tuple(self.format), tuple(self.group))


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
    router = APIRouter(prefix="/datasets/{dataset}", tags=["images"], responses=refusals(404, 503))

    @router.get("/images")
    def list_images(dataset: DatasetName, wanted: Annotated[WantedImages, Query()]) -> ImageList:
        """A page of the images of a dataset."""
        info = searcher.describe(dataset)
        page = searcher.page(
            dataset,
            where=wanted.where,
            order=wanted.order,
            offset=wanted.offset,
            limit=wanted.limit,
        )
        return ImageList(
            images=tuple(ListedImage.of(info, image) for image in page.images),
            total=page.total,
            offset=page.offset,
        )

    @router.get("/labels")
    def list_labels(dataset: DatasetName) -> list[LabelImages]:
        """The labels of a dataset, by name; images without one come first."""
        return [
            LabelImages(label=count.label or "", images=count.images)
            for count in searcher.labels(dataset)
        ]

    @router.get("/formats")
    def list_formats(dataset: DatasetName) -> list[FormatImages]:
        """The formats of a dataset's files, by name."""
        return [
            FormatImages(format=count.format, images=count.images)
            for count in searcher.formats(dataset)
        ]

    return router
