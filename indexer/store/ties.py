"""The same question has the same answer, and a whole one: where scores are equal, and filtered."""

from __future__ import annotations

from collections.abc import Callable

from indexer.store.plan import Plan
from indexer.types import Distance, ScoredPoint

_TIES = 16
_MOST_TIES = 2_048

Fetch = Callable[[Plan, int], list[ScoredPoint]]
"""Asks the engine for a number of points."""


def nearest(distance: Distance, plan: Plan, limit: int, fetch: Fetch) -> list[ScoredPoint]:
    """The ``limit`` nearest points that ``fetch`` gives, ordered by (score, id).

    A filter may cut a graph into pieces that a walk along its links does not leave. Where that, or
    a small collection, left fewer than ``limit``, all points that pass are compared.
    """
    found = _untied(plan, limit, fetch)
    if len(found) < limit and not plan.is_exact:
        found = _untied(plan.exactly(), limit, fetch)
    sign = -1.0 if distance is Distance.COSINE else 1.0
    found.sort(key=lambda point: (sign * point.score, point.id))
    return found[:limit]


def _untied(plan: Plan, limit: int, fetch: Fetch) -> list[ScoredPoint]:
    """More than ``limit`` points, until the last score differs from the one at the cut.

    Copies of one image score alike, and which of them the engine returns first is its own affair.
    """
    number = limit + _TIES
    while True:
        found = fetch(plan, number)
        tied = len(found) == number and found[-1].score == found[limit - 1].score
        if not tied or number >= limit + _MOST_TIES:
            return found
        number = 4 * number
