"""One ``python -m indexer sync`` as a process, killed after some time or left alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from indexer.layout import DataFolder

REPOSITORY = Path(__file__).parents[2]
DATASET = "drill"
_GLANCE = 0.005


class Phase(StrEnum):
    """Where a sync was when it was killed, as far as it shows from outside."""

    COMPARING = "comparing, keeping vectors of moved files"
    ENCODING = "encoding and writing"
    PUBLISHING = "sweeping and publishing"
    TIDYING = "tidying up after publishing"
    FINISHED = "finished before the kill"

    @property
    def has_published(self) -> bool:
        """Whether nothing is left for the next sync."""
        return self in (Phase.TIDYING, Phase.FINISHED)


@dataclass(frozen=True, slots=True)
class SyncProcess:
    """How to start a sync.

    Attributes:
        root: folder of the images.
        data_dir: the data folder.
        checkpoint: what to encode with.
    """

    root: Path
    data_dir: Path
    checkpoint: Path

    def run(self) -> float:
        """Let it finish; returns the seconds from the moment on when it may write.

        Raises:
            RuntimeError: it failed; the text is what it said.
        """
        with self._started() as process:
            start = time.perf_counter()
            process.wait()
            seconds = time.perf_counter() - start
        self._check(process)
        return seconds

    def run_until(self, seconds: float) -> Phase:
        """Kill it ``seconds`` after it may write, with the signal that no program can catch.

        Raises:
            RuntimeError: it failed by itself before.
        """
        before = self._pointer()
        with self._started() as process:
            try:
                process.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        self._check(process)
        if process.returncode == 0:
            return Phase.FINISHED
        return _phase(self._said.read_text(), published=self._pointer() != before)

    @contextmanager
    def _started(self) -> Iterator[subprocess.Popen[bytes]]:
        """A sync that has come as far as being the writer, or has ended before."""
        self._said.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "indexer", "sync", str(self.root), "--dataset", DATASET,
            "--checkpoint", str(self.checkpoint), "--data-dir", str(self.data_dir), "--json",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        with (
            self._said.open("wb") as said,
            subprocess.Popen(
                command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=said
            ) as process,
        ):
            while process.poll() is None and not self._is_writer(process.pid):
                time.sleep(_GLANCE)
            yield process

    @property
    def _said(self) -> Path:
        """What it says on stderr; a file, for a pipe that nobody reads would stop it."""
        return self.data_dir / "drill.log"

    def _check(self, process: subprocess.Popen[bytes]) -> None:
        if process.returncode > 0:
            raise RuntimeError(f"sync failed: {self._said.read_text()}")

    def _is_writer(self, process: int) -> bool:
        path = DataFolder(self.data_dir).indexes / f"{DATASET}.writer"
        with suppress(OSError):
            return path.read_text().startswith(f"process {process} ")
        return False

    def _pointer(self) -> bytes:
        path = DataFolder(self.data_dir).indexes / f"{DATASET}.json"
        return path.read_bytes() if path.exists() else b""


def _phase(said: str, *, published: bool) -> Phase:
    """From the progress bar on stderr and the pointer."""
    if published:
        return Phase.TIDYING
    shares = re.findall(r"encoding: +(\d+)%", said)
    if not shares:
        return Phase.COMPARING
    return Phase.PUBLISHING if shares[-1] == "100" else Phase.ENCODING
