"""``group``: find groups of images that look alike."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from indexer.commands.arguments import chosen, count, dataset_argument, finish
from indexer.commands.printing import print_json, print_table
from indexer.groups import GroupingMethod, GroupingSummary
from indexer.layout import DataFolder
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.grouping import Grouping

SUMMARY = "find groups of images that look alike"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "Group a dataset's images without labels and store each one's group number in the payload "
        "field `group`. Where there are labels, say how far groups and labels agree."
    )
    dataset_argument(parser)
    parser.add_argument(
        "--method",
        type=GroupingMethod,
        choices=list(GroupingMethod),
        default=GroupingMethod.KMEANS,
        help="kmeans: every image in one of N groups; hdbscan: dense regions, the rest in none; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--groups",
        type=count,
        metavar="N",
        help="number of groups for kmeans; default: that of the best silhouette",
    )
    parser.add_argument(
        "--pooling",
        type=Pooling,
        choices=list(Pooling),
        default=Pooling.FLATTEN,
        help="vectors to compare; default: %(default)s",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the start; default: %(default)s")
    parser.add_argument("--dry-run", action="store_true", help="show the groups; write nothing")
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``group``."""
    from indexer.grouping import find_groups, store_groups
    from indexer.store import open_store

    settings = chosen(given)
    with closing(open_store(settings)) as store:
        grouping = find_groups(
            store,
            given.dataset,
            method=given.method,
            pooling=given.pooling,
            count=given.groups,
            seed=given.seed,
        )
        if not given.dry_run:
            store_groups(store, grouping, DataFolder(settings.data_dir))
    if given.json:
        print_json(_json(grouping))
    else:
        _print(grouping.summary)


def _json(grouping: Grouping) -> dict[str, object]:
    members = {str(point): number for point, number in grouping.members.items()}
    return asdict(grouping.summary) | {"members": members}


def _print(grouping: GroupingSummary) -> None:
    rows = [
        (
            str(group.number),
            str(group.images),
            ", ".join(f"{one.label} {one.share:.0%}" for one in group.labels) or "-",
            group.representative.path,
        )
        for group in grouping.groups
    ]
    print_table([("group", "images", "most frequent labels", "representative"), *rows])
    found = f"{len(rows)} groups by {grouping.method} of {grouping.pooling} vectors"
    lines = [f"{found}; {grouping.outside} images in none"]
    if grouping.silhouette is not None:
        lines.append(f"silhouette {grouping.silhouette:.3f}")
    if agreement := grouping.agreement:
        lines.append(
            f"beside the labels of {agreement.images} images: adjusted Rand index "
            f"{agreement.adjusted_rand:.3f}, normalised mutual information "
            f"{agreement.normalised_mutual_information:.3f}"
        )
    print("; ".join(lines), file=sys.stderr)
