"""How good rankings are by labels: every labelled image is a query, itself left out.

A label says what is relevant, and a label that starts with "_" is none: images below a folder
such as ``_distractors`` are only there to be found by mistake. An image whose label no other image
has is no query either: nothing could be found. docs/evaluation.md names every figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer import metrics
from indexer.bootstrap import Estimate, estimate
from indexer.errors import NoLabelsError
from indexer.types import DatasetInfo, Distance, Record
from models.pooling import Pooling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.metrics import PerQuery, Relevance
    from indexer.store.base import VectorStore
    from indexer.types import Vector

QUERY_BLOCK = 256
"""Queries ranked at once: bounds the memory to QUERY_BLOCK x N distances."""


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """Means over queries, each with its bootstrap interval; ``k`` is the depth of three of them."""

    precision_at_1: Estimate
    precision_at_k: Estimate
    recall_at_k: Estimate
    ndcg_at_k: Estimate
    mean_average_precision: Estimate
    queries: int
    k: int


@dataclass(frozen=True, slots=True, eq=False)
class QueryScores:
    """What the means are of.

    Attributes:
        queries: index of each query image, ascending. Shape: (Q,).
        labels: of each query image.
        answers: indices of the first ``k`` answers, nearest first. Shape: (Q, min(k, N - 1)).
        values: by field of :class:`RetrievalScores`. Shape of each: (Q,).
        k: depth.
    """

    queries: NDArray[np.intp]
    labels: tuple[str, ...]
    answers: NDArray[np.intp]
    values: Mapping[str, PerQuery]
    k: int

    def scores(self) -> RetrievalScores:
        """Means over all queries."""
        return self._scores(np.arange(len(self.queries)))

    def by_label(self) -> dict[str, RetrievalScores]:
        """Means over the queries of each label, by name."""
        labels = np.array(self.labels)
        return {
            str(label): self._scores(np.flatnonzero(labels == label)) for label in np.unique(labels)
        }

    def _scores(self, rows: NDArray[np.intp]) -> RetrievalScores:
        means = estimate({name: values[rows] for name, values in self.values.items()})
        return RetrievalScores(**means, queries=len(rows), k=self.k)


def comparable(vectors: NDArray[np.float32], distance: Distance) -> NDArray[np.float32]:
    """Vectors whose Euclidean order is that of ``distance``: of unit length for the cosine."""
    vectors = vectors.astype(np.float32, copy=False)
    if distance is Distance.COSINE:
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    return vectors


def rank(
    vectors: NDArray[np.float32], distance: Distance, queries: NDArray[np.intp] | None = None
) -> Iterator[NDArray[np.intp]]:
    """Blocks of complete rankings, leave-one-out, by exact comparison.

    Equal distances are in the order of the images, which is that of their ids: the same as a
    search gives.

    Args:
        vectors: Shape: (N, D).
        distance: how they are compared.
        queries: images to rank the others for, all by default. Shape: (Q,).

    Yields:
        Indices of the other images, nearest first. Shape: (up to QUERY_BLOCK, N - 1).
    """
    vectors = comparable(vectors, distance)
    squares = (vectors**2).sum(axis=1)
    queries = np.arange(len(vectors)) if queries is None else queries
    for start in range(0, len(queries), QUERY_BLOCK):
        block = queries[start : start + QUERY_BLOCK]
        # |a - b|^2 without |a|^2, which is the same for a whole row; for unit vectors this is the
        # order of the cosine too.
        apart = squares - 2 * vectors[block] @ vectors.T
        apart[np.arange(len(block)), block] = np.inf
        yield np.argsort(apart, axis=1, kind="stable")[:, :-1]


def score_queries(
    vectors: NDArray[np.float32],
    labels: Sequence[str | None],
    distance: Distance,
    *,
    k: int,
    asking: NDArray[np.bool_] | None = None,
) -> QueryScores:
    """Rank all images for every labelled one and judge the rankings.

    Args:
        vectors: Shape: (N, D).
        labels: N labels; an image without one is never a query and never relevant.
        distance: how vectors are compared.
        k: depth of precision, recall and nDCG.
        asking: which images may be queries, all by default. Shape: (N,).

    Raises:
        NoLabelsError: no two images share a label.
    """
    queries = asking_images(labels, asking)
    return score_rankings(rank(vectors, distance, queries), queries, labels, k=k)


def score_rankings(
    rankings: Iterable[NDArray[np.intp]],
    queries: NDArray[np.intp],
    labels: Sequence[str | None],
    *,
    k: int,
) -> QueryScores:
    """Judge rankings, wherever they come from.

    Args:
        rankings: blocks of complete rankings of the other images, one for each query in turn, best
            first. Shape of each: (B, N - 1).
        queries: index of each query image, at least one. Shape: (Q,).
        labels: N labels.
        k: depth of precision, recall and nDCG.
    """
    codes = label_codes(labels)
    blocks, answers = [], []
    judged = 0
    for order in rankings:
        asked = queries[judged : judged + len(order)]
        judged += len(order)
        blocks.append(_judge(codes[order] == codes[asked, None], k))
        answers.append(order[:, :k].copy())
    values = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    names = tuple(str(labels[query]) for query in queries)
    return QueryScores(queries, names, np.concatenate(answers), values, k)


def leave_one_out(
    vectors: NDArray[np.float32], labels: Sequence[str | None], distance: Distance, *, k: int
) -> RetrievalScores:
    """The means of :func:`score_queries`.

    Raises:
        NoLabelsError: no two images share a label.
    """
    return score_queries(vectors, labels, distance, k=k).scores()


def _judge(relevant: Relevance, k: int) -> dict[str, PerQuery]:
    """By field of RetrievalScores."""
    return {
        "precision_at_1": metrics.precision_at_1(relevant),
        "precision_at_k": metrics.precision_at_k(relevant, k),
        "recall_at_k": metrics.recall_at_k(relevant, k),
        "ndcg_at_k": metrics.ndcg_at_k(relevant, k),
        "mean_average_precision": metrics.average_precision(relevant),
    }


def label_codes(labels: Sequence[str | None]) -> NDArray[np.intp]:
    """One number from 0 per label, -1 without one and for labels that start with "_"."""
    names = sorted({label for label in labels if label and not label.startswith("_")})
    codes = {name: code for code, name in enumerate(names)}
    return np.array([codes.get(label or "", -1) for label in labels], dtype=np.intp)


def asking_images(
    labels: Sequence[str | None], asking: NDArray[np.bool_] | None = None
) -> NDArray[np.intp]:
    """Images that have a label in common with another one, ascending. Shape: (Q,), Q >= 1.

    Args:
        labels: N labels.
        asking: which images may be queries, all by default. Shape: (N,).

    Raises:
        NoLabelsError: no two images share a label.
    """
    codes = label_codes(labels)
    shared = (codes >= 0) & (np.bincount(codes + 1)[codes + 1] > 1)
    if not shared.any():
        raise NoLabelsError("no two images share a label, so there is nothing to judge by")
    if asking is not None and not (shared & asking).any():
        raise NoLabelsError("no image that may ask shares its label with another")
    return np.flatnonzero(shared if asking is None else shared & asking)


def recall_by_stem(
    scored: QueryScores, labels: Sequence[str | None], stems: Sequence[str]
) -> dict[str, Estimate]:
    """Recall@k of the relevant images of each file name apart, by name without suffix.

    For sets whose file names say what was done to an image: how often is the cropped one found?

    Args:
        scored: queries and their first answers.
        labels: of all N images.
        stems: file names without suffix, of all N images.
    """
    codes, names = label_codes(labels), np.array(stems)
    right = codes[scored.answers] == codes[scored.queries, None]
    recalls = {}
    for stem in np.unique(names):
        targets = names == stem
        totals = np.bincount(codes[targets] + 1, minlength=codes.max() + 2)[
            codes[scored.queries] + 1
        ]
        totals = totals - targets[scored.queries]
        found = (right & targets[scored.answers]).sum(axis=1)
        if (asked := totals > 0).any():
            recalls[str(stem)] = estimate({"recall": found[asked] / totals[asked]})["recall"]
    return recalls


def stored_vectors(
    store: VectorStore, info: DatasetInfo
) -> Iterator[tuple[Pooling, Distance, Vector]]:
    """The vectors of every stored pair, one pair at a time, rows ordered by id."""
    for pooling in info.vector_sizes:
        for distance in info.distances:
            rows = store.scroll(info.name, distance, with_vectors=True)
            yield pooling, distance, np.stack([row.vectors[pooling] for row in rows])


def image_files(info: DatasetInfo, records: Sequence[Record]) -> list[Path]:
    """The files of stored points."""
    return [Path(info.root, str(record.payload["path"])) for record in records]
