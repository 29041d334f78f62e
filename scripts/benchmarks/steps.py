"""``steps``: what each step of indexing one image takes, beside plainer ways to do it."""

from __future__ import annotations

import argparse
import hashlib
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.layout import write_atomically
from indexer.phash import perceptual_hash
from indexer.reading import hash_file, read_image
from indexer.thumbnails import THUMBNAIL_SIDE, make_thumbnail
from models.pooling import STANDARD
from models.sources import open_source
from models.threads import one_thread_each
from scripts.benchmarks.rounds import Measurement, run_rounds

if TYPE_CHECKING:
    from PIL import Image

    from models.encoder import Encoder
    from models.images import OpenedImage
    from models.sources import ImageFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its command line."""
    parser.add_argument("--checkpoint", type=Path, metavar="DIR", help="default: the program's own")
    parser.add_argument("--images", type=int, default=24, help="images per round")
    parser.add_argument("--side", type=int, default=500, help="side of the files, in pixels")
    parser.add_argument(
        "--source", metavar="SOURCE", help="files to index, instead of drawn ones of --side"
    )
    parser.add_argument("--rounds", type=int, default=3)


def measure(arguments: argparse.Namespace) -> list[Measurement]:
    """Time every step on one thread, round-robin."""
    from models.checkpoint import DEFAULT_CHECKPOINT
    from models.demo_images import generate
    from models.encoder import Encoder

    with tempfile.TemporaryDirectory() as folder, one_thread_each():
        root = Path(folder)
        if arguments.source is None:
            per_kind = -(-arguments.images // 10)
            generate(root / "images", per_kind=per_kind, size=arguments.side, progress=False)
        source = open_source(arguments.source or str(root / "images"), workspace=root)
        encoder = Encoder.load(arguments.checkpoint or DEFAULT_CHECKPOINT, device="cpu")
        steps = _Steps(source.files[: arguments.images], encoder, root)
        return run_rounds(steps.timed(), arguments.rounds)


@dataclass(frozen=True, slots=True)
class _Steps:
    """On the same files, opened before."""

    files: Sequence[ImageFile]
    encoder: Encoder
    folder: Path

    def timed(self) -> dict[str, Callable[[], object]]:
        """Steps in their order; a plainer way stands below the one in use, in brackets."""
        opened = [self._open(file) for file in self.files]
        images = [each.image for each in opened]
        pixels = [self.encoder.preprocess.pixels(image)[None] for image in images]
        thumbnails = [make_thumbnail(image) for image in images]
        preprocess = self.encoder.preprocess
        return {
            "SHA-256": lambda: [hash_file(file.path) for file in self.files],
            "open": lambda: [self._open(file) for file in self.files],
            "resize": lambda: [preprocess.pixels(image) for image in images],
            "encode": lambda: [self.encoder.vectors(each, STANDARD) for each in pixels],
            "perceptual hash": lambda: [perceptual_hash(image) for image in images],
            "(from the whole image)": lambda: [_hashed_whole(image) for image in images],
            "thumbnail": lambda: [make_thumbnail(image) for image in images],
            "(by Pillow, WebP method 2)": lambda: [_pillows_thumbnail(image) for image in images],
            "write it": lambda: self._write(thumbnails, durable=False),
            "(and wait for the disk)": lambda: self._write(thumbnails, durable=True),
        }

    def _open(self, file: ImageFile) -> OpenedImage:
        return read_image(file.path, self.encoder.preprocess)

    def _write(self, thumbnails: Sequence[bytes], *, durable: bool) -> None:
        for content in thumbnails:
            name = hashlib.sha256(content).hexdigest()
            write_atomically(self.folder / "thumbs" / name, content, durable=durable)


def _pillows_thumbnail(image: Image.Image) -> bytes:
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), reducing_gap=2.0)
    content = io.BytesIO()
    small.save(content, "WEBP", quality=80, method=2)
    return content.getvalue()


def _hashed_whole(image: Image.Image) -> object:
    """The part of it that differs."""
    from PIL.Image import Resampling

    return image.convert("L").resize((32, 32), Resampling.LANCZOS)


def report(measurements: Sequence[Measurement], arguments: argparse.Namespace) -> str:
    """A table in Markdown."""
    rows = [
        f"| {each.name} | {1000 * each.median / arguments.images:.2f} |" for each in measurements
    ]
    used = sum(each.median for each in measurements if not each.name.startswith("("))
    total = f"| all, without what is in brackets | {1000 * used / arguments.images:.2f} |"
    return "\n".join(["| step | ms per image |", "|---|---|", *rows, total])
