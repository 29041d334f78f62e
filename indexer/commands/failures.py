"""``failures``: the files of a dataset that could not be read."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.commands.arguments import chosen, dataset_argument, finish
from indexer.commands.printing import print_json, print_table
from indexer.layout import DataFolder

if TYPE_CHECKING:
    from indexer.failures import Failure
    from indexer.store import VectorStore
    from indexer.types import SyncReport

SUMMARY = "the files of a dataset that could not be read"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "List the files that the last sync of NAME could not read. Damaged files are passed over "
        "by later syncs until their size or time changes."
    )
    dataset_argument(parser)
    parser.add_argument(
        "--retry",
        action="store_true",
        help="try them again now, and no other file; then list those that still fail",
    )
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``failures``."""
    from indexer.failures import read_ledger
    from indexer.store import open_store

    settings = chosen(given)
    folder = settings.data_dir
    with closing(open_store(settings)) as store:
        store.describe(given.dataset)
        report = _retry(store, given.dataset, folder) if given.retry else None
    failures = read_ledger(DataFolder(folder).failures(given.dataset)).by_path()
    if given.json:
        content: dict[str, object] = {"dataset": given.dataset}
        if report is not None:
            content["read"] = _read(report)
        print_json(content | {"failures": [asdict(failure) for failure in failures]})
    else:
        _print_failures(given.dataset, failures, report)


def _retry(store: VectorStore, dataset: str, folder: Path) -> SyncReport:
    """Sync the failed files alone, as the index was synced last."""
    from indexer.pipeline import sync, usual_checkpoint
    from indexer.sync_options import SyncOptions
    from models.encoder import Encoder
    from models.sources import place_source

    info = store.describe(dataset)
    placed = place_source(info.source, workspace=DataFolder(folder).sources)
    checkpoint = usual_checkpoint(store, dataset, folder)
    return sync(
        placed.listed(info.source_options),
        Encoder.load(checkpoint),
        store,
        checkpoint=checkpoint,
        data_dir=folder,
        dataset=dataset,
        options=SyncOptions(retry=True),
    )


def _read(report: SyncReport) -> int:
    return report.added + report.updated + report.moved + report.unchanged


def _print_failures(dataset: str, failures: list[Failure], report: SyncReport | None) -> None:
    if report is not None:
        read = _read(report)
        tried = read + len(report.failed)
        print(f"tried {tried:,} again: {read:,} can be read now", file=sys.stderr)
    if not failures:
        print(f"every file of {dataset} could be read", file=sys.stderr)
        return
    lines = [
        (
            failure.path,
            "-" if failure.bytes is None else str(failure.bytes),
            failure.first_seen,
            "when it changes" if failure.lasting else "at every sync",
            failure.reason,
        )
        for failure in failures
    ]
    print_table([("path", "bytes", "since", "tried again", "reason"), *lines])
