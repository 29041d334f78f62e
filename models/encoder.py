"""Encoder: a checkpoint made ready to turn images into vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

from models.autoencoder import ConvAutoencoder
from models.blocks import fold_batch_norm
from models.checkpoint import (
    checkpoint_name,
    fingerprint_of,
    load_checkpoint,
    stored_tensors,
)
from models.device import choose_device
from models.errors import RuntimeMissingError
from models.pooler import Pooler
from models.pooling import LatentShape, Pooling
from models.preprocess import Preprocess
from models.runtimes import OnnxEncoder, Runtime, onnx_is_installed
from models.whitening import Whitening
from models.word_fitting import has_words

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
        runtime: what runs it; ONNX Runtime on the CPU only.

    Raises:
        RuntimeMissingError: ``runtime`` is ``onnx``, and that is not installed, or not for
            ``device``.
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
        self.runtime = _chosen(runtime, encoder, self._device)
        self._latent: Callable[[Tensor], Tensor]
        if self.runtime is Runtime.ONNX:
            self._latent = OnnxEncoder(encoder, preprocess.image_size)
        else:
            # Channels last is 1.4-1.5 times as fast as PyTorch's default layout on a CPU.
            self._latent = encoder.to(
                self._device,
                memory_format=torch.channels_last,  # type: ignore[call-overload]
            )

    @classmethod
    def load(
        cls, checkpoint: Path, *, device: str = "auto", runtime: Runtime = Runtime.TORCH
    ) -> Self:
        """Load the encoder of the checkpoint folder ``checkpoint``.

        Raises:
            CheckpointError: no checkpoint there, or a damaged one.
            RuntimeMissingError: as for the constructor.
        """
        loaded = load_checkpoint(checkpoint)
        return cls(
            loaded.model,
            loaded.info.preprocess,
            whitening=loaded.whitening,
            fingerprint=loaded.info.fingerprint,
            device=device,
            runtime=runtime,
        )

    @property
    def name(self) -> str:
        """As :func:`models.checkpoint.checkpoint_name` makes it."""
        return checkpoint_name(self.arch, self.fingerprint)

    @property
    def device_type(self) -> str:
        """Where it computes: "cpu", "cuda", ..."""
        return self._device.type

    @property
    def vector_sizes(self) -> Mapping[Pooling, int]:
        """The poolings that :meth:`vectors` can do, and the number of values of their vectors."""
        return self._pooler.sizes

    @torch.inference_mode()
    def encode(self, pixels: Tensor) -> Tensor:
        """uint8 (B, 3, S, S) -> latent float32 (B, C, H, W)."""
        if self.device_type == "cuda":  # from pinned memory, copies overlap with computing
            pixels = pixels.pin_memory().to(self._device, non_blocking=True)
        images = self.preprocess.normalize(pixels.to(self._device))
        if self.runtime is Runtime.TORCH:
            images = images.contiguous(memory_format=torch.channels_last)
        return self._latent(images).contiguous()

    @torch.inference_mode()
    def vectors(
        self, pixels: Tensor, poolings: Iterable[Pooling]
    ) -> dict[Pooling, NDArray[np.float32]]:
        """Encode once, pool often: uint8 (B, 3, S, S) -> float32 (B, D) per pooling.

        Raises:
            PoolingError: a pooling that is not in ``vector_sizes``.
        """
        latent = self.encode(pixels)
        pool = self._pooler.pool
        return {pooling: pool(latent, pooling).cpu().numpy() for pooling in poolings}


def _chosen(runtime: Runtime, encoder: nn.Module, device: torch.device) -> Runtime:
    """TORCH or ONNX. Visual words stay with PyTorch, where they take half the time."""
    on_cpu = device.type == "cpu"
    if runtime is Runtime.ONNX and not on_cpu:
        raise RuntimeMissingError(
            f"runtime 'onnx' runs on the CPU only, not on {device}; use --runtime torch"
        )
    if runtime is Runtime.AUTO:
        pays = on_cpu and onnx_is_installed() and not has_words(encoder)
        return Runtime.ONNX if pays else Runtime.TORCH
    return runtime
