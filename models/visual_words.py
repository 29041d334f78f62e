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
        # Means over channels and window by convolution: faster than mean and pooling are.
        window = torch.full((1, channels, layer.kernel, layer.kernel), 1 / layer.kernel**2)
        self.register_buffer("window", window / channels, persistent=False)

    def seen(self, images: Tensor) -> Tensor:
        """What patches are cut from: ``images`` as far as words look at them, border mirrored.

        Shape: (B, C, H, W) -> (B, 1 or C, H + kernel - 1, W + kernel - 1).
        """
        if self.layer.grey:
            channels = images.shape[1]
            images = F.conv2d(images, images.new_full((1, channels, 1, 1), 1 / channels))
        border = self.layer.kernel // 2
        return F.pad(images, [border] * 4, mode="reflect") if border else images

    def forward(self, images: Tensor) -> Tensor:
        """Shares in [0, 1], 1 in all at each position.

        Shape: (B, C, H, W) -> (B, words, H // stride, W // stride).
        """
        height, width = (side // self.layer.stride for side in images.shape[2:])
        matches = self.matches(self.seen(images))[:, :, :height, :width]
        # Softmax over the last dimension of the memory is several times as fast as over another.
        return torch.softmax(matches.permute(0, 2, 3, 1), dim=3).permute(0, 3, 1, 2)

    def matches(self, patches: Tensor) -> Tensor:
        """How well each word fits the patch at each position, before they share it out."""
        weight, bias, stride = self.match.weight, self.match.bias, self.layer.stride
        if not self.layer.equalise:
            if self.layer.kernel == 1:  # positions between the strides are not looked at
                return F.conv2d(patches[:, :, ::stride, ::stride].contiguous(), weight, bias)
            return F.conv2d(patches, weight, bias, stride)
        # A patch at equal contrast is (p - mean) / deviation. With filters that sum to zero the
        # mean falls out, and the deviation, one number per position, can be divided by afterwards.
        assert bias is not None
        filters = weight - weight.mean(dim=(1, 2, 3), keepdim=True)
        fits = F.conv2d(patches, filters, stride=stride)
        # In place: the maps are large, and fresh memory costs more than the arithmetic.
        return fits.div_(self.deviation(patches)).add_(bias.view(-1, 1, 1))

    def deviation(self, patches: Tensor) -> Tensor:
        """Standard deviation of the patch at each position, at least LEAST_CONTRAST.

        Shape: (B, C, H, W), border included -> (B, 1, H', W').
        """
        assert isinstance(self.window, Tensor)
        mean = F.conv2d(patches, self.window, stride=self.layer.stride)
        square = F.conv2d(patches * patches, self.window, stride=self.layer.stride)
        variance = torch.addcmul(square, mean, mean, value=-1)
        return variance.clamp_(min=0).add_(LEAST_CONTRAST**2).sqrt_()


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
        return (F.avg_pool2d(shares, self.cell) + LEAST_SHARE).sqrt()


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
