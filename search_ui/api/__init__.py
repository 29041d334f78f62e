"""The public HTTP endpoints, ``/api/...``: JSON in, JSON out; the page itself asks them too.

Every model that a caller sees is a pydantic class, so that the OpenAPI description is complete. An
expected error is ``{"detail": "one line"}``.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from indexer.errors import CollectionBusyError, DatasetNotIndexedError, PointNotFoundError
from indexer.search import Searcher
from indexer.study_results import StudyFolder
from models.errors import SimilarityError, UnknownArchitectureError, UnreadableImageError
from search_ui.api.architectures import architectures_router
from search_ui.api.checkpoints import checkpoints_router
from search_ui.api.datasets import datasets_router
from search_ui.api.study import study_router

STATUS_OF = {
    DatasetNotIndexedError: 404,
    PointNotFoundError: 404,
    UnknownArchitectureError: 404,
    CollectionBusyError: 503,
}
"""Of expected errors; 400 for all others."""


def add_api(app: FastAPI, searcher: Searcher, study: StudyFolder) -> None:
    """Give ``app`` the endpoints, answered by ``searcher`` and from the results in ``study``."""
    app.include_router(datasets_router(searcher), prefix="/api")
    app.include_router(architectures_router(), prefix="/api")
    app.include_router(checkpoints_router(searcher), prefix="/api")
    app.include_router(study_router(study), prefix="/api")
    app.add_exception_handler(SimilarityError, tell)


def tell(_: Request, error: Exception) -> JSONResponse:
    """One line about what went wrong."""
    status = next((code for kind, code in STATUS_OF.items() if isinstance(error, kind)), 400)
    return JSONResponse({"detail": told(error)}, status)


def told(error: Exception) -> str:
    """The message of an expected error; file paths of the server stay on the server."""
    message = error.reason if isinstance(error, UnreadableImageError) else str(error)
    return message[:1].upper() + message[1:]
