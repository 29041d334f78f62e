"""The best of the study's six networks beside model7, random weights and what needs no network."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from indexer.study_results import AVERAGE_PRECISION, COLOURS, PIXELS, PRECISION, Result
from scripts.studies.conclusions import Candidate
from scripts.studies.evidence import Evidence
from scripts.studies.grids import DATA_SETS, STUDY_ARCHS
from scripts.studies.results import Content, read_json
from scripts.studies.study_tables import figure, table


def best_of_six(chosen: Mapping[str, Sequence[Candidate]], evidence: Evidence) -> str:
    """A table of one grid's candidates by set, two rows a set."""
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
    yield figure(best.best(metric), metric)
    yield f"{settings['arch']}, {settings['recipe']}, {best.best(metric).name}"
    ours = model7(dataset, metric)
    yield "-" if ours is None else f"{ours:.3f}"
    yield "-" if ours is None else f"{ours / value:.2f}"
    yield figure(_highest(starts, metric).best(metric), metric)
    for kind in (COLOURS, PIXELS):
        floor = evidence.floor(dataset, kind)
        yield "-" if floor is None else figure(floor.best(metric), metric)
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
