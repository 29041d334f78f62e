"""Where in two images their similarity comes from.

``/api/datasets/{dataset}/images/{id}/similarity/{hit}`` tells it of two stored images.
``/api/board/similarity`` is what the page asks about a hit of any search; it is not described.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, ConfigDict, Field

from indexer.search import Searcher
from models.pooling import Pooling
from models.similarity_maps import SimilarityMaps
from search_ui.answers import explain
from search_ui.api.parameters import DatasetName, ImageId
from search_ui.api.refusals import refusals
from search_ui.queries import PairQuestion

DECIMALS = 5

Cells = tuple[tuple[float, ...], ...]


class Similarity(BaseModel):
    """What the cells of a grid over each image add to the cosine similarity of the two.

    The grid is as fine as the latent, its rows from the top; a cell below 0 speaks against it.
    """

    model_config = ConfigDict(frozen=True)

    pooling: Pooling
    similarity: float = Field(description="Cosine, -1 to 1.")
    query: Cells = Field(description="Sum to the similarity.")
    hit: Cells = Field(description="Likewise, on the other image.")

    @classmethod
    def of(cls, pooling: Pooling, maps: SimilarityMaps) -> Self:
        """``maps``, for JSON."""
        query, hit = (
            tuple(tuple(round(float(cell), DECIMALS) for cell in row) for row in cells)
            for cells in (maps.query, maps.hit)
        )
        similarity = round(maps.similarity, DECIMALS)
        return cls(pooling=pooling, similarity=similarity, query=query, hit=hit)


def similarity_router(searcher: Searcher, uploads: Path) -> APIRouter:
    """Both; ``uploads`` is the folder that the visitors' pictures are in."""
    router = APIRouter()

    @router.get(
        "/datasets/{dataset}/images/{id}/similarity/{hit}",
        tags=["images"],
        responses=refusals(400, 404, 503),
    )
    def explain_similarity(
        dataset: DatasetName,
        id: ImageId,
        hit: ImageId,
        pooling: Annotated[
            Pooling, Query(description="Makes the vectors; any but `whitened`.")
        ] = Pooling.MAXPOOL,
    ) -> Similarity:
        """Where in two images their similarity comes from."""
        return Similarity.of(pooling, searcher.explain(dataset, id, hit, pooling=pooling))

    @router.post("/board/similarity", include_in_schema=False)
    def explain_hit(question: Annotated[PairQuestion, Body()]) -> Similarity:
        maps = explain(searcher, question, question.query(uploads))
        return Similarity.of(question.compared, maps)

    return router
