"""What the benchmark of searches measures with is right, and its page is what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.store.presets import SIZE_CLASSES
from indexer.types import Distance
from models.errors import SourceError
from models.pooling import Pooling
from scripts import search_page
from scripts.benchmarks.search import candidate_recall
from scripts.benchmarks.search_ways import Exact, faiss_graph
from scripts.benchmarks.vectors import RealVectors, real_vectors
from tests.fake_encoder import FakeEncoder

ROOT = Path(__file__).resolve().parents[2]
QUERIES = 3
TWO_STAGES = "two stages, 500 candidates"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(12):
        colour = random.integers(256, size=3)
        pixels = np.clip(colour + random.integers(-20, 20, size=(64, 64, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:02}.png")
    return folder


def encode(pictures: Path, folder: Path, encoder: FakeEncoder, *, images: int) -> RealVectors:
    return real_vectors(
        [str(pictures)], encoder, images=images, queries=QUERIES, folder=folder / "vectors"
    )


def test_images_come_first_and_then_views_that_are_like_them_but_not_the_same(
    pictures: Path, tmp_path: Path
) -> None:
    vectors = encode(pictures, tmp_path, FakeEncoder(), images=9 + 12)
    assert vectors.views == 12
    flatten = np.concatenate(
        [vectors.queries[Pooling.FLATTEN], vectors.collection[Pooling.FLATTEN]]
    )
    assert len(np.unique(flatten, axis=0)) == 24
    originals, views = flatten[:12], flatten[12:]
    for number, view in enumerate(views):
        others = np.delete(originals, number, axis=0)
        own = np.linalg.norm(view - originals[number])
        assert own < np.median(np.linalg.norm(view - others, axis=1))


def test_kept_vectors_serve_smaller_collections_and_no_other_ones(
    pictures: Path, tmp_path: Path
) -> None:
    encoder = FakeEncoder()
    large = encode(pictures, tmp_path, encoder, images=9)
    small = encode(pictures, tmp_path, encoder, images=5)
    assert encoder.encoded == QUERIES + 9
    assert (large.views, small.views) == (0, 0)
    for pooling in (Pooling.MAXPOOL, Pooling.FLATTEN):
        assert np.array_equal(small.collection[pooling], large.collection[pooling][:5])
    other = FakeEncoder("e" * 64)
    encode(pictures, tmp_path, other, images=5)
    assert other.encoded == QUERIES + 5


def test_too_few_images_are_told(pictures: Path, tmp_path: Path) -> None:
    for number in range(3, 12):
        (pictures / f"{number:02}.png").unlink()
    with pytest.raises(SourceError, match=r"3 images in .*--source"):
        encode(pictures, tmp_path, FakeEncoder(), images=1)


@pytest.mark.parametrize("distance", Distance)
def test_the_yardsticks_find_the_nearest(distance: Distance) -> None:
    rows = np.random.default_rng(1).standard_normal((5_000, 16)).astype(np.float32)
    exact, graph = Exact(rows, distance, 8), faiss_graph(rows[:500], distance, 8)
    for query in np.random.default_rng(2).standard_normal((5, 16)).astype(np.float32):
        assert set(exact(query)) == nearest(rows, query, distance)
        assert set(graph(query)) == nearest(rows[:500], query, distance)


@pytest.mark.parametrize(("sign", "recalls"), [(1, [1.0, 1.0]), (-1, [0.0, 0.0])])
def test_candidates_are_counted_among_the_first_by_maxpool(sign: int, recalls: list[float]) -> None:
    flatten = np.random.default_rng(3).standard_normal((300, 8)).astype(np.float32)
    collection = {Pooling.FLATTEN: flatten, Pooling.MAXPOOL: sign * flatten}
    queries = {Pooling.FLATTEN: flatten[:5], Pooling.MAXPOOL: flatten[:5]}
    exact = {name: Exact(rows, Distance.COSINE, 8) for name, rows in collection.items()}
    vectors = RealVectors(queries, collection, views=0)
    rows = list(candidate_recall(vectors, Distance.COSINE, exact))
    assert [row.candidates for row in rows] == [100, 200]
    assert [row.ann_recall_at_8 for row in rows] == recalls


def nearest(rows: NDArray[np.float32], query: NDArray[np.float32], distance: Distance) -> set[int]:
    """Eight of them, in double precision and one by one."""
    away = []
    for row in rows.astype(np.float64):
        if distance is Distance.COSINE:
            away.append(-float(row @ query) / float(np.linalg.norm(row)))
        else:
            away.append(float(np.linalg.norm(row - query)))
    return set(np.argsort(away)[:8].tolist())


def test_the_benchmark_compares_the_store_with_numpy_on_every_pair(
    pictures: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "raw.json"
    arguments = ["--source", str(pictures), "--images", "20", "--queries", "3", "--rounds", "1"]
    done = subprocess.run(
        [sys.executable, "scripts/benchmark.py", "search", *arguments, "--json", str(raw)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = json.loads(raw.read_text())["measurements"]
    assert {(row["pooling"], row["distance"], row["way"]) for row in rows} == {
        (pooling, distance, way)
        for pooling in ("maxpool", "flatten")
        for distance in ("cosine", "euclid")
        for way in ("numpy, exact", "store", "faiss, graph")
    }
    for row in rows:
        assert row["ann_recall_at_8"] == 1
        assert 0 < row["p50"] <= row["p95"]
        assert (row["images"], row["views"]) == (20, 11)
    assert "x numpy" in done.stdout


# --- the page


def results() -> list[Mapping[str, object]]:
    files = sorted((ROOT / "docs" / "results").glob("search-*.json"))
    return [json.loads(file.read_text()) for file in files]


def test_the_page_is_what_its_script_writes_of_what_was_measured() -> None:
    contents = sorted(results(), key=lambda content: int(content["settings"]["images"]))  # type: ignore[index]
    assert (ROOT / "docs" / "search-speed.md").read_text() == search_page.page(contents)


def test_the_presets_found_what_they_promise_on_real_images() -> None:
    rows = [row for content in results() for row in rows_of(content)]
    large = [row for row in rows if row["images"] >= SIZE_CLASSES.many]
    assert {row["preset"] for row in large} == {"graph", "graph over int8", TWO_STAGES}
    for row in rows:
        if row["way"] == "store":
            assert row["ann_recall_at_8"] >= (0.98 if row in large else 0.999)


def rows_of(content: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    rows = content["measurements"]
    assert isinstance(rows, list)
    return [row for row in rows if "way" in row]
