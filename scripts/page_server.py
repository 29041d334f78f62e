"""The page, served for a script: in a thread of this process, or in a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING

from models.errors import SimilarityError

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

PATIENCE_SECONDS = 120


class PageNotServedError(SimilarityError):
    """The page could not be started."""


@dataclass(frozen=True, slots=True)
class ServedPage:
    """A page in a process of its own: its address, and the process's number."""

    url: str
    pid: int


@contextmanager
def served_in_thread(
    make_app: Callable[[], FastAPI], *, trusted_proxies: Sequence[str] = ()
) -> Iterator[str]:
    """The address of an app, while the context lasts; this process shares its searcher."""
    from search_ui.__main__ import bind
    from search_ui.serving.server import make_server

    servers: Queue[uvicorn.Server] = Queue()
    addresses: Queue[str] = Queue()

    async def serve() -> None:
        # Made inside an event loop, for Gradio would make one of its own and never close it.
        server = make_server(
            make_app(), bound, on_ready=addresses.put, trusted_proxies=trusted_proxies
        )
        servers.put(server)
        await server.serve(sockets=[bound])

    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        try:
            server = servers.get(timeout=PATIENCE_SECONDS)
        except Empty:
            raise PageNotServedError("the page did not start: see the traceback above") from None
        try:
            yield addresses.get(timeout=PATIENCE_SECONDS)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)


@contextmanager
def served_in_process(
    data_dir: Path, *more: str, environment: Mapping[str, str] | None = None
) -> Iterator[ServedPage]:
    """``python -m search_ui`` on a free port, while the context lasts.

    Args:
        data_dir: folder of the indexes.
        more: further arguments.
        environment: variables beside those of this process.

    Raises:
        PageNotServedError: with what the process said last.
    """
    command = [sys.executable, "-m", "search_ui", "--port", "0", "--data-dir", str(data_dir), *more]
    variables = {**os.environ, **(environment or {})}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said = line.strip() or said
            if found := re.search(r"is ready: (http://\S+)", line):
                break
        else:
            raise PageNotServedError(f"the page did not start: {said}")
        # What it says later must not fill the pipe.
        reader = threading.Thread(target=lambda: sys.stderr.writelines(process.stderr or ()))
        reader.start()
        try:
            yield ServedPage(found[1], process.pid)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            reader.join(PATIENCE_SECONDS)
