"""An encoder without a network, and the folder of a checkpoint to go with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import adaptive_avg_pool2d

from models.checkpoint import read_info
from models.pooler import Pooler
from models.pooling import Pooling
from models.preprocess import Preprocess
from models.whitening import Whitening

IMAGE_SIZE = 32


class FakeEncoder:
    """Mean colours of a grid are its latent: like images get like vectors, black gets zero.

    Its whitening, which it can be made without, keeps the first few of them.
    """

    arch = "model1"
    device_type = "cpu"
    latent_shape = (3, 4, 4)

    def __init__(self, fingerprint: str = "f" * 64) -> None:
        self.fingerprint = fingerprint
        self.whitening: Whitening | None = Whitening(torch.full((48,), 0.01), torch.eye(48)[:, :40])
        self.preprocess = Preprocess(IMAGE_SIZE)
        self.encoded = 0
        self.largest_batch = 0
        self._lock = Lock()

    @classmethod
    def load(cls, checkpoint: Path, **_: object) -> FakeEncoder:
        return cls(read_info(checkpoint).fingerprint)

    @property
    def name(self) -> str:
        return f"{self.arch}-{self.fingerprint[:8]}"

    @property
    def pooler(self) -> Pooler:
        return Pooler(self.latent_shape, self.whitening)

    @property
    def vector_sizes(self) -> Mapping[Pooling, int]:
        return self.pooler.sizes

    def vectors(
        self, pixels: torch.Tensor, poolings: Iterable[Pooling]
    ) -> dict[Pooling, NDArray[np.float32]]:
        with self._lock:
            self.encoded += len(pixels)
            self.largest_batch = max(self.largest_batch, len(pixels))
        latent = adaptive_avg_pool2d(pixels.float() / 255, self.latent_shape[1:])
        return {pooling: self.pooler.pool(latent, pooling).numpy() for pooling in poolings}


def make_checkpoint(folder: Path, name: str) -> Path:
    """A checkpoint folder that FakeEncoder.load reads; another name, another fingerprint."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "format_version": 1,
        "arch": FakeEncoder.arch,
        "output": "sigmoid",
        "preprocess": {"image_size": IMAGE_SIZE, "mean": [0, 0, 0], "std": [1, 1, 1]},
        "fingerprint": hashlib.sha256(name.encode()).hexdigest(),
        "training": {},
    }
    (folder / "model.json").write_text(json.dumps(content))
    (folder / "model.safetensors").write_text(f"weights of {name}")
    return folder
