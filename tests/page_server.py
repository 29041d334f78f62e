"""The page served as ``python -m search_ui`` serves it, in a thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import uvicorn

from indexer.search import Searcher
from search_ui.__main__ import bind
from search_ui.app import make_app
from search_ui.builds import Builder
from search_ui.server import make_server

PATIENCE_SECONDS = 30
GRADIO_WARNS = "ignore:'future.no_silent_downcasting' is deprecated"
"""For ``pytest.mark.filterwarnings``: Gradio's queue uses an option of pandas that goes away."""


@contextmanager
def served(
    searcher: Searcher, *, builder: Builder | None = None, study_dir: Path | None = None
) -> Iterator[str]:
    """The address of a page that answers from ``searcher``, while the context lasts."""
    servers: Queue[uvicorn.Server] = Queue()
    addresses: Queue[str] = Queue()

    async def serve() -> None:
        # Made inside an event loop, for Gradio would make one of its own and never close it.
        app = make_app(searcher, builder=builder, study_dir=study_dir)
        server = make_server(app, bound, on_ready=addresses.put)
        servers.put(server)
        await server.serve(sockets=[bound])

    with bind("127.0.0.1", 0) as bound:
        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        server = servers.get(timeout=PATIENCE_SECONDS)
        try:
            yield addresses.get(timeout=PATIENCE_SECONDS)
        finally:
            server.should_exit = True
            thread.join(PATIENCE_SECONDS)
