"""The sheet of reconstructions: every architecture has one, and it shows what the decoder makes."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import training_run
from models.checkpoint import RECONSTRUCTIONS_FILE, copy_checkpoint, load_checkpoint
from models.preprocess import Preprocess
from models.progress import ProgressFile, read_progress
from models.recipes import TrainSettings
from models.reconstructions import LARGEST_SIDE, SHOWN, reconstruction_sheet
from models.registry import create_model, get_architecture, list_models
from models.sources import ImageFile
from models.training import train


@pytest.fixture
def files(tmp_path: Path) -> list[ImageFile]:
    """Twelve pictures, each of one colour."""
    images = []
    for number in range(12):
        path = tmp_path / "images" / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), (20 * number, 255 - 20 * number, 90)).save(path)
        images.append(ImageFile(path, path.name, None, path.stat().st_size, 0))
    return images


@pytest.mark.parametrize("arch", list_models())
def test_every_architecture_has_a_sheet(arch: str) -> None:
    side = max(64, get_architecture(arch).least_image_size)
    pixels = torch.randint(256, (3, 3, side, side), dtype=torch.uint8)
    model = create_model(arch).train()
    sheet = reconstruction_sheet(model, pixels, Preprocess(side))
    assert sheet.size == (3 * side, 2 * side)
    assert model.training
    upper = np.asarray(sheet)[:side]
    assert np.array_equal(upper[:, side : 2 * side], pixels[1].permute(1, 2, 0).numpy())
    lower = torch.from_numpy(np.asarray(sheet)[side:].copy())
    with torch.no_grad():
        made = model.eval()(Preprocess(side).normalize(pixels)).clamp(0, 1)
    assert torch.equal(lower[:, :side], (made[0] * 255).round().byte().permute(1, 2, 0))


def test_many_large_images_stay_a_small_sheet() -> None:
    pixels = torch.zeros(SHOWN + 3, 3, 224, 224, dtype=torch.uint8)
    sheet = reconstruction_sheet(create_model("model1"), pixels, Preprocess(224))
    assert sheet.size == (SHOWN * LARGEST_SIDE, 2 * LARGEST_SIDE)


def test_values_that_are_no_numbers_are_shown_as_black() -> None:
    model = create_model("model1")
    with torch.no_grad():
        next(model.decoder.parameters()).fill_(float("nan"))
    pixels = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    sheet = np.asarray(reconstruction_sheet(model, pixels, Preprocess(32)))
    assert sheet[:32].min() == 255
    assert sheet[32:].max() == 0


def test_a_training_shows_what_it_learned_and_tells_how_far_it_is(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_run, "SHEET_SECONDS", 0.0)
    monkeypatch.setattr("models.progress.INTERVAL", float("inf"))  # at the ends of epochs alone
    sheets: list[bytes] = []
    original = training_run.TrainingRun._show

    def watched(run: training_run.TrainingRun, out: Path) -> None:
        original(run, out)
        sheets.append((out / RECONSTRUCTIONS_FILE).read_bytes())

    monkeypatch.setattr(training_run.TrainingRun, "_show", watched)
    out, progress = tmp_path / "out", tmp_path / "progress.json"
    settings = TrainSettings(arch="model1", image_size=32, epochs=3, batch_size=5)
    report = train(files, settings, out, told=ProgressFile(progress), progress=False)
    assert len(set(sheets)) > 1
    shown = Image.open(BytesIO((out / RECONSTRUCTIONS_FILE).read_bytes()))
    assert shown.size == (8 * 32, 2 * 32)
    told = read_progress(progress)
    assert told is not None
    assert told.phase == "whitening"
    assert [(point.epoch, point.loss) for point in told.validation_losses] == [
        (record.epoch, record.validation_loss) for record in report.history
    ]
    assert [point.epoch for point in told.losses] == [1.0, 2.0, 3.0]
    assert [point.loss for point in told.losses] == pytest.approx(
        [record.train_loss for record in report.history]
    )


def test_watching_a_training_changes_nothing(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainSettings(arch="model3", image_size=64, epochs=2, batch_size=5)
    plain = train(files, settings, tmp_path / "plain", progress=False)
    monkeypatch.setattr(training_run, "SHEET_SECONDS", 0.0)
    told = ProgressFile(tmp_path / "progress.json")
    watched = train(files, settings, tmp_path / "watched", told=told, progress=False)
    assert watched.checkpoint.fingerprint == plain.checkpoint.fingerprint


def test_the_sheet_goes_with_a_copy_and_not_with_other_weights(
    files: list[ImageFile], tmp_path: Path
) -> None:
    settings = TrainSettings(arch="model1", image_size=32, epochs=1, batch_size=5)
    train(files, settings, tmp_path / "out", progress=False)
    copy_checkpoint(tmp_path / "out", tmp_path / "copy")
    assert (tmp_path / "copy" / RECONSTRUCTIONS_FILE).exists()
    untrained = TrainSettings(arch="model1", image_size=32, epochs=0)
    train(files, untrained, tmp_path / "out", overwrite=True, progress=False)
    assert not (tmp_path / "out" / RECONSTRUCTIONS_FILE).exists()
    copy_checkpoint(tmp_path / "out", tmp_path / "bare")
    assert load_checkpoint(tmp_path / "bare").info.arch == "model1"
