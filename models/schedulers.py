"""Learning-rate schedulers of the study, by the names that command lines use."""

from __future__ import annotations

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LambdaLR,
    LRScheduler,
    ReduceLROnPlateau,
)

Scheduler = LRScheduler | ReduceLROnPlateau


def make_scheduler(name: str, optimizer: Optimizer, *, epochs: int) -> Scheduler:
    """The scheduler called ``name``; it steps once per epoch. Constants: the study's report.

    Args:
        name: one of :data:`models.recipes.SCHEDULERS`.
        optimizer: whose learning rate is changed.
        epochs: how many there will be; ``cosine`` reaches 0 after the last.
    """
    match name:
        case "none":
            return LambdaLR(optimizer, lambda _epoch: 1.0)
        case "cosine":
            return CosineAnnealingLR(optimizer, T_max=epochs)
        case "warm-restarts-5":
            return CosineAnnealingWarmRestarts(optimizer, T_0=5, T_mult=1, eta_min=1e-4)
        case "warm-restarts-10":
            return CosineAnnealingWarmRestarts(optimizer, T_0=10, T_mult=1, eta_min=1e-4)
        case "plateau":
            return ReduceLROnPlateau(optimizer, factor=0.2, patience=2, threshold=1e-4, min_lr=5e-5)
        case _:
            raise ValueError(f"no scheduler {name!r}")


def step(scheduler: Scheduler, validation_loss: float) -> None:
    """Tell the scheduler that an epoch is over."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(validation_loss)
    else:
        scheduler.step()
