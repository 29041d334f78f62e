"""Where vectors live: one interface, and the choice of a back end."""

from __future__ import annotations

from pathlib import Path

from indexer.errors import StoreError
from indexer.store.base import IndexWriter, VectorStore

__all__ = ["IndexWriter", "VectorStore", "open_store"]


def open_store(data_dir: Path) -> VectorStore:
    """The embedded store of a data folder. Nothing is made on disk before the first writer.

    Raises:
        StoreError: the embedded engine is not installed on this machine.
    """
    try:
        from indexer.store.edge import EdgeStore
    except ImportError as error:
        raise StoreError(
            f"the embedded engine cannot be loaded ({error}): qdrant-edge-py has wheels for Linux "
            "(x86_64, aarch64; glibc 2.28 or newer), macOS on Apple silicon, and Windows on x86_64"
        ) from error
    return EdgeStore(data_dir)
