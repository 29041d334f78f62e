"""From a checked question to the searcher's answer: the one way, for the page and for the API."""

from __future__ import annotations

from threading import BoundedSemaphore

from indexer.search import Searcher
from indexer.types import DatasetInfo, SearchResult
from models.similarity_maps import SimilarityMaps
from search_ui.queries import PairQuestion, Query, Question, StoredQuery
from search_ui.uploads import check_upload

# Decoding and encoding keep a core busy and hold a large picture several times over: more at once
# would only make all of them late, and the process large.
IMAGES_AT_ONCE = 4
_turn = BoundedSemaphore(IMAGES_AT_ONCE)


def answer(searcher: Searcher, info: DatasetInfo, question: Question, query: Query) -> SearchResult:
    """What ``searcher`` finds in ``info`` for a ``question`` about the picture ``query``.

    Raises:
        SimilarityError: any expected error; its text is for the visitor.
    """
    poolings, distances = question.choices(info)
    if isinstance(query, StoredQuery):
        return searcher.by_id(
            info.name,
            query.point,
            poolings=poolings,
            distances=distances,
            k=question.k,
            where=question.where,
            crop=question.box,
        )
    check_upload(query)
    with _turn:
        return searcher.by_image(
            info.name,
            query.file,
            poolings=poolings,
            distances=distances,
            k=question.k,
            where=question.where,
            crop=question.box,
        )


def explain(searcher: Searcher, question: PairQuestion, query: Query) -> SimilarityMaps:
    """Where in the picture ``query`` and in a hit of it their similarity comes from.

    Raises:
        SimilarityError: any expected error; its text is for the visitor.
    """
    name, hit, pooling = question.dataset, question.hit, question.compared
    if isinstance(query, StoredQuery):
        return searcher.explain(name, query.point, hit, pooling=pooling, crop=question.box)
    check_upload(query)
    with _turn:
        return searcher.explain(name, query.file, hit, pooling=pooling, crop=question.box)
