"""Fixtures that sync images into a data folder, with a fake encoder or a small real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from PIL import Image

from indexer.pipeline import sync
from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.sync_options import SyncOptions
from indexer.types import SyncReport
from models.checkpoint import save_checkpoint
from models.preprocess import Preprocess
from models.registry import create_model
from models.sources import open_source
from tests.fake_encoder import FakeEncoder, make_checkpoint


@pytest.fixture
def store(data: Path) -> Iterator[VectorStore]:
    with closing(open_store(Settings(data))) as store:
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
        *,
        encoder: FakeEncoder | None = None,
        folder: Path = checkpoint,
        dataset: str | None = None,
        **options: object,
    ) -> SyncReport:
        return sync(
            open_source(str(photos), workspace=data / "sources"),
            encoder or FakeEncoder.load(folder),
            store,
            checkpoint=folder,
            data_dir=data,
            dataset=dataset,
            options=SyncOptions(**options),
            progress=False,
        )

    return run


@pytest.fixture
def forty(tmp_path: Path) -> Path:
    """Forty small images with a look of their own each."""
    folder = tmp_path / "forty"
    for number in range(40):
        path = folder / f"kind{number % 2}" / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (32, 24), (6 * number, 255 - 6 * number, 90))
        image.paste((250, 250, 20), (number % 20, 4, number % 20 + 8, 18))
        image.save(path)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A checkpoint that encodes in no time."""
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "small", create_model("model1"), Preprocess(32))
    return tmp_path / "small"
