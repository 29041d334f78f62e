"""``/api/architectures``: the network designs, as they are declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from models.errors import UnknownArchitectureError
from models.pooling import STANDARD
from models.registry import STUDY_IMAGE_SIZE, Architecture, get_architecture, list_models
from models.steps import Step
from search_ui.api.parameters import ArchitectureName
from search_ui.api.refusals import refusals

LARGEST_IMAGE_SIZE = 1024
MOST_SIZES = 8

ImageSize = Annotated[int, Field(ge=1, le=LARGEST_IMAGE_SIZE, description="Pixels, square.")]
Shape = tuple[int, int, int]


class AtSize(BaseModel):
    """What an architecture does with images of one size; nulls where they are too small for it.

    ``latent`` is (channels, height, width), ``gflop`` 10^9 floating point operations to encode one
    image, ``vector_sizes`` the number of values by pooling.
    """

    model_config = ConfigDict(frozen=True)

    image_size: int
    latent: Shape | None
    gflop: float | None
    vector_sizes: dict[str, int]

    @classmethod
    def of(cls, architecture: Architecture, image_size: int) -> Self:
        """``architecture`` at ``image_size`` pixels square."""
        latent = architecture.encode_shape(image_size)
        if latent is None:
            return cls(image_size=image_size, latent=None, gflop=None, vector_sizes={})
        return cls(
            image_size=image_size,
            latent=latent,
            gflop=architecture.encoder_gflop(image_size),
            vector_sizes={str(pooling): pooling.size(latent) for pooling in STANDARD},
        )


class ArchitectureRow(BaseModel):
    """One architecture, at the image sizes that were asked for."""

    model_config = ConfigDict(frozen=True)

    name: str
    summary: str
    encoder_parameters: int
    decoder_parameters: int
    least_image_size: int
    sizes: tuple[AtSize, ...]

    @classmethod
    def of(cls, architecture: Architecture, image_sizes: Iterable[int]) -> Self:
        """What is told of ``architecture``."""
        return cls(
            name=architecture.name,
            summary=architecture.summary,
            encoder_parameters=architecture.encoder_parameters(),
            decoder_parameters=architecture.decoder_parameters(),
            least_image_size=architecture.least_image_size,
            sizes=tuple(AtSize.of(architecture, size) for size in image_sizes),
        )


class LayerStep(BaseModel):
    """One layer at work: what comes out, (channels, height, width), and what it costs.

    ``branches`` are rows of layers that work side by side in this one.
    """

    model_config = ConfigDict(frozen=True)

    summary: str
    shape: Shape
    parameters: int
    gflop: float
    branches: tuple[tuple[LayerStep, ...], ...]

    @classmethod
    def of(cls, step: Step) -> Self:
        """``step``, for JSON."""
        return cls(
            summary=step.summary,
            shape=step.shape,
            parameters=step.parameters,
            gflop=step.gflop,
            branches=tuple(tuple(map(cls.of, branch)) for branch in step.branches),
        )


class Layers(BaseModel):
    """An architecture layer by layer, for images of one size."""

    model_config = ConfigDict(frozen=True)

    name: str
    summary: str
    image_size: int
    latent: Shape
    encoder: tuple[LayerStep, ...]
    decoder: tuple[LayerStep, ...]


def architectures_router() -> APIRouter:
    """The architectures that come with the program."""
    router = APIRouter(prefix="/architectures", tags=["models"])

    @router.get("")
    def list_architectures(
        image_size: Annotated[
            list[ImageSize] | None, Query(max_length=MOST_SIZES, description="Pixels, square.")
        ] = None,
    ) -> list[ArchitectureRow]:
        """All architectures, by name; give ``image_size`` once or several times."""
        sizes = image_size or [STUDY_IMAGE_SIZE]
        return [ArchitectureRow.of(get_architecture(name), sizes) for name in list_models()]

    @router.get("/{name}", responses=refusals(400, 404))
    def layers(name: ArchitectureName, image_size: ImageSize = STUDY_IMAGE_SIZE) -> Layers:
        """The layers of one architecture, for images of ``image_size`` pixels square."""
        architecture = registered(name)
        return Layers(
            name=name,
            summary=architecture.summary,
            image_size=image_size,
            latent=architecture.latent_shape(image_size),
            encoder=tuple(map(LayerStep.of, architecture.encoder_steps(image_size))),
            decoder=tuple(map(LayerStep.of, architecture.decoder_steps(image_size))),
        )

    return router


def registered(name: str) -> Architecture:
    """The registered architecture called ``name``; torchvision's networks are not among them.

    Raises:
        UnknownArchitectureError: there is none.
    """
    known = list_models()
    if name not in known:
        raise UnknownArchitectureError(f"no architecture {name!r}; choose from {', '.join(known)}")
    return get_architecture(name)
