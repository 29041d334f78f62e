"""``/api/datasets/{dataset}/failures``: files that could not be read."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from indexer.failures import Failure
from indexer.search import MAX_PAGE, Searcher
from search_ui.api.images import Offset
from search_ui.api.parameters import DatasetName
from search_ui.api.refusals import refusals
from search_ui.building.bodies import JobView
from search_ui.building.builder import Builder

PAGE = 100


class UnreadFile(BaseModel):
    """A file of the dataset's folder that is not in its index."""

    model_config = ConfigDict(frozen=True)

    path: str = Field(description="Inside the dataset's folder.")
    reason: str
    bytes: int | None = Field(description="None where it could not be had.")
    since: str = Field(description="When it failed first, ISO 8601 UTC.")
    lasting: bool = Field(description="It is tried again when it changes, else at every sync.")

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """What of ``failure`` is told."""
        return cls(
            path=failure.path,
            reason=failure.reason,
            bytes=failure.bytes,
            since=failure.first_seen,
            lasting=failure.lasting,
        )


class FailureList(BaseModel):
    """Some of the files, by path, and how many there are in all."""

    model_config = ConfigDict(frozen=True)

    files: tuple[UnreadFile, ...]
    total: int
    offset: int
    can_retry: bool = Field(description="This server tries them again when it is asked to.")


def failures_router(searcher: Searcher, builder: Builder | None) -> APIRouter:
    """The failures of a dataset; ``builder`` has them tried again."""
    can_retry = builder is not None and builder.allowed
    router = APIRouter(
        prefix="/datasets/{dataset}/failures", tags=["failures"], responses=refusals(404, 503)
    )

    @router.get("")
    def list_failures(
        dataset: DatasetName,
        offset: Offset = 0,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most files.")] = PAGE,
    ) -> FailureList:
        """The files that the last sync could not read."""
        page = searcher.failures(dataset, offset=offset, limit=limit)
        files = tuple(map(UnreadFile.of, page.failures))
        return FailureList(files=files, total=page.total, offset=page.offset, can_retry=can_retry)

    if builder is not None:

        @router.post("/retry", status_code=202, responses=refusals(403, 409, 429))
        def retry(dataset: DatasetName) -> JobView:
            """Try them again in the background, and no others; 409 while another job runs."""
            return builder.views.view(builder.upkeep.retry(dataset))

    return router
