"""Other ways to rank the same vectors: is one worth what it would cost a search?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexer.evaluation import QUERY_BLOCK, asking_images, score_rankings
from indexer.study_results import SHOWN, Row
from models.pooling import Pooling
from scripts.studies.judging import figures_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from indexer.types import Vector

    Ranking = Callable[[Tensor], Tensor]
    """How like each image is to some of them, from the indices of these: (Q,) -> (Q, N)."""

ALPHA = 3.0
"""Of query expansion, as Radenovic, Tolias and Chum chose it."""
HUB_NEIGHBOURS = 10
"""As Conneau et al. chose it."""
RERANKED = 100
"""Candidates that are compared cell by cell."""


def judged_rankings(
    found: Mapping[Pooling, Vector], labels: Sequence[str | None]
) -> Iterator[tuple[str, Row]]:
    """Names and figures of all ways to rank ``flatten`` vectors by the cosine.

    Args:
        found: vectors of N images, ``maxpool`` and ``flatten``. Shape of each: (N, D).
        labels: of the images.
    """
    import torch

    flat = torch.from_numpy(found[Pooling.FLATTEN])
    queries = asking_images(labels)
    for name, ranking in rankings(flat, channels=found[Pooling.MAXPOOL].shape[1]):
        scored = score_rankings(orders(ranking, queries), queries, labels, k=SHOWN)
        yield name, figures_of(scored.scores())


def rankings(flat: Tensor, *, channels: int) -> Iterator[tuple[str, Ranking]]:
    """All of them by name, one at a time.

    Args:
        flat: ``flatten`` vectors. Shape: (N, channels * P).
        channels: of the latents.
    """
    import torch.nn.functional as F

    unit = F.normalize(flat, dim=1)
    for count in (3, 10):
        yield f"queries expanded by {count} neighbours", expanded_queries(unit, count)
    for count in (3, 10):
        yield f"all vectors expanded by {count} neighbours", expanded_vectors(unit, count)
    yield "less the mean cosine to all", less_background(unit)
    yield "less the nearness of hubs", less_hubs(unit)
    cells = F.normalize(flat.reshape(len(flat), channels, -1), dim=1)
    yield f"the first {RERANKED} by their nearest cells", by_cells(unit, cells)


def orders(ranking: Ranking, queries: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Blocks of complete rankings of the other images, best first. Shape: (B, N - 1)."""
    import torch

    for block in torch.split(torch.from_numpy(queries), QUERY_BLOCK):
        alike = ranking(block)
        alike[torch.arange(len(block)), block] = -torch.inf
        yield alike.neg().numpy().argsort(axis=1, kind="stable")[:, :-1]


def expanded_queries(unit: Tensor, count: int) -> Ranking:
    """Alpha-weighted query expansion (Radenovic et al., TPAMI 2019, arXiv 1711.02512, 5.3).

    A query is averaged with its ``count`` nearest images, weighted by their cosines to the power
    of alpha, and asks again.
    """
    asked = _expanded(unit, count)
    return lambda queries: asked[queries] @ unit.T


def expanded_vectors(unit: Tensor, count: int) -> Ranking:
    """The same of every stored vector too (Arandjelovic, Zisserman, CVPR 2012, section 4)."""
    stored = _expanded(unit, count)
    return lambda queries: stored[queries] @ stored.T


def less_background(unit: Tensor) -> Ranking:
    """Less what an image has in common with all."""
    common = unit @ unit.mean(dim=0)
    return lambda queries: unit[queries] @ unit.T - common


def less_hubs(unit: Tensor) -> Ranking:
    """Less half the mean cosine of an image and its nearest ones, so that hubs come up less often.

    CSLS (Conneau, Lample, Ranzato, Denoyer, Jegou, "Word translation without parallel data", ICLR
    2018, arXiv 1710.04087, section 2.3); what it takes off for the query changes no order.
    """
    cosines, _ = _nearest(unit, HUB_NEIGHBOURS)
    near = cosines.mean(dim=1) / 2
    return lambda queries: unit[queries] @ unit.T - near


def by_cells(unit: Tensor, cells: Tensor) -> Ranking:
    """The first candidates again: each cell of one image with the nearest cell of the other.

    The mean of both directions, as ColBERT sums one (Khattab, Zaharia, SIGIR 2020, arXiv
    2004.12832, section 3.3).

    Args:
        unit: vectors that find the candidates. Shape: (N, D).
        cells: of unit length. Shape: (N, C, P).
    """
    import torch

    def ranking(queries: Tensor) -> Tensor:
        alike = unit[queries] @ unit.T
        alike[torch.arange(len(queries)), queries] = -torch.inf
        first = alike.topk(min(RERANKED, len(unit) - 1), dim=1).indices
        for row, query, candidates in zip(alike, queries, first, strict=True):
            pairs = cells[query].T @ cells[candidates]  # (candidates, P, P)
            both = pairs.amax(dim=1).mean(dim=1) + pairs.amax(dim=2).mean(dim=1)
            row[candidates] = 3 + both / 2  # above every cosine
        return alike

    return ranking


def _expanded(unit: Tensor, count: int) -> Tensor:
    import torch.nn.functional as F

    cosines, nearest = _nearest(unit, count)
    weights = cosines.clamp(min=0) ** ALPHA
    summed = unit.clone()
    for rank in range(nearest.shape[1]):
        summed += weights[:, rank, None] * unit[nearest[:, rank]]
    return F.normalize(summed, dim=1)


def _nearest(unit: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Cosines and indices of every image's nearest other ones. Shapes: (N, count)."""
    import torch

    found = []
    for block in torch.split(torch.arange(len(unit)), QUERY_BLOCK):
        alike = unit[block] @ unit.T
        alike[torch.arange(len(block)), block] = -torch.inf
        found.append(alike.topk(min(count, len(unit) - 1), dim=1))
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])
