"""Blocks: folding batch norms changes the cost, not the function."""

import pytest
import torch
from torch import nn

from models.blocks import ResidualBlock, fold_batch_norm
from models.registry import create_model, list_models


def with_random_statistics(module: nn.Module) -> nn.Module:
    """As if trained: a fresh batch norm would be the identity, and folding it trivial."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return module.eval()


@pytest.mark.parametrize("arch", list_models())
def test_a_folded_encoder_is_the_same_function_without_norms(arch: str) -> None:
    encoder = with_random_statistics(create_model(arch).encoder)
    images = torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        expected = encoder(images)
        fold_batch_norm(encoder)
        scale = expected.abs().max()
        assert torch.allclose(encoder(images), expected, atol=1e-5 * scale, rtol=1e-4)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in encoder.modules())


def test_a_residual_block_whose_body_is_silent_passes_its_input_on() -> None:
    block = ResidualBlock(4, 3).eval()
    nn.init.zeros_(block.body[-1].weight)
    features = torch.rand(1, 4, 5, 5)
    assert torch.equal(block(features), features)
