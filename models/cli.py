"""Command line of the models: ``python -m models list``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from models.registry import STUDY_IMAGE_SIZE, TORCHVISION, get_architecture, list_models


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models", description="Look at the models.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the architectures, their latents and their cost")
    listing.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    rows = [architecture_row(name) for name in list_models()]
    try:
        print(json.dumps(rows, indent=2) if arguments.json else as_table(rows), flush=True)
    except BrokenPipeError:  # the reader of stdout had enough; keep the interpreter's exit quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not arguments.json:
        print(
            f"also: {TORCHVISION}NAME, a classification network of torchvision, pretrained on "
            f"ImageNet (such as {TORCHVISION}resnet50)",
            file=sys.stderr,
        )
    return 0


def architecture_row(name: str) -> dict[str, object]:
    """The facts of one architecture at the study's image size, as printed by ``list --json``."""
    architecture = get_architecture(name)
    return {
        "arch": name,
        "latent": list(architecture.latent_shape(STUDY_IMAGE_SIZE)),
        "encoder_parameters": architecture.encoder_parameters(),
        "decoder_parameters": architecture.decoder_parameters(),
        "gflop": round(architecture.encoder_gflop(STUDY_IMAGE_SIZE), 2),
        "least_image_size": architecture.least_image_size,
        "summary": architecture.summary,
    }


def as_table(rows: Sequence[dict[str, object]]) -> str:
    """Aligned columns; GFLOP is for encoding one image."""
    form = "{:<8} {:<14} {:>12} {:>12} {:>7} {:>6}  {}"
    head = ("arch", "latent at 224", "encoder", "decoder", "GFLOP", "min px", "")
    lines = [form.format(*head)]
    for row in rows:
        latent = "({}, {}, {})".format(*row["latent"])  # type: ignore[misc]
        counts = (f"{row['encoder_parameters']:,}", f"{row['decoder_parameters']:,}")
        lines.append(
            form.format(
                row["arch"],
                latent,
                *counts,
                f"{row['gflop']:.2f}",
                row["least_image_size"],
                row["summary"],
            )
        )
    return "\n".join(line.rstrip() for line in lines)
