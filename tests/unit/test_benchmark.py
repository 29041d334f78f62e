"""The benchmark runs, and reports ratios beside raw numbers."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_times_every_stage_on_the_same_images(tmp_path: Path) -> None:
    small = [
        "--arch",
        "model1",
        "--image-size",
        "32",
        "--side",
        "64",
        "--images",
        "3",
        "--rounds",
        "2",
    ]
    done = subprocess.run(
        [sys.executable, "scripts/benchmark.py", *small, "--json", str(tmp_path / "raw.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "x naive" in done.stdout
    assert "of the bound" in done.stdout
    content = json.loads((tmp_path / "raw.json").read_text())
    stages = {row["name"]: row["seconds"] for row in content["measurements"]}
    assert set(stages) == {"naive serial loop", "decode only", "encode only", "pipeline"}
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in stages.values())
    assert content["packages"]["torch"]
