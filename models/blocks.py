"""Torch modules that architectures are built from, where torch has none of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.overrides import TorchFunctionMode


class SideBySide(nn.ModuleList):
    """Every module on the same input; their outputs in a row, channel after channel."""

    def forward(self, features: Tensor) -> Tensor:
        """Shape: (B, C, H, W) -> (B, sum of the modules' channels, H', W')."""
        return torch.cat([module(features) for module in self], dim=1)


class Shrink(nn.Module):
    """Mean of each square window; windows do not overlap.

    By adding up every row and column of the windows: of few channels that is several times as fast
    as ``avg_pool2d``.

    Args:
        kernel: side of a window.
    """

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, images: Tensor) -> Tensor:
        """Shape: (B, C, H, W) -> (B, C, H // kernel, W // kernel)."""
        return self._added(self._added(images, 2), 3) / self.kernel**2

    def _added(self, images: Tensor, dim: int) -> Tensor:
        """Sums of ``kernel`` neighbours along ``dim``; what is left over at the end is left out."""
        return reduce(torch.add, images.unfold(dim, self.kernel, self.kernel).unbind(-1))


class UnallocatedParameters(TorchFunctionMode):
    """Modules made inside this context have their parameters on the meta device: no values.

    ``torch.device("meta")`` would put every tensor there, and some constructors compute with
    tensors: torchvision's RegNet its widths.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if func is torch.empty and kwargs.get("device") is None:  # how layers make parameters
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def fold_batch_norm(module: nn.Module) -> None:
    """Fold every batch norm that follows a convolution in an ``nn.Sequential`` into it.

    For evaluation only: the statistics become constants of the weights. The function stays; the
    residual blocks of torchvision's ResNets keep their norms, which costs them a twentieth.

    Args:
        module: in evaluation mode; it is changed, on every level.
    """
    for row in module.modules():
        if not isinstance(row, nn.Sequential):
            continue
        for place, (layer, following) in enumerate(pairwise(row)):
            if isinstance(layer, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
                row[place] = fuse_conv_bn_eval(layer, following)
                row[place + 1] = nn.Identity()
