"""``index``: the stages of indexing on generated images."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from models.registry import create_model, describe_names
from scripts.benchmarks.rounds import Measurement, run_rounds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("--arch", default="model4", metavar="NAME", help=describe_names())
    parser.add_argument("--image-size", type=int, default=224, metavar="PIXELS")
    parser.add_argument("--images", type=int, default=32, help="images per round")
    parser.add_argument("--side", type=int, default=512, help="side of the files, in pixels")
    parser.add_argument("--rounds", type=int, default=3)


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


def report(measurements: Sequence[Measurement], arguments: argparse.Namespace) -> str:
    """Lines for people."""
    images = arguments.images
    by_name = {measurement.name: measurement.median for measurement in measurements}
    naive, pipeline = by_name["naive serial loop"], by_name["pipeline"]
    bound = by_name["decode only"] + by_name["encode only"]
    lines = [
        f"{m.name:<20} {images / m.median:7.1f} images/s   {naive / m.median:5.2f} x naive"
        for m in measurements
    ]
    lines.append(f"pipeline reaches {bound / pipeline:.2f} of the bound 1/(1/decode + 1/encode)")
    return "\n".join(lines)
