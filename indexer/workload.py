"""How much is worked on at once: resolved where a command starts, and handed down from there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

MOST_WORKERS = 32
"""Most workers unless the user says otherwise: each holds a decoded image, and Python's own part of
the work, which takes turns, does not keep more of them busy."""

GPU_BATCH_SIZE = 64
"""Images that a GPU encodes in one call, unless the user says otherwise."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How many images are worked on at once. Vectors do not depend on it, beyond rounding.

    Attributes:
        workers: threads that read files.
        batch_size: images encoded in one call. 1: each worker encodes what it has read, with one
            thread; that keeps all cores of a CPU at work, which larger batches do not.
    """

    workers: int
    batch_size: int = 1

    @classmethod
    def on(cls, device: str, *, workers: int | None = None, batch_size: int | None = None) -> Self:
        """What suits a kind of device (``cpu``, ``cuda``, ...), where nobody says otherwise."""
        usual = 1 if device == "cpu" else GPU_BATCH_SIZE
        return cls(workers or min(MOST_WORKERS, usable_cores()), batch_size or usual)

    @property
    def ahead(self) -> int:
        """Most files that are read, or being read, beyond those that are being encoded.

        A whole batch, so that the next one is ready when the device is; and a few for each worker,
        so that none waits for a slow neighbour.
        """
        return max(4 * self.workers, self.batch_size)


def usable_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
