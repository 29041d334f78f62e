"""Which runtime a network is faster with: measured once for a checkpoint on a machine, and kept.

Neither always is (docs/findings.md): it depends on the network, the processor and the versions.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from models.runtimes import Runtime
from models.threads import one_thread_each

if TYPE_CHECKING:
    from torch import Tensor, nn

ROUNDS = 5
"""How often each encodes the image, in turns. The fastest time counts: other programs can only make
it longer."""

LEAD = 1.1
"""How many times as fast PyTorch must be: less is noise, and would be decided by chance."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that one image takes on one core.

    Attributes:
        torch, onnx: by runtime.
    """

    torch: float
    onnx: float

    @property
    def faster(self) -> Runtime:
        """The runtime to take."""
        return Runtime.TORCH if self.torch * LEAD < self.onnx else Runtime.ONNX


def measure(
    torch_network: Callable[[Tensor], Tensor],
    onnx_network: Callable[[Tensor], Tensor],
    image_size: int,
) -> Timing:
    """Time both on one image of ``image_size`` pixels square, as a CPU makes an index of many.

    That is with one thread a call; each worker of a sync has one.
    """
    image = torch.rand(1, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    networks = (torch_network, onnx_network)
    seconds: tuple[list[float], list[float]] = ([], [])
    with one_thread_each(), torch.inference_mode():
        for network in networks:  # the first call sets up kernels
            network(image)
        for _ in range(ROUNDS):
            for network, found in zip(networks, seconds, strict=True):
                start = time.perf_counter()
                network(image)
                found.append(time.perf_counter() - start)
    return Timing(*map(min, seconds))


def read_timing(path: Path, network: str) -> Timing | None:
    """What was measured of ``network`` on this machine with these versions; None: nothing was."""
    try:
        content = json.loads(path.read_bytes())
        if content["measured_on"] != _conditions(network):
            return None
        return Timing(float(content["seconds"]["torch"]), float(content["seconds"]["onnx"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_timing(path: Path, network: str, timing: Timing) -> None:
    """Keep ``timing``; where that is not possible, the next one measures again."""
    content = {"measured_on": _conditions(network), "seconds": asdict(timing)}
    try:
        path.write_text(json.dumps(content, indent=2))
    except OSError as error:
        _logger.debug("%s is not written: %s", path, error)


def network_name(module: nn.Module, image_size: int) -> str:
    """The same for networks that take the same time: of the same layers, at the same size."""
    return hashlib.sha256(f"{module} {image_size}".encode()).hexdigest()[:16]


def _conditions(network: str) -> dict[str, str]:
    """What the times depend on."""
    versions = {package: version(package) for package in ("torch", "onnxruntime")}
    return {"network": network, "processor": _processor(), **versions}


def _processor() -> str:
    """The processor's name where the system tells it, and its architecture anywhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
