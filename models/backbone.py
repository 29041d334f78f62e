"""torchvision's classification networks as encoders: ``torchvision:resnet50`` and its like.

One rule for all: the encoder is the network's children in their order, up to the first that pools
all positions into one or classifies. What is left ends in a feature map (C, h, w). The rule holds
for FAMILIES; a vision transformer has no feature map, and GoogLeNet, Inception and MaxViT do more
in their ``forward`` than call their children.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from contextlib import redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from http.client import HTTPException
from itertools import takewhile
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models.blocks import UnallocatedParameters
from models.errors import UnknownArchitectureError, WeightsError
from models.layers import Deconv, Layer, Shape
from models.pretrained import (
    IMAGENET,
    NO_WEIGHTS,
    UNLOADABLE,
    Pretrained,
    checkpoint_folder,
    fit_encoder,
    read_state_dict,
)
from models.registry import STUDY_IMAGE_SIZE, TORCHVISION, Architecture
from models.vision import torchvision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

catalogue: Any = torchvision.models
"""Untyped, because torchvision does not mark what this package re-exports."""
FAMILIES = (
    "alexnet", "convnext", "densenet", "efficientnet", "mnasnet", "mobilenet", "regnet", "resnet",
    "resnext", "shufflenet", "squeezenet", "swin", "vgg", "wide_resnet",
)  # fmt: skip
"""How the names of the networks start that the rule holds for."""
_HEAD = ("avgpool", "classifier", "fc")
"""What torchvision calls the first child that does not belong to the feature map."""
LEAST_CHANNELS = 16
"""The decoder's channels halve from layer to layer, down to this."""
_OLD_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""torchvision's DenseNet files spell ``norm.1.weight`` what the network calls ``norm1.weight``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone(Architecture):
    """One of torchvision's networks without its head, and a plain decoder of our own.

    What it costs and gives is found by running it on the meta device, where tensors have shapes and
    no values.

    Attributes:
        network: torchvision's name of it.
    """

    network: str
    default_weights: ClassVar[str] = IMAGENET

    def encode_shape(self, image_size: int) -> Shape | None:
        """(C, H, W) of the latent at ``image_size`` pixels square; None where that is too small."""
        return _latent_shape(self.network, image_size)

    def encoder_parameters(self) -> int:
        """Number of learned values of the encoder."""
        return sum(values.numel() for values in _cut(_skeleton(self.network)).parameters())

    def encoder_gflop(self, image_size: int) -> float:
        """10^9 floating point operations to encode one image; a multiply-add counts as two.

        Convolutions and matrix products are counted, as torch's own counter does.

        Raises:
            ImageSizeError: ``image_size``, in pixels, is too small.
        """
        self.latent_shape(image_size)
        with FlopCounterMode(display=False) as counter:
            _run_skeleton(self.network, image_size)
        return float(counter.get_total_flops()) / 1e9

    def build_encoder(self) -> nn.Sequential:
        """Modules from images (B, 3, S, S) to latents (B, C, H, W), the network's initialisation.

        Its state dict has the names that the network's own has.
        """
        return _cut(catalogue.get_model(self.network, weights=None))

    def check_weights(self, weights: str) -> None:
        """Refuse what :meth:`pretrained` cannot give, without reading or fetching anything.

        Args:
            weights: ``none``, ``imagenet``, a file, or a checkpoint folder.

        Raises:
            WeightsError: ``weights`` is something else.
        """
        if checkpoint_folder(weights) is not None:
            Architecture.check_weights(self, weights)  # super() is lost where slots are made
        elif weights not in (NO_WEIGHTS, IMAGENET) and not Path(weights).is_file():
            raise WeightsError(
                f"weights {weights!r}: there is no such file; give {NO_WEIGHTS}, {IMAGENET}, "
                f"a file with a state dict of {self.network}, or a checkpoint folder of it"
            )

    def pretrained(self, weights: str, *, progress: bool) -> Pretrained | None:
        """What the encoder starts from; None at random.

        A file's weights are taken to expect the normalisation that torchvision's own do.

        Args:
            weights: ``none``; ``imagenet`` for torchvision's default weights of this network, from
                its server or torch's cache; a file with a state dict of the network; or a
                checkpoint folder.
            progress: show a bar on stderr while downloading.

        Raises:
            WeightsError: not to be had, or they do not fit.
        """
        self.check_weights(weights)
        if weights == NO_WEIGHTS or checkpoint_folder(weights) is not None:
            return Architecture.pretrained(self, weights, progress=progress)
        if weights == IMAGENET:
            state = _download(self.network, progress=progress)
        else:
            state = read_state_dict(Path(weights))
        network = _skeleton(self.network)
        fitting = fit_encoder(
            {_OLD_DENSENET_NAME.sub(r"\1\2", name): state[name] for name in state},
            _cut(network).state_dict(),
            network.state_dict(),
            origin=f"weights {weights!r} do not fit {self.name}",
        )
        transforms = catalogue.get_model_weights(self.network).DEFAULT.transforms()
        return Pretrained(fitting, tuple(transforms.mean), tuple(transforms.std))


@lru_cache
def get_backbone(network: str) -> Backbone:
    """The architecture ``torchvision:<network>``.

    Raises:
        UnknownArchitectureError: torchvision has no such network, or it has no feature map; the
            text names close matches, or the families that work.
    """
    name = f"{TORCHVISION}{network}"
    names = catalogue.list_models(module=catalogue)
    usable = [known for known in names if known.startswith(FAMILIES)]
    if network not in names:
        close = [f"{TORCHVISION}{match}" for match in get_close_matches(network.lower(), usable)]
        way_out = f"did you mean {' or '.join(close)}?" if close else f"it has {_families()}"
        raise UnknownArchitectureError(f"no architecture {name!r} in torchvision; {way_out}")
    if network not in usable:
        raise UnknownArchitectureError(
            f"{name!r} has no feature map that could be cut out; choose from {_families()}"
        )
    latent = _latent_shape(network, STUDY_IMAGE_SIZE)
    if latent is None:
        raise RuntimeError(f"{name} cannot encode {STUDY_IMAGE_SIZE} pixels")
    return Backbone(
        name=name,
        summary=f"torchvision's {network} up to its pooling",
        decoder=_decoder(latent),
        output="sigmoid",
        network=network,
    )


def _families() -> str:
    return f"the families {', '.join(FAMILIES)}"


def _decoder(latent: Shape) -> tuple[Layer, ...]:
    """Double the sides and halve the channels until the sides are the study's, or nearly so.

    Args:
        latent: (C, H, W) at the study's image size.
    """
    channels, height, _ = latent
    doublings = round(log2(STUDY_IMAGE_SIZE / height))
    widths = [max(channels >> step, LEAST_CHANNELS) for step in range(1, doublings)]
    return (*(Deconv(width) for width in widths), Deconv(3, activation="none"))


def _cut(network: nn.Module) -> nn.Sequential:
    """The children that make the feature map, under their own names."""
    children = takewhile(lambda child: child[0] not in _HEAD, network.named_children())
    encoder = nn.Sequential(OrderedDict(children))
    if isinstance(network, catalogue.DenseNet):
        encoder.append(nn.ReLU())  # the one activation that a forward applies without a child
    return encoder


@lru_cache(maxsize=8)
def _skeleton(network: str) -> nn.Module:
    """The whole network on the meta device, in evaluation mode."""
    with UnallocatedParameters():
        built: nn.Module = catalogue.get_model(network, weights=None)
    return built.to("meta").eval()


@torch.no_grad()
def _run_skeleton(network: str, image_size: int) -> Tensor:
    """The latent of one image, without values. Shape: (1, C, H, W)."""
    latent: Tensor = _cut(_skeleton(network))(
        torch.empty(1, 3, image_size, image_size, device="meta")
    )
    return latent


@lru_cache(maxsize=1024)
def _latent_shape(network: str, image_size: int) -> Shape | None:
    """(C, H, W), or None where some layer of the network has nothing left to work on."""
    try:
        _, channels, height, width = _run_skeleton(network, image_size).shape
    except RuntimeError:
        return None
    return (channels, height, width) if min(height, width) > 0 else None


def _download(network: str, *, progress: bool) -> Mapping[str, Tensor]:
    """The default weights of torchvision, from torch's cache where they are there already."""
    weights = catalogue.get_model_weights(network).DEFAULT
    try:
        with redirect_stdout(sys.stderr):  # torch announces a download on stdout
            state: Mapping[str, Tensor] = weights.get_state_dict(
                progress=progress, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (OSError, HTTPException, *UNLOADABLE) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"cannot download torchvision's weights of {network}: {reason}; without a network, "
            f"fetch {weights.url} elsewhere and give it as --weights FILE, or start at random "
            f"with --weights {NO_WEIGHTS}"
        ) from error
    return state
