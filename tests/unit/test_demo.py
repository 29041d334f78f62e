"""Which checkpoint the demo encodes with."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from models import registry
from models.checkpoint import DEFAULT_CHECKPOINT, load_checkpoint, read_info
from models.declared import DeclaredArchitecture
from models.recipes import TrainSettings
from models.sources import Source, open_source
from scripts import demo


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Four images, which are enough to train on; in a moment."""
    monkeypatch.setattr(demo, "SETTINGS", TrainSettings("model1", image_size=32, epochs=1))
    monkeypatch.setattr(demo, "FEW", 4)
    for number, colour in enumerate(("red", "green", "blue", "grey")):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (32, 32), colour).save(tmp_path / "images" / f"{number}.png")
    return open_source(str(tmp_path / "images"), workspace=tmp_path / "workspace")


def test_it_trains_once_and_keeps_what_is_finished(source: Source, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    assert demo.make_checkpoint(source, folder) == folder
    first = read_info(folder)
    assert demo.make_checkpoint(source, folder) == folder
    assert read_info(folder) == first


def test_few_images_are_encoded_with_the_default_checkpoint(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "FEW", 5)
    assert demo.make_checkpoint(source, tmp_path / "checkpoint") == DEFAULT_CHECKPOINT
    assert not (tmp_path / "checkpoint").exists()


def test_a_checkpoint_of_an_earlier_version_is_replaced(
    source: Source,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "checkpoint"
    demo.make_checkpoint(source, folder)
    first = read_info(folder)
    later = registry.get_architecture("model2")
    assert isinstance(later, DeclaredArchitecture)
    monkeypatch.setitem(registry._ARCHITECTURES, "model1", replace(later, name="model1"))
    assert demo.make_checkpoint(source, folder) == folder
    assert f"{folder} does not fit this version" in capsys.readouterr().err
    assert load_checkpoint(folder).info.fingerprint != first.fingerprint
