"""A checkpoint folder alone rebuilds the model; a damaged one is refused in one line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models import registry
from models.checkpoint import copy_checkpoint, load_checkpoint, read_info, save_checkpoint
from models.declared import DeclaredArchitecture
from models.encoder import Encoder
from models.errors import CheckpointError, PoolingError
from models.pooling import Pooling
from models.preprocess import Preprocess
from models.registry import create_model, list_models
from models.whitening import Whitening

PREPROCESS = Preprocess(64, (0.5, 0.4, 0.3), (0.25, 0.25, 0.25))


def some_whitening() -> Whitening:
    """Of model1's latents at 64 px."""
    generator = torch.Generator().manual_seed(0)
    size = 256 * 2 * 2
    return Whitening(
        torch.rand(size, generator=generator) / size,
        torch.randn(size, 3, generator=generator),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "ck", create_model("model1"), PREPROCESS)
    return tmp_path / "ck"


@pytest.mark.parametrize("arch", list_models())
@pytest.mark.parametrize("output", [None, "sigmoid"])
def test_a_loaded_model_computes_what_the_saved_one_did(
    tmp_path: Path, arch: str, output: None
) -> None:
    model = create_model(arch, output=output).eval()
    saved = save_checkpoint(tmp_path, model, Preprocess(128))
    loaded = load_checkpoint(tmp_path)
    images = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        assert torch.equal(loaded.model(images), model(images))
    assert loaded.info == saved
    assert loaded.whitening is None


def test_the_fingerprint_follows_weights_and_preprocessing_only(tmp_path: Path) -> None:
    model = create_model("model1")
    first = save_checkpoint(tmp_path / "a", model, PREPROCESS)
    told = save_checkpoint(tmp_path / "b", model, PREPROCESS, training={"epochs": 3})
    resized = save_checkpoint(tmp_path / "c", model, replace(PREPROCESS, image_size=96))
    with torch.no_grad():
        next(model.encoder.parameters())[0] += 1e-3
    changed = save_checkpoint(tmp_path / "d", model, PREPROCESS)
    assert told.fingerprint == first.fingerprint
    assert len({first.fingerprint, resized.fingerprint, changed.fingerprint}) == 3


def test_encoder_of_a_checkpoint_gives_the_models_latent_and_its_vectors(folder: Path) -> None:
    loaded = load_checkpoint(folder)
    encoder = Encoder.load(folder, device="cpu")
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        latent = loaded.model.encode(PREPROCESS.normalize(pixels))
    assert torch.allclose(encoder.encode(pixels), latent, atol=1e-5)
    vectors = encoder.vectors(pixels, loaded.info.poolings)
    for pooling in loaded.info.poolings:
        assert np.allclose(vectors[pooling], pooling.apply(latent).numpy(), atol=1e-5)
        assert vectors[pooling].shape == (2, encoder.vector_sizes[pooling])
    assert encoder.name == loaded.info.name == f"model1-{loaded.info.fingerprint[:8]}"


def test_a_whitening_is_stored_with_the_weights_and_makes_the_encoders_vectors(
    tmp_path: Path,
) -> None:
    model, whitening = create_model("model1").eval(), some_whitening()
    saved = save_checkpoint(tmp_path, model, PREPROCESS, whitening=whitening)
    loaded = load_checkpoint(tmp_path)
    assert loaded.info == saved
    assert saved.poolings == tuple(Pooling)
    assert loaded.whitening is not None
    assert torch.equal(loaded.whitening.mean, whitening.mean)
    assert torch.equal(loaded.whitening.projection, whitening.projection)
    encoder = Encoder.load(tmp_path, device="cpu")
    assert encoder.vector_sizes[Pooling.WHITENED] == 3
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    vectors = encoder.vectors(pixels, Pooling)
    expected = whitening.apply(torch.from_numpy(vectors[Pooling.FLATTEN]))
    assert np.allclose(vectors[Pooling.WHITENED], expected.numpy(), atol=1e-5)
    in_memory = Encoder(model, PREPROCESS, whitening=whitening, device="cpu")
    assert in_memory.fingerprint == saved.fingerprint


def test_the_fingerprint_covers_the_whitening(tmp_path: Path) -> None:
    model, whitening = create_model("model1"), some_whitening()
    moved = replace(whitening, mean=whitening.mean + 1e-3)
    turned = replace(whitening, projection=-whitening.projection)
    fingerprints = {
        save_checkpoint(tmp_path / str(number), model, PREPROCESS, whitening=each).fingerprint
        for number, each in enumerate((None, whitening, moved, turned))
    }
    assert len(fingerprints) == 4


def test_a_checkpoint_of_before_there_were_further_poolings_has_those_that_need_no_fitting(
    folder: Path,
) -> None:
    path = folder / "model.json"
    content = json.loads(path.read_text())
    assert content["format_version"] == 1
    del content["poolings"]
    path.write_text(json.dumps(content))
    info = load_checkpoint(folder).info
    assert info.poolings == tuple(pooling for pooling in Pooling if not pooling.is_fitted)
    with pytest.raises(PoolingError, match="without a whitening"):
        encoder = Encoder.load(folder, device="cpu")
        encoder.vectors(torch.zeros((1, 3, 64, 64), dtype=torch.uint8), [Pooling.WHITENED])


def test_making_an_encoder_leaves_the_model_as_it_was() -> None:
    model = create_model("torchvision:resnet18").train()  # it has norms to fold
    before = {name: value.clone() for name, value in model.state_dict().items()}
    Encoder(model, PREPROCESS)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert model.encoder.training


def break_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 0xFF
    path.write_bytes(content)


def truncate_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def edit_info(folder: Path, **changes: object) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGE = {
    "flipped bits in the weights": break_weights,
    "truncated weights": truncate_weights,
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "another architecture": lambda folder: edit_info(folder, arch="model3"),
    "an unknown architecture": lambda folder: edit_info(folder, arch="model99"),
    "preprocessing that makes no sense": lambda folder: edit_info(folder, preprocess={"a": 1}),
    "another image size": lambda folder: edit_info(
        folder, preprocess=replace(PREPROCESS, image_size=96).as_json()
    ),
    "no JSON": lambda folder: (folder / "model.json").write_text("{"),
    "JSON that is no object": lambda folder: (folder / "model.json").write_text("[1]"),
    "a later format": lambda folder: edit_info(folder, format_version=99),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_refused_in_one_line(folder: Path, damage: str) -> None:
    DAMAGE[damage](folder)
    with pytest.raises(CheckpointError) as caught:
        Encoder.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("claimed", "said"),
    [(True, r"damaged: model\.safetensors does not fit model\.json"), (False, "do not fit this")],
)
def test_a_whitening_that_is_claimed_but_missing_or_the_reverse_is_refused(
    folder: Path, claimed: bool, said: str
) -> None:
    names = [str(pooling) for pooling in Pooling if claimed or not pooling.is_fitted]
    if not claimed:
        save_checkpoint(folder, create_model("model1"), PREPROCESS, whitening=some_whitening())
    edit_info(folder, poolings=names)
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(folder)


def test_weights_of_an_earlier_version_of_an_architecture_say_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = registry.get_architecture("model2")
    assert isinstance(later, DeclaredArchitecture)
    monkeypatch.setitem(registry._ARCHITECTURES, "model1", replace(later, name="model1"))
    with pytest.raises(CheckpointError, match=r"version's model1; .* sync SOURCE --checkpoint DIR"):
        load_checkpoint(folder)


def test_a_folder_without_a_checkpoint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"holds no checkpoint .*scripts/train\.py SOURCE"):
        read_info(tmp_path)


def test_an_output_folder_that_cannot_be_made_is_a_checkpoint_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write the checkpoint"):
        save_checkpoint(tmp_path / "file" / "ck", create_model("model1"), PREPROCESS)


def test_copy_is_whole_and_leaves_an_existing_target_alone(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "one"
    copy_checkpoint(folder, target)
    copy_checkpoint(folder, target)
    assert load_checkpoint(target).info == read_info(folder)
    assert sorted(p.name for p in target.parent.iterdir()) == ["one"]
