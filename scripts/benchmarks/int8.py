"""``int8``: how many neighbours an encoder in 8-bit integers keeps, and how fast it is."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encoding import in_parallel
from models.pooling import STANDARD, Pooling
from models.sources import open_source
from scripts.benchmarks.index import INT8, Stages, encoders, trained
from scripts.benchmarks.quantized import CALIBRATED_ON, neighbours_kept
from scripts.benchmarks.rounds import run_rounds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST_KEPT = 0.95
"""Share of the neighbours below which 8 bits are no substitute."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Neighbours of fp32 that 8 bits give, too, and seconds for the same images.

    Attributes:
        pooling: of which vectors.
        share: in [0, 1].
        images: they were found among; none of them was calibrated with.
        fp32, int8: seconds of every round for as many images.
    """

    pooling: str
    share: float
    images: int
    fp32: tuple[float, ...]
    int8: tuple[float, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("source", metavar="SOURCE", help="images to find neighbours among")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", required=True, help="a trained encoder"
    )
    parser.add_argument("--images", type=int, default=500, help="images, spread over SOURCE")
    parser.add_argument("-k", type=int, default=8, help="neighbours of each image")
    parser.add_argument("--rounds", type=int, default=3)


def measure(arguments: argparse.Namespace) -> list[Kept]:
    """Encode the same images both ways, round-robin, and compare their neighbours."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        files = open_source(arguments.source, workspace=Path(folder)).files
        step = max(2, len(files) // arguments.images)
        calibrated, others = files[1::step][:CALIBRATED_ON], files[::step][: arguments.images]
        stages = Stages(calibrated, *trained(arguments), Path(folder))
        by_way = encoders(stages)
        pixels = [stages.pixels(file)[None] for file in others]
    found: dict[str, dict[Pooling, NDArray[np.float32]]] = {}

    def encode(way: str) -> Callable[[], object]:
        def run() -> None:
            rows = list(in_parallel(lambda p: by_way[way].vectors(p, STANDARD), pixels))
            found[way] = {each: np.concatenate([row[each] for row in rows]) for each in STANDARD}

        return run

    fp32, int8 = run_rounds({way: encode(way) for way in ("onnx", INT8)}, arguments.rounds)
    return [
        Kept(
            pooling,
            neighbours_kept(found["onnx"][pooling], found[INT8][pooling], k=arguments.k),
            len(pixels),
            fp32.seconds,
            int8.seconds,
        )
        for pooling in STANDARD
    ]


def report(measurements: Sequence[Kept], arguments: argparse.Namespace) -> str:
    """Lines for people."""
    lines = [
        f"{kept.pooling:<8} keeps {kept.share:.3f} of the {arguments.k} nearest neighbours among "
        f"{kept.images} images: {'enough' if kept.share >= LEAST_KEPT else 'too few'} "
        f"({LEAST_KEPT} wanted)"
        for kept in measurements
    ]
    first = measurements[0]
    faster = statistics.median(first.fp32) / statistics.median(first.int8)
    return "\n".join([*lines, f"{faster:.2f} x as fast as ONNX Runtime's fp32"])
