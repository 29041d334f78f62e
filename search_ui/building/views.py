"""Jobs as a browser may see them: without the paths of this machine."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from indexer.layout import DataFolder
from models.checkpoint import RECONSTRUCTIONS_FILE
from models.progress import CurvePoint, Progress, read_progress
from search_ui.building.bodies import JobProgress, JobSummary, JobView, LossPoint
from search_ui.building.sources import AllowedFolders
from search_ui.jobs.background import PROGRAM, Job
from search_ui.jobs.folder import JobState

LOG_LINES = 200
_LINE_LENGTH = 500
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class JobViews:
    """Shows jobs.

    Args:
        folders: shown by their names alone.
        data: shown as ``data``.
    """

    def __init__(self, folders: AllowedFolders, data: DataFolder) -> None:
        shown = {
            sys.executable: "python",
            sys.prefix: "python",
            str(PROGRAM): ".",
            str(data.root): "data",
            str(data.root.resolve()): "data",
        }
        for name, folder in folders.by_name.items():
            shown |= {str(folder): name, str(folder.resolve()): name}
        # The longest first: one may lie in another.
        self._shown_as = sorted(shown.items(), key=lambda pair: -len(pair[0]))

    def summary(self, job: Job) -> JobSummary:
        """What a list says of a job."""
        return JobSummary(
            id=job.id,
            dataset=job.plan.dataset,
            state=job.status.state,
            over=job.status.state.is_over,
            message=self._shown(job.status.message),
            request=dict(job.plan.request),
            created_at=job.plan.created_at,
            started_at=job.status.started_at,
            ended_at=job.status.ended_at,
        )

    def view(self, job: Job) -> JobView:
        """Everything about a job."""
        state = job.status.state
        training = read_progress(job.folder.progress(JobState.TRAINING))
        current = training if state is JobState.TRAINING else None
        if state is JobState.INDEXING:
            current = read_progress(job.folder.progress(JobState.INDEXING))
        return JobView(
            **self.summary(job).model_dump(),
            reached=_reached(job),
            stopping=job.folder.is_to_stop and not state.is_over,
            progress=_progress(current) if current else None,
            losses=_points(training.losses if training else ()),
            validation_losses=_points(training.validation_losses if training else ()),
            reconstructions=reconstructions(job) is not None,
            log=[self._shown(line) for line in job.folder.log_lines(LOG_LINES)],
        )

    def _shown(self, line: str) -> str:
        """A line without paths of this machine, and without control characters."""
        for path, name in self._shown_as:
            line = line.replace(path, name)
        return _CONTROLS.sub("", line)[:_LINE_LENGTH]


def reconstructions(job: Job) -> Path | None:
    """The sheet of what the training of a job learned, so far."""
    sheet = job.folder.checkpoint / RECONSTRUCTIONS_FILE
    return sheet if sheet.is_file() else None


def _reached(job: Job) -> JobState:
    """The state of a job, or the last before it failed or was stopped."""
    state = job.status.state
    if state not in {JobState.FAILED, JobState.STOPPED}:
        return state
    if job.status.started_at is None:
        return JobState.WAITING
    steps = [step.state for step in job.plan.steps]
    begun = [step for step in steps if job.folder.progress(step).exists()]
    return begun[-1] if begun else steps[0]


def _progress(told: Progress) -> JobProgress:
    return JobProgress(**{name: getattr(told, name) for name in JobProgress.model_fields})


def _points(curve: Sequence[CurvePoint]) -> list[LossPoint]:
    return [LossPoint(**asdict(point)) for point in curve]
