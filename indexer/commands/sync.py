"""``sync``: bring an index in line with its images."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from indexer.commands.arguments import chosen, finish, server_options
from indexer.commands.printing import print_json, print_table, source_option_rows
from indexer.commands.sync_arguments import add_sync_arguments, source_options, sync_options
from indexer.layout import DataFolder
from models.errors import EmptySourceError
from models.progress import ProgressFile
from models.sources import SourceOptions, place_source

if TYPE_CHECKING:
    from indexer.store import VectorStore
    from indexer.types import SyncReport
    from models.sources import Source

SUMMARY = "bring an index in line with its images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    add_sync_arguments(parser)
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``sync``."""
    from indexer.pipeline import sync, usual_checkpoint
    from indexer.store import open_store
    from indexer.workload import Workload
    from models.encoder import Encoder

    options = sync_options(given)
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


def _source(given: argparse.Namespace, store: VectorStore, workspace: Path) -> Source:
    """SOURCE; one without images only where an index may be emptied, or refuses to be."""
    from indexer.pipeline import usual_source_options

    placed = place_source(given.source, workspace=workspace)
    name = given.dataset or placed.name
    try:
        return placed.listed(source_options(given, usual_source_options(store, name)))
    except EmptySourceError as error:
        if given.worker_index is None and (
            given.allow_empty or any(info.name == name for info in store.datasets())
        ):
            return error.source
        raise


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
