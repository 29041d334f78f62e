"""Work on a dataset that there is: trying its failed files again, making its groups."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.groups import GroupingMethod
from indexer.search import Searcher
from indexer.settings import Settings
from models.errors import SimilarityError
from models.pooling import Pooling
from search_ui.jobs.background import Job, Jobs
from search_ui.jobs.folder import JobKind, JobPlan, JobState, JobStep, now


class NotAllowedError(SimilarityError):
    """The operator lets nobody start anything."""


@dataclass(frozen=True, slots=True)
class GroupingChoice:
    """How groups are to be made; a ``count`` of None: as many as fit best."""

    method: GroupingMethod = GroupingMethod.KMEANS
    pooling: Pooling = Pooling.FLATTEN
    count: int | None = None

    def flags(self) -> list[str]:
        """Of the command ``group``."""
        flags = ["--method", str(self.method), "--pooling", str(self.pooling)]
        return flags if self.count is None else [*flags, "--groups", str(self.count)]


class Upkeep:
    """Starts such work as jobs: one at a time with the builds.

    Args:
        searcher: knows which datasets there are.
        settings: where they are, and whether anything may be started.
        jobs: what runs it.
    """

    def __init__(self, searcher: Searcher, settings: Settings, *, jobs: Jobs) -> None:
        self.allowed = settings.allow_build
        self._searcher = searcher
        self._settings = settings
        self._jobs = jobs

    def retry(self, dataset: str) -> Job:
        """Try the failed files of a dataset again, and no others.

        Raises:
            DatasetNotIndexedError: there is none of that name.
            NotAllowedError: nothing may be started.
            JobRunningError: another job runs.
        """
        asked = {"kind": JobKind.RETRY}
        return self._start(dataset, JobState.INDEXING, asked, ["failures", dataset, "--retry"])

    def group(self, dataset: str, choice: GroupingChoice) -> Job:
        """Make the groups of a dataset anew.

        Raises:
            DatasetNotIndexedError, NotAllowedError, JobRunningError.
        """
        asked = {
            "kind": JobKind.GROUP,
            "method": str(choice.method),
            "pooling": str(choice.pooling),
            "count": choice.count,
        }
        return self._start(dataset, JobState.GROUPING, asked, ["group", dataset, *choice.flags()])

    def _start(
        self, dataset: str, state: JobState, request: Mapping[str, object], words: Sequence[str]
    ) -> Job:
        self._searcher.describe(dataset)
        if not self.allowed:
            raise NotAllowedError("building is switched off on this server")
        command = [sys.executable, "-m", "indexer", *words, "--data-dir", str(self._data_dir)]
        if self._settings.qdrant_url:
            command += ["--qdrant-url", self._settings.qdrant_url]
        step = JobStep(state, tuple(command))
        plan = JobPlan(dataset=dataset, request=request, steps=(step,), created_at=now())
        return self._jobs.start(self._jobs.new(), plan)

    @property
    def _data_dir(self) -> Path:
        return self._settings.data_dir.absolute()
