"""``neighbours``: nearest neighbours, hashing and k-means on the same queries."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from indexer.bootstrap import estimate
from indexer.evaluation import comparable, label_codes
from indexer.metrics import ann_recall_at_k
from indexer.types import Distance
from models.checkpoint import DEFAULT_CHECKPOINT
from models.pooling import STANDARD, Pooling
from models.sources import SOURCE_KINDS, open_source
from scripts.benchmarks.neighbour_ways import Comparison, Finder, Setting, finders

if TYPE_CHECKING:
    from numpy.typing import NDArray

K = 8


@dataclass(frozen=True, slots=True)
class Found:
    """One way on one kind of vector; images that ask are left out of their own answers.

    Attributes:
        way, setting, original: see :class:`Setting`.
        pooling, distance: what is compared, and how.
        images, size: number of vectors, and of their values.
        queries: number of images that ask.
        precision_at_8: mean over queries; a place that stays empty counts as wrong.
        interval: half the width of its 95 % interval.
        ann_recall_at_8: share of the exact answers that are found.
        compared: share of the images that a query is compared with.
        agreement: Spearman's rank correlation of the labels' precisions with those of exact
            search: whether the same labels are easy, and the same ones hard.
        seconds: median of one query.
        build_seconds: what it takes to prepare.
        bytes: memory beside the vectors.
    """

    way: str
    setting: str
    original: bool
    pooling: Pooling
    distance: Distance
    images: int
    size: int
    queries: int
    precision_at_8: float
    interval: float
    ann_recall_at_8: float
    compared: float
    agreement: float
    seconds: float
    build_seconds: float
    bytes: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("source", metavar="SOURCE", help=f"labelled images: {SOURCE_KINDS}")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=DEFAULT_CHECKPOINT,
        metavar="DIR",
        help="what encodes them; default: the one that comes with the program",
    )
    parser.add_argument("--queries", type=int, default=5_000, help="images that ask, at most")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="for archives")


def measure(arguments: argparse.Namespace) -> list[Found]:
    """Encode the images once, and ask every way with every one of them."""
    from models.baselines import encode_files
    from models.encoder import Encoder

    source = open_source(arguments.source, workspace=arguments.data_dir / "sources")
    encoder = Encoder.load(arguments.checkpoint)
    labels = [file.label for file in source.files]
    files = [file.path for file in source.files]
    vectors = encode_files(encoder, files, poolings=STANDARD, title="Encoding", progress=True)
    return [
        row
        for pooling in STANDARD
        for distance in Distance
        for row in judge(vectors[pooling], labels, pooling, distance, asked=arguments.queries)
    ]


def judge(
    vectors: NDArray[np.float32],
    labels: Sequence[str | None],
    pooling: Pooling,
    distance: Distance,
    *,
    asked: int,
) -> Iterator[Found]:
    """Every way over ``vectors``; the exact one first, which the others are judged by.

    At most ``asked`` of the images ask, spread over all of them.
    """
    rows, codes = comparable(vectors, distance), label_codes(labels)
    able = np.flatnonzero((codes >= 0) & (np.bincount(codes + 1)[codes + 1] > 1))
    queries = able[:: max(1, len(able) // asked)][:asked]
    comparison = Comparison(rows)
    right: list[NDArray[np.intp]] = []
    easy: NDArray[np.float64] | None = None
    started = perf_counter()
    for setting, finder in finders(rows, K):
        build_seconds = perf_counter() - started
        answers, candidates, seconds = _ask(comparison, queries, setting, finder)
        same = [codes[found] == codes[query] for query, found in zip(queries, answers, strict=True)]
        precisions = np.array([each.sum() / K for each in same])
        by_label = _by_label(precisions, codes[queries])
        right = right or answers
        easy = by_label if easy is None else easy
        precision = estimate({"precision": precisions})["precision"]
        yield Found(
            way=setting.way,
            setting=setting.name,
            original=setting.original,
            pooling=pooling,
            distance=distance,
            images=len(rows),
            size=rows.shape[1],
            queries=len(queries),
            precision_at_8=precision.value,
            interval=precision.half_width,
            ann_recall_at_8=float(ann_recall_at_k(answers, right).mean()),
            compared=candidates / len(rows),
            agreement=_correlation(by_label, easy),
            seconds=seconds,
            build_seconds=build_seconds,
            bytes=finder.bytes(),
        )
        started = perf_counter()


def _ask(
    comparison: Comparison, queries: NDArray[np.intp], setting: Setting, finder: Finder
) -> tuple[list[NDArray[np.intp]], float, float]:
    """Answers, the mean number of candidates, and the median of the seconds."""
    answers, candidates, seconds = [], [], []
    for query in tqdm(queries, desc=f"{setting.way}, {setting.name}"):
        started = perf_counter()
        chosen = finder.candidates(int(query))
        answers.append(comparison.nearest(int(query), chosen, K))
        seconds.append(perf_counter() - started)
        candidates.append(len(chosen))
    return answers, float(np.mean(candidates)), float(np.median(seconds))


def _by_label(values: NDArray[np.float64], codes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Means of the queries of each label, in the order of the labels."""
    return np.array([values[codes == code].mean() for code in np.unique(codes)])


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0  # nothing that could go up and down together
    return float(spearmanr(one, other).statistic)


def report(measurements: Sequence[Found], _arguments: argparse.Namespace) -> str:
    """Lines for people."""
    return "\n".join(
        f"{row.pooling:<8} {row.distance:<7} {row.way + ', ' + row.setting:<52} "
        f"precision@{K} {row.precision_at_8:.3f} ±{row.interval:.3f}  "
        f"ann_recall@{K} {row.ann_recall_at_8:.3f}  compared {row.compared:6.1%}  "
        f"{1000 * row.seconds:7.2f} ms  built in {row.build_seconds:6.1f} s  "
        f"{row.bytes / 1e6:6.1f} MB"
        for row in measurements
    )
