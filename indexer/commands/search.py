"""``search``: find the images most similar to one."""

from __future__ import annotations

import argparse
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.commands.arguments import chosen, count, finish, megapixels_argument
from indexer.commands.printing import print_json, print_table
from indexer.errors import InvalidRequestError
from indexer.types import Box, Distance, Filter
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.types import ResultRow, SearchResult

SUMMARY = "find the images most similar to one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.description = "Print the images of a dataset that are nearest to IMAGE."
    parser.add_argument("image", type=Path, metavar="IMAGE", help="the query image, a file")
    parser.add_argument("--dataset", required=True, metavar="NAME", help="where to search")
    parser.add_argument(
        "--pooling",
        type=Pooling,
        choices=list(Pooling),
        default=Pooling.MAXPOOL,
        help="vector to compare; default: %(default)s",
    )
    parser.add_argument(
        "--distance",
        type=Distance,
        choices=list(Distance),
        default=Distance.COSINE,
        help="how to compare; default: %(default)s",
    )
    parser.add_argument(
        "-k", type=count, default=8, metavar="K", help="number of hits; default: %(default)s"
    )
    parser.add_argument(
        "--exact", action="store_true", help="compare with every image, however many there are"
    )
    parser.add_argument(
        "--crop",
        type=box,
        metavar="LEFT,TOP,RIGHT,BOTTOM",
        help="search with this part of IMAGE: its edges as fractions of the width and height, "
        "such as 0.5,0,1,0.5 for the upper right quarter",
    )
    _filter_arguments(parser)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="refuse to search unless the index was made with this checkpoint",
    )
    megapixels_argument(parser)
    finish(parser, run)


def _filter_arguments(parser: argparse.ArgumentParser) -> None:
    hits = parser.add_argument_group("which images can be hits")
    hits.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="LABEL",
        help="those of this label, '' for those without one; repeatable: of any",
    )
    hits.add_argument(
        "--format",
        action="append",
        default=[],
        type=str.upper,
        metavar="FORMAT",
        help="those in this format, such as JPEG; repeatable",
    )
    hits.add_argument(
        "--group",
        action="append",
        default=[],
        type=int,
        metavar="N",
        help="those of this group, 0 for those in none; repeatable",
    )
    hits.add_argument(
        "--min-side", type=count, metavar="PIXELS", help="those whose shorter side is that long"
    )


def box(text: str) -> Box:
    """Four fractions, as a part of an image."""
    try:
        left, top, right, bottom = (float(edge) for edge in text.split(","))
        return Box(left, top, right, bottom)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not LEFT,TOP,RIGHT,BOTTOM") from None
    except InvalidRequestError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(given: argparse.Namespace) -> None:
    """``search``."""
    from indexer.search import Searcher

    with closing(Searcher.open(chosen(given))) as searcher:
        result = searcher.by_image(
            given.dataset,
            given.image,
            poolings=[given.pooling],
            distances=[given.distance],
            k=given.k,
            checkpoint=given.checkpoint,
            max_megapixels=given.max_megapixels,
            exact=given.exact,
            where=Filter(
                labels=tuple(given.label),
                formats=tuple(given.format),
                groups=tuple(given.group),
                min_side=given.min_side,
            ),
            crop=given.crop,
        )
    if given.json:
        print_json(_search_json(result, result.rows[0]))
        return
    lines = [
        (str(hit.rank), f"{hit.score:.4f}", hit.label or "-", hit.path)
        for hit in result.rows[0].hits
    ]
    print_table([("rank", "score", "label", "path"), *lines])


def _search_json(result: SearchResult, row: ResultRow) -> dict[str, object]:
    return {
        "dataset": result.dataset,
        "checkpoint": result.checkpoint,
        "pooling": row.pooling,
        "distance": row.distance,
        "hits": [{**asdict(hit), "id": str(hit.id)} for hit in row.hits],
    }
