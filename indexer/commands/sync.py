"""``sync``: bring an index in line with its images."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from indexer.commands.arguments import (
    chosen,
    count,
    exclude_argument,
    finish,
    megapixels_argument,
    progress_argument,
    server_arguments,
    server_options,
    whole,
)
from indexer.commands.printing import print_json, print_table, source_option_rows
from indexer.errors import InvalidRequestError
from indexer.layout import DataFolder
from indexer.parts import Part
from indexer.sync_options import SyncOptions
from indexer.types import Distance
from indexer.workload import GPU_BATCH_SIZE, MOST_WORKERS
from models.errors import EmptySourceError
from models.pooling import STANDARD, Pooling
from models.progress import ProgressFile
from models.runtimes import Runtime
from models.sources import SOURCE_KINDS, SourceOptions, place_source

if TYPE_CHECKING:
    from indexer.store import VectorStore
    from indexer.types import SyncReport
    from models.sources import Source

SUMMARY = "bring an index in line with its images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "Encode new and changed images, remove those that are gone, publish the result. "
        "Running it again changes nothing."
    )
    parser.add_argument("source", metavar="SOURCE", help=SOURCE_KINDS)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="folder of the checkpoint; default: the index's own, or the one that comes with the "
        "program",
    )
    parser.add_argument("--dataset", metavar="NAME", help="name of the index; default: SOURCE's")
    parser.add_argument(
        "--distance",
        type=Distance,
        action="append",
        choices=list(Distance),
        default=[],
        help="collections to keep, repeatable; default: those there are, or both",
    )
    parser.add_argument(
        "--pooling",
        type=Pooling,
        action="append",
        choices=list(Pooling),
        default=[],
        help=f"vectors to keep beside {' and '.join(STANDARD)}, repeatable; default: those there "
        f"are; {STANDARD[0]} alone: no others",
    )
    parser.add_argument(
        "--limit",
        type=count,
        metavar="N",
        help="the first N files only; the other images stay as they are",
    )
    _add_source_arguments(parser)
    parser.add_argument(
        "--allow-empty",
        action="store_true",
        help="go on when none of the indexed images is left; without it that is taken for a drive "
        "that is not mounted, and nothing changes",
    )
    server_arguments(parser)
    _add_worker_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="count only; write nothing")
    megapixels_argument(parser)
    progress_argument(parser)
    _add_machine_arguments(parser)
    finish(parser, run)


def _add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """What of SOURCE is taken: remembered with the index, until something else is said."""
    exclusion = parser.add_mutually_exclusive_group()
    exclude_argument(exclusion, remembered=True)
    exclusion.add_argument(
        "--no-exclude", action="store_true", help="forget them: pass over nothing of SOURCE"
    )
    labels = parser.add_mutually_exclusive_group()
    labels.add_argument(
        "--labels",
        type=Path,
        metavar="FILE.csv",
        help="labels from the columns path and label of a CSV file, instead of folder names; "
        "default: the file that the last sync was given",
    )
    labels.add_argument(
        "--no-labels", action="store_true", help="forget the file: labels are folder names"
    )


def _add_worker_arguments(parser: argparse.ArgumentParser) -> None:
    """For many processes, on one machine or many, that fill one server."""
    parser.add_argument(
        "--worker-index",
        type=whole,
        metavar="I",
        help="encode part I (from 0) of --worker-count parts and publish nothing; all workers get "
        "the same other arguments",
    )
    parser.add_argument("--worker-count", type=count, metavar="N", help="number of parts")
    parser.add_argument(
        "--finish",
        action="store_true",
        help="when all workers are done: remove what is gone, and publish; refused while a part "
        "is missing",
    )


def _part(given: argparse.Namespace) -> Part | None:
    """The part that is asked for.

    Raises:
        InvalidRequestError: half of a part, or a part of something else.
    """
    index, parts = given.worker_index, given.worker_count
    if index is None and parts is None:
        return None
    if index is None or parts is None:
        raise InvalidRequestError("--worker-index and --worker-count go together: give both")
    if given.finish or given.limit or given.dry_run:
        raise InvalidRequestError(
            "--finish, --limit and --dry-run are for all of the source: "
            "give them without --worker-index"
        )
    return Part(index, parts)


def _add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """What decides the speed and not the result."""
    parser.add_argument(
        "--workers",
        type=count,
        metavar="N",
        help=f"threads that read images; default: one per core, {MOST_WORKERS} at most",
    )
    parser.add_argument(
        "--batch-size",
        type=count,
        metavar="N",
        help="images encoded at once; default: 1 on a CPU, where more are no faster, "
        f"{GPU_BATCH_SIZE} on a GPU",
    )
    parser.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="auto (a CUDA GPU where there is one), cpu, cuda, cuda:1, mps; default: %(default)s",
    )
    parser.add_argument(
        "--runtime",
        type=Runtime,
        choices=list(Runtime),
        default=Runtime.AUTO,
        help="what encodes; auto: ONNX Runtime where the extra [fast] is installed and faster, "
        "else PyTorch; default: %(default)s",
    )


def run(given: argparse.Namespace) -> None:
    """``sync``."""
    from indexer.pipeline import sync, usual_checkpoint
    from indexer.store import open_store
    from indexer.workload import Workload
    from models.encoder import Encoder

    options = _options(given)
    settings = chosen(given)
    folder, layout = settings.data_dir, server_options(given, settings.qdrant_url)
    told = ProgressFile(given.progress)
    told.begin("unpacking")
    with TemporaryDirectory() as scratch, closing(open_store(settings, options=layout)) as store:
        workspace = Path(scratch) if given.dry_run else DataFolder(folder).sources
        source = _source(given, store, workspace)
        checkpoint = given.checkpoint or usual_checkpoint(
            store, given.dataset or source.name, folder
        )
        encoder = Encoder.load(checkpoint, device=given.device, runtime=given.runtime)
        report = sync(
            source,
            encoder,
            store,
            checkpoint=checkpoint,
            data_dir=folder,
            dataset=given.dataset,
            options=options,
            workload=Workload.on(
                encoder.device_type, workers=given.workers, batch_size=given.batch_size
            ),
            told=told,
        )
    if given.json:
        print_json(_sync_json(report, source.options))
    else:
        _print_report(report, source.options, dry_run=given.dry_run)
    if options.part:
        print(
            f"part {options.part} is filled; `sync --finish` publishes when all of them are",
            file=sys.stderr,
        )


def _options(given: argparse.Namespace) -> SyncOptions:
    return SyncOptions(
        distances=tuple(given.distance),
        poolings=tuple(given.pooling),
        limit=given.limit,
        max_megapixels=given.max_megapixels,
        part=_part(given),
        finish=given.finish,
        allow_empty=given.allow_empty,
        dry_run=given.dry_run,
    )


def _source(given: argparse.Namespace, store: VectorStore, workspace: Path) -> Source:
    """SOURCE; one without images only where an index may be emptied, or refuses to be."""
    from indexer.pipeline import usual_source_options

    placed = place_source(given.source, workspace=workspace)
    name = given.dataset or placed.name
    try:
        return placed.listed(_source_options(given, usual_source_options(store, name)))
    except EmptySourceError as error:
        if given.worker_index is None and (
            given.allow_empty or any(info.name == name for info in store.datasets())
        ):
            return error.source
        raise


def _source_options(given: argparse.Namespace, usual: SourceOptions) -> SourceOptions:
    """What was said now, and ``usual`` where nothing was."""
    said = SourceOptions.of(given.exclude, given.labels)
    return SourceOptions(
        exclude=said.exclude if said.exclude or given.no_exclude else usual.exclude,
        labels=said.labels if said.labels or given.no_labels else usual.labels,
    )


def _sync_json(report: SyncReport, taken: SourceOptions) -> dict[str, object]:
    return {
        "dataset": report.dataset,
        "checkpoint": report.checkpoint,
        "source_options": asdict(taken),
        "added": report.added,
        "updated": report.updated,
        "moved": report.moved,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": [{"path": file.path, "reason": file.reason} for file in report.failed],
        "passed_over": report.passed_over,
        "collections": list(report.collections),
        "seconds": dict(report.seconds),
    }


def _print_report(report: SyncReport, taken: SourceOptions, *, dry_run: bool) -> None:
    _print_failures(report)
    if report.removed > report.unchanged + report.updated + report.moved:
        print(f"most of the indexed images were gone: {report.removed:,} removed", file=sys.stderr)
    counts = ("added", "updated", "moved", "unchanged", "removed")
    print_table(
        [
            ("dataset", report.dataset + (" (dry run: nothing was written)" if dry_run else "")),
            ("checkpoint", report.checkpoint),
            *source_option_rows(taken),
            *((name, str(getattr(report, name))) for name in counts),
            ("failed", str(len(report.failed))),
            ("passed over", str(report.passed_over)),
            ("collections", ", ".join(report.collections)),
            ("seconds", f"{report.seconds.get('total', 0.0):.1f}"),
        ]
    )


def _print_failures(report: SyncReport) -> None:
    """Name the files that failed now; those that were known to are a number."""
    for file in report.failed:
        if not file.passed_over:
            print(f"left out {file.path}: {file.reason}", file=sys.stderr)
    if report.passed_over:
        print(
            f"passed over {report.passed_over:,} that failed before and have not changed; "
            f"`python -m indexer failures {report.dataset}` lists them, --retry tries them again",
            file=sys.stderr,
        )
