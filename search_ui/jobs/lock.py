"""The lock that says which job runs: held by the job's own processes, not by the server.

The starter takes it and hands the open file down to the runner and the runner's commands. The
system lets go of it when the last of them ends, however it ends. So it outlives the server, and no
process id that was given to somebody else meanwhile can be taken for the job.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import closing
from pathlib import Path

_PATIENCE_SECONDS = 2.0
"""Longer than anybody looks at the lock, which shares it for a moment, and longer than a process
takes to end that has nothing more to do."""


class JobLock:
    """One lock file.

    Args:
        path: the file; made when needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, job: str) -> int | None:
        """Take it for ``job``.

        Returns:
            The open file, to be handed down and closed; None where another job holds the lock.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(file)
                    return None
                time.sleep(0.01)
            else:
                os.ftruncate(file, 0)
                os.pwrite(file, job.encode(), 0)
                return file

    def holder(self) -> str | None:
        """The job that holds it."""
        try:
            opened = self._path.open()
        except FileNotFoundError:
            return None
        with closing(opened) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read()
            return None
