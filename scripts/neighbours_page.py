"""Write docs/neighbours.md: python scripts/neighbours_page.py.

From docs/results/neighbours-*.json, which ``scripts/benchmark.py neighbours --json`` wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
SMALL = 0.01
"""Of precision: what a reader would not notice."""

INTRODUCTION = """\
# Three ways to find neighbours

Written by `scripts/neighbours_page.py` from `docs/results/neighbours-*.json`; edit those, not this.

The study found its neighbours in three ways and saw that they "agree in tendency", from a few
queries. Here thousands of labelled images ask, left out of their own answers, each way the same
questions of the same vectors (the checkpoint that comes with the program):

* **nearest neighbours**: every image is compared (exact), or those that a walk along a graph meets
  (HNSW, the parameters of the store);
* **LSH**: those with the same hash in one of several tables; a hash is the signs of random
  projections. The study's: 10 bits, 5 tables. "At the median": every projection is split at its
  median instead of at 0. "1 flip": neighbouring buckets too;
* **k-means**: those of the same cluster. The study's: 50 clusters.

All candidates are then compared by their vectors, so the ways differ only in whom they compare.
precision@8 is the share of the first 8 with the query's label (a place that stays empty counts as
wrong), ± half the 95 % bootstrap interval over queries. ann_recall@8 is the share of the exact
answers that were found. "compared" is the share of the images that a query is compared with.
"labels" is Spearman's correlation of the labels' precisions with those of the exact search: 1 when
the same labels are easy and the same are hard. Memory is beside the vectors. Milliseconds are of
one machine, under Python: judge by the ratios; the exact row reads every vector in numpy.
"""


def page(contents: Sequence[Mapping[str, Any]]) -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(section(content) for content in contents)])


def section(content: Mapping[str, Any]) -> str:
    """One set of images."""
    rows = content["measurements"]
    packages, source = content["packages"], content["settings"]["source"]
    versions = f"faiss {packages['faiss-cpu']}, numpy {packages['numpy']}"
    return "\n".join(
        [
            f"\n## {Path(source).name}: {rows[0]['images']:,} images, "
            f"{rows[0]['queries']:,} queries\n",
            f"{versions}, {content['cores']} cores.\n",
            "| vector | distance | way | | precision@8 | ann_recall@8 | compared | labels | ms "
            "| built in s | MB |",
            "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|",
            *map(line, rows),
            "",
            *verdict(rows),
        ]
    )


def line(row: Mapping[str, Any]) -> str:
    """One way on one kind of vector."""
    setting = f"{row['setting']}{' (the study)' if row['original'] else ''}"
    return (
        f"| {row['pooling']} | {row['distance']} | {row['way']} | {setting} "
        f"| {row['precision_at_8']:.3f} ±{row['interval']:.3f} | {row['ann_recall_at_8']:.3f} "
        f"| {row['compared']:.1%} | {row['agreement']:.2f} | {1000 * row['seconds']:.2f} "
        f"| {row['build_seconds']:.1f} | {row['bytes'] / 1e6:.1f} |"
    )


def verdict(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Whether the three agree in tendency: the study's own settings, and the better ones."""
    exact = {pair(row): row for row in rows if row["setting"] == "exact"}
    ways = list(dict.fromkeys((row["way"], row["setting"], row["original"]) for row in rows))
    yield "Do they agree?\n"
    for way, setting, original in ways:
        chosen = [row for row in rows if (row["way"], row["setting"]) == (way, setting)]
        if setting == "exact":
            continue
        losses = [exact[pair(row)]["precision_at_8"] - row["precision_at_8"] for row in chosen]
        best = max(chosen, key=lambda row: row["precision_at_8"])
        same = pair(best) == pair(max(exact.values(), key=lambda row: row["precision_at_8"]))
        labels = min(row["agreement"] for row in chosen)
        yield (
            f"* {way}, {setting}{' (the study)' if original else ''}: precision@8 "
            f"{_span(losses)} below exact; its best pair is "
            f"{'the same' if same else 'another: ' + ' '.join(pair(best))}; labels agree to "
            f"{labels:.2f} at least."
        )
    yield ""


def _span(losses: Sequence[float]) -> str:
    low, high = min(losses), max(losses)
    return f"{low:.3f}" if high - low < SMALL else f"{low:.3f} to {high:.3f}"


def pair(row: Mapping[str, Any]) -> tuple[str, str]:
    """What is compared, and how."""
    return row["pooling"], row["distance"]


def main() -> int:
    """Rewrite the page."""
    files = sorted(DOCS.glob("results/neighbours-*.json"))
    contents = [json.loads(file.read_text()) for file in files]
    (DOCS / "neighbours.md").write_text(page(contents))
    return 0


if __name__ == "__main__":
    sys.exit(main())
