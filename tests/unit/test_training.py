"""Training: what is kept, what repeats, what resumes, what is refused."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import torch
from PIL import Image

from models import registry
from models.checkpoint import DEFAULT_CHECKPOINT, load_checkpoint, read_info
from models.declared import DeclaredArchitecture
from models.errors import CheckpointError, ImageSizeError, TrainingError, WeightsError
from models.layers import Activation, Conv, Deconv, Parallel
from models.pixels import load_pixels
from models.pooling import Pooling
from models.progress import ProgressFile
from models.recipes import COLOURS, LOSSES, RECIPES, SCHEDULERS, TrainSettings, WordFitting
from models.schedulers import make_scheduler, step
from models.sources import ImageFile
from models.training import train
from models.training_run import TrainingRun
from models.training_share import split
from models.training_words import FITTING_SHARE
from models.whitening import fit_whitening
from models.word_layers import GlobalContext, LocalHistogram, OneLength, VisualWords

SMALL = TrainSettings(arch="model1", image_size=32, epochs=3, batch_size=8, seed=1)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[ImageFile]:
    """Twenty small pictures of coloured squares on noise."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    images = []
    for number in range(20):
        pixels = rng.integers(0, 80, (40, 40, 3), dtype=np.uint8)
        top, left = rng.integers(0, 24, 2)
        pixels[top : top + 16, left : left + 16] = rng.integers(100, 255, 3)
        path = folder / f"{number:02}.png"
        Image.fromarray(pixels).save(path)
        images.append(ImageFile(path, path.name, None, path.stat().st_size, 0))
    return images


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).model.state_dict()


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_recipe_and_loss_trains_and_records_each_epoch(
    files: list[ImageFile], tmp_path: Path, recipe: str, loss: str
) -> None:
    settings = replace(SMALL, recipe=recipe, loss=loss, epochs=6)
    report = train(files, settings, tmp_path, progress=False)
    losses = [record.validation_loss for record in report.history]
    assert len(losses) == 6
    assert min(losses) < losses[0]
    assert losses[report.best_epoch - 1] == min(losses)
    assert read_info(tmp_path).training["history"][0]["epoch"] == 1
    assert list((tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_trains(files: list[ImageFile], tmp_path: Path, scheduler: str) -> None:
    report = train(files, replace(SMALL, scheduler=scheduler), tmp_path, progress=False)
    assert report.checkpoint.training["settings"]["scheduler"] == scheduler


def learning_rates(name: str, epochs: int, losses: Iterator[float]) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = make_scheduler(name, optimizer, epochs=epochs)
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        step(scheduler, next(losses))
    return rates


def test_schedulers_follow_the_studys_constants() -> None:
    flat = iter([1.0] * 99)
    assert set(learning_rates("none", 12, flat)) == {1e-3}
    cosine = learning_rates("cosine", 10, flat)
    assert cosine[5] == pytest.approx(0.5e-3)
    assert cosine == sorted(cosine, reverse=True)
    for period in (5, 10):
        restarts = learning_rates(f"warm-restarts-{period}", 21, flat)
        assert [i for i, rate in enumerate(restarts) if rate == pytest.approx(1e-3)] == list(
            range(0, 21, period)
        )
        assert min(restarts) > 1e-4
    plateau = learning_rates("plateau", 20, flat)
    assert plateau[:4] == [1e-3] * 4
    assert plateau[4] == pytest.approx(2e-4)
    assert plateau[-1] == pytest.approx(5e-5)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_learning_rate_rises_over_the_recipes_first_steps(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    rates: list[float] = []
    original = TrainingRun._train_step

    def watched(run: TrainingRun, *args: object) -> torch.Tensor:
        rates.append(run._optimizer.param_groups[0]["lr"])
        return original(run, *args)

    monkeypatch.setattr(TrainingRun, "_train_step", watched)
    steady = replace(SMALL, recipe=recipe, scheduler="none", batch_size=1, epochs=8)
    report = train(files, steady, tmp_path, progress=False)
    warmup = RECIPES[recipe].warmup_steps
    assert rates[warmup:] == [1e-3] * (8 * 17 - warmup)
    assert rates[:warmup] == sorted(set(rates[:warmup]))
    assert {record.lr for record in report.history} == {1e-3}


def test_the_best_epoch_is_kept_not_the_last(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validation = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(TrainingRun, "_validate", lambda _run: (next(validation), 0.0, 0.0, 0.0))
    report = train(files, SMALL, tmp_path / "three", progress=False)
    assert report.best_epoch == 2
    monkeypatch.undo()
    # A cosine over three epochs has the same first two whether or not the third is trained.
    run = train_epochs(files, tmp_path / "two", 2)
    assert same(weights(tmp_path / "three"), run)


def train_epochs(files: list[ImageFile], out: Path, epochs: int) -> dict[str, torch.Tensor]:
    """Weights after ``epochs`` epochs of SMALL, whatever the validation says."""
    better = iter(range(9, 0, -1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingRun, "_validate", lambda _run: (float(next(better)), 0.0, 0.0, 0.0))
        original = TrainingRun._epoch

        def stop(run: TrainingRun, epoch: int, *args: object, **kwargs: object) -> object:
            if epoch > epochs:
                raise KeyboardInterrupt
            return original(run, epoch, *args, **kwargs)

        patch.setattr(TrainingRun, "_epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train(files, SMALL, out, progress=False)
    return weights(out)


def test_equal_seeds_give_equal_weights_and_others_do_not(
    files: list[ImageFile], tmp_path: Path
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(files, replace(SMALL, seed=seed), tmp_path / name, progress=False)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


KILLED = """
import os, sys, pickle
from pathlib import Path
import torch
from models.training import train
from models.training_run import TrainingRun
files, settings, out, step, threads = pickle.load(open(sys.argv[1], "rb"))
torch.set_num_threads(threads)  # their number decides how sums are rounded
original = TrainingRun._train_step
count = 0
def dying(self, *args):
    global count
    count += 1
    if count == step:
        os.kill(os.getpid(), 9)
    return original(self, *args)
TrainingRun._train_step = dying
train(files, settings, out, progress=False)
"""


@pytest.mark.parametrize("scheduler", ["cosine", "plateau"])
def test_a_killed_and_resumed_training_ends_as_if_undisturbed(
    files: list[ImageFile], tmp_path: Path, scheduler: str
) -> None:
    import pickle

    settings = replace(SMALL, scheduler=scheduler, epochs=4)
    whole = train(files, settings, tmp_path / "whole", progress=False)
    job = tmp_path / "job.pickle"
    step = 6  # in epoch 2 of 4
    job.write_bytes(
        pickle.dumps((files, settings, tmp_path / "killed", step, torch.get_num_threads()))
    )
    died = subprocess.run([sys.executable, "-c", KILLED, str(job)], check=False)
    assert died.returncode == -9
    resumed = train(files, settings, tmp_path / "killed", resume=True, progress=False)
    assert resumed.checkpoint.fingerprint == whole.checkpoint.fingerprint
    timeless = [replace(record, seconds=0) for record in resumed.history]
    assert timeless == [replace(record, seconds=0) for record in whole.history]


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_mixed_precision_comes_near_full_precision_and_keeps_full_weights(
    files: list[ImageFile], tmp_path: Path, amp: str, recipe: str
) -> None:
    settings = replace(SMALL, recipe=recipe)
    full = train(files, settings, tmp_path / "full", progress=False)
    mixed = train(files, settings, tmp_path / "mixed", amp=amp, progress=False)
    for ours, theirs in zip(mixed.history, full.history, strict=True):
        assert ours.validation_loss == pytest.approx(theirs.validation_loss, rel=0.02)
    assert not same(weights(tmp_path / "mixed"), weights(tmp_path / "full"))
    assert {value.dtype for value in weights(tmp_path / "mixed").values()} == {torch.float32}
    assert mixed.checkpoint.training["settings"]["amp"] == amp
    assert full.checkpoint.training["settings"]["amp"] == "off"


def test_a_resumed_training_in_mixed_precision_keeps_the_scale_of_its_gradients(
    files: list[ImageFile], tmp_path: Path
) -> None:
    whole = train(files, SMALL, tmp_path / "whole", amp="fp16", progress=False)
    original = TrainingRun._epoch

    def dying(run: TrainingRun, epoch: int, *args: object, **kwargs: object) -> object:
        if epoch == 3:
            raise KeyboardInterrupt
        return original(run, epoch, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingRun, "_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            train(files, SMALL, tmp_path / "cut", amp="fp16", progress=False)
    with pytest.raises(TrainingError, match="its amp is fp16, not off"):
        train(files, SMALL, tmp_path / "cut", resume=True, progress=False)
    resumed = train(files, SMALL, tmp_path / "cut", amp="fp16", resume=True, progress=False)
    assert resumed.checkpoint.fingerprint == whole.checkpoint.fingerprint


def test_a_training_of_before_mixed_precision_can_be_resumed(
    files: list[ImageFile], tmp_path: Path
) -> None:
    first = train(files, SMALL, tmp_path, progress=False)
    file = tmp_path / "resume.pt"
    state = torch.load(file)
    del state["scaler"], state["settings"]["amp"], state["settings"]["processes"]
    torch.save(state, file)
    again = train(files, SMALL, tmp_path, resume=True, progress=False)
    assert again.checkpoint == first.checkpoint


def test_resuming_a_finished_training_changes_nothing(
    files: list[ImageFile], tmp_path: Path
) -> None:
    first = train(files, SMALL, tmp_path, progress=False)
    again = train(files, SMALL, tmp_path, resume=True, progress=False)
    assert again.checkpoint == first.checkpoint


def test_resuming_with_other_settings_or_images_is_refused_by_name(
    files: list[ImageFile], tmp_path: Path
) -> None:
    train(files, SMALL, tmp_path, progress=False)
    with pytest.raises(TrainingError, match=r"its lr is 0\.001, not 0\.01"):
        train(files, replace(SMALL, lr=0.01), tmp_path, resume=True, progress=False)
    with pytest.raises(TrainingError, match="the images have changed"):
        train(files[1:], SMALL, tmp_path, resume=True, progress=False)


def test_a_damaged_resume_file_says_so(files: list[ImageFile], tmp_path: Path) -> None:
    train(files, SMALL, tmp_path, progress=False)
    (tmp_path / "resume.pt").write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="is damaged: start again with --overwrite"):
        train(files, SMALL, tmp_path, resume=True, progress=False)


def test_a_checkpoint_is_not_overwritten_unasked(files: list[ImageFile], tmp_path: Path) -> None:
    before = train(files, SMALL, tmp_path, progress=False)
    with pytest.raises(TrainingError, match="holds a checkpoint already"):
        train(files, replace(SMALL, seed=5), tmp_path, progress=False)
    assert read_info(tmp_path) == before.checkpoint
    after = train(files, replace(SMALL, seed=5), tmp_path, overwrite=True, progress=False)
    assert after.checkpoint.fingerprint != before.checkpoint.fingerprint


def test_a_time_budget_plans_fewer_epochs_and_still_ends_with_a_checkpoint(
    files: list[ImageFile], tmp_path: Path
) -> None:
    settings = replace(SMALL, epochs=100_000)
    report = train(files, settings, tmp_path, time_budget=1.0, progress=False)
    assert 1 <= len(report.history) <= report.checkpoint.training["planned_epochs"] < 100_000
    assert load_checkpoint(tmp_path)


def test_a_time_budget_that_is_over_at_once_still_trains_one_step(
    files: list[ImageFile], tmp_path: Path
) -> None:
    report = train(files, SMALL, tmp_path, time_budget=1e-6, progress=False)
    assert len(report.history) == 1


@pytest.mark.parametrize(("count", "held_out"), [(2, 1), (3, 1), (20, 3), (100, 15)])
def test_the_split_is_85_to_15_disjoint_and_by_seed(count: int, held_out: int) -> None:
    train_part, validation_part = split(count, seed=0)
    assert len(validation_part) == held_out
    assert sorted(torch.cat([train_part, validation_part]).tolist()) == list(range(count))
    assert torch.equal(split(count, seed=0)[0], train_part)


def test_the_whitening_is_fitted_to_all_readable_images_with_the_best_weights(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validation = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(TrainingRun, "_validate", lambda _run: (next(validation), 0.0, 0.0, 0.0))
    train(files, SMALL, tmp_path, whitened_size=7, progress=False)
    loaded = load_checkpoint(tmp_path)
    pixels = load_pixels(files, loaded.info.preprocess, progress=False).pixels
    with torch.inference_mode():
        latent = loaded.model.encode(loaded.info.preprocess.normalize(pixels))
    expected = fit_whitening(latent.flatten(1), size=7)
    assert loaded.whitening is not None
    assert torch.allclose(loaded.whitening.mean, expected.mean, atol=1e-5)
    ours, theirs = (each.apply(latent.flatten(1)) for each in (loaded.whitening, expected))
    assert torch.allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-2)  # whatever the signs


@pytest.mark.parametrize(("asked", "size"), [(128, 19), (5, 5), (0, None)])
def test_whitened_vectors_have_the_size_that_was_asked_for_or_are_left_out(
    files: list[ImageFile], tmp_path: Path, asked: int, size: int | None
) -> None:
    report = train(files, SMALL, tmp_path, whitened_size=asked, progress=False)
    loaded = load_checkpoint(tmp_path)
    assert loaded.info == report.checkpoint
    assert (None if loaded.whitening is None else loaded.whitening.size) == size
    assert (Pooling.WHITENED in report.checkpoint.poolings) is (size is not None)
    assert len(report.checkpoint.training["history"]) == 3


def test_a_whitening_can_be_added_to_a_finished_training_and_be_taken_away(
    files: list[ImageFile], tmp_path: Path
) -> None:
    plain = train(files, SMALL, tmp_path, whitened_size=0, progress=False)
    once = train(files, SMALL, tmp_path, resume=True, whitened_size=4, progress=False)
    assert Pooling.WHITENED in once.checkpoint.poolings
    again = train(files, SMALL, tmp_path, resume=True, whitened_size=0, progress=False)
    assert again.checkpoint == plain.checkpoint


def test_images_that_look_the_same_have_no_whitening_and_that_is_said(
    files: list[ImageFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = train([files[0]] * 3, SMALL, tmp_path, progress=False)
    assert Pooling.WHITENED not in report.checkpoint.poolings
    assert "no whitened vectors: the vectors of 3 images do not differ" in caplog.text


def test_a_negative_size_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="0 leaves them out"):
        train([], SMALL, tmp_path / "ck", whitened_size=-1, progress=False)
    assert not (tmp_path / "ck").exists()


def test_dead_channels_are_counted_and_warned_of(
    files: list[ImageFile], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    original = TrainingRun.__init__

    def with_dead_channels(run: TrainingRun, *args: object, **options: object) -> None:
        original(run, *args, **options)
        last = [m for m in run._objective.model.encoder if isinstance(m, torch.nn.Conv2d)][-1]
        with torch.no_grad():
            last.bias[:192] = -1e6  # of 256

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingRun, "__init__", with_dead_channels)
        report = train(files, replace(SMALL, epochs=1), tmp_path, progress=False)
    assert report.history[0].dead_channels >= 0.75
    assert "of the latent channels are zero for every image" in caplog.text


def test_unreadable_files_are_left_out_and_named(files: list[ImageFile], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("not an image")
    with_bad = [*files, ImageFile(bad, "bad.jpg", None, 12, 0)]
    report = train(with_bad, SMALL, tmp_path / "ck", progress=False)
    assert len(report.unreadable) == 1
    assert "bad.jpg" in report.unreadable[0]


def test_an_output_folder_that_cannot_be_made_is_told_before_anything_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot make the folder .*Not a directory"):
        train([], SMALL, tmp_path / "file" / "ck", progress=False)


def test_an_output_folder_without_write_permission_is_told(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.os.access", lambda *_: False)  # root may write anywhere
    with pytest.raises(CheckpointError, match="cannot be written; choose another --out"):
        train(files, SMALL, tmp_path, progress=False)


def test_one_image_is_too_few(files: list[ImageFile], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="1 readable images; training needs at least 2"):
        train(files[:1], SMALL, tmp_path, progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": -1}, "epochs is -1; it must be at least 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"loss": "l1"}, "no loss 'l1'; choose from mse, ssim"),
        ({"scheduler": "step"}, "no scheduler 'step'; choose from none, cosine"),
        ({"recipe": "magic"}, "no recipe 'magic'; choose from retrieval, general, study"),
    ],
)
def test_settings_that_cannot_be_trained_are_refused(
    change: dict[str, object], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        replace(SMALL, **change)


def test_an_image_size_too_small_for_the_architecture_is_refused_before_reading() -> None:
    with pytest.raises(ImageSizeError, match="the least image size that works is 125"):
        TrainSettings(arch="model6", image_size=64)


def test_history_is_plain_json(files: list[ImageFile], tmp_path: Path) -> None:
    train(files, SMALL, tmp_path, progress=False)
    content = json.loads((tmp_path / "model.json").read_text())
    assert len(content["training"]["history"]) == 3
    assert content["training"]["images"] == {"training": 17, "validation": 3}


NO_PATH = Path("nowhere.png")


def mixture(channels: int, activation: Activation = "none") -> Conv:
    return Conv(channels, kernel=1, padding=0, activation=activation)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> TrainSettings:
    """Settings for an architecture like model7, but small, with a quick fitting."""
    vocabularies = (VisualWords(12, 5, 4, grey=True, equalise=True), VisualWords(8, 1, 4))
    trained = mixture(16, "relu"), mixture(8, "relu"), mixture(8), OneLength()
    architecture = DeclaredArchitecture(
        name="words",
        summary="few words",
        encoder=(
            Parallel(tuple((each, LocalHistogram(4)) for each in vocabularies)),
            GlobalContext(0.3),
            Parallel(((mixture(8), OneLength()), trained, trained)),
        ),
        decoder=(Deconv(16, kernel=4, stride=4), Deconv(3, kernel=4, stride=4, activation="none")),
    )
    monkeypatch.setitem(registry._ARCHITECTURES, "words", architecture)
    quick = replace(RECIPES["retrieval"], words=WordFitting(patches=600, view_epochs=20))
    monkeypatch.setitem(RECIPES, "retrieval", quick)
    return replace(SMALL, arch="words")


def no_fitting(*_: object, **__: object) -> None:
    raise AssertionError("words are fitted")


def part(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint's ``encoder`` or ``decoder``."""
    return {key: value for key, value in weights(folder).items() if key.startswith(name)}


def test_the_encoder_stays_as_fitted_while_the_decoder_learns_to_read_it(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path
) -> None:
    train(files, replace(words, epochs=0), tmp_path / "start", progress=False)
    report = train(files, replace(words, epochs=6), tmp_path / "end", progress=False)
    assert report.best_epoch == 6
    start, end = tmp_path / "start", tmp_path / "end"
    assert same(part(start, "encoder"), part(end, "encoder"))
    decoders = part(start, "decoder"), part(end, "decoder")
    assert not any(torch.equal(decoders[0][name], decoders[1][name]) for name in decoders[0])
    losses = [record.reconstruction for record in report.history]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]
    assert {record.contrastive for record in report.history} == {0.0}
    record = report.history[-1]
    assert record.validation_loss == pytest.approx(5 * record.reconstruction)
    assert record.dead_channels == 0


def test_the_studys_recipe_trains_an_encoder_of_words_like_any_other(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training_words.fit_words", no_fitting)
    study = replace(words, recipe="study")
    for epochs in (0, 1):
        settings = replace(study, epochs=epochs)
        train(files, settings, tmp_path / str(epochs), whitened_size=0, progress=False)
    start, end = (part(tmp_path / str(epochs), "encoder") for epochs in (0, 1))
    assert not any(torch.equal(start[name], end[name]) for name in start)


def test_without_epochs_words_are_fitted_with_or_without_a_whitening(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path
) -> None:
    settings = replace(words, epochs=0)
    train(files, settings, tmp_path / "whitened", progress=False)
    train(files, settings, tmp_path / "plain", whitened_size=0, progress=False)
    assert same(weights(tmp_path / "whitened"), weights(tmp_path / "plain"))
    train(files[1:], settings, tmp_path / "other", whitened_size=0, progress=False)
    fitted, other = part(tmp_path / "plain", "encoder"), part(tmp_path / "other", "encoder")
    assert not any(torch.equal(fitted[name], other[name]) for name in fitted)


def test_from_a_checkpoint_the_words_are_taken_over_and_the_layer_after_them_is_fitted(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path
) -> None:
    first, second = replace(words, epochs=0), replace(words, epochs=1, seed=5)
    train(files[:10], first, tmp_path / "first", whitened_size=0, progress=False)
    start = replace(second, weights=str(tmp_path / "first"))
    train(files[10:], start, tmp_path / "second", whitened_size=0, progress=False)
    train(files[10:], second, tmp_path / "alone", whitened_size=0, progress=False)
    one, two, alone = (part(tmp_path / name, "encoder") for name in ("first", "second", "alone"))
    vocabulary = [name for name in one if name.startswith("encoder.0.")]
    after = [name for name in one if name not in vocabulary]
    assert vocabulary
    assert after
    assert all(torch.equal(one[name], two[name]) for name in vocabulary)
    assert not any(torch.equal(one[name], two[name]) for name in after)
    assert not any(torch.equal(two[name], alone[name]) for name in one)


@pytest.mark.parametrize("arch", ["model1", "model3"])
def test_from_a_checkpoint_training_goes_on_from_its_encoder_and_its_normalisation(
    files: list[ImageFile], tmp_path: Path, arch: str
) -> None:
    first = replace(SMALL, arch=arch, epochs=1, recipe="study")
    train(files, first, tmp_path / "first", whitened_size=0, progress=False)
    start = replace(first, epochs=0, recipe="retrieval", weights=str(tmp_path / "first"))
    report = train(files, start, tmp_path / "kept", whitened_size=0, progress=False)
    assert same(part(tmp_path / "first", "encoder"), part(tmp_path / "kept", "encoder"))
    assert report.checkpoint.preprocess == read_info(tmp_path / "first").preprocess
    assert report.checkpoint.training["settings"]["weights"] == start.weights  # type: ignore[index]


@pytest.mark.parametrize("arch", [name for name in registry.list_models() if name != "model7"])
def test_weights_of_another_architecture_are_refused(arch: str) -> None:
    with pytest.raises(WeightsError, match=f"'default': a checkpoint of model7, not of {arch}"):
        TrainSettings(arch=arch, weights="default")


def test_the_default_checkpoint_is_what_model7_can_start_from() -> None:
    pretrained = registry.get_architecture("model7").pretrained("default", progress=False)
    assert pretrained is not None
    stored = part(DEFAULT_CHECKPOINT, "encoder")
    assert same({f"encoder.{name}": value for name, value in pretrained.weights.items()}, stored)


@pytest.mark.parametrize("count", [0, 1])
def test_words_cannot_be_fitted_to_fewer_than_two_images(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path, count: int
) -> None:
    with pytest.raises(TrainingError, match=f"{count} readable images; fitting words needs at"):
        train(files[:count], replace(words, epochs=0), tmp_path, progress=False)


@pytest.mark.parametrize("change", [{"recipe": "study"}, {"arch": "model1"}])
def test_images_that_decide_nothing_are_not_read(
    words: TrainSettings, tmp_path: Path, change: dict[str, str]
) -> None:
    missing = [ImageFile(NO_PATH, NO_PATH.name, None, 1, 0)] * 2
    settings = replace(words, epochs=0, **change)
    assert train(missing, settings, tmp_path, whitened_size=0, progress=False).unreadable == ()


def test_a_resumed_training_keeps_its_words_and_ends_as_if_undisturbed(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(words, epochs=4)
    whole = train(files, settings, tmp_path / "whole", progress=False)
    original = TrainingRun._epoch

    def dying(run: TrainingRun, epoch: int, *args: object, **kwargs: object) -> object:
        if epoch == 3:
            raise KeyboardInterrupt
        return original(run, epoch, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingRun, "_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            train(files, settings, tmp_path / "cut", progress=False)
    monkeypatch.setattr("models.training_words.fit_words", no_fitting)
    resumed = train(files, settings, tmp_path / "cut", resume=True, progress=False)
    assert resumed.checkpoint.fingerprint == whole.checkpoint.fingerprint
    timeless = [replace(record, seconds=0) for record in resumed.history]
    assert timeless == [replace(record, seconds=0) for record in whole.history]


def test_what_colours_do_decides_the_fitted_encoder(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path
) -> None:
    for colour in COLOURS:
        train(files, replace(words, epochs=0, colour=colour), tmp_path / colour, progress=False)
    kept, ignored = (part(tmp_path / colour, "encoder") for colour in COLOURS)
    differing = {name for name in kept if not torch.equal(kept[name], ignored[name])}
    assert differing == {name for name in kept if name.startswith("encoder.2.")}


def test_measuring_how_long_an_epoch_takes_leaves_the_words_alone(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path
) -> None:
    train(files, replace(words, epochs=0), tmp_path / "start", progress=False)
    train(files, words, tmp_path / "hurried", time_budget=600, progress=False)
    assert same(part(tmp_path / "start", "encoder"), part(tmp_path / "hurried", "encoder"))


def test_a_time_budget_leaves_time_for_the_decoder(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float | None] = []

    def watched(*_: object, until: float | None, **__: object) -> None:
        limits.append(until)

    monkeypatch.setattr("models.training_words.fit_words", watched)
    before = perf_counter()
    for budget in (200.0, None):
        train(files, words, tmp_path / str(budget), time_budget=budget, progress=False)
    within, without = limits
    assert without is None
    assert within is not None
    assert before + 200 * FITTING_SHARE <= within <= perf_counter() + 200 * FITTING_SHARE


def test_how_far_the_fitting_is_is_told(
    files: list[ImageFile], words: TrainSettings, tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []

    class Listener(ProgressFile):
        def advance(self, images: int = 1) -> None:
            super().advance(images)
            look = self._look()
            told.append((look.phase, look.done, look.total))

    train(files, replace(words, epochs=0), tmp_path, progress=False, told=Listener())
    for wanted in ("words", "views"):
        fitting = [(done, total) for phase, done, total in told if phase == wanted]
        assert fitting == sorted(fitting)
        assert fitting[0][0] < fitting[-1][0] == fitting[-1][1]


def test_model7_is_fitted_by_the_default_recipe(
    files: list[ImageFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        RECIPES,
        "retrieval",
        replace(RECIPES["retrieval"], words=WordFitting(patches=600, view_epochs=20)),
    )
    settings = TrainSettings(arch="model7", image_size=32, batch_size=8, epochs=0)
    train(files, settings, tmp_path / "start", progress=False)
    report = train(files, replace(settings, epochs=2), tmp_path / "end", progress=False)
    assert same(part(tmp_path / "start", "encoder"), part(tmp_path / "end", "encoder"))
    first, last = (record.reconstruction for record in report.history)
    assert last < first
