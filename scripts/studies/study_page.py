"""docs/study.md, from results alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from indexer.bootstrap import Verdict, compare
from indexer.study_results import (
    AVERAGE_PRECISION,
    COLOURS,
    PIXELS,
    PRECISION,
    PairResult,
    Result,
)
from scripts.studies.conclusions import (
    LITTLE,
    Candidate,
    by_recipe,
    candidates,
    conclusions,
    shown,
)
from scripts.studies.curves import plot_losses
from scripts.studies.evidence import Evidence
from scripts.studies.grids import DATA_SETS, GRIDS, STUDY_ARCHS, STUDY_SETS, Grid, get_grid
from scripts.studies.original import HITS, PAIRS
from scripts.studies.results import Content, read_json

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
    parts = [INTRODUCTION, _overview(grids, evidence)]
    for grid in grids:
        if any(evidence.of(run) for run in grid.runs):
            parts += list(_section(grid, evidence, plots))
    return "\n".join(parts)


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 2) -> str:
    """A markdown table; what comes after the first ``left`` columns is aligned as figures are."""
    rule = ["---" if index < left else "--:" for index in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


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


def _section(grid: Grid, evidence: Evidence, plots: Path | None) -> Iterator[str]:
    """Everything about one grid."""
    chosen = {
        dataset: candidates((run for run in grid.runs if run.dataset == dataset), evidence)
        for dataset in DATA_SETS
    }
    chosen = {dataset: found for dataset, found in chosen.items() if found}
    yield f"\n## Grid `{grid.name}`\n\n{_protocol(chosen)}"
    yield f"\n### The best of the six on every set\n\n{_best_of_six(chosen, evidence)}"
    yield f"\n### Does training help?\n\n{_training(chosen)}"
    for dataset in STUDY_SETS:
        if dataset in chosen:
            yield _nine_rows(dataset, by_recipe(chosen[dataset], "study"))
    yield f"\n### The study's conclusions\n\n{_conclusions(chosen, evidence)}"
    yield f"\n### Every training\n\n{_every_training(chosen)}"
    if plots is not None:
        yield _plots(grid, chosen, plots)


Chosen = Mapping[str, Sequence[Candidate]]
"""By data set."""


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
    steps = _listed(_steps(result) for result in results)
    return (
        f"{sizes} px, {epochs} epochs of batches of {batches} ({steps} steps), seeds per setting: "
        f"{seeds}; {len(results)} trainings, {hours:.1f} hours in all ({machines}). "
        "The study: 224 px, 40 epochs.\n"
    )


def _steps(result: Result) -> int:
    """Optimiser steps of a whole training."""
    settings = result.facts["settings"]
    images = result.facts["images"]["training"]
    return int(settings["epochs"] * -(-images // settings["batch_size"]))


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(values))))


def _figure(pair: PairResult, metric: str) -> str:
    estimate = pair.estimates[metric]
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _best_of_six(chosen: Chosen, evidence: Evidence) -> str:
    """Beside model7, random weights and the floors."""
    rows: list[tuple[object, ...]] = []
    for dataset, found in chosen.items():
        for metric, title in ((AVERAGE_PRECISION, "mAP"), (PRECISION, "precision@8")):
            rows.append((dataset, title, *_best_row(dataset, found, metric, evidence)))
    header = (
        *("set", "figure", "best of the six", "which", "model7", "model7 / best", "untrained"),
        *("colours", "pixels", "not run"),
    )
    explained = (
        "\nmodel7's figures are those of [embedding.md](embedding.md), at its own image size and "
        'fitted to all images of the set; "untrained" is the best of the networks in this table '
        "at random weights.\n"
    )
    return table(header, rows) + explained


def _best_row(
    dataset: str, found: Sequence[Candidate], metric: str, evidence: Evidence
) -> Iterator[str]:
    results = [result for each in found for result in each.results]
    starts = [start for each in found for start in each.starts]
    best = _highest(results, metric)
    settings = best.facts["settings"]
    value = best.best(metric).estimates[metric].value
    yield _figure(best.best(metric), metric)
    yield f"{settings['arch']}, {settings['recipe']}, {best.best(metric).name}"
    ours = model7(dataset, metric)
    yield "-" if ours is None else f"{ours:.3f}"
    yield "-" if ours is None else f"{ours / value:.2f}"
    yield _figure(_highest(starts, metric).best(metric), metric)
    for kind in (COLOURS, PIXELS):
        floor = evidence.floor(dataset, kind)
        yield "-" if floor is None else _figure(floor.best(metric), metric)
    done = {each.run.settings.arch for each in found}
    yield ", ".join(arch for arch in STUDY_ARCHS if arch not in done) or "-"


def _highest(results: Sequence[Result], metric: str) -> Result:
    return max(results, key=lambda result: result.best(metric).estimates[metric].value)


def model7(dataset: str, metric: str) -> float | None:
    """What docs/embedding.md shows of model7 as it is, flatten and Cosine; None where not run."""
    name = DATA_SETS[dataset].embedding or dataset
    contents = read_json(f"embedding-{name}.json")
    return mean_of_whole(contents[0], metric) if contents else None


def mean_of_whole(content: Content, metric: str) -> float:
    """Mean over seeds of one figure of ``docs/results/embedding-*.json``."""
    key = {PRECISION: "precision_at_k"}.get(metric, metric)
    wanted = ("as it is", "flatten", "cosine")
    return statistics.mean(
        float(row[key])
        for row in content["rows"]
        if (row["variant"], row["pooling"], row["distance"]) == wanted
    )


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
        f"{after:.1f} after."
    )


def _nine_rows(dataset: str, found: Sequence[Candidate]) -> str:
    """The study's table in our form, its own counts beside it."""
    rows = {each.key: each for each in found if each.key in HITS}
    if not rows:
        return f"\n### The study's table: {dataset}\n\nNone of its rows was run.\n"
    lines = []
    for key, hits in HITS.items():
        cells = [
            f"{_nine_cell(rows.get(key), pair)} ({count}/8)"
            for pair, count in zip(PAIRS, hits, strict=True)
        ]
        lines.append((*key, *cells))
    header = ("architecture", "scheduler", *PAIRS)
    return (
        f"\n### The study's table: {dataset}\n\nprecision@8 over all images; in parentheses what "
        "the study counted for its one query.\n\n" + table(header, lines)
    )


def _nine_cell(candidate: Candidate | None, pair: str) -> str:
    if candidate is None:
        return "not run"
    return _figure(candidate.results[0].pair(pair), PRECISION)


def _conclusions(chosen: Chosen, evidence: Evidence) -> str:
    rows = [
        (conclusion.claim, dataset, f"**{conclusion.finding}**", conclusion.evidence)
        for dataset, found in chosen.items()
        for conclusion in conclusions(found, dataset, evidence)
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
    parts = ["\n### How the losses fell\n"]
    for dataset, found in chosen.items():
        file = folder / f"{grid.name}-{dataset}.svg"
        if plot_losses(found, f"{grid.name}, {dataset}", file):
            parts.append(f"![Validation loss by epoch, {dataset}]({folder.name}/{file.name})\n")
    return "\n".join(parts)
