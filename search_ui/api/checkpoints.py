"""``/api/checkpoints``: what the published datasets were encoded with, and how it was trained."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Self

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from indexer.checkpoints import PublishedCheckpoint
from indexer.search import Searcher
from models.checkpoint import CheckpointInfo
from search_ui.api.parameters import CheckpointName
from search_ui.api.refusals import refusals
from search_ui.media import ASK_AGAIN, NO_SCRIPTS, WEBP_PICTURE


def last_part(value: object) -> object:
    """A folder or file without its place on the server."""
    return PurePath(value).name if isinstance(value, str) else value


Figure = float | None
"""A loss that is NaN or infinite, which JSON cannot say, is sent as null."""
Words = Annotated[str | None, BeforeValidator(last_part)]


class Epoch(BaseModel):
    """One epoch; losses are means per image, ``seconds`` its duration."""

    model_config = ConfigDict(frozen=True)

    epoch: int
    train_loss: Figure = None
    validation_loss: Figure = None
    reconstruction: Figure = None
    contrastive: Figure = None
    dead_channels: Figure = None
    lr: Figure = None
    seconds: Figure = None


class TrainingSettings(BaseModel):
    """How a network was trained; null where its checkpoint does not say."""

    model_config = ConfigDict(frozen=True)

    recipe: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: Figure = None
    loss: str | None = None
    scheduler: str | None = None
    seed: int | None = None
    colour: str | None = None
    weights: Words = None
    amp: str | None = None
    processes: int | None = None


class TrainingImages(BaseModel):
    """How many images were trained on, and how many only watched."""

    model_config = ConfigDict(frozen=True)

    training: int = 0
    validation: int = 0


class Training(BaseModel):
    """What a checkpoint tells of its training."""

    model_config = ConfigDict(frozen=True)

    settings: TrainingSettings = TrainingSettings()
    images: TrainingImages | None = None
    best_epoch: int | None = None
    history: tuple[Epoch, ...] = ()

    @classmethod
    def of(cls, info: CheckpointInfo) -> Self:
        """What ``info`` tells; nothing where that has another form than training gives it."""
        try:
            return cls.model_validate(dict(info.training))
        except ValidationError:
            return cls()

    @property
    def seconds(self) -> float | None:
        """Of all epochs together; null where none tells."""
        told = [epoch.seconds for epoch in self.history if epoch.seconds is not None]
        return sum(told) if told else None


class Checkpoint(BaseModel):
    """A checkpoint in use. All but its name, users and sizes is null where it cannot be read."""

    model_config = ConfigDict(frozen=True)

    name: str
    datasets: tuple[str, ...]
    vector_sizes: dict[str, int]
    bytes: int
    reconstructions: bool
    readable: bool
    arch: str | None = None
    fingerprint: str | None = None
    image_size: int | None = None
    latent: tuple[int, int, int] | None = None
    training: Training | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, published: PublishedCheckpoint, *, with_history: bool = True) -> Self:
        """What is told of ``published``."""
        known = cls(
            name=published.name,
            datasets=published.datasets,
            vector_sizes={str(key): size for key, size in published.vector_sizes.items()},
            bytes=published.bytes,
            reconstructions=published.reconstructions is not None,
            readable=published.info is not None,
        )
        info = published.info
        if info is None:
            return known
        training = Training.of(info)
        history = training.history if with_history else ()
        return known.model_copy(
            update={
                "arch": info.arch,
                "fingerprint": info.fingerprint,
                "image_size": info.preprocess.image_size,
                "latent": info.latent_shape,
                "training": training.model_copy(update={"history": history}),
                "seconds": training.seconds,
            }
        )


def checkpoints_router(searcher: Searcher) -> APIRouter:
    """The checkpoints of the published datasets."""
    router = APIRouter(prefix="/checkpoints", tags=["models"], responses=refusals(503))

    def find(name: str) -> PublishedCheckpoint:
        for published in searcher.checkpoints():
            if published.name == name:
                return published
        raise HTTPException(404, f"No published dataset uses a checkpoint {name!r}.")

    @router.get("")
    def list_checkpoints() -> list[Checkpoint]:
        """All of them, by name, without their training's epochs."""
        return [Checkpoint.of(each, with_history=False) for each in searcher.checkpoints()]

    @router.get("/{name}", responses=refusals(404))
    def describe_checkpoint(name: CheckpointName) -> Checkpoint:
        """One, with every epoch of its training."""
        return Checkpoint.of(find(name))

    @router.get(
        "/{name}/reconstructions",
        response_class=FileResponse,
        responses={**WEBP_PICTURE, **refusals(404)},
    )
    def reconstructions(name: CheckpointName) -> FileResponse:
        """A picture: originals in the upper row, what the decoder makes of them in the lower."""
        sheet = find(name).reconstructions
        if sheet is None:
            raise HTTPException(404, "This checkpoint has no picture of reconstructions.")
        return FileResponse(
            sheet,
            media_type="image/webp",
            headers={"Cache-Control": ASK_AGAIN, "Content-Security-Policy": NO_SCRIPTS},
        )

    return router
