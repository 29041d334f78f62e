"""Whether every image of a dataset finds itself: the whole way of a query, decoding included."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from indexer.types import Distance
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.search import Searcher


@dataclass(frozen=True, slots=True)
class SelfRetrieval:
    """How often an image, given as a file, finds itself first under one pair."""

    pooling: Pooling
    distance: Distance
    found: int
    queries: int


def self_retrieval(searcher: Searcher, dataset: str, *, progress: bool) -> list[SelfRetrieval]:
    """Search with every indexed file from disk: the whole way of a query, decoding included."""
    info = searcher.describe(dataset)
    found: Counter[tuple[Pooling, Distance]] = Counter()
    records = list(searcher.records(dataset))
    for record in tqdm(records, desc="Every image as query", unit="image", disable=not progress):
        file = Path(info.root, str(record.payload["path"]))
        result = searcher.by_image(
            dataset, file, poolings=list(info.vector_sizes), distances=info.distances, k=1
        )
        for row in result.rows:
            found[row.pooling, row.distance] += row.hits[0].id == record.id
    return [
        SelfRetrieval(pooling, distance, found[pooling, distance], len(records))
        for pooling in info.vector_sizes
        for distance in info.distances
    ]
