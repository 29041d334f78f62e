"""``scale``: time, memory, disk and recall of the embedded store with very many points.

The vectors are synthetic: as many real images are not at hand, and what is measured here does not
look at them. Like those of images they lie in clusters near a surface of few dimensions, and the
long ones tell of the same image as the short ones.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from indexer.layout import disk_bytes
from indexer.metrics import ann_recall_at_k
from indexer.schema import IndexSpec, point_id
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.store.presets import COARSE, preset
from indexer.types import Distance, Payload, Point
from models.pooling import STANDARD, Pooling
from scripts.benchmarks.search import describe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

DATASET = "scale"
K = 8
DIMENSIONS = 32
"""Of the surface that the vectors lie near; latents of photographs have a rank of some dozens."""
CLUSTERS = 1_000
NOISE = 0.1
_BATCH = 512
_SEED = 0


@dataclass(frozen=True, slots=True)
class Scale:
    """One collection.

    Attributes:
        images: number of points.
        distance: of the collection.
        sizes: values of the vectors, by pooling.
        presets: how they are kept and searched, in words.
        write_seconds: until all points were acknowledged.
        publish_seconds: graphs, quantization, pointer.
        disk_bytes: of the data folder afterwards.
        anonymous_bytes: peak memory of the process that no file backs, over all of it.
        mapped_bytes: peak of the pages of files that it had mapped: the system takes them back
            when others need the memory.
        p50, p95: seconds of a search by a new vector, by pooling, opened shard.
        ann_recall_at_8: beside the exact search, by pooling.
    """

    images: int
    distance: Distance
    sizes: dict[Pooling, int]
    presets: dict[Pooling, str]
    write_seconds: float
    publish_seconds: float
    disk_bytes: int
    anonymous_bytes: int
    mapped_bytes: int
    p50: dict[Pooling, float] = field(default_factory=dict)
    p95: dict[Pooling, float] = field(default_factory=dict)
    ann_recall_at_8: dict[Pooling, float] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("--images", type=int, action="append", help="repeatable; default: 100,000")
    parser.add_argument("--maxpool", type=int, default=512, help="values; default: %(default)s")
    parser.add_argument("--flatten", type=int, default=2_304, help="values; default: %(default)s")
    parser.add_argument("--distance", type=Distance, default=Distance.COSINE, choices=Distance)
    parser.add_argument("--queries", type=int, default=200, help="new vectors that are asked with")
    parser.add_argument("--exact", type=int, default=50, help="of those, asked exactly too")


def measure(arguments: argparse.Namespace) -> list[Scale]:
    """Fill, publish and ask one collection after the other."""
    sizes = {Pooling.MAXPOOL: arguments.maxpool, Pooling.FLATTEN: arguments.flatten}
    return [_measure_one(images, sizes, arguments) for images in arguments.images or [100_000]]


class SyntheticVectors:
    """Vectors of images that there are not; the same for the same numbers.

    Args:
        sizes: values of the vectors, by pooling.
    """

    def __init__(self, sizes: dict[Pooling, int]) -> None:
        random = np.random.default_rng(_SEED)
        self._centres = random.standard_normal((CLUSTERS, DIMENSIONS), np.float32)
        self._lifts = {
            pooling: random.standard_normal((DIMENSIONS, size), np.float32)
            for pooling, size in sizes.items()
        }

    def batch(self, seed: int, count: int) -> dict[Pooling, Rows]:
        """``count`` vectors of each pooling, positive as after a ReLU. Shape: (count, size)."""
        random = np.random.default_rng([_SEED, seed])
        near = self._centres[random.integers(CLUSTERS, size=count)]
        low = near + 0.5 * random.standard_normal((count, DIMENSIONS), np.float32)
        made = {}
        for pooling, lift in self._lifts.items():
            rows = low @ lift
            rows += NOISE * np.sqrt(DIMENSIONS) * random.standard_normal(rows.shape, np.float32)
            made[pooling] = np.maximum(rows, 0)
        return made


def _measure_one(images: int, sizes: dict[Pooling, int], given: argparse.Namespace) -> Scale:
    vectors = SyntheticVectors(sizes)
    spec = IndexSpec(
        dataset=DATASET,
        arch="synthetic",
        fingerprint="0" * 64,
        image_size=1,
        distances=(given.distance,),
        vector_sizes=sizes,
        source="synthetic",
        root="synthetic",
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store(Settings(Path(folder)))) as store,
        MemoryWatch() as memory,
    ):
        with closing(store.writer(spec)) as writer:
            started = perf_counter()
            for points in _points(vectors, images):
                writer.upsert(points)
            written = perf_counter()
            writer.publish()
            published = perf_counter()
        found = Scale(
            images=images,
            distance=given.distance,
            sizes=sizes,
            presets={name: describe(preset(images, size)) for name, size in sizes.items()},
            write_seconds=written - started,
            publish_seconds=published - written,
            disk_bytes=disk_bytes(Path(folder)),
            anonymous_bytes=memory.anonymous,
            mapped_bytes=memory.mapped,
        )
        queries = vectors.batch(-1 % 2**32, given.queries)
        for pooling in STANDARD:
            _ask(store, queries, pooling, given, found)
        return found


def _points(vectors: SyntheticVectors, images: int) -> Iterator[list[Point]]:
    """With payloads as long as real ones."""
    for start in tqdm(range(0, images, _BATCH), desc=f"Writing {images:,} points"):
        count = min(_BATCH, images - start)
        made = vectors.batch(start, count)
        yield [
            Point(
                point_id(DATASET, str(start + row)),
                {pooling: rows[row] for pooling, rows in made.items()},
                _payload(start + row),
            )
            for row in range(count)
        ]


def _payload(number: int) -> Payload:
    return {
        "path": f"2026/folder-{number % 500:03}/image-{number:08}.jpg",
        "label": f"folder-{number % 500:03}",
        "dataset": DATASET,
        "width": 1_600,
        "height": 1_200,
        "format": "JPEG",
        "bytes": 400_000 + number % 1_000,
        "mtime": 1_790_000_000_000_000_000 + number,
        "sha256": f"{number:064x}",
        "phash": f"{number:016x}",
        "norm_maxpool": 1.0,
        "norm_flatten": 1.0,
        "schema": 1,
    }


def _ask(
    store: VectorStore,
    queries: dict[Pooling, Rows],
    pooling: Pooling,
    given: argparse.Namespace,
    found: Scale,
) -> None:
    """Search with every query; with some of them exactly, too."""

    def answers(row: int, *, exact: bool) -> list[str]:
        hits = store.query(
            DATASET,
            given.distance,
            pooling,
            queries[pooling][row],
            limit=K,
            exact=exact,
            coarse=queries[COARSE][row],
        )
        return [str(hit.id) for hit in hits]

    answers(0, exact=False)  # opens the shard
    seconds, quick = [], []
    for row in tqdm(range(given.queries), desc=f"Asking by {pooling}"):
        started = perf_counter()
        quick.append(answers(row, exact=False))
        seconds.append(perf_counter() - started)
    right = [answers(row, exact=True) for row in tqdm(range(given.exact), desc="Exactly")]
    found.p50[pooling], found.p95[pooling] = np.percentile(seconds, (50, 95)).tolist()
    found.ann_recall_at_8[pooling] = float(ann_recall_at_k(quick[: given.exact], right).mean())


class MemoryWatch:
    """Peaks of this process's memory while the context lasts, looked at ten times a second.

    Attributes:
        anonymous: bytes that no file backs.
        mapped: bytes of files that are mapped.
    """

    def __init__(self) -> None:
        self.anonymous = self.mapped = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            try:
                lines = Path("/proc/self/status").read_text().splitlines()
            except OSError:  # not Linux
                return
            sizes = {name: text for name, _, text in (line.partition(":") for line in lines)}
            anonymous = _bytes(sizes["RssAnon"])
            self.anonymous = max(self.anonymous, anonymous)
            # On a file system in memory mapped files count as shared.
            self.mapped = max(self.mapped, _bytes(sizes["RssFile"]) + _bytes(sizes["RssShmem"]))


def _bytes(text: str) -> int:
    return 1024 * int(text.split(maxsplit=1)[0])


def report(measurements: Sequence[Scale], _arguments: argparse.Namespace) -> str:
    """Lines for people."""
    lines = []
    for row in measurements:
        lines.append(
            f"{row.images:,} points, {row.distance}: written in {row.write_seconds:,.0f} s, "
            f"published in {row.publish_seconds:,.0f} s, {row.disk_bytes / 1e9:.2f} GB on disk, "
            f"{row.anonymous_bytes / 1e9:.2f} GB of memory, {row.mapped_bytes / 1e9:.2f} GB mapped"
        )
        lines += [
            f"  {pooling}, {row.sizes[pooling]:,} values, {row.presets[pooling]}: "
            f"{1000 * row.p50[pooling]:.2f} ms p50, {1000 * row.p95[pooling]:.2f} ms p95, "
            f"ann_recall@{K} {row.ann_recall_at_8[pooling]:.4f}"
            for pooling in row.sizes
        ]
    return "\n".join(lines)
