"""The benchmark runs, and reports ratios beside raw numbers."""

import json
import subprocess
import sys
from pathlib import Path

from models.registry import list_models

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
    assert shown.count("of 1/(1/decode + 1/encode)") == 2
    content = json.loads((tmp_path / "raw.json").read_text())
    stages = {row["name"]: row["seconds"] for row in content["measurements"]}
    assert list(stages) == [
        "naive serial loop",
        "decode only",
        "encode only, torch",
        "pipeline, torch",
        "encode only, onnx",
        "pipeline, onnx",
    ]
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in stages.values())
    assert content["packages"]["torch"]


def test_the_benchmark_compares_the_encoders_of_all_architectures() -> None:
    shown = run("encoders", "--image-size", "125", "--images", "1", "--rounds", "1")
    assert [line.split()[0] for line in shown.splitlines()] == list_models()
    (model6,) = (line for line in shown.splitlines() if line.startswith("model6"))
    assert "1.00 x model6" in model6
