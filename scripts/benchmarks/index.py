"""``index``: the stages of indexing, with every runtime that is installed."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encoding import FileEncoder, in_parallel
from indexer.reading import read_image
from indexer.workload import Workload
from models.pooling import STANDARD
from models.registry import create_model, describe_names
from models.runtimes import Runtime, onnx_is_installed
from models.sources import open_source
from scripts.benchmarks.rounds import Measurement, run_rounds

if TYPE_CHECKING:
    from torch import Tensor

    from models.autoencoder import ConvAutoencoder
    from models.encoder import Encoder
    from models.preprocess import Preprocess
    from models.sources import ImageFile

INT8 = "int8"
WAYS = (*(runtime for runtime in Runtime if runtime is not Runtime.AUTO), INT8)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("--arch", default="model4", metavar="NAME", help=describe_names())
    parser.add_argument("--image-size", type=int, default=224, metavar="PIXELS")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="a trained encoder, instead of --arch and --image-size with random weights",
    )
    parser.add_argument("--images", type=int, default=32, help="images per round")
    parser.add_argument("--side", type=int, default=512, help="side of the files, in pixels")
    parser.add_argument(
        "--source", metavar="SOURCE", help="files to index, instead of drawn ones of --side"
    )
    parser.add_argument("--rounds", type=int, default=3)


@dataclass(frozen=True, slots=True)
class Stages:
    """What is timed, on the same files.

    Attributes:
        files: images.
        model: what the encoders are of, on the CPU in PyTorch's default memory layout.
        preprocess: how images become its input.
        folder: for thumbnails; each pass has to make them.
    """

    files: Sequence[ImageFile]
    model: ConvAutoencoder
    preprocess: Preprocess
    folder: Path

    def naive(self) -> None:
        """One image after the other: Pillow, PyTorch as it comes, no thumbnails."""
        import torch
        from PIL import Image

        for file in self.files:
            with Image.open(file.path) as image:
                side = (self.preprocess.image_size, self.preprocess.image_size)
                square = image.convert("RGB").resize(side, Image.Resampling.BILINEAR)
            batch = self.preprocess.normalize(self.preprocess.pixels(square)[None])
            with torch.inference_mode():
                latent = self.model.encode(batch)
            for pooling in STANDARD:
                pooling.apply(latent).numpy()

    def pixels(self, file: ImageFile) -> Tensor:
        """Open and resize."""
        return self.preprocess.pixels(read_image(file.path, self.preprocess).image)

    def decode(self) -> None:
        """Open and resize all."""
        _run(in_parallel(self.pixels, self.files))

    def read(self, encoder: Encoder) -> None:
        """Everything but encoding: hashes and thumbnails, too."""
        with self._work(encoder) as work:
            _run(in_parallel(work.read, self.files))

    def encode(self, encoder: Encoder) -> None:
        """The same image, as often as there are files."""
        pixels = self.pixels(self.files[0])[None]
        _run(in_parallel(lambda _: encoder.vectors(pixels, STANDARD), self.files))

    def index(self, encoder: Encoder) -> None:
        """Everything that a sync does to new files but writing points."""
        with self._work(encoder) as work:
            _run(work(self.files, Workload.on(encoder.device_type)))

    @contextmanager
    def _work(self, encoder: Encoder) -> Iterator[FileEncoder]:
        with tempfile.TemporaryDirectory(dir=self.folder) as thumbnails:
            yield FileEncoder("bench", encoder, STANDARD, Path(thumbnails))


def measure(arguments: argparse.Namespace) -> list[Measurement]:
    """Time every stage, round-robin."""
    from models.demo_images import generate

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if arguments.source is None:
            per_kind = -(-arguments.images // 10)
            generate(root / "images", per_kind=per_kind, size=arguments.side, progress=False)
        source = open_source(arguments.source or str(root / "images"), workspace=root)
        model, preprocess = trained(arguments)
        stages = Stages(source.files[: arguments.images], model, preprocess, root)
        timed = {"naive serial loop": stages.naive, "decode only": stages.decode}
        for way, encoder in encoders(stages).items():
            if "read only" not in timed:
                timed["read only"] = partial(stages.read, encoder)
            timed[f"encode only, {way}"] = partial(stages.encode, encoder)
            timed[f"pipeline, {way}"] = partial(stages.index, encoder)
        return run_rounds(timed, arguments.rounds)


def trained(arguments: argparse.Namespace) -> tuple[ConvAutoencoder, Preprocess]:
    """The model of the checkpoint, or one with random weights."""
    from models.checkpoint import load_checkpoint
    from models.preprocess import Preprocess
    from models.recipes import RECIPES

    if arguments.checkpoint is not None:
        loaded = load_checkpoint(arguments.checkpoint)
        return loaded.model, loaded.info.preprocess
    recipe = RECIPES["study"]
    preprocess = Preprocess(arguments.image_size, recipe.mean, recipe.std)
    return create_model(arguments.arch).eval(), preprocess


def encoders(stages: Stages) -> dict[str, Encoder]:
    """By what computes them, as far as that is installed."""
    import torch

    from models.encoder import Encoder
    from scripts.benchmarks.quantized import CALIBRATED_ON, quantized

    made = partial(Encoder, stages.model, stages.preprocess, device="cpu")
    by_way: dict[str, Encoder] = {Runtime.TORCH: made(runtime=Runtime.TORCH)}
    if onnx_is_installed():
        pixels = torch.stack([stages.pixels(file) for file in stages.files[:CALIBRATED_ON]])
        by_way[Runtime.ONNX] = made(runtime=Runtime.ONNX)
        by_way[INT8] = quantized(by_way[Runtime.ONNX], stages.model.encoder, pixels)
    return by_way


def _run(results: Iterator[object]) -> None:
    for _ in results:
        pass


def report(measurements: Sequence[Measurement], arguments: argparse.Namespace) -> str:
    """Lines for people."""
    images = arguments.images
    seconds = {measurement.name: measurement.median for measurement in measurements}
    naive = seconds["naive serial loop"]
    lines = [
        f"{m.name:<20} {images / m.median:7.1f} images/s   {naive / m.median:5.2f} x naive"
        for m in measurements
    ]
    for way in WAYS:
        if pipeline := seconds.get(f"pipeline, {way}"):
            encode = seconds[f"encode only, {way}"]
            lines.append(
                f"the pipeline with {way} reaches "
                f"{(seconds['decode only'] + encode) / pipeline:.2f} of 1/(1/decode + 1/encode), "
                f"{(seconds['read only'] + encode) / pipeline:.2f} with hashes and thumbnails"
            )
    return "\n".join(lines)
