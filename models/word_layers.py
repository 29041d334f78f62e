"""The layers that encoders of visual words are declared with (models/visual_words.py)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.layers import Shape, Unlearned

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class VisualWords:
    """Which of ``words`` learned patches stands at each position.

    Attributes:
        words: K, the number of patches, and of channels that come out.
        kernel: side of a patch, odd.
        stride: distance of the positions.
        grey: look at the mean of the channels only.
        equalise: take patches at equal contrast, so that light and exposure do not matter.
        sharpness: how much the best word takes at a fitted start; 0 shares evenly.
    """

    words: int
    kernel: int
    stride: int
    grey: bool = False
    equalise: bool = False
    sharpness: float = 1.0

    @property
    def summary(self) -> str:
        """How many words, of what."""
        look = "grey" if self.grey else "colour"
        patches = f"{look} patches {self.kernel}x{self.kernel}" if self.kernel > 1 else "one pixel"
        return f"{self.words} words of {patches}, stride {self.stride}"

    def output_shape(self, shape: Shape) -> Shape:
        """One position per whole stride; at the border patches are mirrored."""
        _, height, width = shape
        return (self.words, height // self.stride, width // self.stride)

    def _inputs(self, channels: int) -> int:
        return 1 if self.grey else channels

    def parameters(self, channels: int) -> int:
        """A patch and a bias per word."""
        return self.words * (self._inputs(channels) * self.kernel**2 + 1)

    def macs(self, shape: Shape) -> int:
        """One patch per output value."""
        words, height, width = self.output_shape(shape)
        return words * height * width * self._inputs(shape[0]) * self.kernel**2

    def build(self, channels: int) -> list[nn.Module]:
        """WordAssignment."""
        from models.visual_words import WordAssignment

        return [WordAssignment(self, channels=self._inputs(channels))]


@dataclass(frozen=True, slots=True)
class LocalHistogram(Unlearned):
    """How often each word stands in each square cell, as square roots.

    Attributes:
        cell: side of a cell, in positions of what comes in.
    """

    cell: int

    @property
    def summary(self) -> str:
        """Cell."""
        return f"histograms of cells {self.cell}x{self.cell}"

    def output_shape(self, shape: Shape) -> Shape:
        """Whole cells only."""
        channels, height, width = shape
        return (channels, height // self.cell, width // self.cell)

    def build(self, channels: int) -> list[nn.Module]:  # noqa: ARG002 - the protocol's signature
        """HellingerHistogram."""
        from models.visual_words import HellingerHistogram

        return [HellingerHistogram(self.cell)]


@dataclass(frozen=True, slots=True)
class GlobalContext(Unlearned):
    """Draw every cell towards the mean of all cells.

    Attributes:
        local: share of a cell's own difference from the mean that stays, in [0, 1].
    """

    local: float

    @property
    def summary(self) -> str:
        """Share that stays."""
        return f"cells drawn to their mean ({self.local:g} stays)"

    def output_shape(self, shape: Shape) -> Shape:
        """Unchanged."""
        return shape

    def build(self, channels: int) -> list[nn.Module]:  # noqa: ARG002 - the protocol's signature
        """TowardsMean."""
        from models.visual_words import TowardsMean

        return [TowardsMean(self.local)]


@dataclass(frozen=True, slots=True)
class OneLength(Unlearned):
    """Divide each map by the root mean square length of its cells."""

    @property
    def summary(self) -> str:
        """What is done."""
        return "brought to one length"

    def output_shape(self, shape: Shape) -> Shape:
        """Unchanged."""
        return shape

    def build(self, channels: int) -> list[nn.Module]:  # noqa: ARG002 - the protocol's signature
        """UnitLength."""
        from models.visual_words import UnitLength

        return [UnitLength()]
