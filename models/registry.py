"""What an architecture is, and the one list of them: register, get, list, create."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from models.errors import ImageSizeError, UnknownArchitectureError, WeightsError
from models.layers import Activation, Layer, Shape, build_layers, count_parameters
from models.pooling import LatentShape
from models.pretrained import DEFAULT, NO_WEIGHTS, Pretrained, checkpoint_folder
from models.steps import Step, trace

if TYPE_CHECKING:
    from torch import nn

    from models.autoencoder import ConvAutoencoder

TORCHVISION = "torchvision:"
"""Starts the names of architectures that torchvision brings (models/backbone.py)."""

STUDY_IMAGE_SIZE = 224
"""Image size of the study and of most networks trained on ImageNet, in pixels; every architecture
can encode it."""
LARGEST_MINIMUM = 1024
"""Where the search for an architecture's least image size gives up, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture(ABC):
    """A convolutional autoencoder: what is known of it, and how its two halves are built.

    Attributes:
        name: what users call it.
        summary: one line for lists and help.
        decoder: from the latent back to 3 channels; its last layer declares no activation.
        output: activation of the reconstruction, unless a recipe asks for another.
        default_weights: what an encoder starts from when nobody says: one of the values that
            :meth:`check_weights` lets pass.
    """

    name: str
    summary: str
    decoder: tuple[Layer, ...]
    output: Activation = "relu"
    default_weights: ClassVar[str] = NO_WEIGHTS

    @abstractmethod
    def encode_shape(self, image_size: int) -> Shape | None:
        """(C, H, W) of the latent at ``image_size`` pixels square; None where that is too small."""

    @abstractmethod
    def encoder_parameters(self) -> int:
        """Number of learned values of the encoder."""

    @abstractmethod
    def encoder_gflop(self, image_size: int) -> float:
        """10^9 floating point operations to encode one image; a multiply-add counts as two.

        Raises:
            ImageSizeError: ``image_size``, in pixels, is too small.
        """

    @abstractmethod
    def build_encoder(self) -> nn.Sequential:
        """Modules from images (B, 3, S, S) to latents (B, C, H, W), at random weights."""

    def build_decoder(self) -> nn.Sequential:
        """Modules from latents (B, C, H, W) to images, without the output's activation."""
        return build_layers(self.decoder, channels=self.latent_channels)

    def latent_shape(self, image_size: int) -> LatentShape:
        """(C, H, W) of the latent of one image of ``image_size`` pixels square.

        Raises:
            ImageSizeError: too small; the text names the least size that works.
        """
        shape = self.encode_shape(image_size)
        if shape is None:
            raise ImageSizeError(
                f"{self.name} cannot encode images of {image_size} pixels; "
                f"the least image size that works is {self.least_image_size}"
            )
        return shape

    @property
    def least_image_size(self) -> int:
        """Smallest image size, in pixels, that leaves a latent of at least one cell."""
        sizes = range(1, LARGEST_MINIMUM)
        works = bisect_left(sizes, 1, key=lambda size: int(self.encode_shape(size) is not None))
        return sizes[works]

    @property
    def latent_channels(self) -> int:
        """C of the latent, which is the same at every image size."""
        return self.latent_shape(STUDY_IMAGE_SIZE)[0]

    def decoder_parameters(self) -> int:
        """Number of learned values of the decoder."""
        return count_parameters(self.decoder, channels=self.latent_channels)

    def encoder_steps(self, image_size: int) -> tuple[Step, ...]:
        """From an image of ``image_size`` pixels square to its latent.

        One step where the layers are not declared.

        Raises:
            ImageSizeError: too small.
        """
        latent = self.latent_shape(image_size)
        gflop = self.encoder_gflop(image_size)
        return (Step(self.summary, latent, self.encoder_parameters(), gflop),)

    def decoder_steps(self, image_size: int) -> tuple[Step, ...]:
        """From the latent of an image of ``image_size`` pixels square to its reconstruction.

        Raises:
            ImageSizeError: too small.
        """
        return trace(self.decoder, self.latent_shape(image_size))

    def check_weights(self, weights: str) -> None:
        """Refuse what :meth:`pretrained` cannot give, without reading or fetching anything.

        Args:
            weights: ``none``, a checkpoint folder of this architecture, or ``default`` for the
                one that comes with the program; ``torchvision:NAME`` takes more.

        Raises:
            WeightsError: ``weights`` is something else.
        """
        if weights == NO_WEIGHTS:
            return
        folder = checkpoint_folder(weights)
        if folder is None:
            raise WeightsError(
                f"weights {weights!r}: {self.name} starts from {NO_WEIGHTS}, from a checkpoint "
                f"folder of its own, or from {DEFAULT}, the checkpoint that comes with the program"
            )
        from models.checkpoint import read_info

        arch = read_info(folder).arch
        if arch != self.name:
            raise WeightsError(f"weights {weights!r}: a checkpoint of {arch}, not of {self.name}")

    def pretrained(self, weights: str, *, progress: bool) -> Pretrained | None:  # noqa: ARG002
        """What the encoder starts from; None at random.

        Args:
            weights: as :meth:`check_weights` takes it.
            progress: show a bar on stderr where there is something to download.

        Raises:
            WeightsError: not to be had, or they do not fit.
            CheckpointError: the checkpoint is damaged.
        """
        self.check_weights(weights)
        folder = checkpoint_folder(weights)
        if weights == NO_WEIGHTS or folder is None:
            return None
        from models.checkpoint import load_checkpoint

        loaded = load_checkpoint(folder)
        preprocess = loaded.info.preprocess
        return Pretrained(loaded.model.encoder.state_dict(), preprocess.mean, preprocess.std)


_ARCHITECTURES: dict[str, Architecture] = {}


def register(architecture: Architecture) -> Architecture:
    """Make ``architecture`` available under its name.

    Raises:
        ValueError: the name is taken.
    """
    if architecture.name in _ARCHITECTURES:
        raise ValueError(f"architecture {architecture.name!r} is registered twice")
    _ARCHITECTURES[architecture.name] = architecture
    return architecture


def list_models() -> list[str]:
    """Names of the registered architectures, sorted; torchvision's are not among them."""
    import models.architectures  # noqa: F401 - importing the package registers them

    return sorted(_ARCHITECTURES)


def describe_names() -> str:
    """Every name that :func:`get_architecture` takes, in a few words for help and errors."""
    return f"{', '.join(list_models())} or {TORCHVISION}NAME (such as {TORCHVISION}resnet50)"


def get_architecture(name: str) -> Architecture:
    """The architecture called ``name``: a registered one, or ``torchvision:NAME``.

    Raises:
        UnknownArchitectureError: there is none; the text lists those that exist.
    """
    if name.startswith(TORCHVISION):
        from models.backbone import get_backbone

        return get_backbone(name.removeprefix(TORCHVISION))
    if name not in list_models():
        raise UnknownArchitectureError(f"no architecture {name!r}; choose from {describe_names()}")
    return _ARCHITECTURES[name]


def create_model(name: str, *, output: Activation | None = None) -> ConvAutoencoder:
    """A new autoencoder with PyTorch's default initialisation, or its network's own.

    Args:
        name: as :func:`get_architecture` takes it.
        output: activation of the reconstruction; the architecture's own when None.

    Raises:
        UnknownArchitectureError: there is no architecture ``name``.
    """
    from models.autoencoder import ConvAutoencoder

    return ConvAutoencoder(get_architecture(name), output=output)
