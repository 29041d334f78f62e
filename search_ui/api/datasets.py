"""``/api/datasets``: what can be searched."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from indexer.search import Searcher
from indexer.types import DatasetInfo, ImageDetails
from search_ui.api.parameters import DatasetName
from search_ui.api.refusals import refusals
from search_ui.media import file_name, thumb_url

MAX_SAMPLE = 100


class Dataset(BaseModel):
    """A published index. Where its files lie on the server is nobody's business."""

    model_config = ConfigDict(frozen=True)

    name: str
    images: int
    checkpoint: str
    arch: str
    image_size: int
    distances: tuple[str, ...]
    vector_sizes: dict[str, int]
    synced_at: str
    engine: str

    @classmethod
    def of(cls, info: DatasetInfo) -> Self:
        """What of ``info`` is told."""
        return cls(
            name=info.name,
            images=info.images,
            checkpoint=info.checkpoint,
            arch=info.arch,
            image_size=info.image_size,
            distances=tuple(map(str, info.distances)),
            vector_sizes={str(pooling): size for pooling, size in info.vector_sizes.items()},
            synced_at=info.synced_at,
            engine=info.engine,
        )


class Sample(BaseModel):
    """An image to start from; ``thumb`` is an address relative to the page."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    label: str | None
    thumb: str

    @classmethod
    def of(cls, info: DatasetInfo, image: ImageDetails) -> Self:
        """What of ``image`` is told."""
        return cls(
            id=image.id,
            name=file_name(image.path),
            label=image.label,
            thumb=thumb_url(info, image.id),
        )


def datasets_router(searcher: Searcher) -> APIRouter:
    """The datasets."""
    router = APIRouter(prefix="/datasets", tags=["datasets"], responses=refusals(503))

    @router.get("")
    def list_datasets() -> list[Dataset]:
        """The published datasets, by name."""
        return [Dataset.of(info) for info in searcher.datasets()]

    @router.get("/{dataset}", responses=refusals(404))
    def describe(dataset: DatasetName) -> Dataset:
        """One dataset."""
        return Dataset.of(searcher.describe(dataset))

    @router.get("/{dataset}/sample", responses=refusals(404))
    def sample(
        dataset: DatasetName,
        count: Annotated[int, Query(ge=1, le=MAX_SAMPLE, description="How many.")] = 10,
    ) -> list[Sample]:
        """Images to start from, spread over the labels; the same ones every time."""
        info = searcher.describe(dataset)
        return [Sample.of(info, image) for image in searcher.sample(dataset, count)]

    return router
