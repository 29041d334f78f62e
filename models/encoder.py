"""Encoder: a checkpoint made ready to turn images into vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy, deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from models.autoencoder import ConvAutoencoder
from models.blocks import fold_batch_norm
from models.checkpoint import (
    checkpoint_name,
    fingerprint_of,
    load_checkpoint,
    stored_tensors,
)
from models.device import choose_device
from models.errors import DeviceMemoryError
from models.networks import Network, open_network
from models.onnx_graph import OnnxGraph
from models.pooler import Pooler
from models.pooling import LatentShape, Pooling
from models.preprocess import Preprocess
from models.runtimes import Runtime
from models.whitening import Whitening

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Encoder:
    """The encoder half of an autoencoder, in evaluation mode on one device. Thread-safe.

    Args:
        model: an autoencoder; its encoder is copied.
        preprocess: how images become its input.
        whitening: makes ``whitened`` vectors; there are none without it.
        fingerprint: 64 hex digits over weights and preprocessing; computed when not given.
        device: where to run, as :func:`models.device.choose_device` takes it.
        runtime: what runs it there.
        folder: keeps what is found out once of how to run it (models/networks.py).

    Raises:
        RuntimeUnusableError: ``runtime`` is ``onnx``, and it cannot be used.
    """

    def __init__(
        self,
        model: ConvAutoencoder,
        preprocess: Preprocess,
        *,
        whitening: Whitening | None = None,
        fingerprint: str | None = None,
        device: str = "auto",
        runtime: Runtime = Runtime.TORCH,
        folder: Path | None = None,
    ) -> None:
        self.arch = model.architecture.name
        self.preprocess = preprocess
        self.fingerprint = fingerprint or fingerprint_of(
            stored_tensors(model, whitening), self.arch, preprocess
        )
        self.latent_shape: LatentShape = model.latent_shape(preprocess.image_size)
        self._device = choose_device(device)
        encoder = deepcopy(model.encoder).eval()
        fold_batch_norm(encoder)
        self._pooler = Pooler(
            self.latent_shape, None if whitening is None else whitening.to(self._device)
        )
        self._network = open_network(
            encoder,
            preprocess.image_size,
            device=self._device,
            runtime=runtime,
            folder=folder,
        )

    @classmethod
    def load(
        cls, checkpoint: Path, *, device: str = "auto", runtime: Runtime = Runtime.AUTO
    ) -> Self:
        """Load the encoder of the checkpoint folder ``checkpoint``.

        What is found out of how to run it, and a graph for ONNX Runtime, are kept beside the
        weights.

        Raises:
            CheckpointError: no checkpoint there, or a damaged one.
            RuntimeUnusableError: ``runtime`` is ``onnx``, and it cannot be used.
        """
        loaded = load_checkpoint(checkpoint)
        return cls(
            loaded.model,
            loaded.info.preprocess,
            whitening=loaded.whitening,
            fingerprint=loaded.info.fingerprint,
            device=device,
            runtime=runtime,
            folder=checkpoint,
        )

    def computed_by(self, network: Network) -> Self:
        """The same encoder with latents from ``network``, to compare with; of one fingerprint."""
        other = copy(self)
        other._network = network
        return other

    @property
    def device_type(self) -> str:
        """The kind of device that it runs on: ``cpu``, ``cuda`` or another of PyTorch's."""
        return self._device.type

    @property
    def runtime(self) -> Runtime:
        """What runs it, ``torch`` or ``onnx``."""
        return Runtime.ONNX if isinstance(self._network, OnnxGraph) else Runtime.TORCH

    @property
    def name(self) -> str:
        """As :func:`models.checkpoint.checkpoint_name` makes it."""
        return checkpoint_name(self.arch, self.fingerprint)

    @property
    def vector_sizes(self) -> Mapping[Pooling, int]:
        """The poolings that :meth:`vectors` can do, and the number of values of their vectors."""
        return self._pooler.sizes

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) -> latent float32 (B, C, H, W)."""
        return self._network(self.preprocess.normalize(self._moved(pixels)))

    def _moved(self, pixels: Tensor) -> Tensor:
        """On the device; from pinned memory the copy goes on beside the computation before it."""
        if self._device.type == "cuda":
            return pixels.pin_memory().to(self._device, non_blocking=True)
        return pixels.to(self._device)

    @torch.inference_mode()
    def vectors(
        self, pixels: Tensor, poolings: Iterable[Pooling]
    ) -> dict[Pooling, NDArray[np.float32]]:
        """Encode once, pool often: uint8 (B, 3, S, S) -> float32 (B, D) per pooling.

        Raises:
            PoolingError: a pooling that is not in ``vector_sizes``.
            DeviceMemoryError: too many images for the device at once.
        """
        pool = self._pooler.pool
        try:
            latent = self.encode(pixels)
            return {pooling: pool(latent, pooling).cpu().numpy() for pooling in poolings}
        except torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                f"{self._device} has no memory for {len(pixels)} images at once; "
                "give a smaller --batch-size, or --device cpu"
            ) from error
