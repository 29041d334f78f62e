"""The study's conclusions against every query of a set: confirmed, refuted or undecided.

Each is decided by paired bootstrap intervals of the difference in precision among the first eight
(indexer/bootstrap.py): the same queries, two rankings. Nobody's reading comes between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from indexer.bootstrap import Comparison, Estimate, Verdict, compare, estimate
from indexer.study_results import COLOURS, PIXELS, Result
from scripts.studies.evidence import Evidence
from scripts.studies.grids import STUDY_ARCHS, Run
from scripts.studies.original import BEST_PAIR, HITS, NAMED_BEST, PAIRS

if TYPE_CHECKING:
    from indexer.metrics import PerQuery

LITTLE = 0.02
"""A gain in precision below this is called little: one answer in fifty."""
LEAST_TRAININGS = 4
"""Fewer say nothing of how losses and rankings go together."""


class Finding(StrEnum):
    """What the figures say of a conclusion."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One claim on one set.

    Attributes:
        claim: what is said.
        finding: what came of it.
        evidence: the differences that decide, and what was not run.
    """

    claim: str
    finding: Finding
    evidence: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Runs that differ in their seeds alone, judged as one: means over seeds, query by query."""

    run: Run
    results: tuple[Result, ...]
    starts: tuple[Result, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Architecture and scheduler, as the study tells its rows apart."""
        return self.run.settings.arch, self.run.scheduler

    @property
    def name(self) -> str:
        """Such as "model4 none"."""
        return " ".join(self.key)

    @property
    def cells(self) -> int:
        """H x W of the latent."""
        _, height, width = self.results[0].facts["latent"]
        return int(height * width)

    @property
    def channels(self) -> int:
        """C of the latent."""
        return int(self.results[0].facts["latent"][0])

    @property
    def loss(self) -> float:
        """The lowest validation loss, on average over seeds."""
        return float(np.mean([result.lowest_loss for result in self.results]))

    @property
    def losses(self) -> list[float]:
        """Validation loss by epoch, on average over seeds."""
        histories = [
            [record["validation_loss"] for record in result.facts["history"]]
            for result in self.results
        ]
        return [float(np.mean(epoch)) for epoch in zip(*histories, strict=True)]

    def precision(self, pair: str) -> PerQuery:
        """Of one pair. Shape: (Q,)."""
        return _precision(self.results, pair)

    @property
    def best(self) -> PerQuery:
        """Of the pair with the highest mean. Shape: (Q,)."""
        return _best(self.results)

    @property
    def untrained_best(self) -> PerQuery:
        """The same before training."""
        return _best(self.starts)


def _precision(results: Sequence[Result], pair: str) -> PerQuery:
    values: PerQuery = np.mean([result.pair(pair).precision for result in results], axis=0)
    return values


def _best(results: Sequence[Result]) -> PerQuery:
    names = [pair.name for pair in results[0].pairs]
    return max((_precision(results, name) for name in names), key=lambda values: values.mean())


def candidates(runs: Iterable[Run], evidence: Evidence) -> list[Candidate]:
    """Those of ``runs`` that have a result, seeds together; all but the seed tells them apart."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if evidence.of(run) is not None and evidence.start_of(run) is not None:
            groups.setdefault(run.name.rpartition("-s")[0], []).append(run)
    return [
        Candidate(
            group[0],
            tuple(found for run in group if (found := evidence.of(run))),
            tuple(found for run in group if (found := evidence.start_of(run))),
        )
        for group in groups.values()
    ]


def by_recipe(chosen: Iterable[Candidate], recipe: str, *, loss: str = "mse") -> list[Candidate]:
    """Those trained by ``recipe`` with the reconstruction loss ``loss``."""
    return [
        each
        for each in chosen
        if (each.run.settings.recipe, each.run.settings.loss) == (recipe, loss)
    ]


Difference = tuple[str, Comparison]
"""What is compared, and how the first does beside the second."""


def all_better(differences: Sequence[Difference], missing: Sequence[str] = ()) -> Finding:
    """Whether every first is better than its second.

    One that is worse refutes, whatever was not run; to confirm, nothing may be missing.
    """
    verdicts = {comparison.verdict for _, comparison in differences}
    if Verdict.WORSE in verdicts:
        return Finding.REFUTED
    if missing or verdicts != {Verdict.BETTER}:
        return Finding.UNDECIDED
    return Finding.CONFIRMED


def shown(difference: Estimate) -> str:
    """Such as "+0.012 [+0.004, +0.020]"."""
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _universal(
    claim: str, differences: Sequence[Difference], missing: Sequence[str] = ()
) -> Conclusion:
    parts = [f"{name}: {shown(comparison.difference)}" for name, comparison in differences]
    if missing:
        parts.append(f"not run: {', '.join(missing)}")
    evidence = "; ".join(parts) or "nothing to compare at this size"
    return Conclusion(claim, all_better(differences, missing), evidence)


def _archs_missing(chosen: Iterable[Candidate]) -> list[str]:
    """What a claim about all of the study's networks cannot be confirmed without."""
    done = {each.run.settings.arch for each in chosen}
    return [arch for arch in STUDY_ARCHS if arch not in done]


def named_best_are_best(chosen: Sequence[Candidate]) -> Conclusion:
    """Every row that is named best against every other row of the study's table."""
    rows = {each.key: each for each in chosen if each.key in HITS}
    sizes = {each.run.settings.image_size for each in rows.values()}

    def named(row: Candidate) -> str:
        return row.name if len(sizes) == 1 else f"{row.name} ({row.run.settings.image_size} px)"

    differences = [
        (
            f"{named(rows[best])} over {named(rows[other])}",
            compare(rows[best].best, rows[other].best),
        )
        for best in sorted(NAMED_BEST)
        for other in HITS
        if best in rows and other in rows and other not in NAMED_BEST
    ]
    missing = [" ".join(key) for key in HITS if key not in rows]
    return _universal(
        "model6 with plateau and model4 without scheduler are best", differences, missing
    )


def smaller_latents_are_better(chosen: Sequence[Candidate]) -> Conclusion:
    """Fewer cells and at least as many channels, against more cells, at one image size."""
    rows = [each for each in chosen if each.run.scheduler == "none"]
    ordered = [
        (small, large)
        for small in rows
        for large in rows
        if small.cells < large.cells
        and small.channels >= large.channels
        and small.run.settings.image_size == large.run.settings.image_size
    ]
    differences = [
        (
            f"{small.run.settings.arch} over {large.run.settings.arch}",
            compare(small.best, large.best),
        )
        for small, large in ordered
    ]
    claim = "smaller latents of more channels are better"
    return _universal(claim, differences, _archs_missing(rows))


def loss_says_little(chosen: Sequence[Candidate]) -> Conclusion:
    """Over all pairs of trainings: what the one with the lower loss finds more than the other."""
    claim = f"the loss says little of retrieval (a lower one gains less than {LITTLE})"
    gains = []
    for first, second in combinations(sorted(chosen, key=lambda each: each.loss), 2):
        if first.run.settings.image_size == second.run.settings.image_size:
            gains.append(first.best - second.best)
    if len(chosen) < LEAST_TRAININGS or not gains:
        reason = f"{len(chosen)} trainings; it takes {LEAST_TRAININGS}"
        return Conclusion(claim, Finding.UNDECIDED, reason)
    gain = estimate({"gain": np.mean(gains, axis=0)})["gain"]
    return Conclusion(
        claim, gain_is_little(gain), f"mean gain over {len(gains)} pairs: {shown(gain)}"
    )


def gain_is_little(gain: Estimate) -> Finding:
    """Whether a gain is below LITTLE, with its whole interval."""
    if gain.high < LITTLE:
        return Finding.CONFIRMED
    return Finding.REFUTED if gain.low > LITTLE else Finding.UNDECIDED


def max_pool_with_cosine_is_best(chosen: Sequence[Candidate]) -> Conclusion:
    """The pair against the three others, each on average over all models.

    A latent of one cell has no say: there both poolings are the same.
    """
    rows = [each for each in chosen if each.cells > 1]
    means: Mapping[str, PerQuery] = {
        pair: np.mean([each.precision(pair) for each in rows], axis=0) for pair in PAIRS if rows
    }
    differences = [
        (f"over {pair}", compare(means[BEST_PAIR], values))
        for pair, values in means.items()
        if pair != BEST_PAIR
    ]
    claim = f"{BEST_PAIR} is best over the whole of the models"
    return _universal(claim, differences, _archs_missing(chosen))


def training_beats_its_start(chosen: Sequence[Candidate]) -> Conclusion:
    """What the study takes for granted."""
    differences = [(each.name, compare(each.best, each.untrained_best)) for each in chosen]
    claim = "training as reported beats the same network untrained"
    return _universal(claim, differences, _archs_missing(chosen))


CLAIMS: tuple[Callable[[Sequence[Candidate]], Conclusion], ...] = (
    named_best_are_best,
    smaller_latents_are_better,
    loss_says_little,
    max_pool_with_cosine_is_best,
    training_beats_its_start,
)
"""The study's conclusions, and the assumption below them."""


def conclusions(
    chosen: Sequence[Candidate], dataset: str, evidence: Evidence
) -> Iterator[Conclusion]:
    """All claims on the candidates of one set."""
    as_reported = by_recipe(chosen, "study")
    for conclude in CLAIMS:
        yield conclude(as_reported)
    for kind in (COLOURS, PIXELS):
        floor = evidence.floor(dataset, kind)
        if floor is not None:
            rival = floor.best().precision
            differences = [(each.name, compare(each.best, rival)) for each in as_reported]
            claim = f"training as reported beats {kind}"
            yield _universal(claim, differences, _archs_missing(as_reported))
    yield _retrieval_beats_study(chosen)


def _retrieval_beats_study(chosen: Sequence[Candidate]) -> Conclusion:
    """This project's recipe against the study's, for every network that was trained by both."""
    ours = {_size(each): each for each in by_recipe(chosen, "retrieval")}
    both = [
        each
        for each in by_recipe(chosen, "study")
        if each.run.scheduler == "none" and _size(each) in ours
    ]
    differences = [
        (each.run.settings.arch, compare(ours[_size(each)].best, each.best)) for each in both
    ]
    return _universal("the retrieval recipe beats the study's", differences, _archs_missing(both))


def _size(candidate: Candidate) -> tuple[str, int]:
    return candidate.run.settings.arch, candidate.run.settings.image_size
