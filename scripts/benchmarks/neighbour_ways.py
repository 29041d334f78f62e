"""Three ways to find neighbours, as the study had them: nearest neighbours, hashing, clustering.

All of them choose candidates and compare those by their vectors; they differ in how they choose.
The indexes are faiss's (Johnson, Douze, Jegou, "Billion-scale similarity search with GPUs", IEEE
Trans. Big Data 7(3), 2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from indexer.store.presets import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Numbers = NDArray[np.intp]

_SEED = 0


class Finder(Protocol):
    """Finds the nearest rows of those that it was made for."""

    def candidates(self, number: int) -> Numbers:
        """Rows that may be near row ``number``, which is among them or not."""
        ...

    def bytes(self) -> int:
        """Memory beside the vectors themselves."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """Compare with every row."""

    rows: Rows

    @property
    def name(self) -> str:
        """For people."""
        return "exact"

    def candidates(self, number: int) -> Numbers:
        """All rows."""
        del number
        return np.arange(len(self.rows))

    def bytes(self) -> int:
        """None."""
        return 0


class HashTables:
    """Locality-sensitive hashing by the signs of random projections.

    Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002; candidates are
    the rows with the same ``bits`` in one of ``tables`` tables, or one bit apart with ``flips``
    (Lv et al., "Multi-probe LSH", VLDB 2007).

    Args:
        rows: Shape: (N, D).
        bits: length of a hash.
        tables: number of hashes of a vector.
        centred: split every projection at its median instead of at 0: latents after a ReLU lie to
            one side of it.
        flips: bits that may differ.
    """

    def __init__(
        self, rows: Rows, *, bits: int, tables: int, centred: bool, flips: int = 0
    ) -> None:
        import faiss

        length = -(-bits * tables // 8) * 8  # whole bytes
        hashing: Any = faiss.IndexLSH(rows.shape[1], length, True, centred)  # noqa: FBT003
        hashing.train(rows)
        self._codes: NDArray[np.uint8] = hashing.sa_encode(rows)
        self._tables: Any = faiss.IndexBinaryMultiHash(length, tables, bits)
        self._tables.add(self._codes)
        self._tables.nflip = flips
        self._count = len(rows)
        self._projection = 4 * length * rows.shape[1]

    def candidates(self, number: int) -> Numbers:
        """Rows of the same buckets."""
        _, found = self._tables.search(self._codes[number : number + 1], self._count)
        chosen: Numbers = found[0][found[0] >= 0]
        return chosen

    def bytes(self) -> int:
        """Codes, buckets (an id in every table) and projections."""
        return int(self._codes.nbytes + 8 * self._count * self._tables.nhash + self._projection)


class Clusters:
    """k-means; candidates are the members of the nearest ``probes`` clusters.

    Args:
        rows: Shape: (N, D).
        clusters: their number.
        probes: how many of them are looked into.
    """

    def __init__(self, rows: Rows, *, clusters: int, probes: int = 1) -> None:
        import faiss

        means: Any = faiss.Kmeans(rows.shape[1], clusters, niter=20, seed=_SEED)
        means.train(rows)
        _, near = means.index.search(rows, probes)
        self._near: Numbers = near
        self._members = [np.flatnonzero(near[:, 0] == each) for each in range(clusters)]
        self._centroids = means.centroids.nbytes

    def candidates(self, number: int) -> Numbers:
        """Rows of the same cluster, and of those next to it."""
        return np.concatenate([self._members[each] for each in self._near[number]])

    def bytes(self) -> int:
        """Centroids, and an id for every row."""
        return int(self._centroids + 8 * len(self._near))


class Walk:
    """The HNSW graph that the store uses, with its parameters, in faiss.

    Args:
        rows: Shape: (N, D).
        depth: candidates that are asked for.
    """

    def __init__(self, rows: Rows, *, depth: int) -> None:
        import faiss

        graph = Graph()
        self._rows, self._depth = rows, depth
        self._index: Any = faiss.IndexHNSWFlat(rows.shape[1], graph.m)
        self._index.hnsw.efConstruction = graph.ef_construct
        self._index.hnsw.efSearch = graph.ef
        self._index.add(rows)

    def candidates(self, number: int) -> Numbers:
        """The rows at the end of the walk."""
        _, found = self._index.search(self._rows[number : number + 1], self._depth)
        chosen: Numbers = found[0][found[0] >= 0]
        return chosen

    def bytes(self) -> int:
        """Links: twice ``m`` at the bottom, of four bytes each."""
        return len(self._rows) * 4 * 2 * Graph().m


class Comparison:
    """Compares one row with others by their distance.

    Args:
        rows: Shape: (N, D).
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._squares = np.einsum("ij,ij->i", rows, rows)

    def nearest(self, number: int, candidates: Numbers, k: int) -> Numbers:
        """The ``k`` nearest of ``candidates`` to row ``number``, which is left out; or fewer.

        Equal distances are in the order of the rows, as in ``indexer.evaluation.rank``.
        """
        whole = len(candidates) == len(self._rows)  # then no row has to be copied
        candidates = np.arange(len(self._rows)) if whole else np.sort(candidates)
        rows = self._rows if whole else self._rows[candidates]
        # |a - b|^2 without |b|^2, which is the same for all of them.
        apart = self._squares[candidates] - 2 * (rows @ self._rows[number])
        order = candidates[np.argsort(apart, kind="stable")[: k + 1]]
        chosen: Numbers = order[order != number][:k]
        return chosen


@dataclass(frozen=True, slots=True)
class Setting:
    """One way with its parameters.

    Attributes:
        way: "nearest neighbours", "LSH" or "k-means".
        name: the parameters, for people.
        original: it is what the study did.
    """

    way: str
    name: str
    original: bool = False


def finders(rows: Rows, k: int) -> Iterator[tuple[Setting, Finder]]:
    """Every way, made one after the other; the exact one first."""
    yield Setting("nearest neighbours", "exact", original=True), Exact(rows)
    yield Setting("nearest neighbours", "HNSW"), Walk(rows, depth=k + 1)
    original = HashTables(rows, bits=10, tables=5, centred=False)
    yield Setting("LSH", "10 bits, 5 tables", original=True), original
    yield (
        Setting("LSH", "10 bits, 5 tables, at the median"),
        HashTables(rows, bits=10, tables=5, centred=True),
    )
    yield (
        Setting("LSH", "12 bits, 20 tables, at the median, 1 flip"),
        HashTables(rows, bits=12, tables=20, centred=True, flips=1),
    )
    yield Setting("k-means", "50 clusters", original=True), Clusters(rows, clusters=50)
    chosen = round(len(rows) ** 0.5)
    yield (
        Setting("k-means", f"{chosen} clusters (root of N), nearest 5"),
        Clusters(rows, clusters=chosen, probes=5),
    )
