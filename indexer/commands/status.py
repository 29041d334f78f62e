"""``status``: what is known of one dataset."""

from __future__ import annotations

import argparse
from collections import Counter
from contextlib import closing
from dataclasses import asdict

from indexer.commands.arguments import chosen, dataset_argument, finish
from indexer.commands.printing import print_json, print_table, source_option_rows
from indexer.layout import DataFolder, disk_bytes
from indexer.payloads import label_of
from indexer.types import DatasetInfo

SUMMARY = "what is known of one dataset"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    dataset_argument(parser)
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``status``."""
    from indexer.store import open_store

    settings = chosen(given)
    with closing(open_store(settings)) as store:
        info = store.describe(given.dataset)
        records = store.scroll(info.name, info.distances[0])
        labels = Counter(label_of(record.payload) for record in records)
    collections = DataFolder(settings.data_dir).collections
    sizes = (
        {}
        if settings.qdrant_url
        else {name: disk_bytes(collections / name) for name in info.collections}
    )
    if given.json:
        counts = {str(label): number for label, number in sorted(labels.items(), key=str)}
        print_json({**asdict(info), "labels": counts, "disk_bytes": sizes})
    else:
        _print_status(info, labels, sizes)


def _print_status(info: DatasetInfo, labels: Counter[str | None], sizes: dict[str, int]) -> None:
    vectors = ", ".join(f"{pooling} {size}" for pooling, size in info.vector_sizes.items())
    print_table(
        [
            ("dataset", info.name),
            ("checkpoint", f"{info.checkpoint} at {info.image_size} px"),
            ("vectors", vectors),
            ("source", info.source),
            *source_option_rows(info.source_options),
            ("synced", info.synced_at),
            ("engine", info.engine),
            *(
                (
                    "collection",
                    f"{name}: {info.images} images"
                    + (f", {sizes[name] / 1e6:.1f} MB on disk" if sizes else ""),
                )
                for name in info.collections
            ),
            *(
                ("label", f"{label or '(none)'}: {number}")
                for label, number in sorted(labels.items(), key=str)
            ),
        ]
    )
