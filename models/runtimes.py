"""What computes an encoder: PyTorch, or ONNX Runtime where the extra ``[fast]`` is installed.

Both give the same latents to about one part in 10^6, so that an index made with one is searched
with the other. ONNX Runtime is faster on CPUs for stacks of convolutions, and slower for visual
words (``scripts/benchmark.py index``).
"""

from __future__ import annotations

import io
import logging
import warnings
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING

from models.errors import RuntimeMissingError

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 17
"""Version of the operators in the exported graph; ONNX Runtime reads this and newer ones."""


class Runtime(StrEnum):
    """Who computes. ``auto``: ONNX Runtime where it is installed and faster, else PyTorch."""

    AUTO = "auto"
    TORCH = "torch"
    ONNX = "onnx"


def onnx_is_installed() -> bool:
    """Whether ONNX Runtime, and onnx for the export, can be imported."""
    return find_spec("onnxruntime") is not None and find_spec("onnx") is not None


class OnnxEncoder:
    """An encoder as an ONNX Runtime session on the CPU, one thread a call. Thread-safe.

    Args:
        encoder: images (B, 3, S, S) to latents (B, C, H, W), on the CPU; it is not changed.
        image_size: S.

    Raises:
        RuntimeMissingError: the extra ``[fast]`` is not installed.
    """

    def __init__(self, encoder: nn.Module, image_size: int) -> None:
        if not onnx_is_installed():
            raise RuntimeMissingError(
                "runtime 'onnx' needs ONNX Runtime, which is not installed: "
                "pip install -e '.[fast]', or use --runtime torch"
            )
        import onnxruntime

        options = onnxruntime.SessionOptions()  # type: ignore[attr-defined]
        # Several images are encoded at once, each by a thread of its own.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(  # type: ignore[attr-defined]
            export(encoder, image_size), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, images: Tensor) -> Tensor:
        """float32 (B, 3, S, S) -> latent float32 (B, C, H, W)."""
        import torch

        rows = [self._session.run(None, {"images": image[None].numpy()})[0] for image in images]
        return torch.cat([torch.from_numpy(row) for row in rows])


def export(encoder: nn.Module, image_size: int) -> bytes:
    """The ONNX graph of ``encoder`` for one image: float32 (1, 3, S, S), S = ``image_size``.

    One, because batches are no faster on a CPU, and some shapes of visual words are only known for
    a given one.
    """
    import torch

    # The exporter lays out what it is given; ours is channels last, for PyTorch's own kernels.
    plain = torch.zeros(1, 3, image_size, image_size)
    graph = io.BytesIO()
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # The exporter that needs no further package is called legacy, and constants that
            # follow from the image's size are called dangerous; the size never changes here.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                encoder,
                (plain,),
                graph,  # type: ignore[arg-type]  # paths alone are declared, files work too
                dynamo=False,
                input_names=["images"],
                output_names=["latent"],
                opset_version=OPSET,
            )
    finally:
        exporter.setLevel(level)
    return graph.getvalue()
