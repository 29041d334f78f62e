"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from indexer.settings import DATA_VARIABLE, URL_VARIABLE, Settings
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


def exclude_argument(parser: argparse.ArgumentParser) -> None:
    """--exclude, of commands that read a SOURCE."""
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="files and folders of SOURCE to pass over, as in a .gitignore, repeatable: "
        "'thumbs/', '*.gif', 'raw/**/old'",
    )


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def chosen(given: argparse.Namespace) -> Settings:
    """Flags, then the environment, then defaults."""
    return Settings.resolve(data_dir=given.data_dir, qdrant_url=given.qdrant_url)
