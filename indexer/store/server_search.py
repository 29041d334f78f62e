"""Asking one collection on a server for the nearest points."""

from __future__ import annotations

from uuid import UUID

from qdrant_client import models

from indexer.store import ties
from indexer.store.plan import ALL, Passing, Plan
from indexer.store.presets import Int8, SearchPreset
from indexer.store.server_collection import as_payload
from indexer.store.server_link import Link
from indexer.types import Distance, Filter, ScoredPoint


def nearest(
    link: Link, name: str, distance: Distance, plan: Plan, *, limit: int, passing: Passing = ALL
) -> list[ScoredPoint]:
    """The ``limit`` nearest of the points that are ``passing``, ordered by (score, id)."""
    chosen = _filter(passing)
    numbers: list[float] = plan.stage.vector.tolist()

    def fetch(plan: Plan, number: int) -> list[ScoredPoint]:
        found = link.call(
            f"searching {name}",
            lambda client: client.query_points(
                name,
                query=numbers,
                using=plan.stage.pooling.value,
                prefetch=_prefetch(plan, number, chosen),
                query_filter=chosen,
                search_params=_params(plan.stage.preset),
                limit=number,
                with_payload=True,
            ),
        )
        return [
            ScoredPoint(UUID(str(hit.id)), hit.score, as_payload(hit.payload))
            for hit in found.points
        ]

    return ties.nearest(distance, plan, limit, fetch)


def _filter(passing: Passing) -> models.Filter | None:
    must = _conditions(passing.where)
    must_not: list[models.Condition] = []
    if passing.exclude:
        must_not.append(models.HasIdCondition(has_id=[str(one) for one in passing.exclude]))
    return models.Filter(must=must, must_not=must_not) if must or must_not else None


def _conditions(where: Filter) -> list[models.Condition]:
    """What must all hold."""
    found: list[models.Condition] = []
    if where.labels:
        found.append(_any("label", list(where.labels), or_none="" in where.labels))
    if where.formats:
        found.append(_any("format", list(where.formats)))
    if where.groups:
        found.append(_any("group", list(where.groups), or_none=0 in where.groups))
    if where.min_side is not None:
        least = models.Range(gte=where.min_side)
        found += [models.FieldCondition(key=side, range=least) for side in ("width", "height")]
    return found


def _any(field: str, values: list[str] | list[int], *, or_none: bool = False) -> models.Filter:
    match = models.FieldCondition(key=field, match=models.MatchAny(any=values))
    empty = models.IsEmptyCondition(is_empty=models.PayloadField(key=field))
    return models.Filter(should=[match, empty] if or_none else [match])


def _prefetch(plan: Plan, number: int, chosen: models.Filter | None) -> models.Prefetch | None:
    if plan.first is None:
        return None
    numbers: list[float] = plan.first.vector.tolist()
    return models.Prefetch(
        query=numbers,
        using=plan.first.pooling.value,
        filter=chosen,
        params=_params(plan.first.preset),
        limit=max(plan.candidates, number),
    )


def _params(chosen: SearchPreset) -> models.SearchParams:
    """Everything is said: left alone, a server searches too narrowly and trusts rough vectors."""
    if chosen.graph is None:
        return models.SearchParams(
            exact=True, quantization=models.QuantizationSearchParams(ignore=True)
        )
    return models.SearchParams(
        exact=False,
        hnsw_ef=chosen.graph.ef,
        acorn=models.AcornSearchParams(enable=True),
        # `sync --quantization` goes before the preset; without int8 vectors this has no effect.
        quantization=models.QuantizationSearchParams(
            rescore=True, oversampling=Int8().oversampling
        ),
    )
