"""``verify``: is an index what it says it is?"""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict

from indexer.commands.arguments import chosen, count, dataset_argument, finish
from indexer.commands.printing import print_json, print_table
from indexer.errors import FailedChecksError

SUMMARY = "check an index against its images and against itself"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "Check collections, vectors, files, thumbnails, checkpoint and search quality of NAME. "
        "Reads everything, writes nothing; exit code 1 when something is wrong."
    )
    dataset_argument(parser)
    parser.add_argument(
        "--sample",
        type=count,
        default=100,
        metavar="N",
        help="images to search for and to encode again; default: %(default)s",
    )
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``verify``.

    Raises:
        FailedChecksError: something is wrong.
    """
    from indexer.store import open_store
    from indexer.verification import verify
    from models.encoder import Encoder

    settings = chosen(given)
    folder = settings.data_dir
    with closing(open_store(settings)) as store:
        found = verify(
            store,
            folder,
            given.dataset,
            load_encoder=Encoder.load,
            sample=given.sample,
            progress=True,
        )
    if given.json:
        checks = [asdict(check) for check in found.checks]
        print_json({"dataset": found.dataset, "ok": not found.failed, "checks": checks})
    else:
        print_table(
            (check.name, "ok" if check.ok else "FAILED", check.detail) for check in found.checks
        )
        for check in found.checks:
            if check.remedy:
                print(f"{check.name}: {check.remedy}")
    if found.failed:
        raise FailedChecksError(
            f"{len(found.failed)} of {len(found.checks)} checks of {found.dataset!r} failed: "
            f"{', '.join(found.failed)}"
        )
