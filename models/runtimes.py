"""What computes an encoder's latents: PyTorch, or ONNX Runtime. No import of either here.

Both give the same latents to about one part in 10^6, so that an index made with one is searched
with the other.
"""

from __future__ import annotations

from enum import StrEnum
from importlib.util import find_spec


class Runtime(StrEnum):
    """Who computes.

    ``auto`` is ONNX Runtime where it is installed, on a CPU, for networks that it is faster with,
    as :mod:`models.runtime_choice` measures; otherwise PyTorch.
    """

    AUTO = "auto"
    TORCH = "torch"
    ONNX = "onnx"


def onnx_is_installed() -> bool:
    """Whether the extra ``[fast]`` is: ONNX Runtime, and onnx for writing graphs."""
    return all(find_spec(name) is not None for name in ("onnxruntime", "onnx"))
