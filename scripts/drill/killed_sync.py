"""One ``python -m indexer sync`` as a process, killed after some time or left alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from indexer.layout import DataFolder

REPOSITORY = Path(__file__).parents[2]
DATASET = "drill"


class Phase(StrEnum):
    """Where a sync was when it was killed, as far as it shows from outside."""

    STARTING = "starting, scanning, comparing"
    ENCODING = "encoding and writing"
    PUBLISHING = "sweeping and publishing"
    TIDYING = "tidying up after publishing"
    FINISHED = "finished before the kill"


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
        """Let it finish; returns its seconds.

        Raises:
            RuntimeError: it failed; the text is what it said.
        """
        start = time.perf_counter()
        with self._start() as process:
            _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(f"sync failed: {said}")
        return time.perf_counter() - start

    def run_until(self, seconds: float) -> Phase:
        """Kill it after ``seconds``, with the signal that no program can catch.

        Raises:
            RuntimeError: it failed by itself before.
        """
        before = self._pointer()
        with self._start() as process:
            try:
                _, said = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                _, said = process.communicate()
        if process.returncode > 0:
            raise RuntimeError(f"sync failed: {said}")
        if process.returncode == 0:
            return Phase.FINISHED
        return _phase(said, published=self._pointer() != before)

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                sys.executable, "-m", "indexer", "sync", str(self.root), "--dataset", DATASET,
                "--checkpoint", str(self.checkpoint), "--data-dir", str(self.data_dir), "--json",
            ],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def _pointer(self) -> bytes:
        path = DataFolder(self.data_dir).indexes / f"{DATASET}.json"
        return path.read_bytes() if path.exists() else b""


def _phase(said: str, *, published: bool) -> Phase:
    """From the progress bar on stderr and the pointer."""
    if published:
        return Phase.TIDYING
    shares = re.findall(r"encoding: +(\d+)%", said)
    if not shares:
        return Phase.STARTING
    return Phase.PUBLISHING if shares[-1] == "100" else Phase.ENCODING
