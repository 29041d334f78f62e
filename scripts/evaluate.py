"""Judge a dataset's neighbours by its labels: python scripts/evaluate.py NAME."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from indexer.settings import Settings, calm_threads
from models.errors import SimilarityError


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Every labelled image as a query, itself left out: precision@k and mAP of "
        "each <pooling, distance> pair, beside random weights and raw pixels."
    )
    parser.add_argument("dataset", metavar="NAME", help="an indexed dataset")
    parser.add_argument("--k", type=int, default=8, help="depth of the precision (default: 8)")
    parser.add_argument(
        "--self", action="store_true", dest="itself",
        help="instead, search with every file and count how often it finds itself first",
    )  # fmt: skip
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the indexes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


def judge(arguments: argparse.Namespace) -> str:
    """What to print: metrics against labels."""
    from indexer.evaluation import evaluate, evaluation_table
    from indexer.store import open_store

    store = open_store(Settings.resolve(data_dir=arguments.data_dir).data_dir)
    rows = evaluate(store, arguments.dataset, k=arguments.k, progress=True)
    if arguments.json:
        return json.dumps([asdict(row) for row in rows], indent=2)
    return evaluation_table(rows)


def find_itself(arguments: argparse.Namespace) -> str:
    """What to print: how often a file finds itself."""
    from indexer.evaluation import self_retrieval
    from indexer.search import Searcher

    searcher = Searcher.open(Settings.resolve(data_dir=arguments.data_dir).data_dir)
    rows = self_retrieval(searcher, arguments.dataset, progress=True)
    if arguments.json:
        return json.dumps([asdict(row) for row in rows], indent=2)
    return "\n".join(
        f"{row.pooling:<8} {row.distance:<7} itself first: {row.found:,} of {row.queries:,} "
        f"({row.found / row.queries:.2%})"
        for row in rows
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    calm_threads()
    arguments = parse(argv)
    if arguments.k < 1:
        print(f"error: --k is {arguments.k}; it must be at least 1", file=sys.stderr)
        return 1
    try:
        print(find_itself(arguments) if arguments.itself else judge(arguments))
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
