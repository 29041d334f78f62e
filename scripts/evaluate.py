"""Judge a dataset's neighbours by labels or by copies: python scripts/evaluate.py NAME."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from indexer.errors import NoLabelsError
from indexer.process import begin_computing
from indexer.settings import Settings
from models.errors import SimilarityError


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="How good the neighbours of each <pooling, distance> pair are, beside random "
        "weights, colours and raw pixels, and which pair to take. Every labelled image is a query, "
        "itself left out; without labels, generated copies are to find their originals."
    )
    parser.add_argument("dataset", metavar="NAME", help="an indexed dataset")
    parser.add_argument("--k", type=int, default=8, help="depth of the metrics (default: 8)")
    parser.add_argument("--per-class", action="store_true", help="also judge every label apart")
    parser.add_argument(
        "--originals", metavar="STEM",
        help="only files of this name (without suffix) are queries; also give recall@k for every "
        "other name, for sets that keep an image and its edits in one folder",
    )  # fmt: skip
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--copies", action="store_true", help="judge by copies even with labels")
    ways.add_argument(
        "--self", action="store_true", dest="itself",
        help="instead, search with every file and count how often it finds itself first",
    )  # fmt: skip
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the indexes")
    parser.add_argument("--qdrant-url", metavar="URL", help="Qdrant server of the indexes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


def by_labels(arguments: argparse.Namespace, settings: Settings) -> str:
    """What to print: metrics against labels."""
    from indexer.label_evaluation import evaluate
    from indexer.reports import evaluation_json, evaluation_table, label_table, stem_table
    from indexer.store import open_store

    evaluation = evaluate(
        open_store(settings),
        arguments.dataset,
        k=arguments.k,
        progress=True,
        originals=arguments.originals,
    )
    if arguments.json:
        content = evaluation_json(evaluation, per_class=arguments.per_class)
        return json.dumps(content, indent=2)
    tables = [evaluation_table(evaluation)]
    if arguments.originals:
        tables.append(stem_table(evaluation))
    if arguments.per_class:
        tables.append(label_table(evaluation))
    return "\n\n".join(tables)


def by_copies(arguments: argparse.Namespace, settings: Settings) -> str:
    """What to print: how often copies find their originals."""
    from indexer.copy_evaluation import evaluate_copies
    from indexer.layout import DataFolder
    from indexer.reports import copies_json, copies_table
    from indexer.store import open_store
    from models.encoder import Encoder

    store = open_store(settings)
    checkpoint = store.describe(arguments.dataset).checkpoint
    encoder = Encoder.load(DataFolder(settings.data_dir).checkpoints / checkpoint)
    evaluation = evaluate_copies(store, arguments.dataset, encoder, progress=True)
    if arguments.json:
        return json.dumps(copies_json(evaluation), indent=2)
    return copies_table(evaluation)


def by_itself(arguments: argparse.Namespace, settings: Settings) -> str:
    """What to print: how often a file finds itself."""
    from indexer.search import Searcher
    from indexer.self_retrieval import self_retrieval

    rows = self_retrieval(Searcher.open(settings), arguments.dataset, progress=True)
    if arguments.json:
        return json.dumps([asdict(row) for row in rows], indent=2)
    return "\n".join(
        f"{row.pooling:<8} {row.distance:<7} itself first: {row.found:,} of {row.queries:,} "
        f"({row.found / row.queries:.2%})"
        for row in rows
    )


def judge(arguments: argparse.Namespace) -> str:
    """What to print."""
    settings = Settings.resolve(data_dir=arguments.data_dir, qdrant_url=arguments.qdrant_url)
    if arguments.itself:
        return by_itself(arguments, settings)
    if arguments.copies:
        return by_copies(arguments, settings)
    try:
        return by_labels(arguments, settings)
    except NoLabelsError as error:
        if arguments.originals or arguments.per_class:
            raise
        print(f"{error}; judging by copies", file=sys.stderr)
        return by_copies(arguments, settings)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    begin_computing()
    arguments = parse(argv)
    if arguments.k < 1:
        print(f"error: --k is {arguments.k}; it must be at least 1", file=sys.stderr)
        return 1
    try:
        print(judge(arguments))
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
