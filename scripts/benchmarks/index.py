"""``index``: the stages of indexing on generated images."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encoding import FileEncoder, in_parallel
from indexer.workload import Workload
from models.pooling import STANDARD
from models.registry import create_model, describe_names
from models.runtimes import Runtime, onnx_is_installed
from scripts.benchmarks.rounds import Measurement, run_rounds

if TYPE_CHECKING:
    from torch import Tensor

    from models.encoder import Encoder
    from models.sources import ImageFile


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

    from indexer.reading import read_image
    from models.demo_images import generate
    from models.encoder import Encoder
    from models.preprocess import Preprocess
    from models.recipes import RECIPES
    from models.sources import open_source

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        per_kind = -(-arguments.images // 10)
        generate(root / "images", per_kind=per_kind, size=arguments.side, progress=False)
        source = open_source(str(root / "images"), workspace=root)
        files = source.files[: arguments.images]
        model = create_model(arguments.arch).eval()  # PyTorch's default memory layout
        recipe = RECIPES["study"]
        preprocess = Preprocess(arguments.image_size, recipe.mean, recipe.std)
        runtimes = [Runtime.TORCH, *([Runtime.ONNX] if onnx_is_installed() else [])]
        encoders = {
            runtime: Encoder(model, preprocess, device="cpu", runtime=runtime)
            for runtime in runtimes
        }
        pixels = preprocess.pixels(read_image(files[0].path, preprocess).image)[None]

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
        }
        for runtime, encoder in encoders.items():
            stages |= {
                f"encode only, {runtime}": partial(_encode, encoder, pixels, len(files)),
                f"pipeline, {runtime}": partial(_index, encoder, files, root),
            }
        return run_rounds(stages, arguments.rounds)


def _encode(encoder: Encoder, pixels: Tensor, count: int) -> None:
    """The same image, ``count`` times."""
    for _ in in_parallel(lambda _: encoder.vectors(pixels, STANDARD), range(count)):
        pass


def _index(encoder: Encoder, files: Sequence[ImageFile], root: Path) -> None:
    """Everything that a sync does to new files but writing points: thumbnails, too."""
    with tempfile.TemporaryDirectory(dir=root) as thumbnails:
        for _ in FileEncoder("bench", encoder, STANDARD, Path(thumbnails))(
            files, Workload.on(encoder.device_type)
        ):
            pass


def report(measurements: Sequence[Measurement], arguments: argparse.Namespace) -> str:
    """Lines for people."""
    images = arguments.images
    by_name = {measurement.name: measurement.median for measurement in measurements}
    naive, decode = by_name["naive serial loop"], by_name["decode only"]
    lines = [
        f"{m.name:<20} {images / m.median:7.1f} images/s   {naive / m.median:5.2f} x naive"
        for m in measurements
    ]
    for runtime in Runtime:
        if pipeline := by_name.get(f"pipeline, {runtime}"):
            share = (decode + by_name[f"encode only, {runtime}"]) / pipeline
            lines.append(
                f"the pipeline with {runtime} reaches {share:.2f} of 1/(1/decode + 1/encode)"
            )
    return "\n".join(lines)
