"""How good are the neighbours: the figures that experiments keep of each <pooling, distance>."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexer.bootstrap import Estimate, estimate
from indexer.study_results import SHOWN, PairResult, Row
from indexer.types import Distance
from models.pooling import STANDARD, Pooling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.evaluation import RetrievalScores
    from indexer.types import Vector
    from models.sources import Source

DEPTH = 10
METRICS = ("precision_at_1", "precision_at_k", "mean_average_precision")


def judge(vectors: Vector, labels: Sequence[str | None], distance: Distance) -> Row:
    """Means with half the width of their 95 % intervals over queries; k is SHOWN."""
    from indexer.evaluation import leave_one_out

    return figures_of(leave_one_out(vectors, labels, distance, k=SHOWN))


def figures_of(scores: RetrievalScores) -> Row:
    """Means with half the width of their 95 % intervals over queries."""
    shown = {metric: getattr(scores, metric) for metric in METRICS}
    figures = {metric: each.value for metric, each in shown.items()}
    return figures | {f"{metric}_interval": each.half_width for metric, each in shown.items()}


@dataclass(frozen=True, slots=True)
class JudgedBaseline:
    """One pair of a baseline; no pooling for pixels and colours."""

    name: str
    pooling: Pooling | None
    distance: Distance
    figures: Row


def judged_baselines(source: Source, arch: str, *, image_size: int) -> Iterator[JudgedBaseline]:
    """What needs no training: random weights, colours, pixels."""
    from models.baselines import baselines

    files = [file.path for file in source.files]
    labels = [file.label for file in source.files]
    for baseline in baselines(arch, image_size=image_size, poolings=STANDARD, progress=True):
        for pooling, found in baseline.vectors(files).items():
            for distance in Distance:
                figures = judge(found, labels, distance)
                yield JudgedBaseline(baseline.name, pooling, distance, figures)


def judge_pairs(
    vectors: Mapping[str, Vector], labels: Sequence[str | None]
) -> tuple[PairResult, ...]:
    """Every pooling of ``vectors``, (N, D) each, under every distance."""
    results: list[PairResult] = []
    judged: list[tuple[Vector, str]] = []
    for pooling, found in vectors.items():
        # A latent of one cell is its own maximum: no need to rank twice.
        twin = next((name for other, name in judged if np.array_equal(other, found)), None)
        for distance in Distance:
            known = [each for each in results if (each.pooling, each.distance) == (twin, distance)]
            estimates, hits = (
                (known[0].estimates, known[0].hits) if known else _judge(found, labels, distance)
            )
            results.append(PairResult(pooling, str(distance), estimates, hits))
        judged.append((found, pooling))
    return tuple(results)


def _judge(
    vectors: Vector, labels: Sequence[str | None], distance: Distance
) -> tuple[Mapping[str, Estimate], str]:
    from indexer.evaluation import label_codes, score_queries

    scored = score_queries(vectors, labels, distance, k=DEPTH)
    codes = label_codes(labels)
    right = codes[scored.answers[:, :SHOWN]] == codes[scored.queries, None]
    hits: NDArray[np.intp] = right.sum(axis=1)
    values = {
        "precision_at_1": scored.values["precision_at_1"],
        f"precision_at_{SHOWN}": hits / SHOWN,
        f"precision_at_{DEPTH}": scored.values["precision_at_k"],
        f"ndcg_at_{DEPTH}": scored.values["ndcg_at_k"],
        "mean_average_precision": scored.values["mean_average_precision"],
    }
    return estimate(values), "".join(map(str, hits))
