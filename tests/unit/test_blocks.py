"""Blocks: folding batch norms changes the cost, not the function."""

import torch
from torch import nn

from models.blocks import fold_batch_norm


def with_random_statistics(module: nn.Module) -> nn.Module:
    """As if trained: a fresh batch norm would be the identity, and folding it trivial."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    return module.eval()


def test_a_folded_network_is_the_same_function_without_norms() -> None:
    inner = nn.Sequential(nn.Conv2d(4, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU())
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.ReLU(), inner)
    with_random_statistics(network)
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        expected = network(images)
        fold_batch_norm(network)
        scale = expected.abs().max()
        assert torch.allclose(network(images), expected, atol=1e-5 * scale, rtol=1e-4)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
