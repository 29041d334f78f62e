"""The benchmark runs, and reports ratios beside raw numbers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint import save_checkpoint
from models.preprocess import Preprocess
from models.registry import create_model, list_models
from scripts.benchmarks.quantized import neighbours_kept

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "scripts/benchmark.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_benchmark_times_every_stage_on_the_same_images(tmp_path: Path) -> None:
    small = ["--arch", "model1", "--image-size", "32", "--side", "64"]
    few = ["--images", "3", "--rounds", "2"]
    shown = run("index", *small, *few, "--json", str(tmp_path / "raw.json"))
    assert "x naive" in shown
    assert shown.count("of 1/(1/decode + 1/encode)") == 3
    content = json.loads((tmp_path / "raw.json").read_text())
    stages = {row["name"]: row["seconds"] for row in content["measurements"]}
    assert list(stages) == [
        "naive serial loop",
        "decode only",
        "read only",
        "encode only, torch",
        "pipeline, torch",
        "encode only, onnx",
        "pipeline, onnx",
        "encode only, int8",
        "pipeline, int8",
    ]
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in stages.values())
    assert content["packages"]["torch"]


def test_the_benchmark_times_the_steps_of_one_image() -> None:
    shown = run("steps", "--images", "2", "--side", "300", "--rounds", "1")
    table = dict(line.strip("| ").split(" | ") for line in shown.splitlines() if "---" not in line)
    assert float(table["encode"]) > 0
    parts = [float(table[name]) for name in table if name[0] not in "(a" and name != "step"]
    assert float(table["all, without what is in brackets"]) == pytest.approx(sum(parts), abs=0.05)


def test_the_benchmark_counts_the_neighbours_that_8_bits_keep(photos: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "trained", create_model("model1"), Preprocess(32))
    words = ["--checkpoint", str(tmp_path / "trained"), "--images", "6", "-k", "2"]
    shown = run("int8", str(photos), *words, "--rounds", "1", "--json", str(tmp_path / "raw.json"))
    assert "of the 2 nearest neighbours among 6 images" in shown
    assert "x as fast as" in shown
    rows = json.loads((tmp_path / "raw.json").read_text())["measurements"]
    assert [row["pooling"] for row in rows] == ["maxpool", "flatten"]
    assert all(0.5 < row["share"] <= 1 for row in rows)


def test_neighbours_are_compared_by_cosine_and_without_the_image_itself() -> None:
    angles = np.array([0.0, 0.1, 0.3, 1.0, 1.2])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert neighbours_kept(vectors, 7 * vectors, k=2) == 1
    moved = vectors[[3, 1, 2, 0, 4]]  # the first and the fourth change places
    before = [{1, 2}, {0, 2}, {1, 0}, {4, 2}, {3, 2}]
    after = [{4, 2}, {3, 2}, {1, 3}, {1, 2}, {0, 2}]
    kept = [len(one & other) / 2 for one, other in zip(before, after, strict=True)]
    assert neighbours_kept(vectors, moved, k=2) == np.mean(kept)


def test_the_benchmark_compares_the_encoders_of_all_architectures() -> None:
    shown = run("encoders", "--image-size", "125", "--images", "1", "--rounds", "1")
    assert [line.split()[0] for line in shown.splitlines()] == list_models()
    (model6,) = (line for line in shown.splitlines() if line.startswith("model6"))
    assert "1.00 x model6" in model6
