"""The page in a process of its own, started exactly as ``python -m search_ui`` starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import httpx


@contextmanager
def serving(
    data: Path, *options: object, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """A server of its own process on ``data``, and a client of it."""
    words = ("--port", "0", "--data-dir", data, *options)
    command = [sys.executable, "-W", "ignore", "-m", "search_ui", *map(str, words)]
    variables = {**os.environ, "TMPDIR": str(data.parent), **(environment or {})}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stderr is not None
        try:
            ready = next(line for line in process.stderr if "ready" in line)
            found = re.search(r"http://\S+", ready)
            assert found is not None
            # A full pipe would stop the server.
            Thread(target=process.stderr.read, daemon=True).start()
            with httpx.Client(base_url=found[0], timeout=30, trust_env=False) as client:
                yield client, process
        finally:
            process.kill()
