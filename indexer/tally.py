"""The numbers of a sync, as they come to be known."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from indexer.changes import Rewrite
from indexer.schema import IndexSpec
from indexer.types import FailedFile, SyncReport


@dataclass(slots=True)
class Tally:
    """Numbers of images, the files that failed, and the seconds of each step."""

    added: int = 0
    updated: int = 0
    moved: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: list[FailedFile] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the time spent inside to ``step``, in seconds."""
        start = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - start

    def count_rewrites(self, rewrites: Sequence[Rewrite]) -> None:
        """Note images that keep their vectors."""
        moved = sum(rewrite.is_move for rewrite in rewrites)
        self.moved += moved
        self.unchanged += len(rewrites) - moved

    def report(self, spec: IndexSpec) -> SyncReport:
        """What a sync of ``spec`` did."""
        return SyncReport(
            dataset=spec.dataset,
            checkpoint=spec.checkpoint,
            added=self.added,
            updated=self.updated,
            moved=self.moved,
            unchanged=self.unchanged,
            removed=self.removed,
            failed=tuple(sorted(self.failed, key=lambda failure: failure.path)),
            collections=spec.collections,
            seconds={step: round(seconds, 3) for step, seconds in self.seconds.items()},
        )
