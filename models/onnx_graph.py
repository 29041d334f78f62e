"""An encoder as an ONNX graph: written by PyTorch's exporter, kept on disk, never trusted unseen.

A graph is used only after its latent of one image was PyTorch's. So a file that is damaged, that
belongs to other weights, or that another version wrote is found out, and written anew.
"""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.errors import RuntimeUnusableError

if TYPE_CHECKING:
    from torch import Tensor, nn

OPSET = 17
"""Version of ONNX's operators."""
TOLERANCE = 1e-4
"""Largest difference from PyTorch's latent, as a share of its largest value."""

_logger = logging.getLogger(__name__)


class OnnxGraph:
    """A graph in ONNX Runtime on the CPU, one thread a call. Thread-safe.

    Args:
        graph: of one image: ``images`` (1, 3, S, S) -> ``latent`` (1, C, H, W), float32.

    Raises:
        RuntimeUnusableError: ONNX Runtime cannot run it.
    """

    def __init__(self, graph: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()  # type: ignore[attr-defined]
        # Several images are encoded at once, each by a thread of its own.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        with _translated_errors():
            self._session = onnxruntime.InferenceSession(  # type: ignore[attr-defined]
                graph, options, providers=["CPUExecutionProvider"]
            )

    def __call__(self, images: Tensor) -> Tensor:
        """float32 (B, 3, S, S) -> latent float32 (B, C, H, W); image by image."""
        rows = images.contiguous().numpy()
        with _translated_errors():
            latents = [self._session.run(None, {"images": row[None]})[0] for row in rows]
        return torch.cat([torch.from_numpy(latent) for latent in latents])


def open_graph(module: nn.Module, image_size: int, kept: Path | None) -> OnnxGraph:
    """The graph of ``module``: the one in the file ``kept`` if it is right, or a new one.

    Args:
        module: from input to latents, in evaluation mode, on the CPU.
        image_size: S, side of the input, in pixels.
        kept: a new graph is written there, if that is possible.

    Raises:
        RuntimeUnusableError: PyTorch cannot export it, or ONNX Runtime gives other latents.
    """
    image = torch.rand(1, 3, image_size, image_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = module(image)
    if kept is not None:
        try:
            return _checked(kept.read_bytes(), image, expected)
        except (OSError, RuntimeUnusableError) as error:
            _logger.debug("a new graph is made: %s", error)
    content = export(module, image)
    graph = _checked(content, image, expected)
    if kept is not None:
        _keep(content, kept)
    return graph


def export(module: nn.Module, image: Tensor) -> bytes:
    """The graph of ``module`` for ``image`` (1, 3, S, S).

    For one image, because batches are no faster on a CPU, and because the exporter has to know
    every shape to write visual words. PyTorch has a newer exporter (``dynamo=True``), for which a
    further package is needed; what it would write differs in nothing that counts here.

    Raises:
        RuntimeUnusableError: it has operations that ONNX has not.
    """
    graph = io.BytesIO()
    with torch.no_grad(), _quietly():
        try:
            torch.onnx.export(
                module,
                (image,),
                graph,  # type: ignore[arg-type]  # this exporter takes a stream, too
                dynamo=False,
                input_names=["images"],
                output_names=["latent"],
                opset_version=OPSET,
            )
        except (torch.onnx.OnnxExporterError, RuntimeError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise RuntimeUnusableError(
                f"PyTorch cannot export this network to ONNX: {reason}; give --runtime torch"
            ) from error
    return graph.getvalue()


def _checked(content: bytes, image: Tensor, expected: Tensor) -> OnnxGraph:
    """The graph in ``content``, if its latent of ``image`` is ``expected``."""
    graph = OnnxGraph(content)
    latent = graph(image)
    if latent.shape != expected.shape:
        raise RuntimeUnusableError(f"the graph's latent is {tuple(latent.shape)}")
    apart = float((latent - expected).abs().max())
    if not apart <= TOLERANCE * float(expected.abs().max()):
        raise RuntimeUnusableError(
            f"ONNX Runtime's latent is {apart:.1e} off PyTorch's; give --runtime torch"
        )
    return graph


def _keep(content: bytes, path: Path) -> None:
    """Put a graph on the disk, all of it or none; where that is not possible, do without."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        _logger.debug("%s is not written: %s", path, error)
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def _quietly() -> Iterator[None]:
    """The exporter warns that it is the older one, and of constants, which are meant here.

    What it cannot export it prints, whatever is asked of it; stdout is for the results of commands.
    """
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    torch._C._jit_set_onnx_log_output_stream("stderr")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


@contextmanager
def _translated_errors() -> Iterator[None]:
    """ONNX Runtime's errors, which have no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as names

    errors: tuple[Any, ...] = (
        names.EPFail,
        names.Fail,
        names.InvalidArgument,
        names.InvalidGraph,
        names.InvalidProtobuf,
        names.NotImplemented,
        names.RuntimeException,
    )
    try:
        yield
    except errors as error:
        reason = str(error).partition("\n")[0]
        raise RuntimeUnusableError(f"ONNX Runtime cannot run the graph: {reason}") from error
