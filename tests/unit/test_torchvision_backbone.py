"""Torchvision's networks as encoders: what is cut, what they start from, what is refused."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from indexer import cli as indexer_cli
from indexer.schema import IndexSpec
from indexer.types import Distance
from models.baselines import random_encoder
from models.checkpoint import load_checkpoint, read_info, save_checkpoint
from models.encoder import Encoder
from models.errors import ImageSizeError, TrainingError, UnknownArchitectureError, WeightsError
from models.initialisation import new_model
from models.pooling import Pooling
from models.preprocess import Preprocess
from models.recipes import RECIPES, TrainSettings
from models.registry import create_model, get_architecture, list_models
from models.runtimes import Runtime
from models.sources import ImageFile, open_source
from models.training import train
from models.vision import torchvision
from scripts import train as train_script

SIDE = 64
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Where the feature map is found in the graph of the whole network, and its shape at 224 pixels.
NETWORKS = {
    "convnext_tiny": ("features", (768, 7, 7)),
    "densenet121": ("relu", (1024, 7, 7)),
    "efficientnet_b0": ("features", (1280, 7, 7)),
    "mnasnet0_5": ("layers", (1280, 7, 7)),
    "mobilenet_v3_small": ("features", (576, 7, 7)),
    "regnet_y_400mf": ("trunk_output", (440, 7, 7)),
    "resnet18": ("layer4", (512, 7, 7)),
    "shufflenet_v2_x0_5": ("conv5", (1024, 7, 7)),
    "squeezenet1_1": ("features", (512, 13, 13)),
    "swin_t": ("permute", (768, 7, 7)),
}
SMALL = "torchvision:mobilenet_v3_small"
SMALLEST = TrainSettings(arch=SMALL, image_size=32, epochs=0, batch_size=8, weights="none")
every_network = pytest.mark.parametrize("network", NETWORKS)


@pytest.fixture(scope="module")
def backbones() -> Callable[[str], nn.Module]:
    """Whole networks at random weights, as if trained: norms have statistics. Made once each."""
    made: dict[str, nn.Module] = {}

    def backbone(network: str) -> nn.Module:
        if network not in made:
            torch.manual_seed(0)
            made[network] = torchvision.models.get_model(network, weights=None).eval()
            for layer in made[network].modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.running_mean.normal_(std=0.1)
                    layer.running_var.uniform_(0.5, 2)
        return made[network]

    return backbone


@pytest.fixture(scope="module")
def weights_file(
    backbones: Callable[[str], nn.Module], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(backbones("mobilenet_v3_small").state_dict(), path)
    return path


@pytest.fixture
def files(photos: Path, tmp_path: Path) -> tuple[ImageFile, ...]:
    return open_source(str(photos), workspace=tmp_path).files


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cache of torch's, and no network."""

    def refuse(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))
    monkeypatch.setattr("torch.hub.urlopen", refuse)


def some_images(count: int = 2, side: int = SIDE) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)


@every_network
def test_the_encoder_gives_the_feature_map_that_the_whole_network_pools(
    network: str, backbones: Callable[[str], nn.Module], tmp_path: Path
) -> None:
    from torchvision.models.feature_extraction import create_feature_extractor

    node, latent_at_224 = NETWORKS[network]
    backbone = backbones(network)
    path = tmp_path / "weights.pth"
    torch.save(backbone.state_dict(), path)
    architecture = get_architecture(f"torchvision:{network}")
    pretrained = architecture.pretrained(str(path), progress=False)
    assert pretrained is not None
    model = new_model(architecture.name, RECIPES["study"], seed=0, pretrained=pretrained).eval()
    preprocess = Preprocess(SIDE, pretrained.mean, pretrained.std)
    pixels = some_images()
    with torch.inference_mode():
        images = preprocess.normalize(pixels)
        expected = create_feature_extractor(backbone, {node: "map"})(images)["map"]
        latent = model.encode(images)
        reconstruction = model.decode(latent, image_size=SIDE)
    scale = expected.abs().max()
    assert torch.allclose(latent, expected, atol=1e-5 * scale)
    assert torch.allclose(Encoder(model, preprocess).encode(pixels), expected, atol=1e-5 * scale)
    assert tuple(latent.shape[1:]) == architecture.latent_shape(SIDE)
    assert architecture.latent_shape(224) == latent_at_224
    assert reconstruction.shape == images.shape
    parameters = [sum(p.numel() for p in half.parameters()) for half in model.children()]
    assert parameters == [architecture.encoder_parameters(), architecture.decoder_parameters()]


@every_network
def test_a_checkpoint_rebuilds_the_network_with_equal_fingerprint_and_vectors(
    network: str, tmp_path: Path
) -> None:
    preprocess = Preprocess(SIDE, IMAGENET_MEAN, IMAGENET_STD)
    model = create_model(f"torchvision:{network}", output="sigmoid")
    saved = save_checkpoint(tmp_path, model, preprocess)
    loaded = Encoder.load(tmp_path, device="cpu", runtime=Runtime.TORCH)
    made = Encoder(model, preprocess, device="cpu")
    assert loaded.fingerprint == made.fingerprint == saved.fingerprint
    pixels = some_images()
    sizes = loaded.vector_sizes
    vectors, expected = loaded.vectors(pixels, sizes), made.vectors(pixels, sizes)
    for pooling, size in sizes.items():
        assert np.array_equal(vectors[pooling], expected[pooling])
        assert vectors[pooling].shape == (2, size)


@pytest.mark.parametrize(
    ("network", "least"), [("resnet18", 1), ("squeezenet1_1", 17), ("convnext_tiny", 32)]
)
def test_the_least_image_size_works_and_one_pixel_less_is_refused(network: str, least: int) -> None:
    model = create_model(f"torchvision:{network}").eval()
    assert model.architecture.least_image_size == least
    with torch.inference_mode():
        assert model(torch.rand(1, 3, least, least)).shape == (1, 3, least, least)
    with pytest.raises(ImageSizeError, match=rf"{network} .* works is {least}"):
        model.architecture.latent_shape(least - 1)


@pytest.mark.parametrize("network", ["resnet50", "mobilenet_v3_small", "convnext_tiny"])
def test_operations_are_those_that_torchvision_states_less_the_classifier(network: str) -> None:
    weights = torchvision.models.get_model_weights(network).DEFAULT
    stated = weights.meta["_ops"]  # 10^9 multiply-adds
    gflop = get_architecture(f"torchvision:{network}").encoder_gflop(224)
    assert gflop == pytest.approx(2 * stated, abs=0.006)
    assert gflop < 2 * stated


@pytest.mark.parametrize("network", ["vit_b_16", "maxvit_t", "googlenet", "inception_v3"])
def test_a_network_that_the_cut_does_not_hold_for_is_refused_in_one_line(network: str) -> None:
    with pytest.raises(UnknownArchitectureError) as caught:
        get_architecture(f"torchvision:{network}")
    assert f"'torchvision:{network}' has no feature map" in str(caught.value)
    assert "resnet" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("torchvision:resnet5", "did you mean .*torchvision:resnet50"),
        ("torchvision:ConvNext_tiny", "did you mean torchvision:convnext_tiny"),
        ("torchvision:", "it has the families alexnet, convnext"),
        ("resnet50", "choose from model1, .* or torchvision:NAME"),
    ],
)
def test_an_unknown_name_is_named_with_close_matches(name: str, hint: str) -> None:
    with pytest.raises(UnknownArchitectureError, match=f"'{name}'.*{hint}"):
        get_architecture(name)


def test_the_list_of_the_projects_own_architectures_stays() -> None:
    assert [name for name in list_models() if not name.startswith("model")] == []


def test_folders_and_collections_get_a_name_without_a_colon(tmp_path: Path) -> None:
    info = save_checkpoint(tmp_path, create_model(SMALL), Preprocess(32))
    digits = info.fingerprint[:8]
    assert info.name == Encoder.load(tmp_path).name == f"torchvision-mobilenet_v3_small-{digits}"
    spec = IndexSpec("pets", info.arch, info.fingerprint, 32, tuple(Distance), {}, "", "")
    assert spec.checkpoint == info.name
    assert not set(spec.collection(Distance.COSINE)) & set('<>:"/\\|?*')


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
@pytest.mark.usefixtures("offline")
def test_random_weights_need_no_download_and_repeat_by_seed(recipe) -> None:  # type: ignore[no-untyped-def]
    def vectors(seed: int) -> np.ndarray:
        encoder = random_encoder(SMALL, recipe, image_size=32, seed=seed)
        return encoder.vectors(some_images(side=32), [Pooling.MAXPOOL])[Pooling.MAXPOOL]

    first = vectors(0)
    assert np.isfinite(first).all()
    assert np.ptp(first) > 0
    assert np.array_equal(first, vectors(0))
    assert not np.array_equal(first, vectors(1))


# What the encoder starts from.


def as_safetensors(state: Mapping[str, Tensor], path: Path) -> Path:
    from safetensors.torch import save_file

    save_file(dict(state), path.with_suffix(".safetensors"))
    return path.with_suffix(".safetensors")


def as_pth(state: Mapping[str, Tensor], path: Path) -> Path:
    torch.save(dict(state), path)
    return path


@pytest.mark.parametrize("save", [as_pth, as_safetensors])
def test_no_epochs_keep_a_files_weights_as_they_are_with_imagenets_normalisation(
    save: Callable[[Mapping[str, Tensor], Path], Path],
    backbones: Callable[[str], nn.Module],
    files: tuple[ImageFile, ...],
    tmp_path: Path,
) -> None:
    state = backbones("mobilenet_v3_small").state_dict()
    path = save(state, tmp_path / "weights.pth")
    report = train(
        files, replace(SMALLEST, weights=str(path)), tmp_path / "ck", time_budget=60, progress=False
    )
    assert (report.history, report.best_epoch) == ((), 0)
    loaded = load_checkpoint(tmp_path / "ck")
    model, info = loaded.model, loaded.info
    assert info == report.checkpoint
    encoder = model.encoder.state_dict()
    assert encoder
    assert all(torch.equal(encoder[name], state[name]) for name in encoder)
    assert (info.preprocess.mean, info.preprocess.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert info.training["settings"]["weights"] == str(path)  # type: ignore[index]


def test_the_recipe_starts_the_decoder_alone_beside_pretrained_weights(weights_file: Path) -> None:
    pretrained = get_architecture(SMALL).pretrained(str(weights_file), progress=False)
    recipe = RECIPES["retrieval"]
    drawn = new_model(SMALL, recipe, seed=3)
    model = new_model(SMALL, recipe, seed=3, pretrained=pretrained)
    assert pretrained is not None
    for name, values in model.encoder.state_dict().items():
        assert torch.equal(values, pretrained.weights[name])
    for name, values in model.decoder.state_dict().items():
        assert torch.equal(values, drawn.decoder.state_dict()[name])
    assert drawn.decoder[0].weight.std().item() == pytest.approx((2 / 576) ** 0.5, rel=0.05)


def test_a_file_may_lack_the_classifier_and_the_counts_that_old_files_lack(
    backbones: Callable[[str], nn.Module], tmp_path: Path
) -> None:
    state = backbones("mobilenet_v3_small").state_dict()
    kept = {
        name: values
        for name, values in state.items()
        if name.startswith("features.") and not name.endswith("num_batches_tracked")
    }
    kept["classifier.3.bias"] = torch.zeros(7)  # of other classes
    path = as_pth(kept, tmp_path / "w.pth")
    pretrained = get_architecture(SMALL).pretrained(str(path), progress=False)
    model = new_model(SMALL, RECIPES["study"], seed=0, pretrained=pretrained)
    assert torch.equal(
        model.encoder.state_dict()["features.0.0.weight"], kept["features.0.0.weight"]
    )


def test_densenets_old_names_are_understood(
    backbones: Callable[[str], nn.Module], tmp_path: Path
) -> None:
    state = backbones("densenet121").state_dict()
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): state[name]
        for name in state
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    path = as_pth(old, tmp_path / "w.pth")
    pretrained = get_architecture("torchvision:densenet121").pretrained(str(path), progress=False)
    assert pretrained is not None
    name = "features.denseblock1.denselayer1.norm1.weight"
    assert torch.equal(pretrained.weights[name], state[name])


def lacking(state: dict[str, Tensor]) -> object:
    return {name: state[name] for name in state if not name.startswith("features.12.")}


def with_more(state: dict[str, Tensor]) -> object:
    return {**state, **{f"module.{n}": torch.zeros(1) for n in range(9)}}


def of_another_shape(state: dict[str, Tensor]) -> object:
    return {**state, "features.0.0.weight": torch.zeros(1)}


def inside_a_checkpoint(state: dict[str, Tensor]) -> object:
    return {"state_dict": state, "epoch": 3}


def a_whole_module(_: dict[str, Tensor]) -> object:
    return nn.Linear(1, 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lacking, r"not fit torchvision:mobilenet_v3_small: features\.12\.0\.weight, .* missing"),
        (with_more, r"module\.0, module\.1, module\.2 and 6 more unexpected"),
        (of_another_shape, r"features\.0\.0\.weight of another shape"),
        (inside_a_checkpoint, r"holds no state dict .*; save model\.state_dict\(\) alone"),
        (a_whole_module, r"cannot be read as weights: give a state dict"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    content: Callable[[dict[str, Tensor]], object],
    message: str,
    backbones: Callable[[str], nn.Module],
    tmp_path: Path,
) -> None:
    path = tmp_path / "w.pth"
    torch.save(content(backbones("mobilenet_v3_small").state_dict()), path)
    with pytest.raises(WeightsError, match=message) as caught:
        get_architecture(SMALL).pretrained(str(path), progress=False)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\3\4 and no more"])
def test_a_file_that_holds_no_weights_is_refused_in_one_line(
    content: bytes, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        get_architecture(SMALL).pretrained(str(path), progress=False)


def test_weights_that_are_no_file_are_refused_before_anything_is_read() -> None:
    with pytest.raises(WeightsError, match="'imagnet': there is no such file; give none, imagenet"):
        replace(SMALLEST, weights="imagnet")


@pytest.mark.parametrize("weights", ["imagenet", "some/file.pth"])
def test_our_own_architectures_start_from_no_file_of_weights(weights: str) -> None:
    with pytest.raises(WeightsError, match="model1 starts from none, from a checkpoint folder"):
        TrainSettings(arch="model1", weights=weights)
    assert TrainSettings(arch="model1", weights="none").start == TrainSettings(arch="model1").start


def test_imagenets_weights_are_the_default_and_bring_their_own_normalisation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backbones: Callable[[str], nn.Module]
) -> None:
    asked: list[str] = []

    def fetch(url: str, **options: object) -> Mapping[str, Tensor]:
        asked.append(url)
        assert options["weights_only"] is True
        assert options["check_hash"] is True
        return backbones("mobilenet_v3_small").state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    report = train([], replace(SMALLEST, weights=None), tmp_path, progress=False)
    assert asked == [torchvision.models.MobileNet_V3_Small_Weights.DEFAULT.url]
    assert report.checkpoint.preprocess.mean == IMAGENET_MEAN
    assert report.checkpoint.training["settings"]["weights"] == "imagenet"  # type: ignore[index]


def test_at_random_the_recipe_says_the_normalisation(tmp_path: Path) -> None:
    report = train([], SMALLEST, tmp_path, progress=False)
    assert report.checkpoint.preprocess.mean == RECIPES["retrieval"].mean


# Training from there.


def test_training_goes_on_from_the_weights_and_resumes_only_with_the_same(
    files: tuple[ImageFile, ...], weights_file: Path, tmp_path: Path
) -> None:
    settings = replace(SMALLEST, epochs=1, weights=str(weights_file))
    report = train(files, settings, tmp_path, progress=False)
    assert len(report.history) == 1
    loaded = load_checkpoint(tmp_path)
    model, info = loaded.model, loaded.info
    start = torch.load(weights_file, weights_only=True)["features.0.0.weight"]
    trained = model.encoder.state_dict()["features.0.0.weight"]
    assert not torch.equal(trained, start)
    assert torch.allclose(trained, start, atol=0.05)
    assert info.preprocess.mean == IMAGENET_MEAN
    again = train(files, settings, tmp_path, resume=True, progress=False)
    assert again.checkpoint.fingerprint == info.fingerprint
    with pytest.raises(TrainingError, match=r"its weights is .*small\.pth, not none"):
        train(files, replace(settings, weights="none"), tmp_path, resume=True, progress=False)


def test_no_epochs_work_for_our_own_architectures_and_leave_nothing_to_resume(
    files: tuple[ImageFile, ...], tmp_path: Path
) -> None:
    settings = TrainSettings(arch="model1", image_size=32, epochs=1, batch_size=8)
    trained = train(files, settings, tmp_path, progress=False)
    with pytest.raises(TrainingError, match="its epochs is 1, not 0"):
        train(files, replace(settings, epochs=0), tmp_path, resume=True, progress=False)
    start = train(files, replace(settings, epochs=0), tmp_path, overwrite=True, progress=False)
    assert start.checkpoint.fingerprint != trained.checkpoint.fingerprint
    drawn = new_model("model1", RECIPES["retrieval"], seed=0).state_dict()
    kept = load_checkpoint(tmp_path).model.state_dict()
    assert all(torch.equal(kept[name], drawn[name]) for name in drawn)
    again = train(files, settings, tmp_path, resume=True, progress=False)
    assert again.checkpoint.fingerprint == trained.checkpoint.fingerprint


# The command lines.


def test_from_a_file_of_weights_to_hits_by_the_command_lines(
    photos: Path,
    weights_file: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoint, where = str(tmp_path / "ck"), ["--data-dir", str(data)]
    start = ["--arch", SMALL, "--weights", str(weights_file), "--image-size", "32", "--epochs", "0"]
    assert train_script.main([str(photos), "--out", checkpoint, *start, *where]) == 0
    out, err = capsys.readouterr()
    assert "not trained, the start itself" in out
    assert "warning" not in err
    assert indexer_cli.main(["sync", str(photos), "--checkpoint", checkpoint, *where]) == 0
    query = photos / "warm" / "00.png"
    capsys.readouterr()
    search = ["search", str(query), "--dataset", "photos", "-k", "12", "--json", *where]
    assert indexer_cli.main(search) == 0
    answer = json.loads(capsys.readouterr().out)
    scores = {hit["path"]: hit["score"] for hit in answer["hits"]}
    assert len(scores) == 12
    assert scores["warm/00.png"] == pytest.approx(max(scores.values()))
    assert answer["checkpoint"] == read_info(tmp_path / "ck").name


@pytest.mark.usefixtures("offline")
def test_without_a_network_one_line_says_so_and_names_the_way_out(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ck"
    arguments = [str(photos), "--out", str(out), "--arch", SMALL, "--data-dir", str(tmp_path / "d")]
    assert train_script.main(arguments) == 1
    shown, lines = capsys.readouterr()
    assert shown == ""
    error = lines.splitlines()[-1]
    assert error.startswith("error: cannot download torchvision's weights of mobilenet_v3_small: ")
    assert "Name or service not known" in error
    assert "https://download.pytorch.org/models/mobilenet_v3_small-" in error
    assert "--weights FILE" in error
    assert "Traceback" not in lines
    assert not (out / "model.json").exists()


@pytest.mark.parametrize("arch", ["torchvision:resnet5", "torchvision:vit_b_16", "model9"])
def test_a_wrong_architecture_is_one_line(
    arch: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_script.main(["demo", "--out", str(tmp_path), "--arch", arch]) == 1
    _, err = capsys.readouterr()
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert arch in err


def test_a_vector_larger_than_an_index_takes_is_told_before_training() -> None:
    settings = TrainSettings(arch="torchvision:resnet50", weights="none")
    warning = train_script.size_warning(settings)
    assert warning is not None
    assert "100,352: give --image-size 160 or less" in warning
    assert train_script.size_warning(replace(settings, image_size=160)) is None


def test_help_names_the_choice_and_imports_no_torch() -> None:
    code = (
        "import sys\nfrom scripts.train import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'torchvision', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torchvision:NAME" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"
