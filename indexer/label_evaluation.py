"""How good are the neighbours of a dataset by its labels, beside what they have to beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexer.bootstrap import Estimate
from indexer.errors import InvalidRequestError
from indexer.evaluation import (
    QueryScores,
    RetrievalScores,
    image_files,
    recall_by_stem,
    score_queries,
    stored_vectors,
)
from indexer.payloads import label_of
from indexer.recommend import Contender, Recommendation, recommend
from indexer.types import DatasetInfo, Distance, Record
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.store.base import VectorStore
    from indexer.types import Vector


@dataclass(frozen=True, slots=True)
class EvaluationRow:
    """One representation under one <pooling, distance> pair; no pooling for pixels and colours."""

    contender: Contender
    scores: RetrievalScores
    per_query: QueryScores
    by_stem: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A dataset's stored pairs, what they have to beat, and the pair to search with."""

    dataset: str
    pairs: tuple[EvaluationRow, ...]
    baselines: tuple[EvaluationRow, ...]
    recommendation: Recommendation

    @property
    def rows(self) -> tuple[EvaluationRow, ...]:
        """All of them, the pairs first."""
        return self.pairs + self.baselines


def evaluate(
    store: VectorStore, dataset: str, *, k: int, progress: bool, originals: str | None = None
) -> Evaluation:
    """Judge a dataset's stored vectors beside random weights, colours and raw pixels.

    All are compared exactly, so the figures are those of the vectors, not of an engine.

    Args:
        store: where the vectors are.
        dataset: a published index.
        k: depth.
        progress: show progress on stderr.
        originals: only files of this name (without suffix) are queries, and recall@k is given for
            every other name too.

    Raises:
        NoLabelsError: the images have no labels.
        InvalidRequestError: no image is named ``originals``.
        UnreadableImageError: an indexed file can no longer be read; sync first.
    """
    info = store.describe(dataset)
    records = list(store.scroll(dataset, info.distances[0]))
    if originals is not None and not any(_stem(record) == originals for record in records):
        raise InvalidRequestError(f"dataset {dataset!r} has no file named {originals!r}")
    judged = partial(_row, records=records, k=k, originals=originals)
    pairs = [
        judged(info.checkpoint, pooling, distance, vectors)
        for pooling, distance, vectors in stored_vectors(store, info)
    ]
    baselines = []
    for name, pooling, vectors in _baselines(info, image_files(info, records), progress=progress):
        baselines += [judged(name, pooling, distance, vectors) for distance in info.distances]
    recommendation = recommend(
        [row.contender for row in pairs],
        [row.contender for row in baselines],
        metric=f"precision@{k}",
    )
    return Evaluation(dataset, tuple(pairs), tuple(baselines), recommendation)


def _stem(record: Record) -> str:
    return Path(str(record.payload["path"])).stem


def _row(
    representation: str,
    pooling: Pooling | None,
    distance: Distance,
    vectors: Vector,
    *,
    records: Sequence[Record],
    k: int,
    originals: str | None,
) -> EvaluationRow:
    labels = [label_of(record.payload) for record in records]
    stems = [_stem(record) for record in records]
    asking = None if originals is None else np.array([stem == originals for stem in stems])
    scored = score_queries(vectors, labels, distance, k=k, asking=asking)
    by_stem = {} if originals is None else recall_by_stem(scored, labels, stems)
    values = scored.values["precision_at_k"]
    contender = Contender(representation, pooling, distance, vectors.shape[1], values)
    return EvaluationRow(contender, scored.scores(), scored, by_stem)


def _baselines(
    info: DatasetInfo, files: Sequence[Path], *, progress: bool
) -> Iterator[tuple[str, Pooling | None, Vector]]:
    from models.baselines import baselines

    for baseline in baselines(
        info.arch, image_size=info.image_size, poolings=info.vector_sizes, progress=progress
    ):
        for pooling, vectors in baseline.vectors(files).items():
            yield baseline.name, pooling, vectors
