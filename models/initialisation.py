"""Starting weights of a new autoencoder."""

from __future__ import annotations

import torch
from torch import nn

from models.autoencoder import ConvAutoencoder
from models.pretrained import Pretrained
from models.recipes import Recipe
from models.registry import create_model

LAST_LAYER_GAIN = 0.1
"""Shrinks the last layer, so that a sigmoid output starts near grey, where its slope is largest."""


def new_model(
    arch: str, recipe: Recipe, *, seed: int, pretrained: Pretrained | None = None
) -> ConvAutoencoder:
    """A new autoencoder as ``recipe`` starts it; equal seeds give equal weights.

    Args:
        arch: as :func:`models.registry.get_architecture` takes it.
        recipe: says how weights are drawn.
        seed: of everything drawn.
        pretrained: what the encoder starts from; the recipe then starts the decoder alone.

    Raises:
        UnknownArchitectureError: there is no architecture ``arch``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = create_model(arch, output=recipe.output)
        if recipe.initialisation == "kaiming":
            _kaiming(model)
    if pretrained is not None:
        model.encoder.load_state_dict(pretrained.weights)
    return model


def _kaiming(model: ConvAutoencoder) -> None:
    """He et al., 2015: variance 2 / fan-in.

    A transposed convolution whose stride equals its kernel gives every output value one input cell,
    so its fan-in is the number of input channels, times (kernel / stride)^2 in general.
    """
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    for layer in layers:
        fan_in = float(layer.in_channels // layer.groups * layer.kernel_size[0] ** 2)
        if isinstance(layer, nn.ConvTranspose2d):
            fan_in /= layer.stride[0] ** 2
        nn.init.normal_(layer.weight, std=(2.0 / fan_in) ** 0.5)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    if model.output == "sigmoid":
        with torch.no_grad():
            layers[-1].weight.mul_(LAST_LAYER_GAIN)
