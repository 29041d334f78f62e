"""``backup``: copy an index, with all that it needs, to another folder."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from indexer.commands.arguments import chosen, dataset_argument, finish
from indexer.commands.printing import place_name, print_copy, print_json
from indexer.layout import DataFolder
from indexer.settings import Settings

SUMMARY = "copy an index, with all that it needs, to another folder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "Copy an index with its checkpoint, thumbnails and list of failures into FOLDER, "
        "which becomes a data folder of its own; check the copy against the index. A "
        "second backup into the same folder copies what has changed. The images "
        "themselves are not copied."
    )
    dataset_argument(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the backup's folder")
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``backup``."""
    from indexer.backup import Place, copy_index
    from indexer.leftovers import remove_leftovers
    from indexer.store import open_store

    settings = chosen(given)
    folder = DataFolder(given.folder)
    with (
        closing(open_store(settings)) as store,
        closing(open_store(Settings(given.folder))) as kept,
    ):
        report = copy_index(
            Place(store, DataFolder(settings.data_dir)),
            Place(kept, folder),
            given.dataset,
            replace=True,
        )
        remove_leftovers(kept, folder)
    if given.json:
        print_json(asdict(report))
    else:
        print_copy(report, place_name(settings), str(given.folder))
