"""Results of a small study, as ``scripts/study.py`` leaves them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from indexer.study_results import AVERAGE_PRECISION, PRECISION, SHOWN

PAIRS = tuple((p, d) for p in ("maxpool", "flatten") for d in ("cosine", "euclid"))
QUERIES = 40


def write_study(folder: Path) -> list[str]:
    """Two sets, two networks, trained by one recipe and untrained, and the floors; the names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for base, dataset in ((0.2, "cats"), (0.4, "dogs")):
        for gain, arch in ((0.05, "model1"), (-0.05, "model3")):
            names.append(write_run(folder, dataset, arch, base + gain, losses=(0.9, 0.5, 0.45)))
            names.append(write_run(folder, dataset, arch, base, losses=()))
        for extra, kind in ((0.01, "colours"), (-0.02, "pixels")):
            names.append(write_floor(folder, dataset, kind, base + extra))
    return sorted(names)


def write_run(
    folder: Path, dataset: str, arch: str, precision: float, *, losses: Sequence[float]
) -> str:
    """One network: trained for as many epochs as there are losses."""
    name = f"{dataset}-{arch}-study-none-mse-64px-{len(losses)}xall-b16-s0"
    settings = {
        "arch": arch, "image_size": 64, "epochs": len(losses), "batch_size": 16, "lr": 0.001,
        "loss": "mse", "scheduler": "none", "seed": 0, "recipe": "study", "colour": "keep",
        "weights": "/srv/private/older", "amp": "bf16", "processes": 2,
    }  # fmt: skip
    history = [
        {"epoch": epoch, "train_loss": loss * 1.2, "validation_loss": loss, "lr": 0.001}
        for epoch, loss in enumerate(losses, 1)
    ]
    _write(
        folder, name, dataset, [_pair(*pair, precision + 0.01 * i) for i, pair in enumerate(PAIRS)],
        settings=settings, images={"training": 34, "validation": 6}, latent=[256, 2, 2],
        history=history, best_epoch=len(losses), dead_channels=0.25, effective_rank=12.5,
        seconds={"train": 60.0, "encode": 5.0},
    )  # fmt: skip
    return name


def write_floor(folder: Path, dataset: str, kind: str, precision: float) -> str:
    """What needs no network."""
    pairs = [_pair("-", distance, precision) for distance in ("cosine", "euclid")]
    _write(folder, f"{dataset}-{kind}", dataset, pairs)
    return f"{dataset}-{kind}"


def _pair(pooling: str, distance: str, precision: float) -> dict[str, object]:
    around = [round(precision + step, 6) for step in (0, -0.01, 0.01)]
    figures = {PRECISION: around, AVERAGE_PRECISION: [value / 2 for value in around]}
    hits = str(round(precision * SHOWN)) * QUERIES
    return {"pooling": pooling, "distance": distance, **figures, "hits": hits}


def _write(folder: Path, name: str, dataset: str, pairs: list[object], **facts: object) -> None:
    content = {
        "name": name, "dataset": dataset, **facts, "torch": "9.9", "machine": "test",
        "queries": QUERIES, "pairs": pairs,
    }  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(content))
