"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from indexer.errors import InvalidRequestError
from indexer.settings import DATA_VARIABLE, URL_VARIABLE, Settings
from indexer.store.server_options import Quantization, ServerOptions
from models.images import MAX_MEGAPIXELS

Command = Callable[[argparse.Namespace], None]


def finish(parser: argparse.ArgumentParser, command: Command) -> None:
    """Add what every command takes, and say what runs."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help=f"data folder; default: {DATA_VARIABLE}, or ./data",
    )
    parser.add_argument(
        "--qdrant-url",
        metavar="URL",
        help=f"Qdrant server that holds the indexes; default: {URL_VARIABLE}, or none: embedded",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=command)


def dataset_argument(parser: argparse.ArgumentParser) -> None:
    """NAME, the dataset that the command is about."""
    parser.add_argument("dataset", metavar="NAME", help="the dataset's name")


def megapixels_argument(parser: argparse.ArgumentParser) -> None:
    """N, from which on images are too large to be decoded."""
    parser.add_argument(
        "--max-megapixels",
        type=megapixels,
        default=MAX_MEGAPIXELS,
        metavar="N",
        help="refuse images of more than N million pixels, which take up to 12 N MB of memory; "
        "default: %(default)g",
    )


def megapixels(text: str) -> float:
    """A number above 0, as millions of pixels."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def exclude_argument(parser: argparse._ActionsContainer, *, remembered: bool = False) -> None:
    """--exclude, of commands that read a SOURCE; ``remembered`` by those that keep it."""
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="files and folders of SOURCE to pass over, as in a .gitignore, repeatable: "
        "'thumbs/', '*.gif', 'raw/**/old'" + "; default: what the last sync was given" * remembered,
    )


def progress_argument(parser: argparse.ArgumentParser) -> None:
    """--progress, of commands that take long."""
    parser.add_argument(
        "--progress",
        type=Path,
        metavar="FILE.json",
        help="keep in FILE.json how far it is, for another program to read (models/progress.py)",
    )


def server_arguments(parser: argparse.ArgumentParser) -> None:
    """How collections are laid out on a server."""
    server = parser.add_argument_group(
        "on a server", "layout of the collections; a change copies them, default: as they are"
    )
    server.add_argument("--shards", type=count, metavar="N", help="parts, spread over the nodes")
    server.add_argument("--replicas", type=count, metavar="N", help="copies of every part")
    server.add_argument(
        "--on-disk",
        action=argparse.BooleanOptionalAction,
        help="leave all vectors on disk, not only the long ones",
    )
    server.add_argument(
        "--quantization",
        type=Quantization,
        choices=list(Quantization),
        help="keep vectors that have a graph in memory as these, beside the full ones on disk",
    )


def server_options(given: argparse.Namespace, server: str | None) -> ServerOptions:
    """What was said of the layout.

    Raises:
        InvalidRequestError: something was, and there is no ``server``.
    """
    options = ServerOptions(given.shards, given.replicas, given.on_disk, given.quantization)
    if options != ServerOptions() and not server:
        raise InvalidRequestError(
            "--shards, --replicas, --on-disk and --quantization lay out a server's collections, "
            "and these are embedded: name the server by its URL"
        )
    return options


def whole(text: str) -> int:
    """A whole number from 0."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def chosen(given: argparse.Namespace) -> Settings:
    """Flags, then the environment, then defaults."""
    return Settings.resolve(data_dir=given.data_dir, qdrant_url=given.qdrant_url)
