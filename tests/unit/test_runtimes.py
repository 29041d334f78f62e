"""ONNX Runtime gives what PyTorch gives, for every architecture, and only where it is asked to."""

from __future__ import annotations

import threading

import pytest
import torch

from models import encoder as encoder_module
from models import runtimes
from models.checkpoint import DEFAULT_CHECKPOINT
from models.encoder import Encoder
from models.errors import RuntimeMissingError
from models.initialisation import new_model
from models.pooling import STANDARD
from models.preprocess import Preprocess
from models.recipes import RECIPES
from models.registry import get_architecture, list_models
from models.runtimes import Runtime


def made(arch: str, runtime: Runtime, **options: str) -> Encoder:
    recipe = RECIPES["retrieval"]
    size = max(get_architecture(arch).least_image_size, 64)
    preprocess = Preprocess(size, recipe.mean, recipe.std)
    return Encoder(new_model(arch, recipe, seed=1), preprocess, runtime=runtime, **options)


def pixels(encoder: Encoder, count: int = 3) -> torch.Tensor:
    size = encoder.preprocess.image_size
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("arch", [*list_models(), "torchvision:mobilenet_v3_small"])
def test_vectors_are_those_of_pytorch_to_one_part_in_ten_thousand(arch: str) -> None:
    if arch.startswith("torchvision:"):
        recipe = RECIPES["retrieval"]
        model, preprocess = new_model(arch, recipe, seed=1), Preprocess(64, recipe.mean, recipe.std)
        torch_encoder, onnx_encoder = (
            Encoder(model, preprocess, runtime=runtime) for runtime in (Runtime.TORCH, Runtime.ONNX)
        )
    else:
        torch_encoder, onnx_encoder = made(arch, Runtime.TORCH), made(arch, Runtime.ONNX)
    assert (torch_encoder.runtime, onnx_encoder.runtime) == (Runtime.TORCH, Runtime.ONNX)
    assert torch_encoder.fingerprint == onnx_encoder.fingerprint
    images = pixels(torch_encoder)
    expected = torch_encoder.vectors(images, STANDARD)
    for pooling, vectors in onnx_encoder.vectors(images, STANDARD).items():
        assert vectors.shape == expected[pooling].shape
        assert abs(vectors - expected[pooling]).max() <= 1e-4 * abs(expected[pooling]).max()


def test_the_default_checkpoint_encodes_alike_in_both() -> None:
    one = Encoder.load(DEFAULT_CHECKPOINT)
    other = Encoder.load(DEFAULT_CHECKPOINT, runtime=Runtime.ONNX)
    images = pixels(one, 2)
    assert torch.allclose(one.encode(images), other.encode(images), atol=1e-5)


def test_auto_takes_onnx_for_convolutions_and_pytorch_for_visual_words() -> None:
    chosen = {arch: made(arch, Runtime.AUTO).runtime for arch in list_models()}
    assert chosen.pop("model7") is Runtime.TORCH
    assert set(chosen.values()) == {Runtime.ONNX}


def test_without_the_extra_auto_is_pytorch_and_onnx_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (runtimes, encoder_module):
        monkeypatch.setattr(module, "onnx_is_installed", lambda: False)
    assert made("model1", Runtime.AUTO).runtime is Runtime.TORCH
    with pytest.raises(RuntimeMissingError, match=r"pip install -e '\.\[fast\]'"):
        made("model1", Runtime.ONNX)


def test_onnx_is_refused_on_another_device_than_the_cpu() -> None:
    with pytest.raises(RuntimeMissingError, match="on the CPU only, not on meta"):
        made("model1", Runtime.ONNX, device="meta")
    assert made("model1", Runtime.AUTO, device="meta").runtime is Runtime.TORCH


def test_several_threads_get_the_latents_of_their_own_images() -> None:
    encoder = made("model1", Runtime.ONNX)
    images = pixels(encoder, 8)
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
