"""Learning-rate schedulers of the study, by the names that command lines use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LambdaLR,
    LRScheduler,
    ReduceLROnPlateau,
)

Scheduler = LRScheduler | ReduceLROnPlateau

# Constants: the study's report. All schedulers step once per epoch.
SCHEDULERS: Mapping[str, Callable[[Optimizer, int], Scheduler]] = {
    "none": lambda optimizer, _epochs: LambdaLR(optimizer, lambda _epoch: 1.0),
    "cosine": lambda optimizer, epochs: CosineAnnealingLR(optimizer, T_max=epochs),
    "warm-restarts-5": lambda optimizer, _epochs: CosineAnnealingWarmRestarts(
        optimizer, T_0=5, T_mult=1, eta_min=1e-4
    ),
    "warm-restarts-10": lambda optimizer, _epochs: CosineAnnealingWarmRestarts(
        optimizer, T_0=10, T_mult=1, eta_min=1e-4
    ),
    "plateau": lambda optimizer, _epochs: ReduceLROnPlateau(
        optimizer, factor=0.2, patience=2, threshold=1e-4, min_lr=5e-5
    ),
}
"""name -> maker of (optimizer, number of epochs)."""


def step(scheduler: Scheduler, validation_loss: float) -> None:
    """Tell the scheduler that an epoch is over."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(validation_loss)
    else:
        scheduler.step()
