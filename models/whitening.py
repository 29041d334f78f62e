"""Whitening: flatten vectors shortened to principal components of equal variance.

Jegou and Chum, "Negative evidences and co-occurences in image retrieval: the benefit of PCA and
whitening", ECCV 2012: values that rise and fall together count once instead of many times. Vectors
have unit length before it. Afterwards they have any length: a cosine collection gives them unit
length again, as the paper does; Euclid distances between them are Mahalanobis distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from models.errors import WhiteningError
from models.pooling import WHITENED_SIZE

MOST_IMAGES = 4_096
MOST_VALUES = 1 << 26
"""A fit looks at so many images and values (256 MiB) at most; 128 directions need no more."""
SHRINKAGE = 1e-3
"""Added to every eigenvalue, as a share of the largest: directions in which the images hardly
differ are not blown up to the size of the others."""
_OVERSAMPLING, _ITERATIONS = 32, 8
"""More than Halko, Martinsson and Tropp ask for (SIAM Review 53(2), 2011, section 1.3): latents
have flat spectra."""
_LEAST_SPREAD = 1e-6
"""What rounding leaves of the differences between equal vectors of unit length is below this."""
_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """An affine map of flatten vectors of unit length.

    Attributes:
        mean: what is taken away first. Shape: (D,).
        projection: its columns are the directions, scaled. Shape: (D, d).
    """

    mean: Tensor
    projection: Tensor

    def __post_init__(self) -> None:
        """Refuse tensors that do not belong together."""
        if self.mean.ndim != 1 or self.projection.ndim != 2 or self.size < 1:
            raise ValueError(f"{self.mean.shape} and {self.projection.shape} are no whitening")
        if len(self.mean) != len(self.projection):
            raise ValueError(f"a mean of {len(self.mean)} values, {len(self.projection)} projected")

    @property
    def flat_size(self) -> int:
        """D, number of values of the flatten vectors that it takes."""
        return self.projection.shape[0]

    @property
    def size(self) -> int:
        """d, number of values of a whitened vector."""
        return self.projection.shape[1]

    def apply(self, flat: Tensor) -> Tensor:
        """Whiten flatten vectors. Shape: (B, D) -> (B, d), float32."""
        return (F.normalize(flat.float(), dim=1) - self.mean) @ self.projection

    def to(self, device: torch.device) -> Self:
        """The same on ``device``."""
        return type(self)(self.mean.to(device), self.projection.to(device))


def sample_for_fit(images: int, flat_size: int) -> Tensor:
    """Indices of the images to fit a whitening to, ascending; the same ones for equal numbers.

    All of them, where they are few enough.
    """
    most = max(min(MOST_IMAGES, MOST_VALUES // flat_size), 2)
    order = torch.randperm(images, generator=torch.Generator().manual_seed(_SEED))
    return order[:most].sort().values


def fit_whitening(
    flat: Tensor, *, size: int = WHITENED_SIZE, shrinkage: float = SHRINKAGE
) -> Whitening:
    """Fit a whitening to flatten vectors; equal vectors give an equal whitening.

    Args:
        flat: vectors, on the CPU. Shape: (N, D).
        size: number of values of a whitened vector; fewer where there are only so many directions,
            which are no more than N - 1 and D.
        shrinkage: see :data:`SHRINKAGE`.

    Raises:
        WhiteningError: the vectors do not differ.
    """
    images, flat_size = flat.shape
    size = min(size, images - 1, flat_size)
    centred = F.normalize(flat.float(), dim=1)
    mean = centred.mean(dim=0)
    centred -= mean
    if size < 1 or not centred.norm(dim=1).max() > _LEAST_SPREAD:
        raise WhiteningError(f"the vectors of {images} images do not differ: nothing can be fitted")
    rank = min(size + _OVERSAMPLING, images, flat_size)
    # pca_lowrank draws from the global generator, which is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        _, singular, directions = torch.pca_lowrank(
            centred, q=rank, center=False, niter=_ITERATIONS
        )
    eigenvalues = singular[:size].square() / (images - 1)
    scale = (eigenvalues + shrinkage * eigenvalues[0]).rsqrt()
    return Whitening(mean, (directions[:, :size] * scale).contiguous())
