"""``/api/datasets/{dataset}/duplicates``: sets of near-identical images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from indexer.duplicates import DEFAULT_BITS, MAX_BITS, Duplicate
from indexer.search import Searcher
from indexer.types import DatasetInfo, ImageDetails
from search_ui.api.images import Offset
from search_ui.api.parameters import DatasetName
from search_ui.api.refusals import refusals
from search_ui.media import file_name, thumb_url

PAGE = 20
MAX_PAGE = 100
SHOWN = 24
"""Most images of one set that are told; there can be thousands of copies."""


class AlikeImage(BaseModel):
    """An image of a set; ``thumb`` is an address relative to the page."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    path: str = Field(description="Inside the dataset's folder.")
    name: str
    label: str | None
    width: int
    height: int
    format: str
    bytes: int
    bits: int = Field(description="In how many of 64 bits its hash differs from the first one's.")
    same_file: bool = Field(description="It is, byte by byte, one that comes before it.")
    thumb: str

    @classmethod
    def of(cls, info: DatasetInfo, duplicate: Duplicate, image: ImageDetails) -> Self:
        """What of ``image``, the duplicate, is told."""
        return cls(
            id=image.id,
            path=image.path,
            name=file_name(image.path),
            label=image.label,
            width=image.width,
            height=image.height,
            format=image.format,
            bytes=image.bytes,
            bits=duplicate.bits,
            same_file=duplicate.same_file,
            thumb=thumb_url(info, image.id),
        )


class AlikeSet(BaseModel):
    """Near-identical images, the largest first: the one to keep."""

    model_config = ConfigDict(frozen=True)

    images: tuple[AlikeImage, ...] = Field(description=f"The first {SHOWN} of them.")
    total: int


class DuplicateList(BaseModel):
    """Some of the sets, those of most images first, and how many there are in all."""

    model_config = ConfigDict(frozen=True)

    bits: int
    sets: tuple[AlikeSet, ...]
    total: int
    offset: int
    spare: int = Field(description="Images beside the first of each set, of all sets.")
    plain: int = Field(
        description="Images too plain to be compared by hash: only copies of a file are found."
    )


def duplicates_router(searcher: Searcher) -> APIRouter:
    """The duplicates of a dataset."""
    router = APIRouter(
        prefix="/datasets/{dataset}/duplicates", tags=["groups"], responses=refusals(404, 503)
    )

    @router.get("")
    def list_duplicates(
        dataset: DatasetName,
        bits: Annotated[
            int, Query(ge=0, le=MAX_BITS, description="Most bits in which hashes may differ.")
        ] = DEFAULT_BITS,
        offset: Offset = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most sets.")] = PAGE,
    ) -> DuplicateList:
        """Sets of copies, and of smaller or recompressed versions, of one image."""
        info = searcher.describe(dataset)
        found = searcher.duplicates(dataset, bits=bits)
        return DuplicateList(
            bits=bits,
            sets=tuple(
                _alike_set(searcher, info, images) for images in found.sets[offset : offset + limit]
            ),
            total=len(found.sets),
            offset=offset,
            spare=found.spare,
            plain=found.plain,
        )

    return router


def _alike_set(searcher: Searcher, info: DatasetInfo, images: Sequence[Duplicate]) -> AlikeSet:
    shown = images[:SHOWN]
    details = {one.id: one for one in searcher.described(info.name, [one.id for one in shown])}
    return AlikeSet(
        images=tuple(AlikeImage.of(info, one, details[one.id]) for one in shown),
        total=len(images),
    )
