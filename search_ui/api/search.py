"""``/api/search``: the images that look most like one, by id or by upload."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO, Self
from uuid import UUID

from fastapi import APIRouter, Form, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from indexer.search import Searcher
from indexer.types import DatasetInfo, Distance, Hit, ResultRow, SearchResult
from models.pooling import Pooling
from search_ui.answers import answer
from search_ui.api.refusals import refusals
from search_ui.media import file_name, thumb_url
from search_ui.queries import Question, StoredQuery, StoredQuestion, UploadedQuery

MULTIPART = "multipart/form-data"


class SentQuestion(Question):
    """A question about the picture that comes with it."""

    image: UploadFile = Field(description="The picture to search from.")


class FoundImage(BaseModel):
    """A hit; ``thumb`` is an address relative to the page."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    rank: int
    score: float
    path: str
    label: str | None
    width: int
    height: int
    thumb: str

    @classmethod
    def of(cls, info: DatasetInfo, hit: Hit) -> Self:
        """What of ``hit`` is told."""
        return cls(
            id=hit.id,
            rank=hit.rank,
            score=hit.score,
            path=hit.path,
            label=hit.label,
            width=hit.width,
            height=hit.height,
            thumb=thumb_url(info, hit.id),
        )


class Row(BaseModel):
    """The hits of one <pooling, distance> pair, best first."""

    model_config = ConfigDict(frozen=True)

    pooling: Pooling
    distance: Distance = Field(
        description="cosine: 1 is the same direction, higher is closer; "
        "euclid: 0 is identical, lower is closer."
    )
    hits: tuple[FoundImage, ...]

    @classmethod
    def of(cls, info: DatasetInfo, row: ResultRow) -> Self:
        """What of ``row`` is told."""
        hits = tuple(FoundImage.of(info, hit) for hit in row.hits)
        return cls(pooling=row.pooling, distance=row.distance, hits=hits)


class Answer(BaseModel):
    """A row per <pooling, distance> pair; ``seconds`` by step: decode, encode, search."""

    model_config = ConfigDict(frozen=True)

    dataset: str
    checkpoint: str
    rows: tuple[Row, ...]
    seconds: dict[str, float]

    @classmethod
    def of(cls, info: DatasetInfo, result: SearchResult) -> Self:
        """What of ``result`` is told."""
        return cls(
            dataset=info.name,
            checkpoint=result.checkpoint,
            rows=tuple(Row.of(info, row) for row in result.rows),
            seconds=dict(result.seconds),
        )


def by_id(searcher: Searcher, question: StoredQuestion) -> Answer:
    """Search from a stored image."""
    info = searcher.describe(question.dataset)
    return Answer.of(info, answer(searcher, info, question, StoredQuery(question.id)))


def by_content(
    searcher: Searcher, question: Question, content: BinaryIO, *, name: str, folder: Path
) -> Answer:
    """Search from a file that somebody sent; it lies in ``folder`` meanwhile."""
    info = searcher.describe(question.dataset)
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        shutil.copyfileobj(content, file)
        file.flush()
        query = UploadedQuery(Path(file.name), name)
        return Answer.of(info, answer(searcher, info, question, query))


def search_router(searcher: Searcher, uploads: Path) -> APIRouter:
    """The searches; ``uploads`` is where a file lies while it is searched with."""
    refused = refusals(400, 404, 411, 413, 429, 503)
    router = APIRouter(prefix="/search", tags=["search"], responses=refused)

    @router.post("")
    def search(question: StoredQuestion) -> Answer:
        """The images most like a stored one, which is not among them."""
        return by_id(searcher, question)

    @router.post("/upload")
    def search_upload(sent: Annotated[SentQuestion, Form(media_type=MULTIPART)]) -> Answer:
        """The images most like the one sent; it is not kept."""
        name = file_name(sent.image.filename or "")
        return by_content(searcher, sent, sent.image.file, name=name, folder=uploads)

    return router
