"""``restore``: bring an index back from a backup."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from indexer.commands.arguments import (
    chosen,
    dataset_argument,
    finish,
    server_arguments,
    server_options,
)
from indexer.commands.printing import place_name, print_copy, print_json
from indexer.layout import DataFolder
from indexer.settings import Settings

SUMMARY = "bring an index back from a backup"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "Copy an index with its checkpoint, thumbnails and list of failures from FOLDER, "
        "where backup left it; check the copy; publish it."
    )
    dataset_argument(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the backup's folder")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="bring an index that is there in line with the backup",
    )
    server_arguments(parser)
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``restore``."""
    from indexer.backup import Place, copy_index
    from indexer.leftovers import remove_leftovers
    from indexer.store import open_store

    settings = chosen(given)
    folder = DataFolder(settings.data_dir)
    options = server_options(given, settings.qdrant_url)
    with (
        closing(open_store(Settings(given.folder))) as kept,
        closing(open_store(settings, options=options)) as store,
    ):
        report = copy_index(
            Place(kept, DataFolder(given.folder)),
            Place(store, folder),
            given.dataset,
            replace=given.replace,
        )
        remove_leftovers(store, folder)
    if given.json:
        print_json(asdict(report))
    else:
        print_copy(report, str(given.folder), place_name(settings))
