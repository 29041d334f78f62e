"""Kill sync again and again while images change and somebody searches; then look what is lost.

python scripts/fault_drill.py SOURCE [--runs 50] [--seed 0] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from indexer.process import begin_computing
from indexer.settings import Settings
from models.checkpoint import DEFAULT_CHECKPOINT
from models.errors import SimilarityError
from models.sources import SOURCE_KINDS, open_source
from scripts.drill.changing_folder import ChangingFolder
from scripts.drill.differences import differences, ledger_differences
from scripts.drill.killed_sync import DATASET, Phase, SyncProcess
from scripts.drill.reader import Reader


@dataclass(frozen=True, slots=True)
class DrillReport:
    """What came of a drill.

    Attributes:
        source, seed, runs: what was asked for.
        undisturbed_seconds: duration of a sync after one round of changes, from its write lock to
            its end; kills come at moments drawn evenly from it, times the rounds that wait.
        killed: number of killed runs, by where they were.
        answers: number of searches answered meanwhile.
        search_errors: those that failed, or were of no published state.
        images: number of images in the end.
        differences: from an index of the same images made in one go.
        failed_checks: what ``verify`` found.
        seconds: of the whole drill.
    """

    source: str
    seed: int
    runs: int
    undisturbed_seconds: float
    killed: dict[str, int]
    answers: int
    search_errors: tuple[str, ...]
    images: int
    differences: tuple[str, ...]
    failed_checks: tuple[str, ...]
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Nothing was lost, and nobody noticed anything."""
        return not (self.search_errors or self.differences or self.failed_checks)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Kill sync at random moments while its images change and somebody searches. "
        "In the end the index must equal one made in one go, to the bit. Exit code 1 otherwise."
    )
    parser.add_argument("source", metavar="SOURCE", help=f"{SOURCE_KINDS}; copied, only read")
    parser.add_argument("--runs", type=int, default=50, help="syncs to kill; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of changes and kills")
    parser.add_argument(
        "--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, metavar="DIR",
        help="what to encode with; default: the program's own",
    )  # fmt: skip
    parser.add_argument(
        "--scratch", type=Path, metavar="DIR", help="where to work; default: the system's own place"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there")
    return parser.parse_args(argv)


def drill(given: argparse.Namespace, scratch: Path) -> DrillReport:
    """Do it, in the folder ``scratch``.

    Raises:
        SourceError: SOURCE names no images.
        RuntimeError: a sync failed by itself.
    """
    start = time.perf_counter()
    chance = random.Random(given.seed)
    source = open_source(given.source, workspace=scratch / "source")
    folder = ChangingFolder(source, scratch / "images", chance)
    folder.fill()
    process = SyncProcess(folder.root, scratch / "data", given.checkpoint)
    process.run()
    folder.change()
    undisturbed = process.run()
    killed: Counter[Phase] = Counter()
    rounds = 1  # of changes that wait: what a killed sync left undone takes its time too
    with Reader(process.data_dir, DATASET) as reader:
        for _ in tqdm(range(given.runs), desc="killing", unit="run"):
            folder.change()
            phase = process.run_until(chance.uniform(0, rounds * undisturbed))
            rounds = 1 if phase.has_published else rounds + 1
            killed[phase] += 1
        process.run()
    fresh = SyncProcess(folder.root, scratch / "fresh", given.checkpoint)
    fresh.run()
    images, found, failed_checks = compare(process.data_dir, fresh.data_dir)
    return DrillReport(
        source=given.source,
        seed=given.seed,
        runs=given.runs,
        undisturbed_seconds=round(undisturbed, 2),
        killed={str(phase): killed[phase] for phase in Phase},
        answers=reader.answers,
        search_errors=tuple(reader.errors),
        images=images,
        differences=tuple(found),
        failed_checks=failed_checks,
        seconds=round(time.perf_counter() - start, 1),
    )


def compare(data_dir: Path, fresh: Path) -> tuple[int, list[str], tuple[str, ...]]:
    """(images, differences from the fresh index, what verify finds wrong)."""
    from indexer.store import open_store
    from indexer.verification import verify
    from models.encoder import Encoder

    with (
        closing(open_store(Settings(data_dir))) as store,
        closing(open_store(Settings(fresh))) as other,
    ):
        found = differences(store, other, DATASET) + ledger_differences(data_dir, fresh, DATASET)
        checks = verify(store, data_dir, DATASET, load_encoder=Encoder.load, sample=100)
        details = tuple(f"{check.name}: {check.detail}" for check in checks.checks if not check.ok)
        return store.describe(DATASET).images, found, details


def summary(report: DrillReport) -> str:
    """For people."""
    lines = [
        f"{report.runs} runs of sync on {report.source}, seed {report.seed}, killed while",
        *(f"  {phase}: {number}" for phase, number in report.killed.items()),
        f"{report.answers:,} searches answered meanwhile, {len(report.search_errors)} wrong",
        *(f"  {error}" for error in report.search_errors[:10]),
        f"{report.images:,} images in the end, {len(report.differences)} differences from an index "
        "made in one go",
        *(f"  {difference}" for difference in report.differences[:10]),
        f"{len(report.failed_checks)} checks of verify failed",
        *(f"  {check}" for check in report.failed_checks),
        f"{report.seconds:.0f} s; an undisturbed sync takes {report.undisturbed_seconds:.1f} s",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    begin_computing()
    given = parse(argv)
    try:
        with TemporaryDirectory(dir=given.scratch) as scratch:
            report = drill(given, Path(scratch))
    except (SimilarityError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(summary(report))
    if given.json:
        given.json.write_text(json.dumps(asdict(report), indent=1) + "\n")
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
