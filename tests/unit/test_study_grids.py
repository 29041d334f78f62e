"""The declared grids: what is trained, and how runs are told apart."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from models.errors import TrainingError
from models.recipes import SCHEDULERS, TrainSettings
from models.registry import list_models
from scripts.studies.evidence import untrained
from scripts.studies.grids import (
    DATA_SETS,
    GRIDS,
    STUDY_ARCHS,
    STUDY_SETS,
    TABLE_SEEDS,
    Run,
    get_grid,
)
from scripts.studies.original import HITS, NAMED_BEST, PAIRS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", GRIDS)
def test_every_run_of_a_grid_has_a_name_of_its_own_and_a_known_set(name: str) -> None:
    runs = get_grid(name).runs
    assert runs
    assert len({run.name for run in runs}) == len(runs)
    assert {run.dataset for run in runs} <= set(DATA_SETS)
    assert {run.settings.arch for run in runs} <= set(list_models())


def test_the_full_grid_trains_every_row_of_the_studys_table_as_reported() -> None:
    runs = get_grid("full").runs
    assert {(run.settings.image_size, run.settings.epochs) for run in runs} == {(224, 40)}
    for dataset in STUDY_SETS:
        rows = {
            (run.settings.arch, run.scheduler): run
            for run in runs
            if run.dataset == dataset and run.settings.recipe == "study"
        }
        assert set(HITS) <= set(rows)
        assert {scheduler for arch, scheduler in rows if arch == "model6"} == set(SCHEDULERS)
        assert set(STUDY_ARCHS) == {arch for arch, _ in rows}


def test_the_full_grid_repeats_what_is_named_best_with_three_seeds_and_tries_ssim() -> None:
    runs = get_grid("full").runs
    for arch, scheduler in NAMED_BEST:
        seeds = {
            run.settings.seed
            for run in runs
            if (run.settings.arch, run.scheduler) == (arch, scheduler)
            and (run.settings.recipe, run.settings.loss) == ("study", "mse")
        }
        assert seeds == {0, 1, 2}
    assert {run.settings.arch for run in runs if run.settings.loss == "ssim"} == {
        "model4",
        "model6",
    }


def test_the_six_grid_trains_all_six_by_both_recipes_and_five_of_them_on_every_set() -> None:
    runs = get_grid("six").runs
    trained = {(run.dataset, run.settings.arch, run.settings.recipe) for run in runs}
    for recipe in ("study", "retrieval"):
        assert {arch for _, arch, of in trained if of == recipe} == set(STUDY_ARCHS)
        for dataset in DATA_SETS:
            archs = {arch for on, arch, of in trained if (on, of) == (dataset, recipe)}
            assert archs >= set(STUDY_ARCHS[:5])


@pytest.mark.parametrize("name", ["table", "table-128"])
def test_the_table_grids_train_every_row_on_both_sets_with_schedulers_that_act(name: str) -> None:
    runs = get_grid(name).runs
    for dataset in STUDY_SETS:
        here = [run for run in runs if run.dataset == dataset]
        assert [(run.settings.arch, run.scheduler) for run in here][: len(HITS)] == list(HITS)
        assert {run.settings.arch for run in here} == set(STUDY_ARCHS)
    assert {run.settings.recipe for run in runs} == {"study"}
    assert min(run.settings.epochs for run in runs) > 10  # of the longest restart
    seeds = {run.settings.arch: run.settings.seed for run in runs}
    assert seeds == {arch: TABLE_SEEDS.get(arch, 0) for arch in STUDY_ARCHS}


def test_the_table_at_128_pixels_compares_all_rows_at_one_size() -> None:
    small, large = get_grid("table").runs, get_grid("table-128").runs
    assert {run.settings.image_size for run in large} == {128}
    shared = {run.name for run in small} & {run.name for run in large}
    assert shared == {run.name for run in small if run.settings.arch == "model6"}


def test_an_unknown_grid_is_refused_by_name() -> None:
    choices = "full, cpu, table-128, table, six"
    with pytest.raises(TrainingError, match=f"no grid 'nine'; choose from {choices}"):
        get_grid("nine")


BASE = Run("wildcats", TrainSettings(arch="model1", image_size=64), 100)


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, dataset="corel5k"),
        replace(BASE, training_images=None),
        *(
            replace(BASE, settings=replace(BASE.settings, **change))
            for change in (
                {"arch": "model2"},
                {"recipe": "study"},
                {"scheduler": "plateau"},
                {"loss": "ssim"},
                {"image_size": 96},
                {"epochs": 2},
                {"batch_size": 16},
                {"seed": 1},
            )
        ),
    ],
)
def test_whatever_decides_a_result_is_in_the_name(other: Run) -> None:
    assert other.name != BASE.name


def test_a_scheduler_that_is_the_recipes_own_is_not_another_run() -> None:
    named = replace(BASE, settings=replace(BASE.settings, scheduler="cosine"))
    assert named.name == BASE.name


def test_trainings_that_differ_after_the_start_share_what_they_have_to_beat() -> None:
    longer = replace(BASE.settings, epochs=9, scheduler="plateau", loss="ssim", batch_size=8)
    assert untrained(replace(BASE, settings=longer)).name == untrained(BASE).name
    assert untrained(BASE).settings.epochs == 0
    other_start = replace(BASE.settings, recipe="study")
    assert untrained(replace(BASE, settings=other_start)).name != untrained(BASE).name


def test_the_studys_counts_are_of_eight_answers() -> None:
    assert all(len(hits) == len(PAIRS) and max(hits) <= 8 for hits in HITS.values())
    assert set(HITS) > NAMED_BEST


def test_the_command_lists_a_grid_without_loading_torch(tmp_path: Path) -> None:
    (tmp_path / f"{get_grid('six').runs[0].name}.json").touch()
    code = (
        "import sys; from scripts.study import main; code = main(sys.argv[1:]);"
        "sys.exit(3 if 'torch' in sys.modules else code)"
    )
    arguments = ("list", "six", "--only", "*-model1-*", "--out", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 2 * len(DATA_SETS)
    assert [state for state, _ in lines] == ["done", *["-"] * (len(lines) - 1)]
