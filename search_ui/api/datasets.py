"""``/api/datasets``: what can be searched."""

from __future__ import annotations

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from indexer.search import Searcher
from indexer.types import DatasetInfo


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


def datasets_router(searcher: Searcher) -> APIRouter:
    """The datasets."""
    router = APIRouter(prefix="/datasets", tags=["datasets"])

    @router.get("")
    def list_datasets() -> list[Dataset]:
        """The published datasets, by name."""
        return [Dataset.of(info) for info in searcher.datasets()]

    @router.get("/{dataset}")
    def describe(dataset: str) -> Dataset:
        """One dataset."""
        return Dataset.of(searcher.describe(dataset))

    return router
