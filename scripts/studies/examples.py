"""Example rows: what a few queries find, by name and label; nobody's images are passed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.study_results import SHOWN, Row
from indexer.types import Distance

if TYPE_CHECKING:
    from indexer.types import Vector

NamedLabel = Sequence[str]
"""Name and label of an image."""


def example_queries(labels: Sequence[str]) -> list[int]:
    """The first image of the first, the middle and the last label, in the order of the alphabet."""
    ordered = sorted(set(labels))
    chosen = {ordered[0], ordered[len(ordered) // 2], ordered[-1]}
    return [labels.index(label) for label in sorted(chosen)]


def find_examples(
    vectors: Mapping[str, Vector], labels: Sequence[str], names: Sequence[str]
) -> list[Row]:
    """What the example queries find under every pair.

    Args:
        vectors: by pooling, in the order of the images. Shape of each: (N, D).
        labels: N of them.
        names: N of them.

    Returns:
        One row a query, for :func:`example_rows`.
    """
    from indexer.evaluation import rank

    queries = np.array(example_queries(labels))
    rows: list[Row] = [{"query": [names[each], labels[each]], "answers": {}} for each in queries]
    for pooling, found in vectors.items():
        for distance in Distance:
            order = np.concatenate(list(rank(found, distance, queries)))[:, :SHOWN]
            for row, answers in zip(rows, order, strict=True):
                named = [[names[each], labels[each]] for each in answers]
                row["answers"][f"{pooling} {distance}"] = named  # type: ignore[index]
    return rows


def example_rows(rows: Sequence[Mapping[str, Any]], pairs: Sequence[str]) -> list[tuple[str, ...]]:
    """A line for each query and pair: label and name of the query, the pair, labels found."""
    lines = []
    for row in rows:
        name, label = row["query"]
        for pair in pairs:
            answers = [f"**{each}**" if each == label else each for _, each in row["answers"][pair]]
            lines.append((f"{label} ({name})", pair, *answers))
    return lines
