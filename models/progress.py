"""How far a long run is, in a file that another process reads: no torch here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol, Self, TypeVar

INTERVAL = 0.5
"""Seconds between two writings, at least."""
MOST_POINTS = 300
"""Most points that a curve keeps, an even number: then neighbours are merged in pairs."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A loss and when it was: ``epoch`` 1.25 is a quarter into the second epoch."""

    epoch: float
    loss: float


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a run.

    Attributes:
        phase: what is being done: ``unpacking``, ``reading``, ``words`` (fitting visual words),
            ``views`` (training heads on views), ``training``, ``whitening``; of a sync
            ``comparing``, ``encoding`` (in a dry run ``checking``), ``publishing``.
        done, total: images of this phase, seen again counted again; a total of 0 where there is
            nothing to count.
        per_second: images of this phase per second, its pauses included; None before the first.
        remaining_seconds: until the end of the phase, at that speed; None when not known.
        epoch, epochs: the one under way, from 1, and how many there will be; 0 outside training.
        losses: means over the training batches between two points.
        validation_losses: of the validation part, at the end of each epoch.
    """

    phase: str
    done: int = 0
    total: int = 0
    per_second: float | None = None
    remaining_seconds: float | None = None
    epoch: int = 0
    epochs: int = 0
    losses: tuple[CurvePoint, ...] = ()
    validation_losses: tuple[CurvePoint, ...] = ()

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        """Rebuild what ``dataclasses.asdict`` and JSON made of one.

        Raises:
            KeyError, TypeError: they made something else.
        """
        curves = {
            name: tuple(CurvePoint(**point) for point in values[name])  # type: ignore[attr-defined]
            for name in ("losses", "validation_losses")
        }
        return cls(**{**values, **curves})  # type: ignore[arg-type]


def read_progress(path: Path) -> Progress | None:
    """What the run that writes ``path`` told last; None before that."""
    try:
        return Progress.from_json(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


class Curve:
    """Points over a run of any length, at most MOST_POINTS of them, of equal weight."""

    def __init__(self) -> None:
        self._kept: list[CurvePoint] = []
        self._merged = 1
        self._waiting: list[CurvePoint] = []

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """What there is to draw."""
        return (*self._kept, _mean(self._waiting)) if self._waiting else tuple(self._kept)

    def add(self, epoch: float, loss: float) -> None:
        """Go on to ``epoch``."""
        self._waiting.append(CurvePoint(epoch, loss))
        if len(self._waiting) < self._merged:
            return
        self._kept.append(_mean(self._waiting))
        self._waiting = []
        if len(self._kept) == MOST_POINTS:
            pairs = zip(self._kept[::2], self._kept[1::2], strict=True)
            self._kept = [_mean(pair) for pair in pairs]
            self._merged *= 2


def _mean(points: Sequence[CurvePoint]) -> CurvePoint:
    """Several as one, at the last."""
    return CurvePoint(points[-1].epoch, sum(point.loss for point in points) / len(points))


class Phases(Protocol):
    """Hears how far something is, phase after phase."""

    def begin(self, phase: str, *, total: int = 0) -> None:
        """Start a phase of ``total`` images."""

    def advance(self, images: int = 1) -> None:
        """Go on by ``images``."""


class ProgressFile:
    """Tells the progress of one process, phase after phase.

    The file is replaced in one step, so that a reader never sees half of it. That it cannot be
    written stops no run.

    Args:
        path: the file; None to tell nobody.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._phase = ""
        self._done = self._total = self._before = 0
        self._epoch = self._epochs = 0
        self._losses, self._validation_losses = Curve(), Curve()
        self._began = self._written = perf_counter()

    @property
    def is_due(self) -> bool:
        """Whether it is time to write; what costs something to know is asked for only then."""
        return self._path is not None and perf_counter() - self._written >= INTERVAL

    def begin(self, phase: str, *, total: int = 0, done: int = 0) -> None:
        """Start a phase of ``total`` images; ``done`` of them were done by an earlier run."""
        self._phase, self._total = phase, total
        self._done = self._before = done
        self._epoch = self._epochs = 0
        self._began = perf_counter()
        self._write()

    def advance(self, images: int = 1) -> None:
        """Go on by ``images``."""
        self._done += images
        if self.is_due or self._done == self._total:
            self._write()

    def track(self, items: Iterable[T], phase: str, *, total: int) -> Iterator[T]:
        """``items``, one image each, as a phase."""
        self.begin(phase, total=total)
        for item in items:
            yield item
            self.advance()

    def epoch(self, epoch: int, epochs: int) -> None:
        """Start an epoch."""
        self._epoch, self._epochs = epoch, epochs

    def loss(self, epoch: float, loss: float) -> None:
        """Add to the training curve."""
        self._losses.add(epoch, loss)

    def validation_loss(self, epoch: int, loss: float) -> None:
        """Add to the validation curve."""
        self._validation_losses.add(epoch, loss)
        self._write()

    def _look(self) -> Progress:
        done_here = self._done - self._before
        seconds = perf_counter() - self._began
        speed = done_here / seconds if done_here and seconds else None
        left = None if speed is None or not self._total else (self._total - self._done) / speed
        return Progress(
            phase=self._phase,
            done=self._done,
            total=self._total,
            per_second=speed,
            remaining_seconds=left,
            epoch=self._epoch,
            epochs=self._epochs,
            losses=self._losses.points,
            validation_losses=self._validation_losses.points,
        )

    def _write(self) -> None:
        if self._path is None:
            return
        self._written = perf_counter()
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(OSError):
            beside.write_text(json.dumps(asdict(self._look())))
            beside.replace(self._path)
