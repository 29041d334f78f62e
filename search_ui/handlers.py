"""What the page shows, as plain values: a Searcher goes in, dictionaries for the browser come out.

Everything here is free of Gradio, and every value that a browser sent is checked before use.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote
from uuid import UUID

from indexer.errors import PointNotFoundError
from indexer.search import Searcher
from indexer.types import DatasetInfo, Distance, Hit, ImageDetails, ResultRow, SearchResult
from models.errors import SimilarityError, UnreadableImageError
from models.pooling import STANDARD, Pooling
from search_ui.queries import (
    BadQueryError,
    Query,
    StoredQuery,
    UploadedQuery,
    parse_choices,
    parse_k,
    parse_query,
)
from search_ui.uploads import check_upload, preview

View = dict[str, Any]
"""What a component of the page shows; JSON."""

PICKS = 10
GALLERY = 40
"""Images on the start board: five rows of eight at 1440 pixels."""
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
STEPS = ("load", "decode", "encode", "search")
LEAST_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class Plan:
    """What to compute for a query."""

    k: int
    poolings: tuple[Pooling, ...]
    distances: tuple[Distance, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the page opens with; ``info`` is the dataset it starts on, if there is any."""

    datasets: list[str]
    info: DatasetInfo | None
    picks: View
    board: View


def open_page(searcher: Searcher) -> Opening:
    """Everything that a page load shows."""
    datasets: list[DatasetInfo] = []
    try:
        datasets = searcher.datasets()
        info = datasets[0] if datasets else None
        board = start_board(searcher, info) if info else unindexed_board()
        return Opening([each.name for each in datasets], info, picks(searcher, info), board)
    except SimilarityError as error:
        return Opening(
            [each.name for each in datasets], None, picks(searcher, None), error_board(error)
        )


def choose_dataset(searcher: Searcher, name: object) -> tuple[DatasetInfo | None, View]:
    """The dataset called ``name`` and its picks."""
    try:
        info = find_dataset(searcher, name)
        return info, picks(searcher, info)
    except SimilarityError:
        # The search that follows tells what is wrong.
        return None, picks(searcher, None)


def search(
    searcher: Searcher,
    *,
    payload: object,
    uploads: Path,
    dataset: object,
    k: object,
    poolings: object,
    distances: object,
) -> View:
    """The result board for what the browser asks; an expected error becomes its one line.

    Args:
        searcher: answers the question.
        payload: the query, see :func:`search_ui.queries.parse_query`.
        uploads: folder of the uploaded files.
        dataset: name of the dataset to search.
        k: number of hits.
        poolings: their names.
        distances: their names.
    """
    try:
        info = find_dataset(searcher, dataset)
        query = parse_query(payload, uploads)
        plan = Plan(
            k=parse_k(k),
            poolings=tuple(p for p in parse_choices(poolings, Pooling) if p in info.vector_sizes),
            distances=tuple(d for d in parse_choices(distances, Distance) if d in info.distances),
        )
        if query is None or _of_another_dataset(query, info):
            return start_board(searcher, info)
        if not plan.poolings or not plan.distances:
            return {"state": "unchosen", "dataset": info.name}
        if isinstance(query, StoredQuery):
            return result_board(info, query, _by_id(searcher, query, info.name, plan))
        format = check_upload(query)
        board = result_board(info, query, _by_image(searcher, query, info.name, plan))
        if thumb := preview(query, format):
            board["query"]["thumb"] = thumb
        return board
    except SimilarityError as error:
        return error_board(error)


def _of_another_dataset(query: Query, info: DatasetInfo) -> bool:
    """Whether the query is left over from before the dataset was changed."""
    return not isinstance(query, UploadedQuery) and query.dataset != info.name


def _by_image(searcher: Searcher, query: UploadedQuery, dataset: str, plan: Plan) -> SearchResult:
    return searcher.by_image(
        dataset, query.file, poolings=plan.poolings, distances=plan.distances, k=plan.k
    )


def _by_id(searcher: Searcher, query: StoredQuery, dataset: str, plan: Plan) -> SearchResult:
    return searcher.by_id(
        dataset, query.point, poolings=plan.poolings, distances=plan.distances, k=plan.k
    )


def find_dataset(searcher: Searcher, name: object) -> DatasetInfo:
    """The published dataset called ``name``."""
    if not isinstance(name, str) or not name:
        raise BadQueryError("The query names no dataset.")
    return searcher.describe(name)


def unindexed_board() -> View:
    """How to make the first index."""
    return {"state": "unindexed"}


def start_board(searcher: Searcher, info: DatasetInfo) -> View:
    """The invitation to choose a picture, with a good many of them."""
    return {
        "state": "start",
        "dataset": info.name,
        "summary": f"{info.images:,} images · {info.checkpoint}",
        "gallery": _pick_views(searcher, info, GALLERY),
    }


def error_board(error: SimilarityError) -> View:
    """One line about what went wrong; file paths of the server stay on the server."""
    message = error.reason if isinstance(error, UnreadableImageError) else str(error)
    return {
        "state": "error",
        "title": _error_title(error),
        "message": message[:1].upper() + message[1:],
    }


def _error_title(error: SimilarityError) -> str:
    if isinstance(error, UnreadableImageError):
        return "That picture cannot be read"
    if isinstance(error, PointNotFoundError):
        return "That image is not in the dataset any more"
    if isinstance(error, BadQueryError):
        return "That does not work"
    return "The search did not go through"


def result_board(info: DatasetInfo, query: Query, result: SearchResult) -> View:
    """The rows of a result, with their query above them."""
    shown = _query_view(info, query, result.query)
    label = result.query.label if result.query else None
    return {
        "state": "results",
        "dataset": info.name,
        "query": shown,
        "summary": summary(info, result),
        "rows": [row_view(info, row, label) for row in result.rows],
    }


def _query_view(info: DatasetInfo, query: Query, stored: ImageDetails | None) -> View:
    if stored is None:
        name = query.name if isinstance(query, UploadedQuery) else ""
        return {"title": name or "Your picture", "label": None}
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


def row_view(info: DatasetInfo, row: ResultRow, label: str | None) -> View:
    """One <pooling, distance> pair; ``label`` is the query's, if it has one."""
    scores = score_texts([hit.score for hit in row.hits], row.distance)
    return {
        "pooling": str(row.pooling),
        "distance": str(row.distance),
        "name": f"{POOLING_NAMES[row.pooling]} · {DISTANCE_NAMES[row.distance]}",
        "names": [POOLING_NAMES[row.pooling], DISTANCE_NAMES[row.distance]],
        "meaning": list(SCORE_MEANINGS[row.distance]),
        "same": same_label(row.hits, label),
        "hits": [
            hit_view(info, hit, score, label) for hit, score in zip(row.hits, scores, strict=True)
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


def picks(searcher: Searcher, info: DatasetInfo | None) -> View:
    """Images of the dataset to start from."""
    if info is None:
        return {"dataset": None, "picks": []}
    return {
        "dataset": info.name,
        "images": f"{info.images:,}",
        "picks": _pick_views(searcher, info, PICKS),
    }


def _pick_views(searcher: Searcher, info: DatasetInfo, count: int) -> list[View]:
    return [
        {
            "id": str(image.id),
            "title": file_name(image.path),
            "label": image.label,
            "thumb": thumb_url(info, image.id),
        }
        for image in searcher.sample(info.name, count)
    ]


def pooling_choices(info: DatasetInfo | None) -> list[tuple[str, str]]:
    """(text, value) of the poolings that the dataset can be searched with."""
    return named_poolings(info.vector_sizes if info else STANDARD)


def named_poolings(poolings: Iterable[Pooling]) -> list[tuple[str, str]]:
    """(text, value) of each."""
    return [(POOLING_NAMES[pooling], str(pooling)) for pooling in poolings]


def distance_choices(info: DatasetInfo | None) -> list[tuple[str, str]]:
    """(text, value) of the distances that the dataset can be searched with."""
    distances = info.distances if info else tuple(Distance)
    return [(DISTANCE_NAMES[distance], str(distance)) for distance in distances]


def pixels(image: Hit | ImageDetails) -> str:
    """Width and height, such as "640 \N{MULTIPLICATION SIGN} 480"."""
    return f"{image.width} \N{MULTIPLICATION SIGN} {image.height}"


def file_name(path: str) -> str:
    """The last part of a stored path."""
    return PurePosixPath(path).name


def thumb_url(info: DatasetInfo, point: UUID) -> str:
    """Address of a thumbnail; it changes with every sync, so that browsers may keep it forever."""
    version = zlib.crc32(f"{info.fingerprint} {info.synced_at}".encode())
    return f"{media_url(info, point, 'thumb')}?v={version:08x}"


def media_url(info: DatasetInfo, point: UUID, kind: str) -> str:
    """Address of an image's file, relative to the page."""
    return f"media/{quote(info.name, safe='')}/{point}/{kind}"
