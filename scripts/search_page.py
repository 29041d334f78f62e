"""Write docs/search-speed.md: python scripts/search_page.py.

From docs/results/search-*.json, which ``scripts/benchmark.py search --json`` wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"

INTRODUCTION = """\
# How fast and how faithful a search is

Written by `scripts/search_page.py` from `docs/results/search-*.json`; edit those, not this.

How vectors are kept and searched depends on their number and size: `indexer/store/presets.py`.

| images | up to 2,048 values | longer |
|---|---|---|
| below 10,000 | compared exactly | compared exactly |
| from 10,000 | graph | two stages |
| from 100,000 | graph over int8 | two stages |

* **graph**: HNSW with m 32, ef_construct 200, ef 256.
* **over int8**: one byte per value (quantile 0.99) to walk by; twice as many as asked for are then
  compared by their float32 values.
* **two stages**: 500 candidates by `maxpool` (20 per hit, if that is more), and those by the long
  vectors, which lie on disk and have no graph.

`search --exact` compares with every image.

Measured by `scripts/benchmark.py search` on vectors of real images by the checkpoint that comes
with the program, asked with images that are not in the collection. Where there are fewer images
than the collection is to hold, the rest are augmented views of them (crop, stretch, mirror, colour:
`models/augment.py`), encoded like any image; their number is given. All ways answer one query
before the next, on one thread where they let that be chosen; the store scans its two segments at
once. "store" is `VectorStore.query`, with payloads and with equal scores in order. numpy is a
float32 matrix product and `argpartition`; faiss is `IndexHNSWFlat` with the store's parameters.
ann_recall@8 is the share of numpy's 8 answers that were found. Milliseconds are of one machine:
judge by the ratios.
"""


def page(contents: Sequence[Mapping[str, Any]]) -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(section(content) for content in contents)])


def section(content: Mapping[str, Any]) -> str:
    """One run."""
    times = [row for row in content["measurements"] if "way" in row]
    recalls = [row for row in content["measurements"] if "candidates" in row]
    images, views = times[0]["images"], times[0]["views"]
    packages, settings = content["packages"], content["settings"]
    of = f", {views:,} of them augmented views" if views else ", none of them a view"
    lines = [
        f"\n## {images:,} images{of}\n",
        f"Queries: {settings['queries']}, rounds: {settings['rounds']}, cores: {content['cores']}; "
        f"qdrant-edge {packages['qdrant-edge-py']}, numpy {packages['numpy']}, "
        f"faiss {packages['faiss-cpu']}.\n",
        "| vector | values | distance | way | p50 ms | p95 ms | beside numpy | ann_recall@8 |",
        "|---|--:|---|---|--:|--:|--:|--:|",
        *time_rows(times),
        "",
        *faiss_lines(times),
        "Share of the 8 nearest by `flatten` that are among the first by `maxpool`, both exact:\n",
        *candidate_table(recalls),
    ]
    return "\n".join(lines) + "\n"


def time_rows(times: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for every way; the store's says what it did."""
    numpy = {key(row): row["p50"] for row in times if row["way"] == "numpy, exact"}
    return [
        f"| {row['pooling']} | {row['size']:,} | {row['distance']} "
        f"| {'store: ' + row['preset'] if row['way'] == 'store' else row['way']} "
        f"| {1000 * row['p50']:.2f} | {1000 * row['p95']:.2f} "
        f"| {row['p50'] / numpy[key(row)]:.2f} | {row['ann_recall_at_8']:.4f} |"
        for row in times
    ]


def faiss_lines(times: Sequence[Mapping[str, Any]]) -> list[str]:
    """The store beside a graph of faiss with the parameters of the store's."""
    faiss = {key(row): row for row in times if row["way"] == "faiss, graph"}
    ratios = [
        f"{row['pooling']} {row['distance']} {row['p50'] / faiss[key(row)]['p50']:.2f} times "
        f"faiss's time at {row['ann_recall_at_8']:.4f} beside "
        f"{faiss[key(row)]['ann_recall_at_8']:.4f} of the neighbours"
        for row in times
        if row["way"] == "store" and key(row) in faiss
    ]
    return [f"The store beside faiss's graph: {'; '.join(ratios)}.\n"] if ratios else []


def candidate_table(recalls: Sequence[Mapping[str, Any]]) -> list[str]:
    """By number of candidates and distance."""
    counts = sorted({row["candidates"] for row in recalls})
    distances = list(dict.fromkeys(row["distance"] for row in recalls))
    shares = {(row["distance"], row["candidates"]): row["ann_recall_at_8"] for row in recalls}
    return [
        f"| distance | {' | '.join(f'{count:,} candidates' for count in counts)} |",
        f"|---|{'--:|' * len(counts)}",
        *(
            f"| {distance} | "
            + " | ".join(f"{shares[distance, count]:.4f}" for count in counts)
            + " |"
            for distance in distances
        ),
    ]


def key(row: Mapping[str, Any]) -> tuple[str, str]:
    """What is compared with each other."""
    return row["pooling"], row["distance"]


def main() -> int:
    """Rewrite the page."""
    files = sorted(DOCS.glob("results/search-*.json"))
    contents = [json.loads(file.read_text()) for file in files]
    contents.sort(key=lambda content: int(content["settings"]["images"]))
    (DOCS / "search-speed.md").write_text(page(contents))
    return 0


if __name__ == "__main__":
    sys.exit(main())
