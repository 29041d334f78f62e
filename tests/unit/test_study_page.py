"""docs/study.md and its verdicts, on made-up results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.bootstrap import Comparison, Estimate, estimate
from indexer.study_results import COLOURS, PIXELS, PairResult, Result
from models.errors import TrainingError
from models.recipes import TrainSettings
from models.registry import get_architecture
from scripts.studies.best_of_six import mean_of_whole
from scripts.studies.conclusions import (
    Candidate,
    Conclusion,
    Finding,
    all_better,
    candidates,
    conclusions,
    gain_is_little,
    loss_says_little,
    max_pool_with_cosine_is_best,
    named_best_are_best,
    smaller_latents_are_better,
    training_beats_its_start,
)
from scripts.studies.evidence import Evidence, untrained
from scripts.studies.grids import STUDY_ARCHS, Run, get_grid
from scripts.studies.judging import judge_pairs
from scripts.studies.original import HITS, PAIRS, REPORTED_PARAMETERS
from scripts.studies.pictures import PICTURES, plot_losses
from scripts.studies.results import DOCS, RESULTS, read_json, write_json
from scripts.studies.study_page import page
from scripts.studies.study_tables import original_rows

QUERIES = 200
BASE = TrainSettings(arch="model3", image_size=64, epochs=2, recipe="study")


def pair(name: str, hits: float) -> PairResult:
    """A pair whose queries have about ``hits`` of eight answers right."""
    pooling, distance = name.split()
    rng = np.random.default_rng(0)
    counts = (hits + rng.integers(-1, 2, QUERIES)).clip(0, 8).round().astype(int)
    metrics = ("precision_at_1", "precision_at_8", "precision_at_10", "ndcg_at_10")
    values = dict.fromkeys((*metrics, "mean_average_precision"), counts / 8)
    return PairResult(pooling, distance, estimate(values), "".join(map(str, counts)))


def result(
    name: str,
    hits: float | Sequence[float],
    *,
    losses: Sequence[float] = (),
    latent: tuple[int, int, int] = (512, 2, 2),
    seed: int = 0,
) -> Result:
    """One number for all pairs, or one a pair in the order of PAIRS."""
    each = [hits] * len(PAIRS) if isinstance(hits, int | float) else hits
    facts = {
        "name": name,
        "latent": list(latent),
        "history": [{"validation_loss": loss} for loss in losses],
        "dead_channels": 0.5,
        "effective_rank": 12.3,
        "machine": "x86_64, 1 threads",
        "torch": "9.9",
        "images": {"training": 100, "validation": 20},
        "settings": {"arch": "model3", "recipe": "study", "epochs": 2, "batch_size": 32,
                     "seed": seed},
        "seconds": {"train": 1800.0, "encode": 1800.0},
    }  # fmt: skip
    pairs = tuple(pair(name, count) for name, count in zip(PAIRS, each, strict=True))
    return Result(name, pairs, QUERIES, facts)


def candidate(
    arch: str = "model3",
    scheduler: str = "none",
    *,
    hits: float | Sequence[float] = 4,
    start: float = 2,
    loss: float = 0.1,
    latent: tuple[int, int, int] = (512, 2, 2),
    recipe: str = "study",
    image_size: int = 64,
) -> Candidate:
    settings = replace(BASE, arch=arch, scheduler=scheduler, recipe=recipe, image_size=image_size)
    run = Run("wildcats", settings)
    trained = result(run.name, hits, losses=(2 * loss, loss), latent=latent)
    return Candidate(run, (trained,), (result(untrained(run).name, start, latent=latent),))


def table_rows(hits: Callable[[tuple[str, str]], float]) -> list[Candidate]:
    """All nine of the study's table; model6 at the size that it needs."""
    return [
        candidate(*key, hits=hits(key), image_size=128 if key[0] == "model6" else 64)
        for key in HITS
    ]


def all_six(**options: Any) -> list[Candidate]:
    """One training of each, alike in everything."""
    return [candidate(arch, image_size=128, **options) for arch in STUDY_ARCHS]


def two_latents(small: float, large: float) -> list[Candidate]:
    """All six: those of one cell find ``small`` of eight, those of four ``large``."""
    one_cell = ("model4", "model5", "model6")
    return [
        candidate(arch, hits=small, latent=(1024, 1, 1), image_size=128)
        if arch in one_cell
        else candidate(arch, hits=large, image_size=128)
        for arch in STUDY_ARCHS
    ]


def lower_losses(*hits: float) -> list[Candidate]:
    """Trainings whose losses rise from one to the next."""
    return [
        candidate(arch, hits=count, loss=0.01 * number)
        for number, (arch, count) in enumerate(zip(STUDY_ARCHS, hits, strict=False), 1)
    ]


BEST = {("model4", "none"), ("model6", "plateau")}

CASES: dict[str, tuple[Callable[[], Conclusion], Finding]] = {
    "named best, better than all others": (
        lambda: named_best_are_best(table_rows(lambda key: 6 if key in BEST else 3)),
        Finding.CONFIRMED,
    ),
    "named best, one of the others is better": (
        lambda: named_best_are_best(
            table_rows(lambda key: {"model3": 7}.get(key[0], 6 if key in BEST else 3))
        ),
        Finding.REFUTED,
    ),
    "named best, all alike": (
        lambda: named_best_are_best(table_rows(lambda _: 4)),
        Finding.UNDECIDED,
    ),
    "named best, a row was not run": (
        lambda: named_best_are_best(table_rows(lambda key: 6 if key in BEST else 3)[1:]),
        Finding.UNDECIDED,
    ),
    "named best, a row was not run but another is better": (
        lambda: named_best_are_best(table_rows(lambda key: 3 if key in BEST else 6)[1:]),
        Finding.REFUTED,
    ),
    "named best, nothing was run": (lambda: named_best_are_best([]), Finding.UNDECIDED),
    "small latents better": (
        lambda: smaller_latents_are_better(two_latents(5, 3)),
        Finding.CONFIRMED,
    ),
    "small latents better, a network was not run": (
        lambda: smaller_latents_are_better(two_latents(5, 3)[1:]),
        Finding.UNDECIDED,
    ),
    "small latents worse": (
        lambda: smaller_latents_are_better(two_latents(3, 5)),
        Finding.REFUTED,
    ),
    "small latents of other image sizes": (
        lambda: smaller_latents_are_better(
            [candidate(hits=5), candidate("model6", hits=3, latent=(1024, 1, 1), image_size=128)]
        ),
        Finding.UNDECIDED,
    ),
    "the lower loss finds far more": (
        lambda: loss_says_little(lower_losses(6, 5, 4, 3)),
        Finding.REFUTED,
    ),
    "the lower loss finds fewer": (
        lambda: loss_says_little(lower_losses(3, 4, 5, 6)),
        Finding.CONFIRMED,
    ),
    "the lower loss finds the same": (
        lambda: loss_says_little(lower_losses(4, 4, 4, 4)),
        Finding.CONFIRMED,
    ),
    "three losses": (lambda: loss_says_little(lower_losses(3, 4, 5)), Finding.UNDECIDED),
    "max pool with cosine best": (
        lambda: max_pool_with_cosine_is_best(all_six(hits=(3, 3, 5, 3))),
        Finding.CONFIRMED,
    ),
    "max pool with cosine best of one network": (
        lambda: max_pool_with_cosine_is_best([candidate(hits=(3, 3, 5, 3))]),
        Finding.UNDECIDED,
    ),
    "max pool with cosine second": (
        lambda: max_pool_with_cosine_is_best([candidate(hits=(3, 3, 5, 6))]),
        Finding.REFUTED,
    ),
    "all pairs alike": (
        lambda: max_pool_with_cosine_is_best(all_six(hits=4)),
        Finding.UNDECIDED,
    ),
    "max pool of one cell": (
        lambda: max_pool_with_cosine_is_best(all_six(hits=(3, 3, 5, 3), latent=(512, 1, 1))),
        Finding.UNDECIDED,
    ),
    "training helps": (
        lambda: training_beats_its_start(all_six(hits=4, start=2)),
        Finding.CONFIRMED,
    ),
    "training hurts one of two": (
        lambda: training_beats_its_start(
            [candidate(hits=4, start=2), candidate("model4", hits=2, start=4)]
        ),
        Finding.REFUTED,
    ),
    "training changes nothing": (
        lambda: training_beats_its_start(all_six(hits=4, start=4)),
        Finding.UNDECIDED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_figures_decide_a_conclusion(case: str) -> None:
    conclude, finding = CASES[case]
    assert conclude().finding is finding


def test_a_conclusion_shows_its_differences_and_what_was_not_run() -> None:
    conclusion = named_best_are_best(table_rows(lambda key: 6 if key in BEST else 3)[1:])
    assert conclusion.evidence.endswith("not run: model3 none")
    assert "model4 none (64 px) over model5 none (64 px): +0.3" in conclusion.evidence


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (-0.01, 0.019, Finding.CONFIRMED),
        (0.021, 0.05, Finding.REFUTED),
        (0.0, 0.03, Finding.UNDECIDED),
        (0.015, 0.05, Finding.UNDECIDED),
    ],
)
def test_a_gain_is_little_with_its_whole_interval(
    low: float, high: float, finding: Finding
) -> None:
    assert gain_is_little(Estimate((low + high) / 2, low, high)) is finding


def test_one_worse_refutes_even_beside_better_ones_and_missing_ones() -> None:
    better = ("a", Comparison(Estimate(0.1, 0.05, 0.15)))
    worse = ("b", Comparison(Estimate(-0.1, -0.15, -0.05)))
    unclear = ("c", Comparison(Estimate(0.0, -0.05, 0.05)))
    assert all_better([better]) is Finding.CONFIRMED
    assert all_better([better, unclear]) is Finding.UNDECIDED
    assert all_better([better], ["d"]) is Finding.UNDECIDED
    assert all_better([better, unclear, worse], ["d"]) is Finding.REFUTED


def test_seeds_are_judged_together() -> None:
    runs = [Run("wildcats", replace(BASE, seed=seed)) for seed in range(2)]
    results = [
        result(run.name, hits, losses=(0.2, loss), seed=run.settings.seed)
        for run, hits, loss in zip(runs, (2, 6), (0.1, 0.3), strict=True)
    ]
    starts = [result(untrained(run).name, 1) for run in runs]
    (found,) = candidates(runs, Evidence([*results, *starts]))
    assert found.best.mean() == pytest.approx(4 / 8, abs=0.02)
    assert found.losses == pytest.approx([0.2, 0.2])
    assert found.loss == pytest.approx(0.15)


def test_pairs_survive_writing_and_reading() -> None:
    before = pair("maxpool cosine", 3)
    after = PairResult.from_json(json.loads(json.dumps(before.to_json())))
    assert (after.name, after.hits) == (before.name, before.hits)
    for name, value in before.estimates.items():
        assert after.estimates[name].low == pytest.approx(value.low, abs=1e-6)
    assert after.precision.mean() == pytest.approx(before.estimates["precision_at_8"].value)


def test_hits_are_counted_among_the_first_eight_of_every_query() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4)).astype(np.float32)
    labels = [str(number % 3) for number in range(30)]
    judged = judge_pairs({"maxpool": vectors, "flatten": vectors.copy()}, labels)
    euclid = next(each for each in judged if each.name == "maxpool euclid")
    for query, digit in enumerate(euclid.hits):
        distances = [
            (float(((vectors[query] - other) ** 2).sum()), index)
            for index, other in enumerate(vectors)
            if index != query
        ]
        nearest = [index for _, index in sorted(distances)[:8]]
        assert int(digit) == sum(labels[index] == labels[query] for index in nearest)
    twins = {each.name: each.hits for each in judged}
    assert twins["flatten euclid"] == twins["maxpool euclid"]
    assert twins["flatten cosine"] == twins["maxpool cosine"]
    assert twins["maxpool cosine"] != twins["maxpool euclid"]


def evidence_of_the_six_grid() -> tuple[list[Run], Evidence]:
    """Two networks by both recipes on wildcats, with all that they have to beat."""
    runs = [
        run
        for run in get_grid("six").runs
        if run.dataset == "wildcats" and run.settings.arch in ("model3", "model4")
    ]
    results = [result("wildcats-colours", 3), result("wildcats-pixels", 1)]
    for run in runs:
        hits = 5 if run.settings.recipe == "retrieval" else 2
        results += [
            result(run.name, hits, losses=(0.2, 0.1)),
            result(untrained(run).name, 3),
        ]
    return runs, Evidence(results)


def test_the_page_shows_every_part_and_says_what_was_not_run(tmp_path: Path) -> None:
    _, evidence = evidence_of_the_six_grid()
    text = page(evidence, plots=tmp_path / "study")
    assert "| six | three epochs" in text
    assert "| 4 of 52 |" in text
    assert "0 of 90" in text
    best = next(line for line in text.splitlines() if line.startswith("| wildcats | precision@8"))
    assert "model1, model2, model5, model6" in best
    assert "study: of 2 networks 0 rank better than the same network untrained, 2 worse" in text
    assert "retrieval: of 2 networks 2 rank better" in text
    in_short, recipes = (
        line for line in text.splitlines() if line.startswith("| the retrieval recipe")
    )
    assert in_short == "| the retrieval recipe beats the study's | undecided |"
    assert "| training as reported beats colours | refuted |" in text
    assert "**undecided**" in recipes
    assert "model3: +0.3" in recipes
    assert "not run: model1, model2, model5, model6" in recipes
    assert "| training as reported beats colours | wildcats | **refuted** |" in text
    assert "| training as reported beats pixels | wildcats | **undecided** |" in text
    assert "![Validation loss by epoch, wildcats](study/six-wildcats.svg)" in text
    assert "![Heat maps of precision@8, networks by pairs](study/six-precision.svg)" in text
    assert "](study/six-sizes.svg)" in text
    for name in ("wildcats", "precision", "sizes"):
        assert (tmp_path / "study" / f"six-{name}.svg").read_text().count("<svg") == 1


def test_the_studys_table_is_filled_from_what_was_run_and_says_what_that_is() -> None:
    _, evidence = evidence_of_the_six_grid()
    text = page(evidence)
    wildcats = text.partition("retrieval table: wildcats")[2].partition("\n## ")[0]
    rows = [
        line.strip("| ").split(" | ")
        for line in wildcats.splitlines()
        if line.startswith("| model")
    ]
    assert [row[0] for row in rows[:9]] == [arch for arch, _ in HITS]
    model3, unscheduled, scheduled = rows[0], rows[1], rows[2]
    assert model3[2] == unscheduled[2] == "64 px, 8 steps (`six`)"
    assert [cell.rpartition(" ")[2] for cell in model3[3:]] == [
        "(6/8)",
        "(3/8)",
        "(6/8)",
        "(7/8)",
    ]
    assert model3[3].startswith("0.265 [")
    assert scheduled[2:4] == ["not run", "- (5/8)"]
    assert "0 of the 9 rows are trained as the study did" in wildcats
    assert [row[2] for row in rows[9:]] == ["64 px, random weights"] * 2
    assert "| colours | - | without a network | 0.390 [" in wildcats
    assert "| wildcats | six kinds of wild animals, faces | 200 | 4,738 |" in text
    second = text.partition("retrieval table: artstyles7")[2].partition("\n## ")[0]
    assert "/8)" not in second  # its one query was of the other set
    losses = text.partition("The study's losses")[2].partition("\n## ")[0]
    assert "| model3 | none | 64 px, 8 steps (`six`) | 0.10000 | not run | 0.00662" in losses


def test_a_row_of_the_studys_table_comes_from_the_largest_grid_that_has_it() -> None:
    grids = [get_grid(name) for name in ("table-128", "table")]
    runs = [next(run for run in grid.runs if run.dataset == "wildcats") for grid in grids]
    results = [
        each
        for run in runs
        for each in (result(run.name, 2, losses=(0.1,)), result(untrained(run).name, 1))
    ]
    for known, name in ((results, "table-128"), (results[2:], "table")):
        rows = original_rows("wildcats", grids, Evidence(known))
        assert {key: row.grid.name for key, row in rows.items()} == {("model3", "none"): name}


def test_the_networks_have_as_many_values_as_the_study_reports() -> None:
    assert "| model6 | 1024 x 2 x 2 | 8,630,400 (8,630,400) | 8,629,379 (8,629,379) |" in page(
        Evidence([])
    )
    for name, reported in REPORTED_PARAMETERS.items():
        architecture = get_architecture(name)
        ours = architecture.encoder_parameters(), architecture.decoder_parameters()
        assert ours == reported


def test_the_page_names_the_grids_even_where_nothing_was_run() -> None:
    text = page(Evidence([]))
    assert "0 of 52" in text
    assert "### " not in text
    assert "In short" not in text


def test_what_new_results_tell_is_shown_and_what_old_ones_lack_is_left_out(tmp_path: Path) -> None:
    runs, evidence = evidence_of_the_six_grid()
    assert "Example rows" not in page(evidence, plots=tmp_path / "old")
    assert not (tmp_path / "old" / "six-spectra.svg").exists()
    answers = {pair: [["a.png", "tiger"]] * 3 + [["b.png", "puma"]] * 5 for pair in PAIRS}
    for run in runs:
        for known, share in ((evidence.of(run), 0.9), (evidence.start_of(run), 0.2)):
            assert known is not None
            facts: dict[str, Any] = known.facts  # type: ignore[assignment]
            facts["spectrum"] = [share, 1 - share]
            facts["examples"] = [{"query": ["tiger/1.jpg", "tiger"], "answers": answers}]
            facts["settings"]["amp"] = "bf16"
    text = page(evidence, plots=tmp_path / "new")
    assert "Example rows: wildcats, model" in text
    labels = ["**tiger**"] * 3 + ["puma"] * 5
    assert f"| tiger (tiger/1.jpg) | maxpool cosine | {' | '.join(labels)} |" in text
    assert "Share of the largest singular value (median): 20% before, 90% after." in text
    assert (tmp_path / "new" / "six-spectra.svg").exists()
    assert "in mixed precision (bf16)" in text


def test_a_grid_whose_runs_are_all_of_a_larger_one_has_no_section_of_its_own() -> None:
    def told(*names: str) -> str:
        runs = [run for run in get_grid("table").runs if run.settings.arch in names]
        return page(Evidence([
            each
            for run in runs
            for each in (result(run.name, 2, losses=(0.2, 0.1)), result(untrained(run).name, 3))
        ]))  # fmt: skip

    shared = told("model6")
    assert "## Grid `table-128`" in shared
    assert "## Grid `table`" not in shared
    assert "## Grid `table`" in told("model6", "model3")


@pytest.mark.parametrize("acted", [False, True])
def test_rows_that_are_one_training_twice_are_told(acted: bool) -> None:
    results = []
    for run in get_grid("table").runs:
        if (run.dataset, run.settings.arch) == ("wildcats", "model4"):
            last = 0.05 if acted and run.scheduler == "plateau" else 0.1
            results += [result(run.name, 2, losses=(0.2, last)), result(untrained(run).name, 3)]
    assert ("Of model4 the rows without scheduler" in page(Evidence(results))) is not acted


def test_a_training_that_never_changed_its_loss_is_named() -> None:
    _, evidence = evidence_of_the_six_grid()
    assert "Trained all the same" not in page(evidence)
    stuck = result("wildcats-model6-study", 3, losses=(0.25, 0.25, 0.25))
    fine = result("wildcats-model5-study", 3, losses=(0.25, 0.24, 0.25))
    text = page(Evidence([stuck, fine]))
    assert f"one loss after every epoch: `{stuck.name}`" in text
    assert fine.name not in text


def test_rows_of_several_image_sizes_are_told_apart_where_they_are_compared() -> None:
    conclusion = named_best_are_best(table_rows(lambda key: 6 if key in BEST else 3))
    assert "model6 plateau (128 px) over model3 none (64 px)" in conclusion.evidence


def test_equal_losses_give_equal_pictures(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        assert plot_losses([candidate()], "title", tmp_path / folder / "losses.svg")
        for name, picture in PICTURES.items():
            shown = picture.plot({"wildcats": [candidate()]}, tmp_path / folder / f"{name}.svg")
            assert shown == (name != "spectra")
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    assert not plot_losses([], "title", tmp_path / "c.svg")
    assert not any(picture.plot({}, tmp_path / "c.svg") for picture in PICTURES.values())


def test_every_claim_is_on_the_page_once_a_set() -> None:
    runs, evidence = evidence_of_the_six_grid()
    claims = [each.claim for each in conclusions(candidates(runs, evidence), "wildcats", evidence)]
    assert len(claims) == len(set(claims)) == 8
    assert evidence.floor("wildcats", COLOURS) is not None
    assert evidence.floor("wildcats", PIXELS) is not None


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(TrainingError, match="holds a file that is no result"):
        Evidence.read(tmp_path)
    (tmp_path / "odd.json").write_text("{")
    with pytest.raises(TrainingError, match="holds a file that is no result"):
        Evidence.read(tmp_path)


def test_model7_is_the_mean_over_seeds_of_flatten_and_cosine() -> None:
    def row(value: float, **other: Any) -> dict[str, Any]:
        where = {"variant": "as it is", "pooling": "flatten", "distance": "cosine"}
        return {**where, "precision_at_k": value, "mean_average_precision": value / 2, **other}

    content = {"rows": [row(0.2), row(0.4), row(0.9, pooling="maxpool"), row(0.9, variant="else")]}
    assert mean_of_whole(content, "precision_at_8") == pytest.approx(0.3)
    assert mean_of_whole(content, "mean_average_precision") == pytest.approx(0.15)


def test_json_files_are_whole_or_not_there(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "b.json", {"b": 1})
    write_json(tmp_path / "deep" / "a.json", {"a": 1})
    assert read_json("*.json", folder=tmp_path / "deep") == [{"a": 1}, {"b": 1}]
    with pytest.raises(TypeError):
        write_json(tmp_path / "deep" / "c.json", {"c": object()})
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["a.json", "b.json"]


def test_the_committed_page_is_what_the_committed_results_say(tmp_path: Path) -> None:
    text = page(Evidence.read(RESULTS / "study"), plots=tmp_path / "study")
    assert (DOCS / "study.md").read_text() == text, "run: python scripts/study.py write"
    pictures = {file.name for file in (tmp_path / "study").iterdir()}
    assert {file.name for file in (DOCS / "study").iterdir()} == pictures
