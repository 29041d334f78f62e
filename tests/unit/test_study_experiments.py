"""Runs of the repeated study: what they leave, that they repeat, that they go on after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.study_results import COLOURS, PIXELS
from models.errors import UnreadableImageError
from models.recipes import TrainSettings
from models.training_run import TrainingRun
from scripts.studies import grids
from scripts.studies.evidence import Evidence, untrained
from scripts.studies.examples import example_queries, example_rows, find_examples
from scripts.studies.experiments import Laboratory, carry_out, training_files
from scripts.studies.grids import DataSet, Run
from scripts.studies.spectrum import effective_rank, spectrum

RUN = Run(
    "photos",
    TrainSettings(arch="model1", image_size=32, epochs=3, batch_size=4, recipe="study", seed=1),
    training_images=10,
)


@pytest.fixture
def laboratory(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Laboratory]:
    """Laboratories that know the set "photos", each with folders of its own."""
    sets = {"photos": DataSet("photos", photos.name)}
    monkeypatch.setattr("scripts.studies.experiments.DATA_SETS", sets)
    return lambda name: Laboratory(
        photos.parent, tmp_path / name / "results", tmp_path / name / "work", progress=False
    )


def run_all(laboratory: Laboratory, *runs: Run) -> list[str]:
    """Names of what was written."""
    written: list[str] = []
    carry_out(runs, laboratory, report=written.append)
    return written


def timeless(content: dict[str, Any]) -> dict[str, Any]:
    history = [{**record, "seconds": 0} for record in content["history"]]
    return {**content, "history": history, "seconds": None}


def read(laboratory: Laboratory, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(laboratory.result_file(name).read_text())
    return content


def test_a_run_leaves_its_own_result_and_those_it_has_to_beat(
    laboratory: Callable[[str], Laboratory],
) -> None:
    here = laboratory("a")
    written = run_all(here, RUN)
    assert written == [RUN.name, untrained(RUN).name, "photos-colours", "photos-pixels"]
    content = read(here, RUN.name)
    assert content["settings"]["scheduler"] == "none"
    assert content["settings"]["amp"] == "off"
    assert content["settings"]["processes"] == 1
    assert content["images"] == {"training": 8, "validation": 2}
    assert [record["epoch"] for record in content["history"]] == [1, 2, 3]
    assert content["torch"]
    assert content["machine"]
    assert min(content["seconds"].values()) > 0
    assert 0 < max(content["spectrum"]) == content["spectrum"][0] <= 1
    assert [row["query"][1] for row in content["examples"]] == ["cold", "warm"]
    assert not list((here.work / "checkpoints").iterdir())
    evidence = Evidence.read(here.results)
    for result in (
        evidence.of(RUN),
        evidence.start_of(RUN),
        evidence.floor("photos", COLOURS),
        evidence.floor("photos", PIXELS),
    ):
        assert result is not None
        assert result.queries == 12
        for pair in result.pairs:
            assert len(pair.hits) == 12
            estimate = pair.estimates["precision_at_8"]
            assert estimate.value == pytest.approx(pair.precision.mean(), abs=1e-6)
            assert estimate.low <= estimate.value <= estimate.high
    assert {pair.name for pair in result.pairs} == {"- cosine", "- euclid"}


def test_colours_find_images_of_a_colour(laboratory: Callable[[str], Laboratory]) -> None:
    here = laboratory("a")
    run_all(here, untrained(RUN))
    floor = Evidence.read(here.results).floor("photos", COLOURS)
    assert floor is not None
    # Six warm and six cold images: five of eight answers can be right.
    assert floor.best().estimates["precision_at_8"].value > 0.55
    assert floor.best().estimates["precision_at_1"].value == 1.0


def test_what_has_a_result_is_not_run_again(
    laboratory: Callable[[str], Laboratory],
) -> None:
    here = laboratory("a")
    run_all(here, RUN)
    before = {file: file.stat().st_mtime_ns for file in here.results.iterdir()}
    other = replace(RUN, settings=replace(RUN.settings, seed=2))
    assert run_all(here, RUN, other) == [other.name, untrained(other).name]
    assert all(file.stat().st_mtime_ns == time for file, time in before.items())


def test_one_seed_gives_the_same_figures_twice_and_another_does_not(
    laboratory: Callable[[str], Laboratory],
) -> None:
    first, second = laboratory("a"), laboratory("b")
    other = replace(RUN, settings=replace(RUN.settings, seed=2))
    run_all(first, RUN, other)
    run_all(second, RUN)
    assert timeless(read(first, RUN.name)) == timeless(read(second, RUN.name))
    assert read(first, RUN.name)["pairs"] != read(first, other.name)["pairs"]


@pytest.mark.parametrize("recipe", ["study", "retrieval"])
def test_a_killed_and_resumed_run_gives_the_figures_of_an_undisturbed_one(
    laboratory: Callable[[str], Laboratory], monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    run = replace(RUN, settings=replace(RUN.settings, recipe=recipe))
    whole, killed = laboratory("whole"), laboratory("killed")
    run_all(whole, run)
    steps = iter(range(100))
    original = TrainingRun._train_step

    def dying(self: TrainingRun, *args: Any) -> Any:
        if next(steps) == 3:  # in the second epoch of two steps each
            raise KeyboardInterrupt
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "_train_step", dying)
        with pytest.raises(KeyboardInterrupt):
            run_all(killed, run)
    assert not killed.results.exists()
    before = next(steps)
    counted: list[int] = []

    def counting(self: TrainingRun, *args: Any) -> Any:
        counted.append(1)
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "_train_step", counting)
        run_all(killed, run)
    assert before == 4
    assert len(counted) == 4  # the first epoch is not trained again
    assert timeless(read(killed, run.name)) == timeless(read(whole, run.name))


def test_a_run_says_in_which_precision_it_was_trained(
    laboratory: Callable[[str], Laboratory],
) -> None:
    mixed, full = replace(laboratory("a"), amp="bf16"), laboratory("b")
    run_all(mixed, RUN)
    run_all(full, RUN)
    assert read(mixed, RUN.name)["settings"]["amp"] == "bf16"
    assert read(mixed, RUN.name)["history"] != read(full, RUN.name)["history"]


def test_an_image_that_cannot_be_read_is_an_error_not_a_smaller_set(
    laboratory: Callable[[str], Laboratory], photos: Path
) -> None:
    next(photos.glob("warm/*.png")).write_bytes(b"no image")
    with pytest.raises(UnreadableImageError):
        run_all(laboratory("a"), RUN)


def test_training_images_are_spread_over_all_labels(
    laboratory: Callable[[str], Laboratory],
) -> None:
    chosen = training_files(replace(RUN, training_images=4), laboratory("a"))
    assert [file.label for file in chosen] == ["cold", "cold", "warm", "warm"]
    assert len(training_files(replace(RUN, training_images=None), laboratory("a"))) == 12
    assert len(training_files(replace(RUN, training_images=99), laboratory("a"))) == 12


def test_every_data_set_is_listed_under_its_own_name() -> None:
    assert all(name == each.name for name, each in grids.DATA_SETS.items())


def rank_of(vectors: Any) -> float:
    return effective_rank(spectrum(vectors))


def test_a_spectrum_has_the_shares_of_the_singular_values_largest_first() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(40, 6)) * [9, 5, 3, 2, 1, 0.5]).astype(np.float32)
    values = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(spectrum(vectors), values / values.sum(), rtol=1e-4)


def test_effective_rank_counts_directions() -> None:
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(50, 5)))[0].T
    cross = np.concatenate([directions, -directions]).astype(np.float32)
    assert rank_of(cross) == pytest.approx(5, abs=1e-3)
    line = np.outer(np.arange(9), np.ones(4)).astype(np.float32)
    assert rank_of(line) == pytest.approx(1, abs=1e-3)
    assert rank_of(np.ones((9, 4), np.float32)) == 0.0
    wide, tall = rng.normal(size=(20, 300)), rng.normal(size=(300, 20))
    assert 15 < rank_of(wide.astype(np.float32)) <= 19.001
    assert 15 < rank_of(tall.astype(np.float32)) <= 20.001


def test_examples_are_the_nearest_images_of_a_few_queries_by_name_and_label() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4)).astype(np.float32)
    labels = [("ant", "bee", "cat", "dog")[number % 4] for number in range(30)]
    names = [f"{number}.png" for number in range(30)]
    rows = find_examples({"flatten": vectors}, labels, names)
    assert [row["query"] for row in rows] == [["0.png", "ant"], ["2.png", "cat"], ["3.png", "dog"]]
    for row, query in zip(rows, example_queries(labels), strict=True):
        apart = ((vectors - vectors[query]) ** 2).sum(axis=1)
        nearest = [index for index in np.argsort(apart) if index != query][:8]
        expected = [[names[index], labels[index]] for index in nearest]
        assert row["answers"]["flatten euclid"] == expected
    line = example_rows(rows, ["flatten euclid"])[0]
    assert line[:2] == ("ant (0.png)", "flatten euclid")
    assert len(line) == 10
    assert set(line[2:]) <= {"**ant**", "bee", "cat", "dog"}
