"""The command line: parse, call, print. Heavy imports happen inside the commands.

Results go to stdout, progress and messages to stderr. Exit code 0: done, 1: an expected error in
one line, 2: usage, 130: stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from indexer.layout import DataFolder, disk_bytes
from indexer.settings import DATA_VARIABLE, Settings, calm_threads
from indexer.types import DatasetInfo, Distance
from models.errors import SimilarityError
from models.pooling import STANDARD, Pooling
from models.sources import SOURCE_KINDS

if TYPE_CHECKING:
    from indexer.types import ResultRow, SearchResult, SyncReport


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    calm_threads()
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = given.command
    try:
        command(given)
        sys.stdout.flush()
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the index is as it was, the same command goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout had enough; keep the interpreter's exit quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer", description="Build and ask indexes of images."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_sync(commands.add_parser("sync", help="bring an index in line with its images"))
    _add_search(commands.add_parser("search", help="find the images most similar to one"))
    _finish(commands.add_parser("list", help="the indexed datasets"), list_datasets)
    for name, command, text in (
        ("status", status, "what is known of one dataset"),
        ("drop", drop, "remove a dataset's index; the images stay"),
    ):
        part = commands.add_parser(name, help=text, description=text)
        part.add_argument("dataset", metavar="NAME", help="the dataset's name")
        _finish(part, command)
    return parser


def _add_sync(parser: argparse.ArgumentParser) -> None:
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
        type=_count,
        metavar="N",
        help="the first N files only; the other images stay as they are",
    )
    parser.add_argument("--dry-run", action="store_true", help="count only; write nothing")
    _finish(parser, run_sync)


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.description = "Print the images of a dataset that are nearest to IMAGE."
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the query image, a file")
    parser.add_argument("--dataset", required=True, metavar="NAME", help="where to search")
    parser.add_argument(
        "--pooling",
        type=Pooling,
        choices=list(Pooling),
        default=Pooling.MAXPOOL,
        help="vector to compare; default: %(default)s",
    )
    parser.add_argument(
        "--distance",
        type=Distance,
        choices=list(Distance),
        default=Distance.COSINE,
        help="how to compare; default: %(default)s",
    )
    parser.add_argument(
        "-k", type=_count, default=8, metavar="K", help="number of hits; default: %(default)s"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="refuse to search unless the index was made with this checkpoint",
    )
    _finish(parser, search)


def _finish(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], None]) -> None:
    """What every command takes."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help=f"data folder; default: {DATA_VARIABLE}, or ./data",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=command)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _data_dir(given: argparse.Namespace) -> Path:
    return Settings.resolve(data_dir=given.data_dir).data_dir


def run_sync(given: argparse.Namespace) -> None:
    """``sync``."""
    from indexer.pipeline import sync, usual_checkpoint
    from indexer.store import open_store
    from models.encoder import Encoder
    from models.sources import open_source

    data_dir = _data_dir(given)
    with TemporaryDirectory() as scratch, closing(open_store(data_dir)) as store:
        workspace = Path(scratch) if given.dry_run else DataFolder(data_dir).sources
        source = open_source(given.source, workspace=workspace)
        checkpoint = given.checkpoint or usual_checkpoint(
            store, given.dataset or source.name, data_dir
        )
        report = sync(
            source,
            Encoder.load(checkpoint),
            store,
            checkpoint=checkpoint,
            data_dir=data_dir,
            dataset=given.dataset,
            distances=given.distance,
            poolings=given.pooling,
            limit=given.limit,
            dry_run=given.dry_run,
        )
    if given.json:
        _print_json(_sync_json(report))
    else:
        _print_report(report, dry_run=given.dry_run)


def search(given: argparse.Namespace) -> None:
    """``search``."""
    from indexer.search import Searcher

    with closing(Searcher(_data_dir(given))) as searcher:
        result = searcher.by_image(
            given.dataset,
            given.image,
            poolings=[given.pooling],
            distances=[given.distance],
            k=given.k,
            checkpoint=given.checkpoint,
        )
    if given.json:
        _print_json(_search_json(result, result.rows[0]))
        return
    lines = [
        (str(hit.rank), f"{hit.score:.4f}", hit.label or "-", hit.path)
        for hit in result.rows[0].hits
    ]
    _print_table([("rank", "score", "label", "path"), *lines])


def list_datasets(given: argparse.Namespace) -> None:
    """``list``."""
    from indexer.store import open_store

    data_dir = _data_dir(given)
    with closing(open_store(data_dir)) as store:
        datasets = store.datasets()
    if given.json:
        _print_json([asdict(info) for info in datasets])
    elif datasets:
        lines = [
            (info.name, str(info.images), info.checkpoint, ", ".join(info.distances), info.source)
            for info in datasets
        ]
        _print_table([("dataset", "images", "checkpoint", "distances", "source"), *lines])
    else:
        print(
            f"nothing is indexed in {data_dir} yet; make an index with "
            "`python -m indexer sync SOURCE --checkpoint DIR`",
            file=sys.stderr,
        )


def status(given: argparse.Namespace) -> None:
    """``status``."""
    from indexer.store import open_store

    data_dir = _data_dir(given)
    with closing(open_store(data_dir)) as store:
        info = store.describe(given.dataset)
        records = store.scroll(info.name, info.distances[0])
        labels = Counter(record.payload["label"] for record in records)
    folder = DataFolder(data_dir)
    sizes = {name: disk_bytes(folder.collections / name) for name in info.collections}
    if given.json:
        counts = {str(label): number for label, number in sorted(labels.items(), key=str)}
        _print_json({**asdict(info), "labels": counts, "disk_bytes": sizes})
    else:
        _print_status(info, labels, sizes)


def drop(given: argparse.Namespace) -> None:
    """``drop``."""
    from indexer.leftovers import remove_leftovers
    from indexer.store import open_store

    data_dir = _data_dir(given)
    with closing(open_store(data_dir)) as store:
        removed = store.drop(given.dataset)
        remove_leftovers(store, DataFolder(data_dir))
    if given.json:
        _print_json({"dataset": given.dataset, "collections": list(removed)})
    else:
        print(f"removed {given.dataset}: {', '.join(removed)}; the images are where they were")


def _sync_json(report: SyncReport) -> dict[str, object]:
    return {
        "dataset": report.dataset,
        "checkpoint": report.checkpoint,
        "added": report.added,
        "updated": report.updated,
        "moved": report.moved,
        "unchanged": report.unchanged,
        "removed": report.removed,
        "failed": [asdict(file) for file in report.failed],
        "collections": list(report.collections),
        "seconds": dict(report.seconds),
    }


def _search_json(result: SearchResult, row: ResultRow) -> dict[str, object]:
    return {
        "dataset": result.dataset,
        "checkpoint": result.checkpoint,
        "pooling": row.pooling,
        "distance": row.distance,
        "hits": [{**asdict(hit), "id": str(hit.id)} for hit in row.hits],
    }


def _print_report(report: SyncReport, *, dry_run: bool) -> None:
    for file in report.failed:
        print(f"left out {file.path}: {file.reason}", file=sys.stderr)
    counts = ("added", "updated", "moved", "unchanged", "removed")
    _print_table(
        [
            ("dataset", report.dataset + (" (dry run: nothing was written)" if dry_run else "")),
            ("checkpoint", report.checkpoint),
            *((name, str(getattr(report, name))) for name in counts),
            ("failed", str(len(report.failed))),
            ("collections", ", ".join(report.collections)),
            ("seconds", f"{report.seconds.get('total', 0.0):.1f}"),
        ]
    )


def _print_status(
    info: DatasetInfo, labels: Counter[str | int | float | None], sizes: dict[str, int]
) -> None:
    vectors = ", ".join(f"{pooling} {size}" for pooling, size in info.vector_sizes.items())
    _print_table(
        [
            ("dataset", info.name),
            ("checkpoint", f"{info.checkpoint} at {info.image_size} px"),
            ("vectors", vectors),
            ("source", info.source),
            ("synced", info.synced_at),
            ("engine", info.engine),
            *(
                ("collection", f"{name}: {info.images} images, {size / 1e6:.1f} MB on disk")
                for name, size in sizes.items()
            ),
            *(
                ("label", f"{label or '(none)'}: {number}")
                for label, number in sorted(labels.items(), key=str)
            ),
        ]
    )


def _print_json(content: object) -> None:
    print(json.dumps(content, indent=2))


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
