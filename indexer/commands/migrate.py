"""``migrate``: copy an index between the data folder and a server."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict, replace

from indexer.commands.arguments import (
    chosen,
    dataset_argument,
    finish,
    server_arguments,
    server_options,
)
from indexer.commands.printing import EMBEDDED, place_name, print_copy, print_json
from indexer.errors import InvalidRequestError
from indexer.layout import DataFolder
from indexer.settings import KEY_VARIABLE, Settings

SUMMARY = "copy an index between the data folder and a server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "Copy an index, vectors and all, without encoding anything; check the copy against its "
        "source; publish it. The source stays as it is. Run it again to go on after a stop."
    )
    dataset_argument(parser)
    place = f"a Qdrant server's URL, or {EMBEDDED}"
    parser.add_argument("--to", required=True, metavar="PLACE", help=place)
    parser.add_argument(
        "--from",
        dest="origin",
        metavar="PLACE",
        help=f"{place}; default: where the other commands look",
    )
    parser.add_argument(
        "--replace", action="store_true", help="bring an index that is there in line with this one"
    )
    server_arguments(parser)
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``migrate``."""
    from indexer.leftovers import remove_leftovers
    from indexer.migration import migrate
    from indexer.store import open_store

    settings = chosen(given)
    source = settings if given.origin is None else _place(settings, given.origin)
    target = _place(settings, given.to)
    if source.qdrant_url and target.qdrant_url:
        raise InvalidRequestError(
            f"{KEY_VARIABLE} is the key of one server: copy to {EMBEDDED} first, then to the other"
        )
    if not source.qdrant_url and not target.qdrant_url:
        raise InvalidRequestError(
            f"dataset {given.dataset!r} is {EMBEDDED} already: give --to or --from a server's URL"
        )
    options = server_options(given, target.qdrant_url)
    with (
        closing(open_store(source)) as old,
        closing(open_store(target, options=options)) as new,
    ):
        report = migrate(old, new, given.dataset, replace=given.replace)
        remove_leftovers(new, DataFolder(settings.data_dir))
    if given.json:
        print_json(asdict(report))
    else:
        print_copy(report, place_name(source), place_name(target))


def _place(settings: Settings, place: str) -> Settings:
    if place == EMBEDDED:
        return replace(settings, qdrant_url=None)
    return Settings.resolve(data_dir=settings.data_dir, qdrant_url=place)
