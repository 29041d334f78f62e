"""``/api/board``: what the page asks for every search. It may change with the page; not described.

Not an event of Gradio: its way there and back takes longer than most searches (docs/findings.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse

from indexer.search import Searcher
from search_ui import handlers


def board_router(searcher: Searcher, uploads: Path) -> APIRouter:
    """The page's searches; ``uploads`` is the folder that its visitors' pictures are in."""
    router = APIRouter(include_in_schema=False)

    @router.post("/board")
    def board(question: Annotated[Any, Body()]) -> JSONResponse:
        return JSONResponse(handlers.search(searcher, question, uploads))

    return router
