"""Torch modules that architectures are built from, where torch has none of its own."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ResidualBlock(nn.Module):
    """relu(x + f(x)), f two normalised convolutions: He et al., 2016, arXiv 1512.03385.

    Args:
        channels: in and out.
        kernel: side of both kernels, odd.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.activation = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Shape: (B, C, H, W) -> (B, C, H, W)."""
        out: Tensor = self.activation(features + self.body(features))
        return out


def fold_batch_norm(module: nn.Sequential) -> nn.Sequential:
    """The same function with every batch norm folded into the convolution before it.

    For evaluation only: the statistics become constants of the weights.
    """
    folded: list[nn.Module] = []
    for layer in module:
        if isinstance(layer, nn.BatchNorm2d) and folded and isinstance(folded[-1], nn.Conv2d):
            folded[-1] = fuse_conv_bn_eval(folded[-1], layer)
        else:
            if isinstance(layer, ResidualBlock):
                layer.body = fold_batch_norm(layer.body)
            folded.append(layer)
    return nn.Sequential(*folded)
