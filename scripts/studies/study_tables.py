"""The study's own tables in our form: its networks, its losses and its nine rows of retrieval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from indexer.study_results import COLOURS, PIXELS, PRECISION, PairResult, Result
from models.registry import STUDY_IMAGE_SIZE, get_architecture
from scripts.studies.conclusions import Candidate, by_recipe, candidates
from scripts.studies.evidence import Evidence
from scripts.studies.grids import DATA_SETS, STUDY_ARCHS, STUDY_SETS, Grid
from scripts.studies.original import (
    HITS,
    PAIRS,
    REPORTED_LOSSES,
    REPORTED_PARAMETERS,
    REPORTED_SETS,
)

COUNTED_ON = STUDY_SETS[0]
"""What stands for the set of the study's one query."""
Key = tuple[str, str]
"""Architecture and scheduler."""


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 2) -> str:
    """A markdown table; what comes after the first ``left`` columns is aligned as figures are."""
    rule = ["---" if index < left else "--:" for index in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def figure(pair: PairResult, metric: str) -> str:
    """Such as "0.312 [0.301, 0.323]"."""
    estimate = pair.estimates[metric]
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def steps_of(result: Result) -> int:
    """Optimiser steps of a whole training."""
    settings = result.facts["settings"]
    images = result.facts["images"]["training"]
    together = settings["batch_size"] * settings.get("processes", 1)
    return int(settings["epochs"] * -(-images // together))


@dataclass(frozen=True, slots=True)
class Row:
    """One of the study's nine rows, as it was repeated.

    Attributes:
        candidate: what was trained.
        grid: the largest that has it.
    """

    candidate: Candidate
    grid: Grid

    @property
    def trained(self) -> str:
        """What it is: nothing but the full grid repeats the study as it was."""
        result, settings = self.candidate.results[0], self.candidate.run.settings
        return f"{settings.image_size} px, {steps_of(result):,} steps (`{self.grid.name}`)"


def original_rows(dataset: str, grids: Sequence[Grid], evidence: Evidence) -> dict[Key, Row]:
    """Those of the nine that were run on ``dataset``, each from the first grid that has it."""
    rows: dict[Key, Row] = {}
    for grid in grids:
        here = (run for run in grid.runs if run.dataset == dataset)
        for each in by_recipe(candidates(here, evidence), "study"):
            if each.key in HITS:
                rows.setdefault(each.key, Row(each, grid))
    return rows


def original_tables(grids: Sequence[Grid], evidence: Evidence) -> Iterator[str]:
    """All of them, for all the sets that stand for the study's.

    Args:
        grids: largest first.
        evidence: what was measured.
    """
    rows = {dataset: original_rows(dataset, grids, evidence) for dataset in STUDY_SETS}
    yield f"\n## The sets\n\n{_sets(evidence)}"
    yield f"\n## The study's networks\n\n{_networks()}"
    for dataset, found in rows.items():
        retrieval = _retrieval(dataset, found, evidence)
        yield f"\n## The study's retrieval table: {dataset}\n\n{retrieval}"
    yield f"\n## The study's losses\n\n{_losses(rows)}"


def _sets(evidence: Evidence) -> str:
    lines = []
    for dataset in DATA_SETS:
        floor = evidence.floor(dataset, COLOURS)
        what, images = REPORTED_SETS.get(dataset, ("-", None))
        ours = f"{floor.queries:,}" if floor else "not run"
        lines.append((dataset, what, ours, "-" if images is None else f"{images:,}"))
    header = ("set", "stands for the study's", "images, all of them queries", "the study's images")
    return table(header, lines)


def _networks() -> str:
    lines = []
    for name in STUDY_ARCHS:
        architecture = get_architecture(name)
        ours = (architecture.encoder_parameters(), architecture.decoder_parameters())
        reported = REPORTED_PARAMETERS.get(name, (None, None))
        latent = " x ".join(map(str, architecture.latent_shape(STUDY_IMAGE_SIZE)))
        counts = (
            f"{count:,} ({'-' if told is None else f'{told:,}'})"
            for count, told in zip(ours, reported, strict=True)
        )
        lines.append((name, latent, *counts, architecture.least_image_size))
    header = ("network", "latent", "values in the encoder", "values in the decoder", "least px")
    return (
        f"At {STUDY_IMAGE_SIZE} px; in parentheses what the study reports. It did not publish the "
        "first two, which are rebuilt from the sources that it names.\n\n" + table(header, lines)
    )


def _retrieval(dataset: str, rows: Mapping[Key, Row], evidence: Evidence) -> str:
    lines = [
        (*key, rows[key].trained if key in rows else "not run", *_cells(rows.get(key), counts))
        for key, counts in (HITS if dataset == COUNTED_ON else dict.fromkeys(HITS)).items()
    ]
    lines += _untrained(rows)
    for kind in (COLOURS, PIXELS):
        floor = evidence.floor(dataset, kind)
        if floor is not None:
            by_distance = {pair.distance: figure(pair, PRECISION) for pair in floor.pairs}
            cells = [by_distance[pair.split()[1]] for pair in PAIRS]
            lines.append((kind, "-", "without a network", *cells))
    full = sum(row.grid.name == "full" for row in rows.values())
    counted = (
        "in parentheses what the study counted for its one query"
        if dataset == COUNTED_ON
        else "the study counted none on its second set"
    )
    header = ("architecture", "scheduler", "trained", *PAIRS)
    return (
        f"precision@8 over all images of {dataset}; {counted}. {full} of the {len(HITS)} rows are "
        f"trained as the study did ({STUDY_IMAGE_SIZE} px, 40 epochs); the others are trained as "
        "little as their third column says, and are no repeat of it. Where a latent has one cell, "
        "max pool and flatten are the same. Below: the networks at random weights, and what needs "
        "no network.\n\n" + table(header, lines, left=3) + _plateaus_not_reached(rows)
    )


def _plateaus_not_reached(rows: Mapping[Key, Row]) -> str:
    """Which networks' rows are one training twice: their rate was never lowered."""
    same = [
        arch
        for arch, scheduler in rows
        if scheduler == "plateau"
        and (arch, "none") in rows
        and rows[arch, "none"].candidate.losses == rows[arch, scheduler].candidate.losses
    ]
    if not same:
        return ""
    return (
        f"\nOf {', '.join(same)} the rows without scheduler and with plateau are the same "
        "training: the loss never stood still for long enough to make ReduceLROnPlateau act.\n"
    )


def _cells(row: Row | None, counts: Sequence[int] | None) -> Iterator[str]:
    for place, pair in enumerate(PAIRS):
        ours = figure(row.candidate.results[0].pair(pair), PRECISION) if row else "-"
        yield f"{ours} ({counts[place]}/8)" if counts else ours


def _untrained(rows: Mapping[Key, Row]) -> list[tuple[str, ...]]:
    """The same networks before training, once each."""
    starts = {
        (row.candidate.run.settings.arch, row.candidate.run.settings.image_size): row
        for row in rows.values()
    }
    return [
        (
            *(arch, "-", f"{size} px, random weights"),
            *(figure(row.candidate.starts[0].pair(pair), PRECISION) for pair in PAIRS),
        )
        for (arch, size), row in sorted(starts.items())
    ]


def _losses(rows: Mapping[str, Mapping[Key, Row]]) -> str:
    lines = []
    for key in HITS:
        found = [rows[dataset].get(key) for dataset in STUDY_SETS]
        trained = sorted({row.trained for row in found if row})
        ours = [f"{row.candidate.loss:.5f}" if row else "not run" for row in found]
        lines.append((*key, "; ".join(trained) or "-", *ours, REPORTED_LOSSES[key]))
    header = ("architecture", "scheduler", "trained", *STUDY_SETS, "the study")
    return (
        "Lowest mean squared error on the held-out images. The study gives several runs, on its "
        "set 1, after a semicolon on set 2.\n\n" + table(header, lines, left=3)
    )
