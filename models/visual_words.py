"""Visual words: an image as local histograms of the small patches that it is made of.

The bag of visual words of Sivic and Zisserman ("Video Google", ICCV 2003) as layers of a
convolutional network: patches are matched by a convolution, every position is shared out among the
words (soft assignment: van Gemert et al., "Visual word ambiguity", TPAMI 32(7), 2010), and cells
are averaged. Square roots make Euclidean comparison of histograms the Hellinger distance
(Arandjelovic, Zisserman, "Three things everyone should know to improve object retrieval", CVPR
2012). models/word_fitting.py finds the words of a set of images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.word_layers import VisualWords

LEAST_CONTRAST = 0.2
"""Added to the standard deviation of a patch, in units of the encoder's input, before patches are
brought to equal contrast: below it a patch counts as flat, and noise is not blown up."""
LEAST_SHARE = 1e-5
"""Added to histograms before the root, whose slope at 0 is infinite."""


class WordAssignment(nn.Module):
    """What share each word has in each position.

    Args:
        layer: number and size of the words, and what of a patch is looked at.
        channels: of the patches: 1 when they are grey.
    """

    def __init__(self, layer: VisualWords, *, channels: int) -> None:
        super().__init__()
        self.layer = layer
        self.match = nn.Conv2d(channels, layer.words, layer.kernel, layer.stride)

    def seen(self, images: Tensor) -> Tensor:
        """What patches are cut from: ``images`` as far as words look at them, border mirrored.

        Shape: (B, C, H, W) -> (B, 1 or C, H + kernel - 1, W + kernel - 1).
        """
        if self.layer.grey:
            images = images.mean(dim=1, keepdim=True)
        border = self.layer.kernel // 2
        return F.pad(images, [border] * 4, mode="reflect") if border else images

    def forward(self, images: Tensor) -> Tensor:
        """Shares in [0, 1], 1 in all at each position.

        Shape: (B, C, H, W) -> (B, words, H // stride, W // stride).
        """
        height, width = (side // self.layer.stride for side in images.shape[2:])
        # One product of matrices, words last: faster than a convolution of so few channels, and
        # softmax over the last dimension of the memory is several times as fast.
        words, bias = self.match.weight.flatten(1), self.match.bias
        assert bias is not None
        if self.layer.equalise:  # with words that sum to zero, the mean of a patch falls out
            words = words - words.mean(dim=1, keepdim=True)
        patches = self.patches(images, height, width)
        words = words.T.expand(len(images), -1, -1)
        matches = torch.baddbmm(bias, patches.transpose(1, 2), words)
        shares = _shared_out(matches)
        return shares.view(len(images), height, width, -1).permute(0, 3, 1, 2)

    def patches(self, images: Tensor, height: int, width: int) -> Tensor:
        """The patch at each of height x width positions, at equal contrast where that is asked for.

        Shape: (B, C, H, W) -> (B, 1 or C times kernel * kernel, height * width).
        """
        windows = _windows(self.seen(images.contiguous()), self.match)
        patches = windows[:, :, :height, :width].flatten(2)
        if not self.layer.equalise:
            return patches
        mean = patches.mean(dim=1, keepdim=True)
        square = patches.square().mean(dim=1, keepdim=True)
        variance = torch.addcmul(square, mean, mean, value=-1)
        return patches * variance.clamp_(min=0).add_(LEAST_CONTRAST**2).rsqrt_()


def _windows(images: Tensor, match: nn.Conv2d) -> Tensor:
    """What ``match`` looks at, at every position.

    Shape: (B, C, H, W) -> (B, C * kernel * kernel, rows, columns).
    """
    kernel, stride = match.kernel_size[0], match.stride[0]
    if torch.onnx.is_in_onnx_export():  # ONNX has no operator that cuts out windows
        size = match.in_channels * kernel**2
        picks = torch.eye(size).view(size, match.in_channels, kernel, kernel)
        return F.conv2d(images, picks, stride=stride)
    windows = images.unfold(2, kernel, stride).unfold(3, kernel, stride)
    return windows.permute(0, 1, 4, 5, 2, 3).flatten(1, 3)


def _shared_out(matches: Tensor) -> Tensor:
    """Softmax over the last dimension."""
    if matches.requires_grad or torch.onnx.is_in_onnx_export():
        return torch.softmax(matches, dim=-1)
    # In place: the maps are large, and fresh memory costs more than the arithmetic.
    return torch.softmax(matches, dim=-1, out=matches)


class HellingerHistogram(nn.Module):
    """Square roots of the mean shares in each cell.

    Args:
        cell: side of a cell, in positions.
    """

    def __init__(self, cell: int) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, shares: Tensor) -> Tensor:
        """Shape: (B, K, H, W) -> (B, K, H // cell, W // cell)."""
        return F.avg_pool2d(shares, self.cell).add_(LEAST_SHARE).sqrt_()


class TowardsMean(nn.Module):
    """mean + local * (cell - mean): what an image shows counts more than where.

    So all poolings gain from a cell knowing the whole (docs/embedding.md).

    Args:
        local: share of a cell's own difference from the mean that stays, in [0, 1].
    """

    def __init__(self, local: float) -> None:
        super().__init__()
        self.local = local

    def forward(self, latent: Tensor) -> Tensor:
        """Shape: (B, C, H, W) -> (B, C, H, W)."""
        mean = latent.mean(dim=(2, 3), keepdim=True)
        return torch.lerp(mean.expand_as(latent), latent, self.local)


class UnitLength(nn.Module):
    """Every map divided by the root mean square length of its cells.

    With lengths equal, Euclidean distances rank as cosines do, and maps side by side count alike.
    """

    def forward(self, latent: Tensor) -> Tensor:
        """Shape: (B, C, H, W) -> (B, C, H, W)."""
        square = (latent**2).sum(dim=1, keepdim=True).mean(dim=(2, 3), keepdim=True)
        return latent * (square + LEAST_SHARE**2).rsqrt()


def has_words(encoder: nn.Module) -> bool:
    """Whether ``encoder`` has visual words, which are fitted and not trained."""
    return any(isinstance(module, WordAssignment) for module in encoder.modules())
