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
from indexer.study_results import StudyFolder
from models.errors import SimilarityError, UnknownArchitectureError
from search_ui.api.architectures import architectures_router
from search_ui.api.board import board_router
from search_ui.api.checkpoints import checkpoints_router
from search_ui.api.datasets import datasets_router
from search_ui.api.details import details_router
from search_ui.api.duplicates import duplicates_router
from search_ui.api.failures import failures_router
from search_ui.api.groups import groups_router
from search_ui.api.health import health_router
from search_ui.api.images import images_router
from search_ui.api.refusals import told
from search_ui.api.search import search_router
from search_ui.api.similarity import similarity_router
from search_ui.api.study import study_router
from search_ui.building.builder import Builder
from search_ui.jobs.background import JobRunningError
from search_ui.jobs.upkeep import NotAllowedError
from search_ui.queries import what_is_wrong

STATUS_OF = {
    DatasetNotIndexedError: 404,
    PointNotFoundError: 404,
    UnknownArchitectureError: 404,
    CollectionBusyError: 503,
    JobRunningError: 409,
    NotAllowedError: 403,
}
"""Of expected errors; 400 for all others."""


def add_api(
    app: FastAPI,
    searcher: Searcher,
    *,
    uploads: Path,
    study: StudyFolder,
    builder: Builder | None = None,
) -> None:
    """Give ``app`` the endpoints.

    Args:
        app: gets them.
        searcher: answers.
        uploads: folder of uploaded files.
        study: results of the study.
        builder: starts what takes long; without it nothing can be started.
    """
    routers = (
        datasets_router(searcher),
        images_router(searcher),
        details_router(searcher),
        failures_router(searcher, builder),
        groups_router(searcher, builder),
        duplicates_router(searcher),
        search_router(searcher, uploads),
        board_router(searcher, uploads),
        similarity_router(searcher, uploads),
        architectures_router(),
        checkpoints_router(searcher),
        study_router(study),
        health_router(searcher),
    )
    for router in routers:
        app.include_router(router, prefix="/api")
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
