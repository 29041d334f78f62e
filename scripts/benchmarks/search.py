"""``search``: the embedded store beside numpy and faiss, on vectors of real images."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from indexer.metrics import ann_recall_at_k
from indexer.store.presets import COARSE, SearchPreset, preset
from indexer.types import Distance
from models.checkpoint import DEFAULT_CHECKPOINT
from models.pooling import STANDARD, Pooling
from models.sources import SOURCE_KINDS
from scripts.benchmarks.search_ways import Exact, Way, faiss_graph, filled_store, store_way
from scripts.benchmarks.vectors import RealVectors, real_vectors

if TYPE_CHECKING:
    from indexer.store import VectorStore

K = 8
CANDIDATES = (100, 200, 500, 1_000)
SOURCE = "procedural"
MOST_IN_A_GRAPH = 100_000_000
"""Values that faiss makes a graph of: longer ones took hours."""


@dataclass(frozen=True, slots=True)
class SearchTimes:
    """One way to search one kind of vector.

    Attributes:
        pooling, distance, size: which vectors, and how they are compared.
        images: in the collection.
        views: how many of those are augmented views of others.
        way: how it was searched.
        preset: what the store does with such a collection.
        p50, p95: seconds for one query, over all queries of all rounds.
        ann_recall_at_8: mean over queries, beside numpy's exact search.
    """

    pooling: Pooling
    distance: Distance
    size: int
    images: int
    views: int
    way: str
    preset: str
    p50: float
    p95: float
    ann_recall_at_8: float


@dataclass(frozen=True, slots=True)
class CandidateRecall:
    """What two stages would find that are exact themselves, by the number that the first passes on.

    Attributes:
        pooling, distance: what the second stage compares, and how both do.
        images: in the collection.
        candidates: points that reach the second stage.
        ann_recall_at_8: mean over queries.
    """

    pooling: Pooling
    distance: Distance
    images: int
    candidates: int
    ann_recall_at_8: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("--images", type=int, default=10_000, help="size of the collection")
    parser.add_argument(
        "--source",
        action="append",
        metavar="SOURCE",
        help=f"where the images are from, may be repeated: {SOURCE_KINDS}; default: {SOURCE}",
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        default=DEFAULT_CHECKPOINT,
        metavar="DIR",
        help="what encodes them; default: the one that comes with the program",
    )
    parser.add_argument(
        "--vectors", type=Path, metavar="FOLDER", help="keep the vectors there, and use them again"
    )
    parser.add_argument(
        "--pooling",
        type=Pooling,
        choices=STANDARD,
        action="append",
        help=f"vectors to time, may be repeated; default: {', '.join(STANDARD)}",
    )
    parser.add_argument("--queries", type=int, default=200, help="images that are only asked with")
    parser.add_argument("--rounds", type=int, default=3)


def measure(arguments: argparse.Namespace) -> list[SearchTimes | CandidateRecall]:
    """Time every way, query by query in turn, for every <pooling, distance> pair."""
    from models.encoder import Encoder

    kept = arguments.vectors
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as folder:
        vectors = real_vectors(
            arguments.source or [SOURCE],
            Encoder.load(arguments.checkpoint),
            images=arguments.images,
            queries=arguments.queries,
            folder=Path(folder),
        )
        return [row for distance in Distance for row in _collection(vectors, distance, arguments)]


def _collection(
    vectors: RealVectors, distance: Distance, arguments: argparse.Namespace
) -> Iterator[SearchTimes | CandidateRecall]:
    exact = {name: Exact(rows, distance, K) for name, rows in vectors.collection.items()}
    timed = arguments.pooling or STANDARD
    stored = {name: vectors.collection[name] for name in STANDARD if name in (COARSE, *timed)}
    with (
        tempfile.TemporaryDirectory() as folder,
        filled_store(Path(folder), stored, distance) as store,
    ):
        for pooling in timed:
            ways = list(_ways(store, vectors, pooling, distance, exact[pooling]))
            yield from _race(ways, vectors, pooling, distance, arguments.rounds)
    yield from candidate_recall(vectors, distance, exact)


def describe(chosen: SearchPreset) -> str:
    """A preset in words."""
    if chosen.two_stage:
        return f"two stages, {chosen.two_stage.candidates} candidates"
    if chosen.graph:
        return "graph over int8" if chosen.int8 else "graph"
    return "exact"


def _ways(
    store: VectorStore, vectors: RealVectors, pooling: Pooling, distance: Distance, exact: Exact
) -> Iterator[Way]:
    """Numpy first: it says what is right."""
    rows = vectors.collection[pooling]
    chosen = preset(*rows.shape)
    yield Way("numpy, exact", lambda query: exact(query[pooling]))
    yield store_way("store", store, distance, pooling, K, exact=False)
    if chosen.graph or chosen.two_stage:
        yield store_way("store, exact", store, distance, pooling, K, exact=True)
    if rows.size <= MOST_IN_A_GRAPH:
        graph = faiss_graph(rows, distance, K)
        yield Way("faiss, graph", lambda query: graph(query[pooling]))


def _race(
    ways: Sequence[Way],
    vectors: RealVectors,
    pooling: Pooling,
    distance: Distance,
    rounds: int,
) -> Iterator[SearchTimes]:
    """Every query by every way before the next query; the first round warms up."""
    count = len(vectors.queries[pooling])
    queries = [{name: rows[row] for name, rows in vectors.queries.items()} for row in range(count)]
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    found: dict[str, list[list[int]]] = {way.name: [] for way in ways}
    for number in range(rounds + 1):
        for query in tqdm(queries, desc=f"Round {number} of {rounds}, {pooling} {distance}"):
            for way in ways:
                way.prepare()
                started = perf_counter()
                answer = way.search(query)
                if number:
                    seconds[way.name].append(perf_counter() - started)
                else:
                    found[way.name].append(list(answer))
    right = found[ways[0].name]
    images, size = vectors.collection[pooling].shape
    for way in ways:
        p50, p95 = np.percentile(seconds[way.name], (50, 95)).tolist()
        recall = float(ann_recall_at_k(found[way.name], right).mean())
        words = describe(preset(images, size))
        yield SearchTimes(
            pooling, distance, size, images, vectors.views, way.name, words, p50, p95, recall
        )


def candidate_recall(
    vectors: RealVectors, distance: Distance, exact: Mapping[Pooling, Exact]
) -> Iterator[CandidateRecall]:
    """For every number of CANDIDATES that leaves out some of the images."""
    images = len(vectors.collection[COARSE])
    right = [exact[Pooling.FLATTEN](query) for query in vectors.queries[Pooling.FLATTEN]]
    first = np.stack([exact[COARSE].apart(query) for query in vectors.queries[COARSE]])
    order = np.argsort(first, axis=1, kind="stable")
    for candidates in CANDIDATES:
        if candidates < images:
            # The second stage is exact: it finds what the first one lets through.
            recall = float(ann_recall_at_k(list(order[:, :candidates]), right).mean())
            yield CandidateRecall(Pooling.FLATTEN, distance, images, candidates, recall)


def report(
    measurements: Sequence[SearchTimes | CandidateRecall], _arguments: argparse.Namespace
) -> str:
    """Lines for people."""
    times = [row for row in measurements if isinstance(row, SearchTimes)]
    numpy = {(row.pooling, row.distance): row.p50 for row in times if row.way == "numpy, exact"}
    lines = [
        f"{row.pooling:<8} {row.distance:<7} {row.way:<13} {1000 * row.p50:8.2f} ms p50 "
        f"{1000 * row.p95:8.2f} ms p95 {row.p50 / numpy[row.pooling, row.distance]:6.2f} x numpy "
        f"ann_recall@{K} {row.ann_recall_at_8:.4f}  (store: {row.preset})"
        for row in times
    ]
    lines += [
        f"{row.pooling:<8} {row.distance:<7} {row.candidates:>5} candidates by {COARSE}: "
        f"ann_recall@{K} {row.ann_recall_at_8:.4f}"
        for row in measurements
        if isinstance(row, CandidateRecall)
    ]
    return "\n".join(lines)
