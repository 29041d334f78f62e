"""Shared use of a published shard, which the engine lets only one handle open at a time.

A lease opens the shard on demand, lets go of it after a minute without a question, and at once
when someone else waits. Whoever finds it open elsewhere waits a few seconds for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import CollectionBusyError
from indexer.store.edge_shard import ShardLockedError, load_shard
from indexer.store.holder import this_process

if TYPE_CHECKING:
    from qdrant_edge import EdgeShard

IDLE_SECONDS = 60.0
"""A lease without a question for this long closes its shard. Longer than people look at an answer
before they ask again: opening a small collection takes longer than ten searches of it."""

PATIENCE_SECONDS = 10.0
"""How long a shard that is open elsewhere is waited for. It takes so long only on a machine with
ten times more to do than it has cores for, where a process does not get its turn."""

GIVE_WAY_SECONDS = 2.0
"""How long whoever opens a shard lets one go first who waits for it already."""

_RETRY_SECONDS = 0.02
_LOOK_SECONDS = 0.05
_WAITING_SECONDS = 2.0


def holder_of(path: Path) -> str:
    """Who wrote ``path``, in words."""
    try:
        return path.read_text() or "another process"
    except OSError:
        return "another process"


class ShardLease:
    """The handle of one published shard, shared by the threads of this process.

    Two files beside the shard speak to other processes: ``.holder`` names who has it open,
    ``.waiting`` is touched by whoever waits for it.
    """

    def __init__(self, path: Path, *, images: int) -> None:
        self.path = path
        self._images = images
        self._lock = threading.Lock()
        self._shard: EdgeShard | None = None
        self._used = 0.0
        self._holder = path.with_name(f"{path.name}.holder")
        self._waiting = path.with_name(f"{path.name}.waiting")

    @contextmanager
    def use(self) -> Iterator[EdgeShard]:
        """The open shard; calls from several threads follow one another.

        Raises:
            CollectionBusyError: another process did not let go in time.
            ShardGoneError: it is not there, or not what was published.
        """
        with self._lock:
            if self._shard is None:
                self._open()
            assert self._shard is not None
            try:
                yield self._shard
            finally:
                self._used = time.monotonic()
                if self._waiting.exists():
                    self._let_go()

    def close(self) -> None:
        """Let go now; a later use opens the shard again."""
        with self._lock:
            self._let_go()

    def _give_way(self) -> None:
        """Let a waiting process go first, or one that asks all the time would starve it."""
        until = time.monotonic() + GIVE_WAY_SECONDS
        while self._others_wait() and time.monotonic() < until:
            time.sleep(_RETRY_SECONDS)

    def _open(self) -> None:
        self._give_way()
        deadline = time.monotonic() + PATIENCE_SECONDS
        waited = False
        while True:
            try:
                self._shard = load_shard(self.path, images=self._images)
                break
            except ShardLockedError:
                if time.monotonic() > deadline:
                    raise self._busy() from None
                waited = True
                self._touch(self._waiting, "")
                time.sleep(_RETRY_SECONDS)
        if waited:
            self._waiting.unlink(missing_ok=True)
        self._touch(self._holder, this_process())
        watch = threading.Thread(target=self._watch, args=(self._shard,), daemon=True)
        watch.start()

    def _others_wait(self) -> bool:
        try:
            age = time.time() - self._waiting.stat().st_mtime
        except OSError:
            return False
        if age > _WAITING_SECONDS:  # its writer gave up or died
            self._waiting.unlink(missing_ok=True)
        return age <= _WAITING_SECONDS

    def _busy(self) -> CollectionBusyError:
        self._waiting.unlink(missing_ok=True)
        return CollectionBusyError(
            f"collection {self.path.parent.name} is in use by {holder_of(self._holder)}; "
            "try again when it is done"
        )

    def _touch(self, path: Path, text: str) -> None:
        with suppress(OSError):  # a courtesy to others; the engine's own lock is what counts
            path.write_text(text)

    def _watch(self, shard: EdgeShard) -> None:
        """Close ``shard`` when it has been idle; one short-lived thread per opening."""
        while True:
            with self._lock:
                if self._shard is not shard:
                    return
                left = self._used + IDLE_SECONDS - time.monotonic()
                if left <= 0 or self._waiting.exists():
                    self._let_go()
                    return
            time.sleep(min(left, _LOOK_SECONDS))

    def _let_go(self) -> None:
        if self._shard is None:
            return
        with suppress(OSError):
            self._holder.unlink(missing_ok=True)
        self._shard.close()
        self._shard = None
