"""Fixtures that sync the photos into a data folder, with an encoder that needs no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.pipeline import sync
from indexer.store import VectorStore, open_store
from indexer.types import SyncReport
from models.sources import open_source
from tests.fake_encoder import FakeEncoder, make_checkpoint


@pytest.fixture
def store(data: Path) -> Iterator[VectorStore]:
    with closing(open_store(data)) as store:
        yield store


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "checkpoint", "first")


@pytest.fixture
def run(
    store: VectorStore, photos: Path, checkpoint: Path, data: Path
) -> Callable[..., SyncReport]:
    """Sync ``photos``; what is not said is as in every test."""

    def run(
        *, encoder: FakeEncoder | None = None, folder: Path = checkpoint, **options
    ) -> SyncReport:
        return sync(
            open_source(str(photos), workspace=data / "sources"),
            encoder or FakeEncoder.load(folder),
            store,
            checkpoint=folder,
            data_dir=data,
            progress=False,
            **options,
        )

    return run
