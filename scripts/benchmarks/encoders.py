"""``encoders``: the encoder of every architecture, as an index uses it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from models.registry import get_architecture, list_models
from scripts.benchmarks.rounds import Measurement, run_rounds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("--image-size", type=int, default=224, metavar="PIXELS")
    parser.add_argument("--images", type=int, default=32, help="images per round")
    parser.add_argument("--rounds", type=int, default=3)


def measure(arguments: argparse.Namespace) -> list[Measurement]:
    """Time the encoder of every architecture on the same images, round-robin."""
    import torch

    from indexer.encoding import in_parallel
    from models.baselines import random_encoder
    from models.recipes import RECIPES

    size = arguments.image_size
    pixels = torch.randint(256, (1, 3, size, size), dtype=torch.uint8)
    rows = range(arguments.images)

    def encode(arch: str) -> Callable[[], object]:
        encoder = random_encoder(arch, RECIPES["retrieval"], image_size=size)
        return lambda: list(in_parallel(lambda _: encoder.encode(pixels), rows))

    return run_rounds({arch: encode(arch) for arch in list_models()}, arguments.rounds)


def report(measurements: Sequence[Measurement], arguments: argparse.Namespace) -> str:
    """Lines for people."""
    images, image_size = arguments.images, arguments.image_size
    slowest = next(each.median for each in measurements if each.name == "model6")
    return "\n".join(
        f"{each.name:<8} {get_architecture(each.name).encoder_gflop(image_size):6.2f} GFLOP "
        f"{images / each.median:8.1f} images/s {slowest / each.median:6.2f} x model6"
        for each in measurements
    )
