"""Asking one collection on a server for the nearest points."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from qdrant_client import models

from indexer.store import ties
from indexer.store.plan import Plan
from indexer.store.presets import Int8, SearchPreset
from indexer.store.server_collection import as_payload
from indexer.store.server_link import Link
from indexer.types import Distance, ScoredPoint


def nearest(
    link: Link, name: str, distance: Distance, plan: Plan, *, limit: int, exclude: Sequence[UUID]
) -> list[ScoredPoint]:
    """The ``limit`` nearest points, ordered by (score, id)."""
    excluded = models.HasIdCondition(has_id=[str(one) for one in exclude])
    others = models.Filter(must_not=[excluded]) if exclude else None
    numbers: list[float] = plan.stage.vector.tolist()

    def fetch(number: int) -> list[ScoredPoint]:
        found = link.call(
            f"searching {name}",
            lambda client: client.query_points(
                name,
                query=numbers,
                using=plan.stage.pooling.value,
                prefetch=_prefetch(plan, number, others),
                query_filter=others,
                search_params=_params(plan.stage.preset),
                limit=number,
                with_payload=True,
            ),
        )
        return [
            ScoredPoint(UUID(str(hit.id)), hit.score, as_payload(hit.payload))
            for hit in found.points
        ]

    return ties.nearest(distance, limit, fetch)


def _prefetch(plan: Plan, number: int, others: models.Filter | None) -> models.Prefetch | None:
    if plan.first is None:
        return None
    numbers: list[float] = plan.first.vector.tolist()
    return models.Prefetch(
        query=numbers,
        using=plan.first.pooling.value,
        filter=others,
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
        # `sync --quantization` goes before the preset; without int8 vectors this has no effect.
        quantization=models.QuantizationSearchParams(
            rescore=True, oversampling=Int8().oversampling
        ),
    )
