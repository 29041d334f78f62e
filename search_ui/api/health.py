"""``/api/health``: whether searches can be answered."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from indexer.search import Searcher
from models.errors import SimilarityError
from search_ui.api.refusals import refusals

PACKAGE = "image-similarity-engine"


class Health(BaseModel):
    """A server that can be asked."""

    model_config = ConfigDict(frozen=True)

    ok: Literal[True] = True
    version: str = Field(description="Of the program.")
    datasets: int = Field(description="How many are published.")


def program_version() -> str:
    """Version of the program; "unknown" where its packages lie about without being installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"


def health_router(searcher: Searcher) -> APIRouter:
    """The health of the server and of the indexes behind it."""
    router = APIRouter(prefix="/health", tags=["server"])

    @router.get("", responses=refusals(503))
    def health() -> Health:
        """Whether searches can be answered.

        `GET /healthz` answers `ok` without a look at the indexes, and without a password.
        """
        try:
            datasets = len(searcher.datasets())
        except SimilarityError:
            raise HTTPException(503, "The indexes cannot be read.") from None
        return Health(version=program_version(), datasets=datasets)

    return router
