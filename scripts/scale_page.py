"""Write docs/scale.md: python scripts/scale_page.py.

From docs/results/scale.json, which ``scripts/benchmark.py scale --json`` wrote, and from the
parameters of the presets.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.store.presets import SearchPreset, preset

DOCS = Path(__file__).resolve().parents[1] / "docs"

FLOAT = 4
LINKS_AT_THE_BOTTOM = 2
"""Times m: the lowest layer of an HNSW graph has twice as many links (Malkov, Yashunin, 2020)."""
LINK = 4
UPPER_LAYERS = 1.05
"""All layers over the lowest one add one link in m or so."""
SMALL, BILLION = 10_000_000, 1_000_000_000
NODE_MEMORY = 64e9
USABLE = 0.7
"""Of a node's memory: the rest is for the system, requests and page cache."""
REPLICAS = 2
DISK_HEADROOM = 2.0
"""Optimising writes a new copy of a segment before the old one goes."""

INTRODUCTION = """\
# How much fits where

Written by `scripts/scale_page.py` from `docs/results/scale.json` and the presets
(`indexer/store/presets.py`); edit those, not this.

## Bytes of one image

A vector takes four bytes a value, once for each distance. From {graph:,} images on, vectors of
up to {longest:,} values get a graph, {links} bytes an image (m = {m}); from {bytes:,} on they are
kept a second time at one byte a value, in memory. Longer ones lie on disk and are read for the
candidates that the short ones found.

{sizes}
"""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of one checkpoint, for the table.

    Attributes:
        name: for people.
        maxpool, flatten: their values.
    """

    name: str
    maxpool: int
    flatten: int


SHOWN = (
    Vectors("model7 at 128 px (the default)", 512, 8_192),
    Vectors("model6 at 224 px", 1_024, 4_096),
    Vectors("model4 at 224 px", 1_024, 9_216),
    Vectors("model3 at 224 px", 512, 25_088),
)


def link_bytes() -> int:
    """Of one point of a graph."""
    graph = preset(BILLION, 512).graph
    assert graph is not None
    return round(LINKS_AT_THE_BOTTOM * graph.m * LINK * UPPER_LAYERS)


def memory_bytes(maxpool: int) -> int:
    """What has to be in memory of one image and distance: a byte a value, and the links."""
    return maxpool + link_bytes()


def page(content: Mapping[str, Any]) -> str:
    """The whole page."""
    rows = content["measurements"]
    graph = preset(BILLION, 512).graph
    assert graph is not None
    introduction = INTRODUCTION.format(
        graph=_least(lambda chosen: chosen.graph is not None),
        bytes=_least(lambda chosen: chosen.int8 is not None),
        longest=_longest(),
        links=link_bytes(),
        m=graph.m,
        sizes=sizes_table(),
    )
    return "\n".join(
        [introduction, *measured(content, rows), *extrapolated(max(rows, key=_images))]
    )


def _images(row: Mapping[str, Any]) -> int:
    return int(row["images"])


def _least(holds: Callable[[SearchPreset], bool]) -> int:
    """The smallest round number of images whose preset is so."""
    return next(count for count in range(0, BILLION, 5_000) if holds(preset(count, 512)))


def _longest() -> int:
    return max(size for size in (1 << power for power in range(17)) if preset(BILLION, size).graph)


def sizes_table() -> str:
    """Bytes of one image for the checkpoints that there are."""
    rows = [
        "| checkpoint | maxpool | flatten | both, one distance | both distances |",
        "|---|--:|--:|--:|--:|",
    ]
    for shown in SHOWN:
        short, long = FLOAT * shown.maxpool, FLOAT * shown.flatten
        rows.append(
            f"| {shown.name} | {short:,} | {long:,} | {short + long:,} | {2 * (short + long):,} |"
        )
    return "\n".join(rows)


def measured(content: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What was measured on this machine."""
    packages, sizes = content["packages"], rows[0]["sizes"]
    yield "## Measured\n"
    yield (
        f"`scripts/benchmark.py scale`: {sizes['maxpool']:,} and {sizes['flatten']:,} values, "
        f"{rows[0]['distance']}, synthetic vectors (clusters near a surface of few dimensions), "
        f"payloads as long as real ones, the embedded store, {content['cores']} cores, load "
        f"average {content['load_average']:.1f} (alone it would be about 1: other work lengthened "
        f"it), qdrant-edge {packages['qdrant-edge-py']}. Memory is the peak of what no file backs, "
        "while the graph was built; mapped files come on top and are given back when others need "
        "the memory.\n"
    )
    yield "| images | write s | publish s | disk GB | bytes an image | memory GB | mapped GB |"
    yield "|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        yield (
            f"| {row['images']:,} | {row['write_seconds']:,.0f} | {row['publish_seconds']:,.0f} "
            f"| {row['disk_bytes'] / 1e9:.2f} | {row['disk_bytes'] / row['images']:,.0f} "
            f"| {row['anonymous_bytes'] / 1e9:.2f} | {row['mapped_bytes'] / 1e9:.2f} |"
        )
    yield "\n| images | vector | searched by | p50 ms | p95 ms | ann_recall@8 |"
    yield "|--:|---|---|--:|--:|--:|"
    for row in rows:
        for pooling, chosen in row["presets"].items():
            yield (
                f"| {row['images']:,} | {pooling} | {chosen} | {1000 * row['p50'][pooling]:.2f} "
                f"| {1000 * row['p95'][pooling]:.2f} | {row['ann_recall_at_8'][pooling]:.4f} |"
            )
    yield ""


def extrapolated(largest: Mapping[str, Any]) -> Iterator[str]:
    """What carries more, from the measured bytes and the presets."""
    sizes = largest["sizes"]
    vectors = FLOAT * (sizes["maxpool"] + sizes["flatten"])
    beside = largest["disk_bytes"] / largest["images"] - vectors
    needed = memory_bytes(sizes["maxpool"])
    yield "## Beyond\n"
    yield (
        f"Calculated, not measured. On disk an image takes its vectors and {beside:,.0f} bytes "
        "beside them (payload with its indexes, graph, one byte a value; measured at "
        f"{largest['images']:,}). In memory a graph over int8 takes {needed:,} bytes an image; "
        "what is longer stays on disk (NVMe). Nodes have "
        f"{NODE_MEMORY / 1e9:.0f} GB, of which {USABLE:.0%} are for this; every shard has "
        f"{REPLICAS} replicas; disks keep room for {DISK_HEADROOM:g} times their content. One "
        "distance; a second one doubles it, and is rarely worth it: docs/embedding.md.\n"
    )
    yield "| images | memory | disk | nodes | `--shards` | `--replicas` |"
    yield "|--:|--:|--:|--:|--:|--:|"
    for images in (SMALL, 100_000_000, BILLION):
        yield layout(images, needed, vectors + beside)
    yield (
        "\nWhat a sync of that size takes: workers encode (as many images a second as they have "
        "cores for: docs/results/index-default.json), `sync --worker-index` fills one server from "
        "as many machines as there are, and building the graphs is the servers' work, in parallel "
        "over the shards. A search asks all shards at once. An update copies the published "
        "collections ([server.md](server.md)): from some hundred million images on, publish new "
        "images as datasets of their own (a month, a camera) and ask those side by side.\n"
    )


def layout(images: int, memory: float, disk: float) -> str:
    """Nodes that carry ``images``; shards of some ten million points, a multiple of the nodes."""
    in_memory, on_disk = images * memory * REPLICAS, images * disk * REPLICAS
    nodes = max(1, math.ceil(in_memory / (NODE_MEMORY * USABLE)))
    replicas = REPLICAS if nodes > 1 else 1
    if replicas == 1:
        in_memory, on_disk = in_memory / REPLICAS, on_disk / REPLICAS
    shards = nodes * max(1, round(images / 10_000_000 / nodes))
    return (
        f"| {images:,} | {in_memory / 1e9:,.0f} GB | {on_disk * DISK_HEADROOM / 1e12:,.1f} TB "
        f"| {nodes} | {shards} | {replicas} |"
    )


def main() -> int:
    """Rewrite the page."""
    content = json.loads((DOCS / "results" / "scale.json").read_text())
    (DOCS / "scale.md").write_text(page(content))
    return 0


if __name__ == "__main__":
    sys.exit(main())
