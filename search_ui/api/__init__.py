"""The public HTTP endpoints, ``/api/...``: JSON in, JSON out; the page itself asks them too.

Every model that a caller sees is a pydantic class, so that the OpenAPI description is complete. An
expected error is ``{"detail": "one line"}``.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from indexer.errors import CollectionBusyError, DatasetNotIndexedError, PointNotFoundError
from indexer.search import Searcher
from models.errors import SimilarityError, UnreadableImageError
from search_ui.api.datasets import datasets_router
from search_ui.api.details import details_router
from search_ui.api.duplicates import duplicates_router
from search_ui.api.failures import failures_router
from search_ui.api.groups import groups_router
from search_ui.api.images import images_router
from search_ui.api.search import search_router
from search_ui.builds import Builder
from search_ui.jobs import JobRunningError
from search_ui.queries import what_is_wrong
from search_ui.upkeep import NotAllowedError

STATUS_OF = {
    DatasetNotIndexedError: 404,
    PointNotFoundError: 404,
    CollectionBusyError: 503,
    JobRunningError: 409,
    NotAllowedError: 403,
}
"""Of expected errors; 400 for all others."""


def add_api(
    app: FastAPI, searcher: Searcher, uploads: Path, builder: Builder | None = None
) -> None:
    """Give ``app`` the endpoints, answered by ``searcher``; uploads lie in ``uploads``.

    Without a ``builder`` nothing can be started.
    """
    app.include_router(datasets_router(searcher), prefix="/api")
    app.include_router(images_router(searcher), prefix="/api")
    app.include_router(details_router(searcher), prefix="/api")
    app.include_router(failures_router(searcher, builder), prefix="/api")
    app.include_router(groups_router(searcher, builder), prefix="/api")
    app.include_router(duplicates_router(searcher), prefix="/api")
    app.include_router(search_router(searcher, uploads), prefix="/api")
    app.add_exception_handler(SimilarityError, tell)
    app.add_exception_handler(RequestValidationError, tell_what_is_wrong)


def tell(_: Request, error: Exception) -> JSONResponse:
    """One line about what went wrong."""
    status = next((code for kind, code in STATUS_OF.items() if isinstance(error, kind)), 400)
    return JSONResponse({"detail": told(error)}, status)


def tell_what_is_wrong(_: Request, error: Exception) -> JSONResponse:
    """One line about the first value that is not as described."""
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": what_is_wrong(error.errors())}, 422)


def told(error: Exception) -> str:
    """The message of an expected error; file paths of the server stay on the server."""
    message = error.reason if isinstance(error, UnreadableImageError) else str(error)
    return message[:1].upper() + message[1:]
