"""``list``: the indexed datasets."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict

from indexer.commands.arguments import chosen, finish
from indexer.commands.printing import print_json, print_table

SUMMARY = "the indexed datasets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``list``."""
    from indexer.store import open_store

    settings = chosen(given)
    with closing(open_store(settings)) as store:
        datasets = store.datasets()
    if given.json:
        print_json([asdict(info) for info in datasets])
    elif datasets:
        lines = [
            (info.name, str(info.images), info.checkpoint, ", ".join(info.distances), info.source)
            for info in datasets
        ]
        print_table([("dataset", "images", "checkpoint", "distances", "source"), *lines])
    else:
        print(
            f"nothing is indexed {settings.place} yet; make an index with "
            "`python -m indexer sync SOURCE`",
            file=sys.stderr,
        )
