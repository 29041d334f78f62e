"""ONNX Runtime gives PyTorch's latents, from a graph that is made once and never trusted unseen."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from models.baselines import random_encoder
from models.checkpoint import DEFAULT_CHECKPOINT, save_checkpoint
from models.encoder import Encoder
from models.errors import DeviceMemoryError, RuntimeUnusableError
from models.networks import GRAPH_FILE, TIMING_FILE, TorchNetwork
from models.onnx_graph import TOLERANCE, OnnxGraph, export, open_graph
from models.pooling import STANDARD
from models.preprocess import Preprocess
from models.recipes import RECIPES
from models.registry import create_model, get_architecture, list_models
from models.runtime_choice import Timing, measure, write_timing
from models.runtimes import Runtime

ROOT = Path(__file__).resolve().parents[2]
BACKBONES = ["torchvision:resnet18", "torchvision:mobilenet_v3_small"]


def pixels(size: int, count: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


def image_size(arch: str) -> int:
    """Small, and not a multiple of everything, so that borders count."""
    return max(get_architecture(arch).least_image_size, 70)


@pytest.mark.parametrize("arch", [*list_models(), *BACKBONES])
def test_onnx_runtime_gives_pytorchs_latents_for_every_architecture(arch: str) -> None:
    size = image_size(arch)
    preprocess = Preprocess(size, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
    model = create_model(arch).eval()
    slow = Encoder(model, preprocess, device="cpu", runtime=Runtime.TORCH)
    fast = Encoder(model, preprocess, device="cpu", runtime=Runtime.ONNX)
    assert (slow.runtime, fast.runtime) == (Runtime.TORCH, Runtime.ONNX)
    assert fast.fingerprint == slow.fingerprint
    expected, latent = slow.encode(pixels(size)), fast.encode(pixels(size))
    assert latent.shape == expected.shape
    assert (latent - expected).abs().max() <= TOLERANCE * expected.abs().max()
    vectors = fast.vectors(pixels(size), STANDARD)
    assert [vectors[pooling].shape for pooling in STANDARD] == [
        (3, fast.vector_sizes[pooling]) for pooling in STANDARD
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_checkpoint(tmp_path / "cats", create_model("model1"), Preprocess(40))
    return tmp_path / "cats"


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every export adds an entry."""
    exports: list[int] = []

    def noted(module: torch.nn.Module, image: torch.Tensor) -> bytes:
        exports.append(1)
        return export(module, image)

    monkeypatch.setattr("models.onnx_graph.export", noted)
    return exports


def test_a_graph_is_made_once_and_kept_beside_the_weights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = counted(monkeypatch)
    first = Encoder.load(folder, device="cpu", runtime=Runtime.ONNX)
    again = Encoder.load(folder, device="cpu", runtime=Runtime.ONNX)
    assert exports == [1]
    assert torch.equal(first.encode(pixels(40)), again.encode(pixels(40)))
    assert {path.name for path in folder.iterdir()} == {
        "model.json",
        "model.safetensors",
        GRAPH_FILE,
    }


@pytest.mark.parametrize("damage", ["cut short", "a flipped weight", "empty", "of other weights"])
def test_a_graph_that_is_not_of_these_weights_is_made_anew(
    folder: Path, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = folder / GRAPH_FILE
    expected = Encoder.load(folder, device="cpu", runtime=Runtime.ONNX).encode(pixels(40))
    content = bytearray(graph.read_bytes())
    if damage == "of other weights":
        torch.manual_seed(1)
        save_checkpoint(tmp_path / "dogs", create_model("model1"), Preprocess(40))
        Encoder.load(tmp_path / "dogs", device="cpu", runtime=Runtime.ONNX)
        content = bytearray((tmp_path / "dogs" / GRAPH_FILE).read_bytes())
    elif damage == "a flipped weight":
        content[len(content) // 2] ^= 0x40
    else:
        content = content[: len(content) // 2] if damage == "cut short" else bytearray()
    graph.write_bytes(content)
    exports = counted(monkeypatch)
    assert torch.equal(
        Encoder.load(folder, device="cpu", runtime=Runtime.ONNX).encode(pixels(40)), expected
    )
    assert exports == [1]
    assert graph.read_bytes() != content


def test_a_folder_that_cannot_be_written_costs_only_the_next_export(tmp_path: Path) -> None:
    module = create_model("model1").encoder.eval()
    graph = open_graph(module, 40, tmp_path / "absent" / GRAPH_FILE)
    assert graph(torch.rand(2, 3, 40, 40)).shape[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = create_model("model1").encoder.eval()
    monkeypatch.setattr("models.onnx_graph.export", lambda _, image: export(other, image))
    with pytest.raises(RuntimeUnusableError, match=r"off PyTorch's; give --runtime torch"):
        open_graph(create_model("model1").encoder.eval(), 40, None)


def test_what_is_no_graph_is_refused_in_one_line() -> None:
    with pytest.raises(RuntimeUnusableError, match="cannot run the graph") as caught:
        OnnxGraph(b"no graph")
    assert "\n" not in str(caught.value)


# --- which runtime


class Measured:
    """Stands for ``measure``, which no test depends on; counts its calls."""

    def __init__(self, **seconds: float) -> None:
        self.timing = Timing(**seconds)
        self.calls = 0

    def __call__(self, torch_network: object, onnx_network: object, image_size: int) -> Timing:
        assert isinstance(torch_network, TorchNetwork)
        assert isinstance(onnx_network, OnnxGraph)
        assert image_size == 40
        self.calls += 1
        return self.timing


@pytest.fixture
def measured(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Measured:
    measured = Measured(**request.param)
    monkeypatch.setattr("models.networks.measure", measured)
    return measured


TORCH_IS_FASTER = {"torch": 0.010, "onnx": 0.012}
ONNX_IS_FASTER = {"torch": 0.012, "onnx": 0.010}
ABOUT_THE_SAME = {"torch": 0.010, "onnx": 0.0105}


@pytest.mark.parametrize(
    ("measured", "chosen"),
    [
        (TORCH_IS_FASTER, Runtime.TORCH),
        (ONNX_IS_FASTER, Runtime.ONNX),
        (ABOUT_THE_SAME, Runtime.ONNX),
    ],
    indirect=["measured"],
)
def test_auto_takes_what_is_faster_here_and_asks_once(
    folder: Path, measured: Measured, chosen: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = counted(monkeypatch)
    for _ in range(2):
        assert Encoder.load(folder, device="cpu").runtime is chosen
    assert (measured.calls, exports) == (1, [1])
    assert (folder / GRAPH_FILE).exists() is (chosen is Runtime.ONNX)
    other = Runtime.ONNX if chosen is Runtime.TORCH else Runtime.TORCH
    assert Encoder.load(folder, device="cpu", runtime=other).runtime is other
    assert measured.calls == 1


@pytest.mark.parametrize("measured", [TORCH_IS_FASTER], indirect=True)
@pytest.mark.parametrize("damage", ["another machine", "cut short", "a list", "other words"])
def test_what_was_measured_elsewhere_or_cannot_be_read_is_measured_again(
    folder: Path, measured: Measured, damage: str
) -> None:
    Encoder.load(folder, device="cpu")
    file = folder / TIMING_FILE
    content = json.loads(file.read_text())
    content["measured_on"]["processor"] = "another one"
    texts = {
        "another machine": json.dumps(content),
        "cut short": file.read_text()[:-9],
        "a list": "[]",
        "other words": '{"fast": true}',
    }
    file.write_text(texts[damage])
    assert Encoder.load(folder, device="cpu").runtime is Runtime.TORCH
    assert measured.calls == 2
    Encoder.load(folder, device="cpu")
    assert measured.calls == 2


@pytest.mark.parametrize("measured", [TORCH_IS_FASTER], indirect=True)
def test_another_network_trained_into_the_folder_is_measured_anew(
    folder: Path, measured: Measured
) -> None:
    Encoder.load(folder, device="cpu")
    torch.manual_seed(1)
    save_checkpoint(folder, create_model("model1"), Preprocess(40))
    Encoder.load(folder, device="cpu")
    assert measured.calls == 1, "other weights take no other time"
    save_checkpoint(folder, create_model("model3"), Preprocess(40))
    assert Encoder.load(folder, device="cpu").runtime is Runtime.TORCH
    assert measured.calls == 2


@pytest.mark.parametrize("measured", [TORCH_IS_FASTER], indirect=True)
def test_an_encoder_of_no_folder_measures_and_keeps_nothing(measured: Measured) -> None:
    encoder = Encoder(create_model("model1"), Preprocess(40), device="cpu", runtime=Runtime.AUTO)
    assert (encoder.runtime, measured.calls) == (Runtime.TORCH, 1)


def test_a_folder_that_cannot_be_written_costs_only_the_next_measurement(tmp_path: Path) -> None:
    write_timing(tmp_path / "absent" / TIMING_FILE, "network", Timing(1, 2))
    assert list(tmp_path.iterdir()) == []


def test_the_fastest_time_of_each_counts_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    seconds = {"torch": iter([9, 5, 2, 4, 3, 5]), "onnx": iter([1, 7, 8, 6, 9, 7])}

    def network(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        def call(images: torch.Tensor) -> torch.Tensor:
            nonlocal clock
            assert images.shape == (1, 3, 40, 40)
            assert torch.get_num_threads() == 1
            clock += next(seconds[name])
            return images

        return call

    monkeypatch.setattr("models.runtime_choice.time.perf_counter", lambda: clock)
    assert measure(network("torch"), network("onnx"), 40) == Timing(torch=2, onnx=6)


def test_visual_words_stay_with_pytorch_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.networks.measure", lambda *_: pytest.fail("it was asked"))
    preprocess = Preprocess(image_size("model7"))
    encoder = Encoder(create_model("model7"), preprocess, device="cpu", runtime=Runtime.AUTO)
    assert encoder.runtime is Runtime.TORCH


def test_the_programs_own_checkpoint_gets_no_graph() -> None:
    assert Encoder.load(DEFAULT_CHECKPOINT, device="cpu").runtime is Runtime.TORCH
    for name in (GRAPH_FILE, TIMING_FILE):
        assert not (DEFAULT_CHECKPOINT / name).exists()


def test_without_the_extra_auto_is_pytorch_and_onnx_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.networks.onnx_is_installed", lambda: False)
    assert Encoder.load(folder, device="cpu").runtime is Runtime.TORCH
    with pytest.raises(RuntimeUnusableError, match=r"pip install -e '\.\[fast\]'"):
        Encoder.load(folder, device="cpu", runtime=Runtime.ONNX)


def test_onnx_runtime_is_for_the_cpu(folder: Path) -> None:
    with pytest.raises(RuntimeUnusableError, match="on the CPU, not on meta; give --device cpu"):
        Encoder.load(folder, device="meta", runtime=Runtime.ONNX)
    encoder = Encoder.load(folder, device="meta")
    assert (encoder.runtime, encoder.device_type) == (Runtime.TORCH, "meta")


class Unexportable(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(images)


def test_a_network_that_cannot_be_exported_stays_with_pytorch(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    model = create_model("model1")
    model.encoder = torch.nn.Sequential(Unexportable())
    encoder = Encoder(model, Preprocess(40), device="cpu", runtime=Runtime.AUTO)
    assert encoder.runtime is Runtime.TORCH
    assert "PyTorch encodes instead" in caplog.text
    with pytest.raises(RuntimeUnusableError, match="cannot export this network to ONNX") as caught:
        Encoder(model, Preprocess(40), device="cpu", runtime=Runtime.ONNX)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().out == "", "results of commands go there"


def test_encoders_made_in_passing_are_not_exported() -> None:
    assert random_encoder("model1", RECIPES["study"], image_size=40).runtime is Runtime.TORCH


def test_naming_the_runtimes_imports_neither_of_them() -> None:
    code = (
        "import sys, models.runtimes as r; list(r.Runtime); r.onnx_is_installed(); "
        "print(*{'torch', 'onnxruntime', 'onnx'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


# --- on a GPU, as far as that can be told without one


class Rounding(torch.nn.Module):
    """Notes whether convolutions may round to TF32 while it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bool] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(torch.backends.cudnn.allow_tf32)
        return images


def test_a_gpu_computes_as_precisely_as_the_cpu_that_made_the_index() -> None:
    module = Rounding()
    network = TorchNetwork(module, torch.device("cpu"))
    network(torch.rand(1, 3, 4, 4))
    network._device = torch.device("cuda")
    network(torch.rand(1, 3, 4, 4))
    network._device = torch.device("cpu")
    network(torch.rand(1, 3, 4, 4))
    usual = torch.backends.cudnn.allow_tf32
    assert usual, "PyTorch rounds unless told otherwise; without that this test shows nothing"
    assert module.seen == [usual, False, usual]


def test_too_many_images_for_the_device_say_what_to_do() -> None:
    def full(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    encoder = random_encoder("model1", RECIPES["study"], image_size=40).computed_by(full)
    with pytest.raises(DeviceMemoryError, match="no memory for 3 images at once; give a smaller"):
        encoder.vectors(pixels(40), STANDARD)


def test_several_threads_get_the_latents_of_their_own_images() -> None:
    encoder = Encoder(create_model("model1"), Preprocess(40), device="cpu", runtime=Runtime.ONNX)
    images = pixels(40, 8)
    expected = encoder.encode(images)
    found: dict[int, torch.Tensor] = {}

    def work(row: int) -> None:
        for _ in range(5):
            found[row] = encoder.encode(images[row : row + 1])

    threads = [threading.Thread(target=work, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.cat([found[row] for row in range(8)]), expected)
