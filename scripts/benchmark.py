"""Speed as ratios inside one run: python scripts/benchmark.py WHAT [--json FILE].

What is compared is interleaved over several rounds; the median counts. Seconds depend on the
machine and on its neighbours, so judge by the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from indexer.process import begin_computing
from models.errors import SimilarityError
from scripts.benchmarks import encoders, index, int8, neighbours, scale, search, steps, ui

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = (index, steps, int8, encoders, search, neighbours, scale, ui)
PACKAGES = ("torch", "onnxruntime", "numpy", "pillow", "qdrant-edge-py", "faiss-cpu", "gradio")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare ways to do the same, as ratios.")
    choices = parser.add_subparsers(required=True, dest="what", metavar="WHAT")
    for benchmark in BENCHMARKS:
        summary = (benchmark.__doc__ or "").partition(": ")[2]
        part = choices.add_parser(benchmark.__name__.rpartition(".")[2], help=summary)
        benchmark.add_arguments(part)
        part.add_argument("--json", type=Path, metavar="FILE", help="write raw numbers there")
        part.set_defaults(measure=benchmark.measure, report=benchmark.report)
    return parser.parse_args(argv)


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Of those that are installed: some are for development only."""
    found = {}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    begin_computing()
    arguments = parse(argv)
    try:
        measurements = arguments.measure(arguments)
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(arguments.report(measurements, arguments))
    if arguments.json:
        places = {"json", "data_dir"}  # nobody's business
        given = {name: value for name, value in vars(arguments).items() if name not in places}
        settings = {name: _shown(value) for name, value in given.items() if not callable(value)}
        content = {
            "machine": platform.platform(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg()[0],
            "python": platform.python_version(),
            "packages": versions(PACKAGES),
            "settings": settings,
            "measurements": [asdict(measurement) for measurement in measurements],
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0


def _shown(value: object) -> str:
    """Files of this repository by their place in it: where that lies is nobody's business."""
    if isinstance(value, Path) and value.is_relative_to(ROOT):
        return value.relative_to(ROOT).as_posix()
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
