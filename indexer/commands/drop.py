"""``drop``: remove a dataset's index; the images stay."""

from __future__ import annotations

import argparse
from contextlib import closing

from indexer.commands.arguments import chosen, dataset_argument, finish
from indexer.commands.printing import print_json
from indexer.layout import DataFolder

SUMMARY = "remove a dataset's index; the images stay"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    dataset_argument(parser)
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``drop``."""
    from indexer.leftovers import remove_leftovers
    from indexer.store import open_store

    settings = chosen(given)
    with closing(open_store(settings)) as store:
        removed = store.drop(given.dataset)
        remove_leftovers(store, DataFolder(settings.data_dir))
    if given.json:
        print_json({"dataset": given.dataset, "collections": list(removed)})
    else:
        print(f"removed {given.dataset}: {', '.join(removed)}; the images are where they were")
