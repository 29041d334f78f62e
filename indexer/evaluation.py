"""How good are the neighbours: every labelled image of a dataset as a query, itself left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from indexer.errors import NoLabelsError
from indexer.metrics import average_precision, precision_at_k
from indexer.types import DatasetInfo, Distance, Record
from models.pooling import Pooling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.search import Searcher
    from indexer.store.base import VectorStore
    from indexer.types import Vector

QUERY_BLOCK = 256
"""Queries ranked at once: bounds the memory to QUERY_BLOCK x N distances."""
RAW_SIDE = 32
"""Raw pixels are compared at 32 x 32: more detail makes them worse, not better."""


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """Means over all queries, each with the half width of its 95 % interval.

    The interval is normal: 1.96 standard errors of the mean over queries.
    """

    precision_at_k: float
    precision_interval: float
    mean_average_precision: float
    average_precision_interval: float
    queries: int
    k: int


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One representation under one <pooling, distance> pair; no pooling for raw pixels."""

    representation: str
    pooling: Pooling | None
    distance: Distance
    scores: RetrievalScores


def rank(vectors: NDArray[np.float32], distance: Distance) -> Iterator[NDArray[np.intp]]:
    """Blocks of complete rankings, leave-one-out, by exact comparison.

    Args:
        vectors: Shape: (N, D).
        distance: how they are compared.

    Yields:
        Indices of the other images, nearest first. Shape: (up to QUERY_BLOCK, N - 1).
    """
    vectors = vectors.astype(np.float32)
    if distance is Distance.COSINE:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    squares = (vectors**2).sum(axis=1)
    for start in range(0, len(vectors), QUERY_BLOCK):
        block = vectors[start : start + QUERY_BLOCK]
        # |a - b|^2 without |a|^2, which is the same for a whole row; for unit vectors this is the
        # order of the cosine too.
        apart = squares - 2 * block @ vectors.T
        rows = np.arange(len(block))
        apart[rows, start + rows] = np.inf
        yield np.argsort(apart, axis=1, kind="stable")[:, :-1]


def leave_one_out(
    vectors: NDArray[np.float32], labels: Sequence[str | None], distance: Distance, *, k: int
) -> RetrievalScores:
    """Rank all images for every labelled one and judge the rankings.

    Args:
        vectors: Shape: (N, D).
        labels: N labels; an image without one is never a query and never relevant.
        distance: how vectors are compared.
        k: depth of the precision.

    Raises:
        NoLabelsError: no two images share a label.
    """
    names, codes = np.unique([label or "" for label in labels], return_inverse=True)
    labelled = np.array([label is not None for label in labels])
    if not any(np.sum(labelled & (codes == code)) > 1 for code in range(len(names))):
        raise NoLabelsError("no two images share a label, so there is nothing to judge by")
    precisions, average_precisions = [], []
    for block, order in enumerate(rank(vectors, distance)):
        queries = np.arange(len(order)) + block * QUERY_BLOCK
        relevant = (codes[order] == codes[queries, None]) & labelled[order]
        chosen = relevant[labelled[queries]]
        precisions.append(precision_at_k(chosen, k))
        average_precisions.append(average_precision(chosen))
    precision, precision_interval = _mean_interval(np.concatenate(precisions))
    mean_ap, ap_interval = _mean_interval(np.concatenate(average_precisions))
    return RetrievalScores(
        precision, precision_interval, mean_ap, ap_interval, int(labelled.sum()), k
    )


def _mean_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.mean()), float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))


def evaluate(store: VectorStore, dataset: str, *, k: int, progress: bool) -> list[EvaluationRow]:
    """Judge a dataset's stored vectors beside random weights, colours and raw pixels.

    Random weights are given twice: as PyTorch starts the architecture, and as the default recipe
    does. All are compared exactly, so the figures are those of the vectors, not of an engine.

    Raises:
        NoLabelsError: the images have no labels.
        UnreadableImageError: an indexed file can no longer be read; sync first.
    """
    info = store.describe(dataset)
    rows = []
    for distance in info.distances:
        records = list(store.scroll(dataset, distance, with_vectors=True))
        labels = record_labels(records)
        for pooling in Pooling:
            vectors = np.stack([record.vectors[pooling] for record in records])
            scores = leave_one_out(vectors, labels, distance, k=k)
            rows.append(EvaluationRow(info.checkpoint, pooling, distance, scores))
    rows.sort(key=lambda row: list(Pooling).index(row.pooling or Pooling.MAXPOOL))
    return rows + _baselines(info, records, k=k, progress=progress)


def record_labels(records: Sequence[Record]) -> list[str | None]:
    """The labels of stored points, None where there is none."""
    labels = [record.payload["label"] for record in records]
    return [label if isinstance(label, str) else None for label in labels]


@dataclass(frozen=True, slots=True)
class SelfRetrieval:
    """How often an image, given as a file, finds itself first under one pair."""

    pooling: Pooling
    distance: Distance
    found: int
    queries: int


def self_retrieval(searcher: Searcher, dataset: str, *, progress: bool) -> list[SelfRetrieval]:
    """Search with every indexed file from disk: the whole way of a query, decoding included."""
    info = searcher.describe(dataset)
    found: Counter[tuple[Pooling, Distance]] = Counter()
    records = list(searcher.records(dataset))
    for record in tqdm(records, desc="Every image as query", unit="image", disable=not progress):
        file = Path(info.root, str(record.payload["path"]))
        result = searcher.by_image(
            dataset, file, poolings=list(Pooling), distances=info.distances, k=1
        )
        for row in result.rows:
            found[row.pooling, row.distance] += row.hits[0].id == record.id
    return [
        SelfRetrieval(pooling, distance, found[pooling, distance], len(records))
        for pooling in Pooling
        for distance in info.distances
    ]


def evaluation_table(rows: Sequence[EvaluationRow]) -> str:
    """Rows for people: one line per representation and pair, the best precision marked."""
    best = max(row.scores.precision_at_k for row in rows)
    k = rows[0].scores.k
    form = "{:<34} {:<16} {:>15} {:>15}"
    lines = [form.format("", "pair", f"precision@{k}", "mAP")]
    for row in rows:
        scores = row.scores
        pair = " ".join(filter(None, (row.pooling, row.distance)))
        precision = f"{scores.precision_at_k:.3f} ±{scores.precision_interval:.3f}"
        mean_ap = f"{scores.mean_average_precision:.3f} ±{scores.average_precision_interval:.3f}"
        mark = "  <- best" if scores.precision_at_k == best else ""
        lines.append(form.format(row.representation, pair, precision, mean_ap) + mark)
    lines.append(f"{rows[0].scores.queries:,} queries, each left out of its own answers; ± is 95 %")
    return "\n".join(lines)


def _baselines(
    info: DatasetInfo, records: Sequence[Record], *, k: int, progress: bool
) -> list[EvaluationRow]:
    from models.baselines import (
        colour_layout_histogram,
        encode_files,
        random_encoder,
        raw_pixels,
    )
    from models.recipes import RECIPES

    files = [Path(info.root, str(record.payload["path"])) for record in records]
    labels = record_labels(records)
    rows = []

    def judge(name: str, pooling: Pooling | None, vectors: Vector) -> None:
        for distance in info.distances:
            scores = leave_one_out(vectors, labels, distance, k=k)
            rows.append(EvaluationRow(name, pooling, distance, scores))

    for recipe in RECIPES.values():
        encoder = random_encoder(info.arch, recipe, image_size=info.image_size)
        vectors = encode_files(encoder, files, title="Random weights", progress=progress)
        for pooling in Pooling:
            judge(f"random weights, {recipe.initialisation} start", pooling, vectors[pooling])
    colours = colour_layout_histogram(files, progress=progress)
    judge("colour layout + histogram", None, colours)
    judge("raw pixels", None, raw_pixels(files, side=RAW_SIDE, progress=progress))
    return rows
