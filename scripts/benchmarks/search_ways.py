"""Ways to find the nearest vectors: the embedded store, and what it is judged beside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from tqdm import tqdm

from indexer.schema import IndexSpec, point_id
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.store.presets import COARSE, Graph
from indexer.types import Distance, Point
from models.pooling import Pooling
from scripts.benchmarks.vectors import blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.types import Vector

    Rows = NDArray[np.float32]
    ByPooling = Mapping[Pooling, Vector]

DATASET = "benchmark"
_BATCH = 256
Search = Callable[["ByPooling"], Iterable[int]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to answer: vectors of a query by pooling -> numbers of the nearest rows.

    Attributes:
        name: for people.
        search: what is timed.
        prepare: what has to be ready before, not timed.
    """

    name: str
    search: Search
    prepare: Callable[[], object] = lambda: None


class Exact:
    """The straightforward exact search: one matrix product, then the k best of it.

    Args:
        rows: Shape: (N, D); read in place, so a mapped file need not fit twice.
        distance: how they are compared.
        k: number of answers.
    """

    def __init__(self, rows: Rows, distance: Distance, k: int) -> None:
        self._rows, self._distance, self._k = rows, distance, k
        self._squares = np.concatenate(
            [(np.asarray(rows[block]) ** 2).sum(axis=1) for block in blocks(len(rows), 4_096)]
        )
        self._lengths = np.sqrt(self._squares)

    def apart(self, vector: Vector) -> Vector:
        """Something that orders the rows as the distance does, the nearest least. Shape: (N,)."""
        products: Vector = self._rows @ vector
        if self._distance is Distance.COSINE:
            products = -products / self._lengths
        else:
            products = self._squares - 2 * products
        return products

    def __call__(self, vector: Vector) -> NDArray[np.intp]:
        """The ``k`` nearest rows, in no order."""
        return np.argpartition(self.apart(vector), self._k)[: self._k]


def faiss_graph(rows: Rows, distance: Distance, k: int) -> Callable[[Vector], Iterable[int]]:
    """An HNSW graph of faiss with the store's parameters; equal ones, so equal recall."""
    import faiss

    graph = Graph()
    index: Any = faiss.IndexHNSWFlat(rows.shape[1], graph.m)
    index.hnsw.efConstruction = graph.ef_construct
    index.hnsw.efSearch = graph.ef
    index.add(_comparable(rows, distance))

    def search(vector: Vector) -> Iterable[int]:
        _, found = index.search(_comparable(vector[None], distance), k)
        numbers: Iterable[int] = found[0]
        return numbers

    return search


def _comparable(rows: Rows, distance: Distance) -> Rows:
    """Rows whose Euclidean order is that of ``distance``."""
    rows = np.array(rows, np.float32)
    if distance is Distance.COSINE:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


@contextmanager
def filled_store(
    folder: Path, collection: Mapping[Pooling, Rows], distance: Distance
) -> Iterator[VectorStore]:
    """An embedded store with one collection of these vectors; the number of a row is its path."""
    images = len(collection[COARSE])
    spec = IndexSpec(
        dataset=DATASET,
        arch="benchmark",
        fingerprint="0" * 64,
        image_size=1,
        distances=(distance,),
        vector_sizes={name: rows.shape[1] for name, rows in collection.items()},
        source="benchmark",
        root=str(folder),
    )
    with closing(open_store(Settings(folder))) as store:
        with closing(store.writer(spec)) as writer:
            for block in tqdm(list(blocks(images, _BATCH)), desc=f"Storing for {distance}"):
                writer.upsert([_point(row, collection) for row in range(block.start, block.stop)])
            writer.publish()
        yield store
        store.drop(DATASET)


def _point(row: int, collection: Mapping[Pooling, Rows]) -> Point:
    vectors = {name: np.asarray(rows[row]) for name, rows in collection.items()}
    return Point(_id(row), vectors, {"path": str(row), "label": f"folder{row % 50}"})


def _id(row: int) -> UUID:
    return point_id(DATASET, str(row))


def store_way(
    name: str, store: VectorStore, distance: Distance, pooling: Pooling, k: int, *, exact: bool
) -> Way:
    """The store as a searcher asks it."""

    def search(query: ByPooling) -> Iterable[int]:
        hits = store.query(
            DATASET,
            distance,
            pooling,
            query[pooling],
            limit=k,
            exact=exact,
            coarse=query[COARSE],
        )
        return [int(str(hit.payload["path"])) for hit in hits]

    def prepare() -> object:
        """Let a shard that was let go of meanwhile be opened again: that is not the search."""
        return store.retrieve(DATASET, distance, [_id(0)])

    return Way(name, search, prepare)
