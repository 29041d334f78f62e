"""The command line of ``sync``, and what it says."""

from __future__ import annotations

import argparse
from pathlib import Path

from indexer.commands.arguments import (
    count,
    exclude_argument,
    megapixels_argument,
    progress_argument,
    server_arguments,
    whole,
)
from indexer.errors import InvalidRequestError
from indexer.parts import Part
from indexer.sync_options import SyncOptions
from indexer.types import Distance
from indexer.workload import GPU_BATCH_SIZE, MOST_WORKERS
from models.pooling import STANDARD, Pooling
from models.runtimes import Runtime
from models.sources import SOURCE_KINDS, SourceOptions


def add_sync_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of ``sync``."""
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


def sync_options(given: argparse.Namespace) -> SyncOptions:
    """What decides the result, as the command line says.

    Raises:
        InvalidRequestError: half of a part, or a part of something else.
    """
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


def source_options(given: argparse.Namespace, usual: SourceOptions) -> SourceOptions:
    """What was said now, and ``usual`` where nothing was."""
    said = SourceOptions.of(given.exclude, given.labels)
    return SourceOptions(
        exclude=said.exclude if said.exclude or given.no_exclude else usual.exclude,
        labels=said.labels if said.labels or given.no_labels else usual.labels,
    )
