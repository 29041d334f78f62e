"""The command line: choose a command, run it, turn errors into one line.

Results go to stdout, progress and messages to stderr. Exit code 0: done, 1: an expected error in
one line, 2: usage, 130: stopped.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from indexer.commands import (
    backup,
    drop,
    duplicates,
    failures,
    group,
    list,
    migrate,
    restore,
    search,
    status,
    sync,
    verify,
)
from indexer.process import begin_computing
from models.errors import SimilarityError

_COMMANDS = (
    sync,
    search,
    list,
    status,
    failures,
    verify,
    group,
    duplicates,
    migrate,
    backup,
    restore,
    drop,
)
"""In the order of the help text; each is named like its module."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    begin_computing()
    given = make_parser().parse_args(arguments)
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


def make_parser() -> argparse.ArgumentParser:
    """The command line of every command."""
    parser = argparse.ArgumentParser(
        prog="python -m indexer", description="Build and ask indexes of images."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        name = command.__name__.rpartition(".")[2]
        part = commands.add_parser(name, help=command.SUMMARY, description=command.SUMMARY)
        command.add_arguments(part)
    return parser
