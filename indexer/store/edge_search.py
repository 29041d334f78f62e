"""Asking one qdrant-edge shard for the nearest points."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import qdrant_edge as edge

from indexer.store import ties
from indexer.store.edge_shard import as_payload, as_uuid, engine_errors, handed
from indexer.store.plan import Plan, Stage
from indexer.store.presets import SearchPreset
from indexer.types import Distance, ScoredPoint


def nearest(
    shard: edge.EdgeShard, distance: Distance, plan: Plan, *, limit: int, exclude: Iterable[UUID]
) -> list[ScoredPoint]:
    """The ``limit`` nearest points, ordered by (score, id)."""
    excluded: set[int | UUID | str] = set(exclude)  # the engine takes a set and nothing else
    others = edge.Filter(must_not=[edge.HasIdCondition(excluded)]) if excluded else None

    def fetch(number: int) -> list[ScoredPoint]:
        request = edge.QueryRequest(
            limit=number,
            query=_query(plan.stage),
            prefetches=_prefetches(plan, number),
            filter=others,
            params=_params(plan.stage.preset),
            with_payload=True,
        )
        with engine_errors("searching"):
            found = shard.query(request)
        return [ScoredPoint(as_uuid(hit.id), hit.score, as_payload(hit.payload)) for hit in found]

    return ties.nearest(distance, limit, fetch)


def _prefetches(plan: Plan, number: int) -> list[edge.Prefetch] | None:
    if plan.first is None:
        return None
    # Without a filter of its own: the engine applies the question's to this stage too.
    return [
        edge.Prefetch(
            limit=max(plan.candidates, number),
            query=_query(plan.first),
            params=_params(plan.first.preset),
        )
    ]


def _query(stage: Stage) -> edge.Query:
    return edge.Query.Nearest(handed(stage.vector), using=stage.pooling.value)


def _params(chosen: SearchPreset) -> edge.SearchParams:
    """Everything is said: left alone, the engine searches too narrowly and trusts rough vectors."""
    graph, int8 = chosen.graph, chosen.int8
    return edge.SearchParams(
        exact=graph is None,
        hnsw_ef=graph.ef if graph else None,
        quantization=edge.QuantizationSearchParams(
            ignore=int8 is None,
            rescore=int8 is not None,
            oversampling=int8.oversampling if int8 else None,
        ),
    )
