"""Encoders are loaded once, together only with those that wait for the same, and not for ever."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.encoders import Encoders
from indexer.errors import CheckpointMismatchError
from indexer.layout import DataFolder
from indexer.types import DatasetInfo, Distance
from tests.fake_encoder import FakeEncoder


def info(dataset: str, letter: str) -> DatasetInfo:
    return DatasetInfo(
        name=dataset,
        images=1,
        checkpoint=f"model1-{letter * 8}",
        arch="model1",
        fingerprint=letter * 64,
        image_size=32,
        distances=tuple(Distance),
        vector_sizes={},
        collections=(),
        source="",
        root="",
        synced_at="",
        engine="",
    )


class Loader:
    """Makes the encoder that the folder's name ends with, and notes it."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, checkpoint: Path) -> FakeEncoder:
        letter = checkpoint.name[-1]
        self.loaded.append(letter)
        return FakeEncoder(letter * 64)


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def encoders(loader: Loader, tmp_path: Path) -> Encoders:
    return Encoders(DataFolder(tmp_path), loader)


def test_an_encoder_is_loaded_once_for_all_datasets_of_its_checkpoint(
    encoders: Encoders, loader: Loader
) -> None:
    first = encoders.of(info("cats", "a"))
    assert encoders.of(info("cats", "a")) is first
    assert encoders.of(info("dogs", "a")) is first
    assert loader.loaded == ["a"]


def test_an_encoder_that_no_dataset_is_asked_with_any_more_is_forgotten(
    encoders: Encoders, loader: Loader
) -> None:
    for dataset, letter in (("cats", "a"), ("dogs", "a"), ("cats", "b"), ("dogs", "a")):
        encoders.of(info(dataset, letter))
    assert loader.loaded == ["a", "b"], "dogs still used a"
    encoders.of(info("dogs", "b"))
    encoders.of(info("dogs", "a"))
    assert loader.loaded == ["a", "b", "a"]


def test_another_checkpoint_in_its_place_is_refused_and_not_kept(
    encoders: Encoders, loader: Loader
) -> None:
    swapped = replace(info("cats", "a"), checkpoint="model1-bbbbbbbb")
    for _ in range(2):
        with pytest.raises(CheckpointMismatchError, match="'cats' was indexed with"):
            encoders.of(swapped)
    assert loader.loaded == ["b", "b"]


def test_loading_one_keeps_nobody_waiting_who_asks_for_another(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    loaded: list[str] = []

    def load(checkpoint: Path) -> FakeEncoder:
        letter = checkpoint.name[-1]
        if letter == "a":
            begun.set()
            go_on.wait()
        loaded.append(letter)
        return FakeEncoder(letter * 64)

    encoders = Encoders(DataFolder(tmp_path), load)
    slow = [threading.Thread(target=encoders.of, args=(info("cats", "a"),)) for _ in range(2)]
    other = threading.Thread(target=encoders.of, args=(info("dogs", "b"),), daemon=True)
    try:
        for thread in slow:
            thread.start()
        begun.wait()
        other.start()
        other.join(timeout=60)
        assert loaded == ["b"]
    finally:
        go_on.set()
        for thread in slow:
            thread.join()
    assert loaded == ["b", "a"]
