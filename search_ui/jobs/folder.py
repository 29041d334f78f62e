"""A background job on disk: what it is to do, how far it is. All that survives a restart."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from indexer.layout import write_atomically
from models.checkpoint import INFO_FILE, RECONSTRUCTIONS_FILE

LOG_BYTES = 64_000
"""How much of a log's end is looked at."""


class JobState(StrEnum):
    """What a job is doing, or how it ended."""

    WAITING = "waiting"
    TRAINING = "training"
    INDEXING = "indexing"
    GROUPING = "grouping"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self in {JobState.DONE, JobState.FAILED, JobState.STOPPED}


class JobKind(StrEnum):
    """What a job is for."""

    BUILD = "build"
    RETRY = "retry"
    GROUP = "group"

    @property
    def words(self) -> str:
        """Begins "... of 'cats' is running"."""
        return _WORDS[self]


_WORDS = {
    JobKind.BUILD: "a build",
    JobKind.RETRY: "another try at the failed files",
    JobKind.GROUP: "a grouping",
}


@dataclass(frozen=True, slots=True)
class JobStep:
    """One command, and what the job is doing while it runs."""

    state: JobState
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job is to do; it never changes.

    Attributes:
        dataset: name of the dataset that it builds or looks after.
        request: what was asked for, for people; JSON. Its ``kind`` is missing from a build's.
        steps: in order; the first that fails ends the job.
        created_at: ISO 8601 UTC.
    """

    dataset: str
    request: Mapping[str, object]
    steps: tuple[JobStep, ...]
    created_at: str

    @property
    def kind(self) -> JobKind:
        """What the job is for."""
        return JobKind(str(self.request.get("kind", JobKind.BUILD)))

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        """Rebuild what ``dataclasses.asdict`` and JSON made of one."""
        steps = tuple(
            JobStep(JobState(step["state"]), tuple(step["command"]))
            for step in values["steps"]  # type: ignore[attr-defined]
        )
        return cls(**{**values, "steps": steps})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How far a job is.

    Attributes:
        state: what it is doing.
        message: one line on how it ended.
        process: id of the runner, and of the group of all its processes; 0 before it started.
        started_at, ended_at: ISO 8601 UTC.
    """

    state: JobState = JobState.WAITING
    message: str = ""
    process: int = 0
    started_at: str | None = None
    ended_at: str | None = None


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Files of one job."""

    path: Path
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.path.name)

    @property
    def log(self) -> Path:
        """What its commands printed."""
        return self.path / "log.txt"

    @property
    def checkpoint(self) -> Path:
        """What it trains."""
        return self.path / "checkpoint"

    def drop_weights(self) -> None:
        """Keep of the checkpoint what people look at: the index has a copy of the rest."""
        for path in self.checkpoint.glob("*"):
            if path.name not in {INFO_FILE, RECONSTRUCTIONS_FILE}:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def progress(self, state: JobState) -> Path:
        """Where the command of a step tells how far it is (models/progress.py)."""
        return self.path / f"{state}.json"

    def write_plan(self, plan: JobPlan) -> None:
        """Make the job."""
        write_atomically(self.path / "job.json", json.dumps(asdict(plan), indent=2).encode())

    def read_plan(self) -> JobPlan | None:
        """What it is to do; None where this is no job."""
        try:
            return JobPlan.from_json(json.loads((self.path / "job.json").read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_status(self, status: JobStatus) -> None:
        """Tell how far it is; only its runner does."""
        write_atomically(self.path / "status.json", json.dumps(asdict(status)).encode())

    def read_status(self) -> JobStatus:
        """How far its runner said that it is."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads((self.path / "status.json").read_text())
            return JobStatus(**{**values, "state": JobState(values["state"])})
        return JobStatus()

    @property
    def _stop(self) -> Path:
        return self.path / "stop"

    @property
    def is_to_stop(self) -> bool:
        """Whether somebody asked for its end."""
        return self._stop.exists()

    def ask_to_stop(self) -> None:
        """Remember that somebody did, whatever becomes of the runner."""
        self._stop.touch()

    def log_lines(self, most: int) -> list[str]:
        """The last lines of the log; of bars that are redrawn in place, the last drawing."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - LOG_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
        if size > LOG_BYTES:
            del lines[0]  # the rest of a line
        return [line for line in lines if line][-most:]


def now() -> str:
    """ISO 8601 UTC, in seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
