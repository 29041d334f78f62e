"""The study, repeated: python scripts/study.py run GRID --data FOLDER, then write.

``run`` trains what a grid declares, judges every image of the set as a query, and leaves one JSON
file a run; what has one is skipped, and a killed training goes on where it was. On several GPUs,
start one for each, with --device and with --only for networks or sets of its own. ``starts`` looks
at networks before their training. ``write`` makes docs/study.md from those files alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from indexer.process import begin_computing
from indexer.settings import Settings
from models.errors import SimilarityError
from models.recipes import PRECISIONS
from scripts.studies.grids import GRIDS, Run, get_grid
from scripts.studies.results import DOCS, RESULTS, write_json


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Repeat the study on labelled sets.")
    choices = parser.add_subparsers(required=True, dest="what", metavar="WHAT")
    run = choices.add_parser("run", help="train and judge what has no result yet")
    listing = choices.add_parser("list", help="print the runs of a grid, and which are done")
    for part in (run, listing):
        part.add_argument("grid", choices=GRIDS, metavar="GRID", help=", ".join(GRIDS))
        part.add_argument("--only", metavar="PATTERN", help="only runs of such names")
    run.add_argument("--device", default="auto", help="where to compute (default: auto)")
    run.add_argument("--amp", default=PRECISIONS[0], choices=PRECISIONS, help="mixed precision")
    starts = choices.add_parser("starts", help="look at networks before their first step")
    for part in (run, starts):
        part.add_argument(
            "--data", type=Path, required=True, metavar="FOLDER", help="the sets' folder"
        )
        part.add_argument(
            "--data-dir", type=Path, metavar="DIR", help="for archives and checkpoints"
        )
    writing = choices.add_parser("write", help="write docs/study.md from the results")
    for part in (run, listing, writing):
        part.add_argument(
            "--out", type=Path, default=RESULTS / "study", metavar="DIR", help="results"
        )
    return parser.parse_args(argv)


def chosen_runs(arguments: argparse.Namespace) -> list[Run]:
    """Those of the grid whose names match."""
    runs = get_grid(arguments.grid).runs
    return [run for run in runs if fnmatch(run.name, arguments.only or "*")]


def run(arguments: argparse.Namespace) -> None:
    """Carry the runs out."""
    from scripts.studies.experiments import Laboratory, carry_out

    data_dir = Settings.resolve(data_dir=arguments.data_dir).data_dir
    laboratory = Laboratory(
        arguments.data,
        arguments.out,
        data_dir / "study",
        device=arguments.device,
        amp=arguments.amp,
    )
    carry_out(chosen_runs(arguments), laboratory, report=lambda name: print(name, flush=True))


def show(arguments: argparse.Namespace) -> None:
    """Print the runs."""
    for each in chosen_runs(arguments):
        done = (arguments.out / f"{each.name}.json").exists()
        print(f"{'done' if done else '-':<5} {each.name}")


def look_at_starts(arguments: argparse.Namespace) -> None:
    """Measure what outputs let through before training."""
    from scripts.studies.starts import FILE, looked_at, measure_starts

    workspace = Settings.resolve(data_dir=arguments.data_dir).data_dir / "study" / "sources"
    write_json(RESULTS / FILE, measure_starts(looked_at(arguments.data, workspace)))


def write(arguments: argparse.Namespace) -> None:
    """Write the page."""
    from scripts.studies.evidence import Evidence
    from scripts.studies.study_page import page

    (DOCS / "study.md").write_text(page(Evidence.read(arguments.out), plots=DOCS / "study"))


ACTIONS = {"run": run, "list": show, "starts": look_at_starts, "write": write}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    begin_computing()
    arguments = parse(argv)
    try:
        ACTIONS[arguments.what](arguments)
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
