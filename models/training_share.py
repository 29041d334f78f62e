"""Which images are for training, and which of a step are whose where several processes train."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

VALIDATION_SHARE = 0.15
"""85 : 15, as in the study."""


@dataclass(frozen=True, slots=True)
class Share:
    """The images of one step that one process computes.

    Every ``processes``-th from the ``first`` on, as ``torch.utils.data.DistributedSampler`` deals
    them out, but none twice: where a last step has too few for all, a process without any computes
    one that counts nothing.

    Attributes:
        first: place of its first image, from 0.
        processes: that share the step.
        images: of the whole step.
    """

    first: int
    processes: int
    images: int

    def of(self, rows: Tensor) -> Tensor:
        """Its rows of all rows of the step. Shape: (images, ...) -> (max(count, 1), ...)."""
        return rows[self.first :: self.processes] if self.count else rows[:1]

    @property
    def count(self) -> int:
        """Images that count."""
        return len(range(self.first, self.images, self.processes))

    @property
    def weight(self) -> float:
        """Of its mean in the mean over the step."""
        return self.count / self.images


def split(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the training and of the validation part, 85 : 15, both at least one of two."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    held_out = min(max(round(count * VALIDATION_SHARE), 1), max(count - 1, 0))
    return order[held_out:], order[:held_out]
