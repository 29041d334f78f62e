"""docs/study.md, from results alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.bootstrap import Verdict, compare
from indexer.study_results import AVERAGE_PRECISION, PRECISION, SHOWN
from scripts.studies.best_of_six import best_of_six
from scripts.studies.conclusions import (
    LITTLE,
    Candidate,
    Conclusion,
    by_recipe,
    candidates,
    conclusions,
    shown,
)
from scripts.studies.evidence import Evidence
from scripts.studies.examples import example_rows
from scripts.studies.grids import DATA_SETS, GRIDS, Grid, get_grid
from scripts.studies.original import PAIRS
from scripts.studies.pictures import PICTURES, plot_losses
from scripts.studies.starts import starts_section
from scripts.studies.study_tables import original_tables, steps_of, table

INTRODUCTION = """\
# The study, repeated

Written by `scripts/study.py write` from `docs/results/study/*.json`; edit those, not this.

The study trained six convolutional autoencoders and compared <pooling, distance> pairs by the
answers to one query image. Here every image of a labelled set is a query once, left out of its own
answers; relevant means: of the same label; no training sees a label. Figures in brackets are 95 %
bootstrap intervals over queries, those of differences paired: the same queries, two rankings. They
say nothing of other seeds, or of other image sizes. "Best" pairs and runs are chosen on the very
queries they are judged by, which favours them, trained and untrained alike; model7 is shown with
flatten and Cosine whether or not that is its best. wildcats stands for the study's first set
(animals), artstyles7 for its second (artworks).

"dead" is the share of latent channels that are zero everywhere on every image; "rank" the effective
rank of the latents (exponential of the entropy of their singular values), of so many values.
"""


def page(evidence: Evidence, *, plots: Path | None = None) -> str:
    """The whole page.

    Args:
        evidence: what was measured.
        plots: folder for pictures of the losses, which the page shows; none when None.
    """
    grids = [get_grid(name) for name in GRIDS]
    judged = [Judged.of(grid, evidence) for grid in _with_news(grids, evidence)]
    parts = [INTRODUCTION, _overview(grids, evidence), _in_short(judged)]
    parts += [*original_tables(grids, evidence), starts_section(), _learned_nothing(evidence)]
    for each in judged:
        parts += _section(each, evidence, plots)
    return "\n".join(parts)


def _with_news(grids: Sequence[Grid], evidence: Evidence) -> Iterator[Grid]:
    """Those of which a run was done that is in no larger one."""
    told: set[str] = set()
    for grid in grids:
        done = {run.name for run in grid.runs if evidence.of(run) is not None}
        if done - told:
            yield grid
        told |= done


Chosen = Mapping[str, Sequence[Candidate]]
"""By data set."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was run of a grid.

    Attributes:
        grid: which.
        chosen: what has results.
        conclusions: what came of the study's on each set.
    """

    grid: Grid
    chosen: Chosen
    conclusions: Mapping[str, Sequence[Conclusion]]

    @classmethod
    def of(cls, grid: Grid, evidence: Evidence) -> Judged:
        """As far as ``evidence`` goes; nothing is chosen of a grid that was not run."""
        by_set = {
            dataset: candidates((run for run in grid.runs if run.dataset == dataset), evidence)
            for dataset in DATA_SETS
        }
        chosen = {dataset: found for dataset, found in by_set.items() if found}
        judged = {
            dataset: tuple(conclusions(found, dataset, evidence))
            for dataset, found in chosen.items()
        }
        return cls(grid, chosen, judged)


def _overview(grids: Sequence[Grid], evidence: Evidence) -> str:
    rows = [
        (
            grid.name,
            grid.summary,
            f"{sum(map(bool, map(evidence.of, grid.runs)))} of {len(grid.runs)}",
        )
        for grid in grids
    ]
    return "\n## What was run\n\n" + table(("grid", "what", "runs done"), rows)


def _in_short(judged: Sequence[Judged]) -> str:
    """One line a conclusion; where the differences that decide it are is said below each grid."""
    columns = {
        f"{dataset}, `{each.grid.name}`": {found.claim: found.finding for found in concluded}
        for each in judged
        for dataset, concluded in each.conclusions.items()
    }
    claims = dict.fromkeys(claim for findings in columns.values() for claim in findings)
    rows = [
        (claim, *(findings.get(claim, "-") for findings in columns.values())) for claim in claims
    ]
    explained = (
        "What became of each conclusion on each set of each grid, by the differences that stand "
        'with the grid below; "undecided" is, too, what no difference speaks against while '
        "networks that it is about were not run.\n\n"
    )
    header = ("conclusion", *columns)
    return f"\n## In short\n\n{explained}{table(header, rows, left=len(header))}" if rows else ""


def _learned_nothing(evidence: Evidence) -> str:
    """Trainings of which no step changed the loss."""
    names = [
        f"`{result.name}` ({steps_of(result):,} steps)"
        for result in evidence.trained()
        if len({epoch["validation_loss"] for epoch in result.facts["history"]}) == 1
    ]
    return (
        f"\nTrained all the same, with one loss after every epoch: {', '.join(names)}.\n"
        if names
        else ""
    )


def _section(judged: Judged, evidence: Evidence, plots: Path | None) -> Iterator[str]:
    """Everything about one grid."""
    grid, chosen = judged.grid, judged.chosen
    yield f"\n## Grid `{grid.name}`\n\n{_protocol(chosen)}"
    yield f"\n### The best of the six on every set\n\n{best_of_six(chosen, evidence)}"
    yield f"\n### Does training help?\n\n{_training(chosen)}"
    yield f"\n### The study's conclusions\n\n{_conclusions(judged)}"
    yield f"\n### Every training\n\n{_every_training(chosen)}"
    if plots is not None:
        yield _plots(grid, chosen, plots)
    yield from _examples(chosen)


def _protocol(chosen: Chosen) -> str:
    """At which sizes, for how long, how often, where."""
    all_candidates = [each for found in chosen.values() for each in found]
    results = [result for each in all_candidates for result in each.results]
    settings = [each.run.settings for each in all_candidates]
    sizes = _listed(each.image_size for each in settings)
    epochs = _listed(each.epochs for each in settings)
    batches = _listed(each.batch_size for each in settings)
    seeds = _listed(len(each.results) for each in all_candidates)
    machines = "; ".join(
        sorted({f"{each.facts['machine']}, torch {each.facts['torch']}" for each in results})
    )
    hours = sum(sum(result.facts["seconds"].values()) for result in results) / 3600
    steps = _listed(steps_of(result) for result in results)
    mixed = {str(each.settings.get("amp", "off")) for each in results} - {"off"}
    precision = f", in mixed precision ({', '.join(sorted(mixed))})" if mixed else ""
    return (
        f"{sizes} px, {epochs} epochs of batches of {batches} ({steps} steps), seeds per setting: "
        f"{seeds}; {len(results)} trainings, {hours:.1f} hours in all "
        f"({machines}{precision}). "
        "The study: 224 px, 40 epochs.\n"
    )


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(values))))


def _training(chosen: Chosen) -> str:
    """Whether a network is better for having been trained, and what became of its latents."""
    lines = []
    for recipe in ("study", "retrieval"):
        found = [each for group in chosen.values() for each in by_recipe(group, recipe)]
        if found:
            lines.append(f"* {recipe}: {_training_line(found)}")
    return "\n".join(lines) + "\n"


def _training_line(found: Sequence[Candidate]) -> str:
    verdicts = [compare(each.best, each.untrained_best).verdict for each in found]
    counts = {verdict: verdicts.count(verdict) for verdict in Verdict}
    ranks = [(each.starts[0].facts, each.results[0].facts) for each in found]
    before = statistics.median(start["effective_rank"] for start, _ in ranks)
    after = statistics.median(trained["effective_rank"] for _, trained in ranks)
    dead = statistics.median(trained["dead_channels"] for _, trained in ranks)
    dead_before = statistics.median(start["dead_channels"] for start, _ in ranks)
    return (
        f"of {len(found)} networks {counts[Verdict.BETTER]} rank better than the same network "
        f"untrained, {counts[Verdict.WORSE]} worse, {counts[Verdict.NO_DIFFERENCE]} without a "
        f"difference that the data can show. Dead channels (median): {dead_before:.0%} before, "
        f"{dead:.0%} after; effective rank of the latents (median): {before:.1f} before, "
        f"{after:.1f} after.{_largest_direction(found)}"
    )


def _largest_direction(found: Sequence[Candidate]) -> str:
    """How much of all differences between latents lies on one line, where results tell it."""
    known = [
        (each.starts[0].facts["spectrum"][0], each.results[0].facts["spectrum"][0])
        for each in found
        if each.starts[0].facts.get("spectrum") and each.results[0].facts.get("spectrum")
    ]
    if not known:
        return ""
    before, after = (statistics.median(shares) for shares in zip(*known, strict=True))
    return f" Share of the largest singular value (median): {before:.0%} before, {after:.0%} after."


def _conclusions(judged: Judged) -> str:
    rows = [
        (found.claim, dataset, f"**{found.finding}**", found.evidence)
        for dataset, concluded in judged.conclusions.items()
        for found in concluded
    ]
    explained = (
        "Differences are in precision@8, each side with its best pair. A claim about several is "
        "confirmed where every difference is above 0 with its whole interval and nothing is "
        "missing, refuted where one is below 0 with its whole interval, and else undecided. "
        f"A gain is little where its whole interval is below {LITTLE}.\n\n"
    )
    header = ("conclusion", "set", "finding", "differences")
    return explained + table(header, sorted(rows), left=4)


def _every_training(chosen: Chosen) -> str:
    header = (
        *("set", "network", "loss", "dead", "rank", "of values", "best pair", "P@1", "precision@8"),
        *("P@10", "nDCG@10", "mAP", "beside untrained"),
    )
    return table(header, (row for found in chosen.values() for row in _training_rows(found)))


def _training_rows(found: Sequence[Candidate]) -> Iterator[tuple[str, ...]]:
    metrics = ("precision_at_1", PRECISION, "precision_at_10", "ndcg_at_10", AVERAGE_PRECISION)
    for each in found:
        for result, start in zip(each.results, each.starts, strict=True):
            settings, best = each.run.settings, result.best()
            gain = compare(best.precision, start.best().precision)
            ranks = f"{start.facts['effective_rank']:.1f} → {result.facts['effective_rank']:.1f}"
            dead = f"{start.facts['dead_channels']:.0%} → {result.facts['dead_channels']:.0%}"
            figures = (f"{best.estimates[metric].value:.3f}" for metric in metrics)
            network = f"{each.name}, {settings.recipe}, {settings.loss}, {settings.image_size} px"
            size = each.channels * each.cells
            seed = f", seed {result.facts['settings']['seed']}" if len(each.results) > 1 else ""
            yield (
                *(each.run.dataset, network + seed, f"{result.lowest_loss:.4f}", dead, ranks),
                *(f"{size:,}", best.name, *figures, shown(gain.difference)),
            )


def _plots(grid: Grid, chosen: Chosen, folder: Path) -> str:
    parts = ["\n### Pictures\n"]
    for dataset, found in chosen.items():
        file = folder / f"{grid.name}-{dataset}.svg"
        if plot_losses(found, f"{grid.name}, {dataset}", file):
            parts.append(f"![Validation loss by epoch, {dataset}]({folder.name}/{file.name})\n")
    for name, picture in PICTURES.items():
        file = folder / f"{grid.name}-{name}.svg"
        if picture.plot(chosen, file):
            parts.append(f"{picture.caption}\n\n![{picture.title}]({folder.name}/{file.name})\n")
    return "\n".join(parts)


def _examples(chosen: Chosen) -> Iterator[str]:
    """What a few queries find with the network that finds most, of those that tell it."""
    for dataset, found in chosen.items():
        telling = [
            each for each in by_recipe(found, "study") if "examples" in each.results[0].facts
        ]
        if not telling:
            continue
        best = max(telling, key=lambda each: each.best.mean())
        header = ("query", "pair", *map(str, range(1, SHOWN + 1)))
        lines = example_rows(best.results[0].facts["examples"], PAIRS)
        yield (
            f"\n### Example rows: {dataset}, {best.name}\n\nThe labels of the first {SHOWN}, those "
            "of the query's own kind in bold; of the networks trained as reported, the one that "
            f"finds most over all queries.\n\n{table(header, lines, left=len(header))}"
        )
