"""What happens to one image, layer by layer: what tables and diagrams are made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models.layers import Layer, Parallel, Shape


@dataclass(frozen=True, slots=True)
class Step:
    """One layer at work on an image of a given size.

    Attributes:
        summary: what the layer is, in a few words.
        shape: (C, H, W) that comes out.
        parameters: number of learned values.
        gflop: 10^9 floating point operations for one image; a multiply-add counts as two.
        branches: the rows of layers that work side by side in this one, if it has any.
    """

    summary: str
    shape: Shape
    parameters: int
    gflop: float
    branches: tuple[tuple[Step, ...], ...] = ()


def trace(layers: Iterable[Layer], shape: Shape) -> tuple[Step, ...]:
    """The steps of ``layers`` in a row, for one feature map of ``shape``."""
    steps = []
    for layer in layers:
        after = layer.output_shape(shape)
        branches = layer.branches if isinstance(layer, Parallel) else ()
        steps.append(
            Step(
                summary=layer.summary,
                shape=after,
                parameters=layer.parameters(shape[0]),
                gflop=2 * layer.macs(shape) / 1e9,
                branches=tuple(trace(branch, shape) for branch in branches),
            )
        )
        shape = after
    return tuple(steps)
