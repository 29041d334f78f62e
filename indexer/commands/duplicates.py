"""``duplicates``: sets of near-identical images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from indexer.commands.arguments import chosen, dataset_argument, finish
from indexer.commands.printing import print_json, print_table

if TYPE_CHECKING:
    from indexer.duplicates import Duplicate, Duplicates
    from indexer.search import Searcher
    from indexer.types import ImageDetails

SUMMARY = "sets of near-identical images"
DEFAULT_BITS = 4
"""indexer.duplicates.DEFAULT_BITS, which is too heavy for ``--help``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = (
        "List copies, and smaller or recompressed versions, of the same image, by perceptual "
        "hash. In every set the largest image comes first. Nothing is removed."
    )
    dataset_argument(parser)
    parser.add_argument(
        "--bits",
        type=int,
        default=DEFAULT_BITS,
        metavar="N",
        help="most bits, of 64, in which two hashes may differ: 0 for hardly any difference, 12 "
        "for a loose likeness; default: %(default)s",
    )
    finish(parser, run)


def run(given: argparse.Namespace) -> None:
    """``duplicates``."""
    from indexer.search import Searcher

    with closing(Searcher.open(chosen(given))) as searcher:
        found = searcher.duplicates(given.dataset, bits=given.bits)
        sets = [list(_described(searcher, given.dataset, images)) for images in found.sets]
    if given.json:
        content = {"dataset": given.dataset, "bits": found.bits, "plain": found.plain}
        print_json(content | {"sets": [[_entry(*one) for one in images] for images in sets]})
    else:
        _print(found, sets)


def _described(
    searcher: Searcher, dataset: str, images: Sequence[Duplicate]
) -> Iterator[tuple[Duplicate, ImageDetails]]:
    details = {one.id: one for one in searcher.described(dataset, [one.id for one in images])}
    return ((one, details[one.id]) for one in images if one.id in details)


def _entry(one: Duplicate, image: ImageDetails) -> dict[str, object]:
    return {
        "id": str(image.id),
        "path": image.path,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "bytes": image.bytes,
        "differing_bits": one.bits,
        "same_file": one.same_file,
    }


def _print(found: Duplicates, sets: Sequence[Sequence[tuple[Duplicate, ImageDetails]]]) -> None:
    if sets:
        rows = (
            (
                str(number),
                f"{image.width}x{image.height}",
                image.format,
                str(image.bytes),
                _difference(place, one),
                image.path,
            )
            for number, images in enumerate(sets, 1)
            for place, (one, image) in enumerate(images)
        )
        print_table([("set", "pixels", "format", "bytes", "differs", "path"), *rows])
    lines = [f"{len(sets):,} sets; {found.spare:,} images beside the first of each"]
    if found.plain:
        lines.append(f"{found.plain:,} images too plain to compare but byte by byte")
    print("; ".join(lines), file=sys.stderr)


def _difference(place: int, one: Duplicate) -> str:
    if place == 0:
        return "-"
    return "same file" if one.same_file else f"{one.bits} bits"
