"""Which pooling and distance suit a dataset, and what the data show for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexer.bootstrap import Comparison, Estimate, Verdict, compare
from indexer.types import Distance
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.metrics import PerQuery


@dataclass(frozen=True, slots=True)
class Contender:
    """One representation under one <pooling, distance> pair, judged query by query.

    Attributes:
        representation: name of the model or of the baseline.
        pooling, distance: the pair; a baseline without a network has no pooling.
        size: values of a vector.
        values: by query, in the same order for all that are compared. Shape: (Q,).
    """

    representation: str
    pooling: Pooling | None
    distance: Distance
    size: int
    values: PerQuery

    @property
    def pair(self) -> str:
        """``maxpool cosine``, or the distance alone."""
        return " ".join(filter(None, (self.pooling, self.distance)))

    @property
    def mean(self) -> float:
        """Of the values."""
        return float(self.values.mean())


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The pair to search with.

    Attributes:
        pooling, distance: the pair.
        next_best: the best of the other pairs, None where there is no other.
        difference: how the recommended pair does beside it on the same queries.
        baseline: the best of the baselines.
        above_baseline: how the recommended pair does beside that.
        reason: one or two sentences for people.
    """

    pooling: Pooling | None
    distance: Distance
    next_best: str | None
    difference: Comparison | None
    baseline: str | None
    above_baseline: Comparison | None
    reason: str


def recommend(
    pairs: Sequence[Contender], baselines: Sequence[Contender], *, metric: str
) -> Recommendation:
    """The smallest of the pairs that the data cannot tell from the best.

    Among vectors of one size the order of :class:`Distance` decides, then the mean. Pairs are
    compared one at a time with the best, without a correction for their number: they are few.
    """
    best, *_ = ranked = sorted(pairs, key=lambda pair: pair.mean, reverse=True)
    equals = [pair for pair in ranked if _verdict(best, pair) is not Verdict.BETTER]
    chosen = min(equals, key=lambda pair: (pair.size, list(Distance).index(pair.distance)))
    other = next((pair for pair in ranked if pair is not chosen), None)
    difference = compare(chosen.values, other.values) if other else None
    reasons = [_reason(chosen, other, difference, alone=len(equals) == 1, metric=metric)]
    rival = max(baselines, key=lambda baseline: baseline.mean, default=None)
    above = compare(chosen.values, rival.values) if rival else None
    if rival and above:
        reasons.append(_beside(rival, above))
    return Recommendation(
        chosen.pooling,
        chosen.distance,
        other.pair if other else None,
        difference,
        f"{rival.representation} ({rival.pair})" if rival else None,
        above,
        " ".join(reasons),
    )


def _verdict(best: Contender, pair: Contender) -> Verdict:
    return compare(best.values, pair.values).verdict


def _reason(
    chosen: Contender,
    other: Contender | None,
    difference: Comparison | None,
    *,
    alone: bool,
    metric: str,
) -> str:
    if other is None or difference is None:
        return f"{chosen.pair} is the only pair there is."
    shown = f"{_signed(difference.difference)} beside {other.pair}, the best of the others"
    if alone:
        return f"Take {chosen.pair}: best {metric}, {chosen.mean:.3f}, {shown}."
    return (
        f"No difference in {metric} that the data can show: take {chosen.pair}, none of the "
        f"best is smaller ({chosen.size:,} values); {shown}."
    )


def _beside(rival: Contender, above: Comparison) -> str:
    name = f"{rival.representation} ({rival.pair})"
    shown = _signed(above.difference)
    match above.verdict:
        case Verdict.BETTER:
            return f"It is better than the best baseline, {name}: {shown}."
        case Verdict.WORSE:
            return f"But a baseline is better, {name}: {shown}; train longer or on more images."
        case Verdict.NO_DIFFERENCE:
            return f"But the data show no difference to the best baseline, {name}: {shown}."


def _signed(difference: Estimate) -> str:
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
