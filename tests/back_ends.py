"""The back ends that the contract is checked on, by name.

``edge``: the embedded engine. ``memory``: the server's back end on qdrant-client's in-memory mode;
``rest`` and ``grpc``: with the wire between them. ``server``: on the server that QDRANT_URL names;
it touches only what begins with a prefix of this run, and removes that. docs/server.md lists what
only a real server can show.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from qdrant_client import QdrantClient

from indexer.settings import KEY_VARIABLE, URL_VARIABLE, Settings
from indexer.store import VectorStore, open_store
from indexer.store.server import ServerStore
from indexer.store.server_link import CLIENT_VERSION, Link, connect
from tests.prefixed_client import PrefixedClient
from tests.qdrant_stand_in import stand_in

# Read before the tests' fixture clears it.
URL, KEY = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE) or "a-key-of-tests"

NO_EFFECT_IN_MEMORY = (
    "ignore:Local mode performs exact:UserWarning",
    "ignore:Payload indexes have no effect in the local:UserWarning",
)
"""What the in-memory mode warns of, for ``pytest.mark.filterwarnings``."""


@dataclass(frozen=True)
class SharedLink(Link):
    """A link that several stores use: none of them ends it."""

    def close(self) -> None:
        pass


def memory_link() -> SharedLink:
    """A new, empty in-memory server."""
    engine = f"qdrant {CLIENT_VERSION} in memory"
    return SharedLink(QdrantClient(":memory:"), ":memory:", engine)


def prefixed_link(url: str, prefix: str) -> Link:
    """A server, seen through ``prefix``."""
    link = connect(url, KEY)
    return replace(link, client=cast("Any", PrefixedClient(link.client, prefix)))


def open_back_end(data: Path, url: str, prefix: str) -> VectorStore:
    """A store of its own, in this or another process: embedded where there is no ``url``."""
    return ServerStore(prefixed_link(url, prefix)) if url else open_store(Settings(data))


class BackEnd:
    """Makes stores that share what is stored.

    Attributes:
        arguments: of ``open_back_end``; None where no other process can see what is stored.
    """

    def __init__(self, name: str, data: Path, *, url: str = "", prefix: str = "") -> None:
        self.name = name
        self.arguments = None if name == "memory" else (str(data), url, prefix)
        self._link = memory_link()

    def open(self) -> VectorStore:
        """A store of its own."""
        if self.arguments is None:
            return ServerStore(self._link)
        data, url, prefix = self.arguments
        return open_back_end(Path(data), url, prefix)


@contextmanager
def back_end(name: str, data: Path) -> Iterator[BackEnd]:
    """The back end ``name`` with nothing in it, and nothing left of it afterwards."""
    if name in {"rest", "grpc"}:
        with stand_in(key=KEY, with_grpc=name == "grpc") as server:
            yield BackEnd(name, data, url=server.url)
    elif name == "server":
        assert URL is not None
        prefix = f"test-{uuid.uuid4().hex[:8]}-"
        try:
            yield BackEnd(name, data, url=URL, prefix=prefix)
        finally:
            cast("Any", prefixed_link(URL, prefix).client).remove_everything()
    else:
        yield BackEnd(name, data)


BACK_ENDS = (
    "edge",
    "memory",
    "rest",
    "grpc",
    pytest.param(
        "server",
        marks=[
            pytest.mark.server,
            pytest.mark.skipif(not URL, reason=f"{URL_VARIABLE} names no server"),
        ],
    ),
)
