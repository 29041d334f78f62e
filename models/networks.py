"""A network ready to turn input into latents, on one device with one runtime."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from models.errors import RuntimeUnusableError
from models.onnx_graph import open_graph
from models.runtime_choice import measure, network_name, read_timing, write_timing
from models.runtimes import Runtime, onnx_is_installed
from models.visual_words import has_words

GRAPH_FILE = "encoder.onnx"
TIMING_FILE = "runtime.json"
"""In the folder of a checkpoint; both follow from the weights and may be deleted."""

_logger = logging.getLogger(__name__)

Network = Callable[[Tensor], Tensor]
"""float32 (B, 3, S, S) on its device -> latent float32 (B, C, H, W). Thread-safe."""


class TorchNetwork:
    """PyTorch, in the layout that its kernels like best.

    Args:
        module: in evaluation mode; it is moved to ``device``.
        device: where to run.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self._device = device
        # Channels last makes convolutions 1.4-1.5 times as fast as PyTorch's default layout on a
        # CPU, and cutting out patches slower.
        self._layout = torch.contiguous_format if has_words(module) else torch.channels_last
        self._module = module.to(device, memory_format=self._layout)  # type: ignore[call-overload]

    def __call__(self, images: Tensor) -> Tensor:
        """float32 (B, 3, S, S) on its device -> latent float32 (B, C, H, W)."""
        with self._precisely():
            latent: Tensor = self._module(images.contiguous(memory_format=self._layout))
        return latent.contiguous()

    def _precisely(self) -> AbstractContextManager[None]:
        """CuDNN's TF32 keeps 10 bits of each factor: not enough to find what a CPU indexed."""
        if self._device.type != "cuda":
            return nullcontext()
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def open_network(
    module: nn.Module,
    image_size: int,
    *,
    device: torch.device,
    runtime: Runtime,
    folder: Path | None = None,
) -> Network:
    """``module`` with the runtime asked for, or the one that is faster.

    Args:
        module: encoder in evaluation mode, on the CPU; it may be moved.
        image_size: S of its input, in pixels.
        device: where to run.
        runtime: what shall run it.
        folder: keeps the ONNX graph, and which runtime is faster, so that both are found out once.

    Raises:
        RuntimeUnusableError: ``onnx`` was asked for, and it is not installed, ``device`` is not the
            CPU, or the network cannot be exported.
    """
    if runtime is Runtime.AUTO and _onnx_may_pay(module, device):
        return _open_faster(module, image_size, device, folder)
    if runtime is not Runtime.ONNX:
        return TorchNetwork(module, device)
    _check_onnx(device)
    return open_graph(module, image_size, folder and folder / GRAPH_FILE)


def _open_faster(
    module: nn.Module, image_size: int, device: torch.device, folder: Path | None
) -> Network:
    """What is known to be faster, or is found to be now; PyTorch where the other cannot do it."""
    name = network_name(module, image_size)
    known = read_timing(folder / TIMING_FILE, name) if folder else None
    if known and known.faster is Runtime.TORCH:
        return TorchNetwork(module, device)
    try:
        graph = open_graph(module, image_size, folder and folder / GRAPH_FILE)
    except RuntimeUnusableError as error:
        _logger.warning("PyTorch encodes instead of ONNX Runtime: %s", error)
        return TorchNetwork(module, device)
    if known:
        return graph
    network = TorchNetwork(module, device)
    timing = measure(network, graph, image_size)
    if folder:
        write_timing(folder / TIMING_FILE, name, timing)
    if timing.faster is Runtime.ONNX:
        return graph
    if folder:
        with suppress(OSError):
            (folder / GRAPH_FILE).unlink(missing_ok=True)
    return network


def _onnx_may_pay(module: nn.Module, device: torch.device) -> bool:
    """Visual words take ONNX Runtime twice as long as PyTorch at least (docs/findings.md)."""
    return device.type == "cpu" and onnx_is_installed() and not has_words(module)


def _check_onnx(device: torch.device) -> None:
    if device.type != "cpu":
        raise RuntimeUnusableError(
            f"runtime onnx runs on the CPU, not on {device.type}; give --device cpu or "
            "--runtime torch"
        )
    if not onnx_is_installed():
        raise RuntimeUnusableError(
            "runtime onnx needs onnxruntime and onnx, which are not installed; "
            "`pip install -e '.[fast]'`, or give --runtime torch"
        )
