"""A ``model.json`` as training writes it, without weights and without torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from models.checkpoint import FORMAT_VERSION, INFO_FILE
from models.preprocess import Preprocess


def describe_checkpoint(
    folder: Path, *, losses: Sequence[float] = (0.9, 0.5, 0.4), weights: str = "none"
) -> None:
    """Write into ``folder`` a checkpoint of model3 at 64 pixels, with one epoch for each loss."""
    folder.mkdir(parents=True, exist_ok=True)
    history = [
        {
            "epoch": epoch,
            "train_loss": loss * 1.1,
            "validation_loss": loss,
            "reconstruction": loss,
            "contrastive": 0.0,
            "dead_channels": 0.25,
            "lr": 0.001,
            "seconds": 2.5,
        }
        for epoch, loss in enumerate(losses, 1)
    ]
    settings = {
        "arch": "model3",
        "recipe": "study",
        "epochs": len(losses),
        "batch_size": 16,
        "lr": 0.001,
        "loss": "mse",
        "scheduler": "none",
        "seed": 7,
        "colour": "keep",
        "weights": weights,
        "amp": "fp16",
        "processes": 4,
    }
    content = {
        "format_version": FORMAT_VERSION,
        "arch": "model3",
        "output": "relu",
        "preprocess": Preprocess(64).as_json(),
        "fingerprint": "1a2b3c4d" * 8,
        "training": {
            "settings": settings,
            "images": {"training": 34, "validation": 6},
            "best_epoch": len(losses),
            "history": history,
        },
    }
    (folder / INFO_FILE).write_text(json.dumps(content))
