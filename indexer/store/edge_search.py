"""Asking one qdrant-edge shard for the nearest points."""

from __future__ import annotations

from uuid import UUID

import qdrant_edge as edge

from indexer.store import ties
from indexer.store.edge_shard import as_payload, as_uuid, engine_errors, handed
from indexer.store.plan import ALL, Passing, Plan, Stage
from indexer.store.presets import SearchPreset
from indexer.types import Distance, Filter, ScoredPoint

_Condition = (
    edge.FieldCondition
    | edge.IsEmptyCondition
    | edge.IsNullCondition
    | edge.HasIdCondition
    | edge.HasVectorCondition
    | edge.NestedCondition
    | edge.Filter
)
"""The engine's ``ConditionType``, which its stubs alone know."""


def nearest(
    shard: edge.EdgeShard, distance: Distance, plan: Plan, *, limit: int, passing: Passing = ALL
) -> list[ScoredPoint]:
    """The ``limit`` nearest of the points that are ``passing``, ordered by (score, id)."""
    chosen = _filter(passing)

    def fetch(plan: Plan, number: int) -> list[ScoredPoint]:
        request = edge.QueryRequest(
            limit=number,
            query=_query(plan.stage),
            prefetches=_prefetches(plan, number),
            filter=chosen,
            params=_params(plan.stage.preset),
            with_payload=True,
        )
        with engine_errors("searching"):
            found = shard.query(request)
        return [ScoredPoint(as_uuid(hit.id), hit.score, as_payload(hit.payload)) for hit in found]

    return ties.nearest(distance, plan, limit, fetch)


def _filter(passing: Passing) -> edge.Filter | None:
    excluded: set[int | UUID | str] = set(passing.exclude)  # the engine takes a set, nothing else
    must = _conditions(passing.where)
    must_not: list[_Condition] = [edge.HasIdCondition(excluded)] if excluded else []
    return edge.Filter(must=must, must_not=must_not) if must or must_not else None


def _conditions(where: Filter) -> list[_Condition]:
    """What must all hold."""
    found: list[_Condition] = []
    if where.labels:
        found.append(_any("label", list(where.labels), or_none="" in where.labels))
    if where.formats:
        found.append(_any("format", list(where.formats)))
    if where.groups:
        found.append(_any("group", list(where.groups), or_none=0 in where.groups))
    if where.min_side is not None:
        least = edge.RangeFloat(gte=where.min_side)
        found += [edge.FieldCondition(side, range=least) for side in ("width", "height")]
    return found


def _any(field: str, values: list[str] | list[int], *, or_none: bool = False) -> edge.Filter:
    match = edge.FieldCondition(field, match=edge.MatchAny(values))
    return edge.Filter(should=[match, edge.IsEmptyCondition(field)] if or_none else [match])


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
        acorn=edge.AcornSearchParams(enable=graph is not None),
        quantization=edge.QuantizationSearchParams(
            ignore=int8 is None,
            rescore=int8 is not None,
            oversampling=int8.oversampling if int8 else None,
        ),
    )
