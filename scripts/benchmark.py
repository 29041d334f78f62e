"""Speed as ratios inside one run: python scripts/benchmark.py [pipeline|encoders] [--json FILE].

``pipeline``: the stages of indexing on generated images; ``encoders``: the encoder of every
architecture, as an index uses it. Interleaved over several rounds; the median counts.
Seconds depend on the machine and on its neighbours, so judge by the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from indexer.settings import calm_threads
from models.errors import SimilarityError
from models.registry import create_model, describe_names, get_architecture, list_models

PACKAGES = ("torch", "numpy", "pillow", "qdrant-edge-py", "gradio")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One way to do it: seconds of every round for the same images."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure the stages of indexing.")
    parser.add_argument("what", nargs="?", default="pipeline", choices=("pipeline", "encoders"))
    parser.add_argument("--arch", default="model4", metavar="NAME", help=describe_names())
    parser.add_argument("--image-size", type=int, default=224, metavar="PIXELS")
    parser.add_argument("--images", type=int, default=32, help="images per round")
    parser.add_argument("--side", type=int, default=512, help="side of the files, in pixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write raw numbers there")
    return parser.parse_args(argv)


def measure(arguments: argparse.Namespace) -> list[Measurement]:
    """Time every stage, round-robin."""
    import torch
    from PIL import Image

    from indexer.encoding import FileEncoder, in_parallel
    from indexer.reading import read_image
    from models.baselines import random_encoder
    from models.demo_images import generate
    from models.pooling import STANDARD
    from models.recipes import RECIPES
    from models.sources import open_source

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        per_kind = -(-arguments.images // 10)
        generate(root / "images", per_kind=per_kind, size=arguments.side, progress=False)
        source = open_source(str(root / "images"), workspace=root)
        files = source.files[: arguments.images]
        encoder = random_encoder(arguments.arch, RECIPES["study"], image_size=arguments.image_size)
        preprocess = encoder.preprocess
        pixels = preprocess.pixels(read_image(files[0].path, preprocess).image)[None]
        model = create_model(arguments.arch).eval()  # PyTorch's default memory layout

        def naive() -> None:
            for file in files:
                with Image.open(file.path) as image:
                    side = (preprocess.image_size, preprocess.image_size)
                    square = image.convert("RGB").resize(side, Image.Resampling.BILINEAR)
                batch = preprocess.normalize(preprocess.pixels(square)[None])
                with torch.inference_mode():
                    latent = model.encode(batch)
                for pooling in STANDARD:
                    pooling.apply(latent).numpy()

        stages: dict[str, Callable[[], object]] = {
            "naive serial loop": naive,
            "decode only": lambda: list(
                in_parallel(
                    lambda f: preprocess.pixels(read_image(f.path, preprocess).image), files
                )
            ),
            "encode only": lambda: list(
                in_parallel(lambda _: encoder.vectors(pixels, STANDARD), files)
            ),
            "pipeline": lambda: list(
                in_parallel(FileEncoder("bench", encoder, STANDARD, root / "thumbs"), files)
            ),
        }
        return run_rounds(stages, arguments.rounds)


def measure_encoders(arguments: argparse.Namespace) -> list[Measurement]:
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


def encoder_report(measurements: Sequence[Measurement], images: int, image_size: int) -> str:
    """Lines for people."""
    slowest = next(each.median for each in measurements if each.name == "model6")
    return "\n".join(
        f"{each.name:<8} {get_architecture(each.name).encoder_gflop(image_size):6.2f} GFLOP "
        f"{images / each.median:8.1f} images/s {slowest / each.median:6.2f} x model6"
        for each in measurements
    )


def run_rounds(stages: dict[str, Callable[[], object]], rounds: int) -> list[Measurement]:
    """Every stage once per round; the first round warms up and does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in stages}
    for number in range(rounds + 1):
        for name, stage in stages.items():
            started = perf_counter()
            stage()
            if number:
                seconds[name].append(perf_counter() - started)
    return [Measurement(name, tuple(values)) for name, values in seconds.items()]


def report(measurements: Sequence[Measurement], images: int) -> str:
    """Lines for people."""
    by_name = {measurement.name: measurement.median for measurement in measurements}
    naive, pipeline = by_name["naive serial loop"], by_name["pipeline"]
    bound = by_name["decode only"] + by_name["encode only"]
    lines = [
        f"{m.name:<20} {images / m.median:7.1f} images/s   {naive / m.median:5.2f} x naive"
        for m in measurements
    ]
    lines.append(f"pipeline reaches {bound / pipeline:.2f} of the bound 1/(1/decode + 1/encode)")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    calm_threads()
    arguments = parse(argv)
    try:
        if arguments.what == "encoders":
            measurements = measure_encoders(arguments)
            shown = encoder_report(measurements, arguments.images, arguments.image_size)
        else:
            measurements = measure(arguments)
            shown = report(measurements, arguments.images)
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(shown)
    if arguments.json:
        content = {
            "machine": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "packages": {package: version(package) for package in PACKAGES},
            "settings": {name: str(value) for name, value in vars(arguments).items()},
            "measurements": [asdict(measurement) for measurement in measurements],
        }
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
