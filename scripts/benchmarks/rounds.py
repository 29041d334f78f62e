"""Timing in turns: every way once per round, so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True, slots=True)
class Measurement:
    """One way to do it: seconds of every round for the same images."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median seconds."""
        return statistics.median(self.seconds)


def run_rounds(stages: Mapping[str, Callable[[], object]], rounds: int) -> list[Measurement]:
    """Every stage once per round; the first round warms up and does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in stages}
    for number in range(rounds + 1):
        for name, stage in stages.items():
            started = perf_counter()
            stage()
            if number:
                seconds[name].append(perf_counter() - started)
    return [Measurement(name, tuple(values)) for name, values in seconds.items()]
