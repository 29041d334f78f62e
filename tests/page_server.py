"""The page served as ``python -m search_ui`` serves it, in a thread of the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexer.search import Searcher
from indexer.settings import Serving, Settings
from scripts.page_server import served_in_thread
from search_ui.app import make_app
from search_ui.building.builder import Builder


@contextmanager
def served(
    searcher: Searcher,
    *,
    builder: Builder | None = None,
    study_dir: Path | None = None,
    serving: Serving | None = None,
) -> Iterator[str]:
    """The address of a page that answers from ``searcher``, while the context lasts."""
    settings = Settings(study_dir=study_dir or Settings().study_dir, serving=serving or Serving())
    with served_in_thread(
        lambda: make_app(searcher, settings, builder=builder),
        trusted_proxies=settings.serving.trusted_proxies,
    ) as address:
        yield address
