"""How good are the neighbours of a set without labels: generated copies, whose original is known.

Every copy is a query, its original is to come first; all other images are wrong answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from indexer.bootstrap import Estimate, estimate
from indexer.errors import CheckpointMismatchError
from indexer.evaluation import QUERY_BLOCK, comparable, image_files, stored_vectors
from indexer.metrics import reciprocal_rank
from indexer.recommend import Contender, Recommendation, recommend
from models.copies import COPIES, write_copies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.store.base import VectorStore
    from indexer.types import DatasetInfo, Distance, Vector
    from models.encoder import Encoder
    from models.pooling import Pooling

ORIGINALS = 200
"""Most images that copies are made of."""
_SEED = 0


@dataclass(frozen=True, slots=True)
class CopyScores:
    """Means over originals.

    Attributes:
        recall_at_1: how often the original comes first.
        reciprocal_rank: of the original, the mean of 1 / rank.
    """

    recall_at_1: Estimate
    reciprocal_rank: Estimate


@dataclass(frozen=True, slots=True)
class CopyRow:
    """One representation under one pair: all kinds of copy together, and each."""

    contender: Contender
    overall: CopyScores
    by_kind: Mapping[str, CopyScores]


@dataclass(frozen=True, slots=True)
class CopyEvaluation:
    """A dataset's stored pairs, what they have to beat, and the pair to search with."""

    dataset: str
    images: int
    originals: int
    pairs: tuple[CopyRow, ...]
    baselines: tuple[CopyRow, ...]
    recommendation: Recommendation

    @property
    def rows(self) -> tuple[CopyRow, ...]:
        """All of them, the pairs first."""
        return self.pairs + self.baselines


def original_ranks(
    collection: NDArray[np.float32],
    copies: NDArray[np.float32],
    originals: NDArray[np.intp],
    distance: Distance,
) -> NDArray[np.intp]:
    """Rank of its original among all images, for every copy; from 1. Shape: (Q,).

    Equal distances are in the order of the images, as a search gives them.

    Args:
        collection: Shape: (N, D).
        copies: Shape: (Q, D).
        originals: index into the collection, by copy. Shape: (Q,).
        distance: how vectors are compared.
    """
    collection, copies = comparable(collection, distance), comparable(copies, distance)
    squares = (collection**2).sum(axis=1)
    images = np.arange(len(collection))
    ranks = []
    for start in range(0, len(copies), QUERY_BLOCK):
        apart = squares - 2 * copies[start : start + QUERY_BLOCK] @ collection.T
        original = originals[start : start + QUERY_BLOCK, None]
        own = np.take_along_axis(apart, original, axis=1)
        before = (apart < own) | ((apart == own) & (images < original))
        ranks.append(1 + before.sum(axis=1))
    return np.concatenate(ranks)


def evaluate_copies(
    store: VectorStore, dataset: str, encoder: Encoder, *, progress: bool
) -> CopyEvaluation:
    """Judge a dataset's stored vectors by copies, beside random weights, colours and raw pixels.

    The copies go to files of a temporary folder and from there the way of every query.

    Args:
        store: where the vectors are.
        dataset: a published index.
        encoder: the one that made it.
        progress: show progress on stderr.

    Raises:
        CheckpointMismatchError: another encoder than the index was made with.
        UnreadableImageError: an indexed file can no longer be read; sync first.
    """
    info = store.describe(dataset)
    if encoder.fingerprint != info.fingerprint:
        raise CheckpointMismatchError(f"{dataset!r} was made with {info.checkpoint}, not this one")
    files = image_files(info, list(store.scroll(dataset, info.distances[0])))
    chosen = choose_originals(len(files))
    with TemporaryDirectory(prefix="copies-") as folder:
        copies = write_copies([files[index] for index in chosen], Path(folder), progress=progress)
        pairs = _pairs(store, info, encoder, copies, chosen, progress=progress)
        baselines = _baselines(info, files, copies, chosen, progress=progress)
    recommendation = recommend(
        [row.contender for row in pairs],
        [row.contender for row in baselines],
        metric="reciprocal rank of the original",
    )
    return CopyEvaluation(
        dataset, len(files), len(chosen), tuple(pairs), tuple(baselines), recommendation
    )


def choose_originals(images: int) -> NDArray[np.intp]:
    """Up to ORIGINALS indices, ascending; the same ones for the same number of images."""
    if images <= ORIGINALS:
        return np.arange(images)
    return np.sort(np.random.default_rng(_SEED).choice(images, ORIGINALS, replace=False))


def _pairs(
    store: VectorStore,
    info: DatasetInfo,
    encoder: Encoder,
    copies: Sequence[Path],
    chosen: NDArray[np.intp],
    *,
    progress: bool,
) -> list[CopyRow]:
    from models.baselines import encode_files

    poolings = tuple(info.vector_sizes)
    queries = encode_files(encoder, copies, poolings=poolings, title="Copies", progress=progress)
    return [
        _row(info.checkpoint, (pooling, distance), vectors, queries[pooling], chosen)
        for pooling, distance, vectors in stored_vectors(store, info)
    ]


def _baselines(
    info: DatasetInfo,
    files: Sequence[Path],
    copies: Sequence[Path],
    chosen: NDArray[np.intp],
    *,
    progress: bool,
) -> list[CopyRow]:
    from models.baselines import baselines

    rows = []
    for baseline in baselines(
        info.arch, image_size=info.image_size, poolings=info.vector_sizes, progress=progress
    ):
        collection, queries = baseline.vectors(files), baseline.vectors(copies)
        rows += [
            _row(baseline.name, (pooling, distance), vectors, queries[pooling], chosen)
            for pooling, vectors in collection.items()
            for distance in info.distances
        ]
    return rows


def _row(
    representation: str,
    pair: tuple[Pooling | None, Distance],
    collection: Vector,
    queries: Vector,
    chosen: NDArray[np.intp],
) -> CopyRow:
    pooling, distance = pair
    originals = np.repeat(chosen, len(COPIES))
    ranks = original_ranks(collection, queries, originals, distance).reshape(-1, len(COPIES))
    first, reciprocal = (ranks == 1).astype(np.float64), reciprocal_rank(ranks)
    by_kind = {kind: _scores(first[:, i], reciprocal[:, i]) for i, kind in enumerate(COPIES)}
    # The copies of one image are not independent, so means over them are what is resampled.
    values = reciprocal.mean(axis=1)
    contender = Contender(representation, pooling, distance, collection.shape[1], values)
    return CopyRow(contender, _scores(first.mean(axis=1), values), by_kind)


def _scores(first: NDArray[np.float64], reciprocal: NDArray[np.float64]) -> CopyScores:
    means = estimate({"first": first, "reciprocal": reciprocal})
    return CopyScores(means["first"], means["reciprocal"])
