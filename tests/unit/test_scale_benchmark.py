"""The benchmark of very many points, and what is calculated from it."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest

from indexer.types import Distance
from models.pooling import Pooling
from scripts import scale_page
from scripts.benchmarks.scale import MemoryWatch, SyntheticVectors, measure, report

SIZES = {Pooling.MAXPOOL: 256, Pooling.FLATTEN: 768}


def test_synthetic_vectors_are_repeatable_positive_and_alike_in_both_poolings() -> None:
    vectors, again = SyntheticVectors(SIZES), SyntheticVectors(SIZES)
    batch = vectors.batch(7, 400)
    for pooling, size in SIZES.items():
        assert batch[pooling].shape == (400, size)
        assert batch[pooling].min() >= 0
        np.testing.assert_array_equal(batch[pooling], again.batch(7, 400)[pooling])
    assert not np.array_equal(batch[Pooling.MAXPOOL], vectors.batch(8, 400)[Pooling.MAXPOOL])
    nearest = {}
    for pooling, rows in batch.items():
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        apart = -unit @ unit.T
        np.fill_diagonal(apart, np.inf)
        nearest[pooling] = np.argsort(apart, axis=1)[:, :20]
    shared = [
        len(set(short) & set(long)) / 20
        for short, long in zip(nearest[Pooling.MAXPOOL], nearest[Pooling.FLATTEN], strict=True)
    ]
    assert np.mean(shared) > 0.4  # by chance: 0.05


def test_memory_is_seen_while_it_is_held() -> None:
    with MemoryWatch() as memory:
        held = np.ones(30_000_000)  # 240 MB
        memory._end.wait(0.4)
    assert memory.anonymous > held.nbytes


def test_a_small_collection_is_filled_and_asked() -> None:
    given = argparse.Namespace(
        images=[700], maxpool=32, flatten=96, distance=Distance.EUCLID, queries=12, exact=6
    )
    [row] = measure(given)
    assert (row.images, row.distance) == (700, Distance.EUCLID)
    assert row.disk_bytes > 700 * 4 * (32 + 96)
    assert row.ann_recall_at_8 == {Pooling.MAXPOOL: 1, Pooling.FLATTEN: 1}
    assert "700 points" in report([row], given)


def test_what_an_image_takes_follows_from_the_presets() -> None:
    assert scale_page.link_bytes() == pytest.approx(2 * 32 * 4, rel=0.06)
    assert scale_page.memory_bytes(512) == 512 + scale_page.link_bytes()
    table = scale_page.sizes_table()
    assert "| model7 at 128 px (the default) | 2,048 | 32,768 | 34,816 | 69,632 |" in table


@pytest.mark.parametrize(
    ("images", "nodes", "replicas"), [(10_000_000, 1, 1), (1_000_000_000, 35, 2)]
)
def test_a_layout_carries_its_images(images: int, nodes: int, replicas: int) -> None:
    cells = scale_page.layout(images, 781, 12_000).strip("| ").split(" | ")
    assert (int(cells[3]), int(cells[5])) == (nodes, replicas)
    assert int(cells[4]) % nodes == 0
    memory = float(cells[1].removesuffix(" GB").replace(",", ""))
    assert memory <= nodes * scale_page.NODE_MEMORY / 1e9 * scale_page.USABLE


def test_the_page_is_what_its_script_writes() -> None:
    content = json.loads((scale_page.DOCS / "results" / "scale.json").read_text())
    assert max(row["images"] for row in content["measurements"]) == 1_000_000
    assert (scale_page.DOCS / "scale.md").read_text() == scale_page.page(content)
