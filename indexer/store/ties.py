"""The same question has the same answer, also where scores are equal."""

from __future__ import annotations

from collections.abc import Callable

from indexer.types import Distance, ScoredPoint

_TIES = 16
_MOST_TIES = 2_048


def nearest(
    distance: Distance, limit: int, fetch: Callable[[int], list[ScoredPoint]]
) -> list[ScoredPoint]:
    """The ``limit`` nearest points of ``fetch(number)``, ordered by (score, id).

    More than ``limit`` are fetched, until the last score differs from the one at the cut: copies
    of one image score alike, and which of them the engine returns first is its own affair.
    """
    number = limit + _TIES
    while True:
        found = fetch(number)
        tied = len(found) == number and found[-1].score == found[limit - 1].score
        if not tied or number >= limit + _MOST_TIES:
            break
        number = 4 * number
    sign = -1.0 if distance is Distance.COSINE else 1.0
    found.sort(key=lambda point: (sign * point.score, point.id))
    return found[:limit]
