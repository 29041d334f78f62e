"""The layers that architectures are declared with.

A declaration is data: shapes, parameters and multiplications follow from it by arithmetic, without
torch; :meth:`Layer.build` makes the torch modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from torch import nn

Activation = Literal["relu", "gelu", "sigmoid", "none"]
Shape = tuple[int, int, int]
"""(channels, height, width) of one feature map; a height or width below 1 means: too small."""


class Layer(Protocol):
    """One step of an encoder or decoder."""

    @property
    def summary(self) -> str:
        """What it is, in a few words, such as "conv 3x3, relu"."""
        ...

    def output_shape(self, shape: Shape) -> Shape:
        """Shape after this layer."""
        ...

    def parameters(self, channels: int) -> int:
        """Number of learned values when ``channels`` channels come in."""
        ...

    def macs(self, shape: Shape) -> int:
        """Multiply-accumulate operations for one feature map of ``shape``."""
        ...

    def build(self, channels: int) -> list[nn.Module]:
        """Torch modules, with PyTorch's default initialisation."""
        ...


class Unlearned:
    """A layer without learned values; comparisons, additions and the like are not counted."""

    __slots__ = ()

    def parameters(self, channels: int) -> int:  # noqa: ARG002 - the protocol's signature
        """None."""
        return 0

    def macs(self, shape: Shape) -> int:  # noqa: ARG002 - the protocol's signature
        """None: there is nothing to multiply by."""
        return 0


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution and activation."""

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    activation: Activation = "relu"

    @property
    def summary(self) -> str:
        """Kernel, stride and activation."""
        return _words("conv", self.kernel, self.stride, self.activation)

    def output_shape(self, shape: Shape) -> Shape:
        """floor((n + 2*padding - kernel) / stride) + 1 on each side."""
        _, height, width = shape
        return (self.channels, self._side(height), self._side(width))

    def _side(self, length: int) -> int:
        return floor((length + 2 * self.padding - self.kernel) / self.stride) + 1

    def parameters(self, channels: int) -> int:
        """Weights and one bias per output channel."""
        return self.channels * (channels * self.kernel**2 + 1)

    def macs(self, shape: Shape) -> int:
        """One kernel per output value."""
        channels, height, width = self.output_shape(shape)
        return channels * height * width * shape[0] * self.kernel**2

    def build(self, channels: int) -> list[nn.Module]:
        """Conv2d, then the activation."""
        from torch import nn

        conv = nn.Conv2d(channels, self.channels, self.kernel, self.stride, self.padding)
        return [conv, *build_activation(self.activation)]


@dataclass(frozen=True, slots=True)
class Deconv:
    """Transposed convolution and activation."""

    channels: int
    kernel: int = 2
    stride: int = 2
    padding: int = 0
    output_padding: int = 0
    activation: Activation = "relu"

    @property
    def summary(self) -> str:
        """Kernel, stride and activation."""
        return _words("transposed conv", self.kernel, self.stride, self.activation)

    def output_shape(self, shape: Shape) -> Shape:
        """(n - 1)*stride - 2*padding + kernel + output_padding on each side."""
        _, height, width = shape
        return (self.channels, self._side(height), self._side(width))

    def _side(self, length: int) -> int:
        return (length - 1) * self.stride - 2 * self.padding + self.kernel + self.output_padding

    def parameters(self, channels: int) -> int:
        """Weights and one bias per output channel."""
        return self.channels * (channels * self.kernel**2 + 1)

    def macs(self, shape: Shape) -> int:
        """One kernel per input value."""
        channels, height, width = shape
        return channels * height * width * self.channels * self.kernel**2

    def build(self, channels: int) -> list[nn.Module]:
        """ConvTranspose2d, then the activation."""
        from torch import nn

        deconv = nn.ConvTranspose2d(
            channels, self.channels, self.kernel, self.stride, self.padding, self.output_padding
        )
        return [deconv, *build_activation(self.activation)]


@dataclass(frozen=True, slots=True)
class MaxPool(Unlearned):
    """Maximum over a window, without padding."""

    kernel: int = 2
    stride: int = 2

    @property
    def summary(self) -> str:
        """Window and stride."""
        return _words("max pool", self.kernel, self.stride)

    def output_shape(self, shape: Shape) -> Shape:
        """floor((n - kernel) / stride) + 1 on each side."""
        channels, height, width = shape
        return (channels, self._side(height), self._side(width))

    def _side(self, length: int) -> int:
        return floor((length - self.kernel) / self.stride) + 1

    def build(self, channels: int) -> list[nn.Module]:  # noqa: ARG002 - the protocol's signature
        """MaxPool2d."""
        from torch import nn

        return [nn.MaxPool2d(self.kernel, self.stride)]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Several rows of layers side by side on the same input; their channels one after the other."""

    branches: tuple[tuple[Layer, ...], ...]

    @property
    def summary(self) -> str:
        """How many branches."""
        return f"{len(self.branches)} branches side by side"

    def output_shape(self, shape: Shape) -> Shape:
        """The channels of all branches; too small for one branch is too small for all.

        Raises:
            ValueError: the sides of the branches differ.
        """
        shapes = [output_shape(branch, shape) for branch in self.branches]
        channels = sum(each[0] for each in shapes)
        sides = {each[1:] for each in shapes}
        smallest = min(sides, key=min)
        if len(sides) > 1 and min(smallest) > 0:
            raise ValueError(f"the branches' sides differ: {sorted(sides)} from {shape[1:]}")
        return (channels, *smallest)

    def parameters(self, channels: int) -> int:
        """Of all branches."""
        return sum(count_parameters(branch, channels=channels) for branch in self.branches)

    def macs(self, shape: Shape) -> int:
        """Of all branches."""
        return sum(count_macs(branch, shape) for branch in self.branches)

    def build(self, channels: int) -> list[nn.Module]:
        """SideBySide."""
        from models.blocks import SideBySide

        return [SideBySide(build_layers(branch, channels=channels) for branch in self.branches)]


@dataclass(frozen=True, slots=True)
class AveragePool(Unlearned):
    """Mean of each square window; windows do not overlap.

    Attributes:
        kernel: side of a window.
    """

    kernel: int = 2

    @property
    def summary(self) -> str:
        """Window."""
        return f"average pool {self.kernel}x{self.kernel}"

    def output_shape(self, shape: Shape) -> Shape:
        """Whole windows only."""
        channels, height, width = shape
        return (channels, height // self.kernel, width // self.kernel)

    def build(self, channels: int) -> list[nn.Module]:  # noqa: ARG002 - the protocol's signature
        """Shrink."""
        from models.blocks import Shrink

        return [Shrink(self.kernel)]


def _words(name: str, kernel: int, stride: int, activation: Activation = "none") -> str:
    """Such as "conv 3x3, stride 2, relu"."""
    parts = [f"{name} {kernel}x{kernel}"]
    if stride > 1:
        parts.append(f"stride {stride}")
    if activation != "none":
        parts.append(activation)
    return ", ".join(parts)


def build_activation(activation: Activation) -> list[nn.Module]:
    """The activation's module; an empty list for ``none``."""
    from torch import nn

    builders: dict[Activation, list[type[nn.Module]]] = {
        "relu": [nn.ReLU],
        "gelu": [nn.GELU],
        "sigmoid": [nn.Sigmoid],
        "none": [],
    }
    return [module() for module in builders[activation]]


def build_layers(layers: Iterable[Layer], *, channels: int) -> nn.Sequential:
    """The modules of ``layers`` in a row, for ``channels`` incoming channels."""
    from torch import nn

    modules: list[nn.Module] = []
    for layer in layers:
        modules.extend(layer.build(channels))
        channels = layer.output_shape((channels, 1, 1))[0]
    return nn.Sequential(*modules)


def output_shape(layers: Iterable[Layer], shape: Shape) -> Shape:
    """Shape after ``layers`` in a row."""
    for layer in layers:
        shape = layer.output_shape(shape)
    return shape


def count_macs(layers: Iterable[Layer], shape: Shape) -> int:
    """Multiply-accumulate operations of ``layers`` in a row for one feature map of ``shape``."""
    total = 0
    for layer in layers:
        total += layer.macs(shape)
        shape = layer.output_shape(shape)
    return total


def count_parameters(layers: Iterable[Layer], *, channels: int) -> int:
    """Number of learned values of ``layers`` in a row, for ``channels`` incoming channels."""
    total = 0
    for layer in layers:
        total += layer.parameters(channels)
        channels = layer.output_shape((channels, 1, 1))[0]
    return total
