"""What the page shows, as plain values: a Searcher goes in, dictionaries for the browser come out.

Everything here is free of Gradio, and every value that a browser sent is checked before use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from indexer.errors import DatasetNotIndexedError, PointNotFoundError
from indexer.search import Searcher
from indexer.types import DatasetInfo, Distance, Hit, ImageDetails, ResultRow, SearchResult
from models.errors import SimilarityError, UnreadableImageError
from models.pooling import Pooling
from search_ui.answers import answer
from search_ui.api.refusals import told
from search_ui.media import file_name, media_url, thumb_url
from search_ui.queries import (
    BadQueryError,
    NothingToCompareError,
    PageQuestion,
    Query,
    UploadedQuery,
    UploadGoneError,
    parse_question,
)
from search_ui.uploads import preview, shown_by_browsers

View = dict[str, Any]
"""What a component of the page shows; JSON."""

POOLING_NAMES = {
    Pooling.MAXPOOL: "Max pool",
    Pooling.FLATTEN: "Flatten",
    Pooling.AVERAGE: "Average",
    Pooling.GEM: "GeM",
    Pooling.WHITENED: "Whitened",
}
DISTANCE_NAMES = {Distance.COSINE: "Cosine", Distance.EUCLID: "Euclidean"}
SCORE_MEANINGS = {
    Distance.COSINE: ("1 = same direction", "higher is closer"),
    Distance.EUCLID: ("0 = identical", "lower is closer"),
}
ERROR_TITLES = {
    UnreadableImageError: "That picture cannot be read",
    PointNotFoundError: "That image is not in the dataset any more",
    DatasetNotIndexedError: "That dataset is not here",
    NothingToCompareError: "Nothing to compare with",
    UploadGoneError: "That picture is not here any more",
    BadQueryError: "That does not work",
}
"""The first that fits; a kind of error comes before what it is a kind of."""
STEPS = ("load", "decode", "encode", "search")
LEAST_SECONDS = 0.0005


def search(searcher: Searcher, payload: object, uploads: Path) -> View:
    """The board for what the browser asks; an expected error becomes its one line.

    Args:
        searcher: answers the question.
        payload: the question, see :class:`search_ui.queries.PageQuestion`.
        uploads: folder of the uploaded files.
    """
    try:
        return _answered(searcher, parse_question(payload), uploads)
    except SimilarityError as error:
        return error_board(error)


def _answered(searcher: Searcher, question: PageQuestion, uploads: Path) -> View:
    info = searcher.describe(question.dataset)
    query = question.query(uploads)
    board = result_board(info, query, answer(searcher, info, question, query))
    if isinstance(query, UploadedQuery) and (question.preview or not shown_by_browsers(query)):
        board["query"]["thumb"] = preview(query)
    return board


def error_board(error: SimilarityError) -> View:
    """One line about what went wrong."""
    title = next((text for kind, text in ERROR_TITLES.items() if isinstance(error, kind)), "")
    return {
        "state": "error",
        "title": title or "The search did not go through",
        "message": told(error),
    }


def result_board(info: DatasetInfo, query: Query, result: SearchResult) -> View:
    """The rows of a result, with their query above them."""
    shown = _query_view(info, query, result.query)
    label = result.query.label if result.query else None
    found_by = Counter(hit.id for row in result.rows for hit in row.hits)
    return {
        "state": "results",
        "dataset": info.name,
        "query": shown,
        "summary": summary(info, result),
        "rows": [row_view(info, row, label, found_by) for row in result.rows],
    }


def _query_view(info: DatasetInfo, query: Query, stored: ImageDetails | None) -> View:
    if stored is None:
        name = query.name if isinstance(query, UploadedQuery) else ""
        return {"title": name, "label": None}
    return {
        "id": str(stored.id),
        "title": file_name(stored.path),
        "label": stored.label,
        "thumb": thumb_url(info, stored.id),
        "original": media_url(info, stored.id, "original"),
        "facts": f"{pixels(stored)} {stored.format}",
    }


def summary(info: DatasetInfo, result: SearchResult) -> str:
    """Such as "8 nearest of 1,746 · model3-1a2b3c4d · encode 20 ms, search 3 ms"."""
    shown = max((len(row.hits) for row in result.rows), default=0)
    parts = [f"{shown} nearest of {info.images:,}", result.checkpoint, timings(result.seconds)]
    return " · ".join(part for part in parts if part)


def timings(seconds: Mapping[str, float]) -> str:
    """Such as "encode 20 ms, search 3 ms": the steps that took any time worth telling."""
    return ", ".join(
        f"{step} {_milliseconds(seconds[step])}"
        for step in STEPS
        if seconds.get(step, 0.0) >= LEAST_SECONDS or (step == "search" and step in seconds)
    )


def _milliseconds(seconds: float) -> str:
    return "<1 ms" if seconds < 0.001 else f"{seconds * 1000:,.0f} ms"


def row_view(
    info: DatasetInfo, row: ResultRow, label: str | None, found_by: Mapping[UUID, int]
) -> View:
    """One <pooling, distance> pair.

    Args:
        info: what was searched.
        row: the pair's hits.
        label: the query's, if it has one.
        found_by: in how many rows each hit is.
    """
    scores = score_texts([hit.score for hit in row.hits], row.distance)
    return {
        "pooling": str(row.pooling),
        "distance": str(row.distance),
        "name": f"{POOLING_NAMES[row.pooling]} · {DISTANCE_NAMES[row.distance]}",
        "names": [POOLING_NAMES[row.pooling], DISTANCE_NAMES[row.distance]],
        "meaning": list(SCORE_MEANINGS[row.distance]),
        "same": same_label(row.hits, label),
        "hits": [
            hit_view(info, hit, score, label) | {"rows": found_by[hit.id]}
            for hit, score in zip(row.hits, scores, strict=True)
        ],
    }


def same_label(hits: Sequence[Hit], label: str | None) -> str:
    """Such as "6/8 same label"; empty when the query has no label."""
    if label is None or not hits:
        return ""
    return f"{sum(hit.label == label for hit in hits)}/{len(hits)} same label"


def hit_view(info: DatasetInfo, hit: Hit, score: str, label: str | None) -> View:
    """One card of the board."""
    return {
        "id": str(hit.id),
        "rank": hit.rank,
        "score": score,
        "title": file_name(hit.path),
        "label": hit.label,
        "same": label is not None and hit.label == label,
        "thumb": thumb_url(info, hit.id),
        "facts": f"{hit.path} · {pixels(hit)}",
    }


def score_texts(scores: Sequence[float], distance: Distance) -> list[str]:
    """The scores of a row, with as many decimals as it takes to tell its ends apart."""
    if not scores:
        return []
    decimals = 3 if distance is Distance.COSINE else _euclid_decimals(max(scores))
    while f"{min(scores):.{decimals}f}" == f"{max(scores):.{decimals}f}" and decimals < 5:
        decimals += 1
    # Rounding may leave "-0.000": adding zero takes the sign away.
    return [f"{round(score, decimals) + 0.0:.{decimals}f}" for score in scores]


def _euclid_decimals(largest: float) -> int:
    return 3 if largest < 1 else 2 if largest < 100 else 1


def pixels(image: Hit | ImageDetails) -> str:
    """Width and height, such as "640 \N{MULTIPLICATION SIGN} 480"."""
    return f"{image.width} \N{MULTIPLICATION SIGN} {image.height}"
