"""Builds: from what a browser asked for to a job that runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from indexer.errors import DatasetNotIndexedError
from indexer.layout import DataFolder
from indexer.schema import check_dataset
from indexer.search import Searcher
from indexer.settings import Settings
from indexer.types import Distance
from models.archives import SUFFIXES
from models.checkpoint import DEFAULT_CHECKPOINT
from search_ui.building import options as choices
from search_ui.building.archives import ArchiveUploads
from search_ui.building.bodies import (
    BuildOptions,
    BuildRequest,
    FolderOption,
    TrainedModel,
    UploadOption,
)
from search_ui.building.options import TrainingPlan, plan_training
from search_ui.building.sources import AllowedFolders, BadBuildError, ChosenSource, choose_source
from search_ui.building.views import JobViews
from search_ui.jobs.background import PROGRAM, Job, JobRunningError, Jobs
from search_ui.jobs.folder import JobFolder, JobPlan, JobState, JobStep, now
from search_ui.jobs.upkeep import Upkeep


class Builder:
    """Builds datasets in the background.

    Args:
        searcher: knows which datasets there are.
        settings: where, of what, and whether at all.
        jobs: where jobs are kept; by default in the data folder.
    """

    def __init__(self, searcher: Searcher, settings: Settings, *, jobs: Jobs) -> None:
        data = DataFolder(settings.data_dir.absolute())
        self.allowed = settings.allow_build
        self.jobs = jobs
        self.uploads = ArchiveUploads(data, max_bytes=settings.max_archive_mb * 1_000_000)
        self._searcher = searcher
        self._settings = settings
        self._data = data
        self._folders = AllowedFolders(settings.image_folders)
        self.views = JobViews(self._folders, data)
        self.upkeep = Upkeep(searcher, settings, jobs=jobs)

    @classmethod
    def of(cls, searcher: Searcher, settings: Settings) -> Self:
        """As the settings say."""
        return cls(searcher, settings, jobs=Jobs(DataFolder(settings.data_dir.absolute()).jobs))

    def options(self) -> BuildOptions:
        """What can be chosen."""
        return BuildOptions(
            allowed=self.allowed,
            running=self.jobs.running(),
            folders=[
                FolderOption(name=name, subfolders=self._folders.subfolders(name))
                for name in self._folders.by_name
            ],
            upload=UploadOption(max_bytes=self.uploads.max_bytes, suffixes=list(SUFFIXES)),
            models=list(choices.MODELS),
            architectures=list(choices.architectures()),
            weights=list(choices.WEIGHTS),
            colours=list(choices.COLOUR_CHOICES),
            distances=list(choices.DISTANCES),
            defaults=choices.defaults(),
            meanings=choices.MEANINGS,
        )

    def start(self, asked: BuildRequest) -> Job:
        """Start a build.

        Raises:
            JobRunningError: another one runs.
            SimilarityError: it cannot be begun; the text says why.
        """
        if asked.name is not None:
            check_dataset(asked.name)
        model = asked.model
        training = plan_training(model) if isinstance(model, TrainedModel) else None
        if self.jobs.running() is not None:
            raise JobRunningError(self.jobs.running_job())
        source = choose_source(asked.source, self._folders, self.uploads)
        name = asked.name or source.name
        self._check_name(name, source)
        distances = [each for each in Distance if each in asked.distances]
        if source.upload is not None:
            self.uploads.keep(source.upload, Path(source.spec))
        job = self.jobs.new()
        return self.jobs.start(
            job,
            JobPlan(
                dataset=name,
                request=_request(asked, source, training, distances),
                steps=self._steps(job, name, source, training, distances),
                created_at=now(),
            ),
        )

    def _check_name(self, name: str, source: ChosenSource) -> None:
        """Refuse the name of a dataset of other images."""
        try:
            info = self._searcher.describe(name)
        except DatasetNotIndexedError:
            return
        if not source.is_that_of(info.source):
            raise BadBuildError(
                f"there is a dataset {name!r} already, of other images: choose another name"
            )

    def _steps(
        self,
        job: JobFolder,
        name: str,
        source: ChosenSource,
        training: TrainingPlan | None,
        distances: Iterable[Distance],
    ) -> tuple[JobStep, ...]:
        """The commands, as one would type them."""
        data = ["--data-dir", str(self._data.root)]
        steps = []
        if training is not None:
            command = [sys.executable, str(PROGRAM / "scripts" / "train.py"), source.spec, *data]
            command += ["--out", str(job.checkpoint), *_training_flags(training)]
            command += ["--progress", str(job.progress(JobState.TRAINING))]
            steps.append(JobStep(JobState.TRAINING, tuple(command)))
        checkpoint = job.checkpoint if training else DEFAULT_CHECKPOINT
        command = [sys.executable, "-m", "indexer", "sync", source.spec, *data]
        command += ["--dataset", name, "--checkpoint", str(checkpoint)]
        command += [word for each in distances for word in ("--distance", str(each))]
        command += ["--progress", str(job.progress(JobState.INDEXING))]
        if self._settings.qdrant_url:
            command += ["--qdrant-url", self._settings.qdrant_url]
        return (*steps, JobStep(JobState.INDEXING, tuple(command)))


def _training_flags(training: TrainingPlan) -> list[str]:
    settings = training.settings
    flags = ["--arch", settings.arch, "--image-size", str(settings.image_size)]
    flags += ["--epochs", str(settings.epochs), "--colour", settings.colour]
    flags += ["--weights", settings.start]
    if training.seconds is not None:
        flags += ["--time-budget", f"{training.seconds:g}"]
    return flags


def _request(
    asked: BuildRequest,
    source: ChosenSource,
    training: TrainingPlan | None,
    distances: Iterable[Distance],
) -> dict[str, object]:
    """What was asked for, completed, for people."""
    model: dict[str, object] = {"kind": asked.model.kind}
    if training is not None:
        settings = training.settings
        model |= {name: getattr(settings, name) for name in ("arch", "image_size", "epochs")}
        model |= {"weights": settings.start, "colour": settings.colour}
        model |= {"minutes": None if training.seconds is None else training.seconds / 60}
    return {
        "source": {"kind": asked.source.kind, "label": source.label},
        "model": model,
        "distances": [str(distance) for distance in distances],
    }
