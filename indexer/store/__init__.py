"""Where vectors live: one interface, and the choice of a back end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from indexer.errors import StoreError
from indexer.settings import Settings
from indexer.store.base import IndexWriter, VectorStore

if TYPE_CHECKING:
    from indexer.store.server_options import ServerOptions

__all__ = ["IndexWriter", "VectorStore", "open_store"]


def open_store(settings: Settings, *, options: ServerOptions | None = None) -> VectorStore:
    """The store that ``settings`` name: on a server, or embedded in the data folder.

    The embedded one makes nothing on disk before the first writer.

    Args:
        settings: where it is.
        options: how collections are laid out on a server.

    Raises:
        ServerError: the server cannot be reached, does not fit, or refuses the key.
        StoreError: the embedded engine is not installed on this machine.
    """
    if settings.qdrant_url:
        # A second to import, which the embedded store does without.
        from indexer.store.server import ServerStore
        from indexer.store.server_link import connect

        link = connect(settings.qdrant_url, settings.qdrant_api_key)
        return ServerStore(link, options=options)
    try:
        from indexer.store.edge import EdgeStore
    except ImportError as error:
        raise StoreError(
            f"the embedded engine cannot be loaded ({error}): qdrant-edge-py has wheels for Linux "
            "(x86_64, aarch64; glibc 2.28 or newer), macOS on Apple silicon, and Windows on "
            "x86_64; elsewhere use a Qdrant server: --qdrant-url"
        ) from error
    return EdgeStore(settings.data_dir)
