"""The one list of architectures: register, get, list, create."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import ImageSizeError, UnknownArchitectureError
from models.layers import Activation, Layer, Shape
from models.pooling import LatentShape

if TYPE_CHECKING:
    from models.autoencoder import ConvAutoencoder

LARGEST_MINIMUM = 1024
"""Where the search for an architecture's least image size gives up, in pixels."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A convolutional autoencoder, declared.

    Attributes:
        name: what users call it.
        summary: one line for lists and help.
        encoder: from (3, S, S) to the latent; ends with its activation.
        decoder: from the latent back to 3 channels; its last layer declares no activation.
        output: activation of the reconstruction, unless a recipe asks for another.
    """

    name: str
    summary: str
    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]
    output: Activation = "relu"

    def latent_shape(self, image_size: int) -> LatentShape:
        """(C, H, W) of the latent of one image of ``image_size`` pixels square.

        Raises:
            ImageSizeError: too small; the text names the least size that works.
        """
        shape = self._encode_shape(image_size)
        if shape is None:
            raise ImageSizeError(
                f"{self.name} cannot encode images of {image_size} pixels; "
                f"the least image size that works is {self.least_image_size}"
            )
        return shape

    @property
    def least_image_size(self) -> int:
        """Smallest image size, in pixels, that leaves a latent of at least one cell."""
        return next(s for s in range(1, LARGEST_MINIMUM) if self._encode_shape(s) is not None)

    def _encode_shape(self, image_size: int) -> Shape | None:
        shape: Shape = (3, image_size, image_size)
        for layer in self.encoder:
            shape = layer.output_shape(shape)
            if min(shape) < 1:
                return None
        return shape

    def encoder_parameters(self) -> int:
        """Number of learned values of the encoder."""
        return _count_parameters(self.encoder, channels=3)

    def decoder_parameters(self) -> int:
        """Number of learned values of the decoder."""
        latent_channels = self.latent_shape(self.least_image_size)[0]
        return _count_parameters(self.decoder, channels=latent_channels)

    def encoder_gflop(self, image_size: int) -> float:
        """10^9 floating point operations to encode one image; a multiply-add counts as two."""
        self.latent_shape(image_size)
        shape: Shape = (3, image_size, image_size)
        macs = 0
        for layer in self.encoder:
            macs += layer.macs(shape)
            shape = layer.output_shape(shape)
        return 2 * macs / 1e9


def _count_parameters(layers: Sequence[Layer], *, channels: int) -> int:
    total = 0
    shape: Shape = (channels, 1, 1)
    for layer in layers:
        total += layer.parameters(shape[0])
        shape = (layer.output_shape(shape)[0], 1, 1)
    return total


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
    """Names of the registered architectures, sorted."""
    import models.architectures  # noqa: F401 - importing the package registers them

    return sorted(_ARCHITECTURES)


def get_architecture(name: str) -> Architecture:
    """The architecture called ``name``.

    Raises:
        UnknownArchitectureError: nobody registered it; the text lists those that exist.
    """
    names = list_models()
    if name not in names:
        raise UnknownArchitectureError(f"no architecture {name!r}; choose from {', '.join(names)}")
    return _ARCHITECTURES[name]


def create_model(name: str, *, output: Activation | None = None) -> ConvAutoencoder:
    """A new autoencoder with PyTorch's default initialisation.

    Args:
        name: a registered architecture.
        output: activation of the reconstruction; the architecture's own when None.

    Raises:
        UnknownArchitectureError: nobody registered ``name``.
    """
    from models.autoencoder import ConvAutoencoder

    return ConvAutoencoder(get_architecture(name), output=output)
