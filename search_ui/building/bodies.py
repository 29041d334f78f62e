"""What the browser sends and gets of builds: JSON, described for people and tools alike."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from indexer.types import Distance
from search_ui.jobs.folder import JobState

MAX_EPOCHS = 10_000
MAX_MINUTES = 7 * 24 * 60


class _Asked(BaseModel):
    """What a browser sends: nothing unknown, and no strings for numbers."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ArchiveSource(_Asked):
    """An archive that was uploaded before."""

    kind: Literal["archive"]
    token: str = Field(max_length=64, description="what POST /api/uploads answered")


class FolderSource(_Asked):
    """A folder on the server, at or below one of those that the operator allowed."""

    kind: Literal["folder"]
    folder: str = Field(max_length=255, description="name of an allowed folder")
    path: str = Field("", max_length=4096, description="below it, with /; empty: itself")


class DemoSource(_Asked):
    """The 640 pictures that the program draws."""

    kind: Literal["demo"]


Source = Annotated[ArchiveSource | FolderSource | DemoSource, Field(discriminator="kind")]


class DefaultModel(_Asked):
    """The checkpoint that comes with the program: nothing is trained."""

    kind: Literal["default"]


class TrainedModel(_Asked):
    """A training on the images themselves; what is left out is the architecture's default."""

    kind: Literal["train"]
    arch: str = Field(max_length=40)
    image_size: int | None = Field(None, ge=1, le=4096, description="pixels")
    epochs: int | None = Field(None, ge=1, le=MAX_EPOCHS)
    minutes: float | None = Field(
        None, gt=0, le=MAX_MINUTES, description="train no longer than this; fewer epochs then"
    )
    weights: Literal["none", "default"] = "none"
    colour: Literal["keep", "ignore"] = "keep"


Model = Annotated[DefaultModel | TrainedModel, Field(discriminator="kind")]


class BuildRequest(_Asked):
    """Build a dataset."""

    model_config = ConfigDict(extra="forbid", strict=False)

    name: str | None = Field(None, max_length=64, description="of the dataset; default: source's")
    source: Source
    model: Model = Field(default_factory=lambda: DefaultModel(kind="default"))
    distances: list[Distance] = Field(list(Distance), min_length=1, max_length=len(Distance))


class Choice(BaseModel):
    """A value, and what it means in a few words."""

    value: str
    meaning: str


class ArchitectureOption(BaseModel):
    """An architecture that can be trained; sizes in pixels."""

    name: str
    summary: str
    image_size: int
    epochs: int
    least_image_size: int
    largest_image_size: int
    latent: tuple[int, int, int]
    encoder_parameters: int
    decoder_parameters: int
    weights: list[str]


class FolderOption(BaseModel):
    """An allowed folder, and the first folders in it."""

    name: str
    subfolders: list[str]


class UploadOption(BaseModel):
    """What an upload may be."""

    max_bytes: int
    suffixes: list[str]


class BuildDefaults(BaseModel):
    """What is chosen until somebody chooses."""

    model: Literal["default", "train"]
    arch: str
    weights: str
    colour: str
    distances: list[Distance]


class BuildOptions(BaseModel):
    """Everything that a form for a build needs."""

    allowed: bool
    running: str | None
    folders: list[FolderOption]
    upload: UploadOption
    models: list[Choice]
    architectures: list[ArchitectureOption]
    weights: list[Choice]
    colours: list[Choice]
    distances: list[Choice]
    defaults: BuildDefaults
    meanings: dict[str, str]


class UploadReceived(BaseModel):
    """An archive that waits to be built of."""

    token: str
    name: str
    bytes: int


class JobProgress(BaseModel):
    """How far the current step is: ``done`` of ``total`` images, 0 where nothing is counted."""

    phase: str
    done: int
    total: int
    per_second: float | None
    remaining_seconds: float | None
    epoch: int
    epochs: int


class LossPoint(BaseModel):
    """A loss; epoch 1.25 is a quarter into the second."""

    epoch: float
    loss: float


class JobSummary(BaseModel):
    """One job in the list."""

    id: str
    dataset: str
    state: JobState
    over: bool
    message: str
    request: dict[str, object]
    created_at: str
    started_at: str | None
    ended_at: str | None


class JobView(JobSummary):
    """One job with all there is to see of it."""

    reached: JobState = Field(description="the state, or the last before it failed or was stopped")
    stopping: bool
    progress: JobProgress | None
    losses: list[LossPoint]
    validation_losses: list[LossPoint]
    reconstructions: bool
    log: list[str]


class JobList(BaseModel):
    """Newest first."""

    running: str | None
    jobs: list[JobSummary]
