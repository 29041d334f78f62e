"""An encoder in 8-bit integers, to see what that would gain and cost; no index is made with one."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.encoder import Encoder
from models.onnx_graph import OnnxGraph, export

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

CALIBRATED_ON = 64
"""Most images that ranges of values are taken from."""


def quantized(encoder: Encoder, module: nn.Module, pixels: Tensor) -> Encoder:
    """``encoder`` in 8 bits: weights by output channel, activations by ranges over ``pixels``.

    Args:
        encoder: of ``module``.
        module: the encoder half of its model, in evaluation mode on the CPU.
        pixels: images to calibrate with. uint8, shape (N, 3, S, S).
    """
    images = encoder.preprocess.normalize(pixels[:CALIBRATED_ON])
    return encoder.computed_by(OnnxGraph(_quantize(export(module, images[:1]), images)))


def _quantize(graph: bytes, images: Tensor) -> bytes:
    import onnx
    from onnxruntime.quantization.calibrate import CalibrationDataReader
    from onnxruntime.quantization.quant_utils import QuantFormat, QuantType
    from onnxruntime.quantization.quantize import quantize_static

    class Images(CalibrationDataReader):
        """One image after the other."""

        def __init__(self) -> None:
            self._rows: Iterator[Tensor] = iter(images)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:  # type: ignore[override]
            """The next one; None after the last."""
            row = next(self._rows, None)
            return None if row is None else {"images": row[None].numpy()}

    logging.getLogger().setLevel(logging.ERROR)  # advice to prepare the graph, in vain here
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_static(
            onnx.load_from_string(graph),
            str(path),
            Images(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # without VNNI, sums of two full products overflow 16 bits
        )
        return path.read_bytes()


def neighbours_kept(vectors: NDArray[np.float32], others: NDArray[np.float32], *, k: int) -> float:
    """Mean share of the ``k`` nearest neighbours, by cosine, that both kinds of vectors have.

    Args:
        vectors: one kind. Shape: (N, D), N above k.
        others: the other kind, of the same images. Shape: (N, D').
        k: number of neighbours.
    """
    pairs = zip(_neighbours(vectors, k), _neighbours(others, k), strict=True)
    return float(np.mean([len(set(row) & set(other)) / k for row, other in pairs]))


def _neighbours(vectors: NDArray[np.float32], k: int) -> list[list[int]]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    nearest: list[list[int]] = np.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()
    return nearest
