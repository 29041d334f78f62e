"""Background jobs of the page: one at a time, each a process that outlives the server."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models.errors import SimilarityError
from search_ui.jobs.folder import JobFolder, JobPlan, JobStatus
from search_ui.jobs.lock import JobLock
from search_ui.jobs.runner import stopped, vanished

PROGRAM = Path(__file__).resolve().parents[2]
"""Folder of the packages and scripts."""
KEPT = 10
"""Jobs that are remembered; older ones go when another starts."""
GRACE_SECONDS = 10.0
"""From the friendly signal to the one that nothing survives."""
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")


class JobOverError(SimilarityError):
    """A job that is over cannot be stopped."""


class UnknownJobError(SimilarityError):
    """There is no job of that id."""


@dataclass(frozen=True, slots=True)
class Job:
    """One look at a job."""

    folder: JobFolder
    plan: JobPlan
    status: JobStatus

    @property
    def id(self) -> str:
        """Its id."""
        return self.folder.id


class JobRunningError(SimilarityError):
    """Another job runs; None: it is at its very end, or at its very beginning."""

    def __init__(self, running: Job | None) -> None:
        if running is None:
            text = "another job is just beginning or ending: try again in a moment"
        else:
            what = f"{running.plan.kind.words} of {running.plan.dataset!r}"
            text = f"{what} is running already ({running.id}): wait for it, or stop it"
        super().__init__(text)


class Jobs:
    """The jobs below one folder, whichever server started them.

    Args:
        folder: made when needed.
        grace_seconds: how long a job that is stopped may take to end.
    """

    def __init__(self, folder: Path, *, grace_seconds: float = GRACE_SECONDS) -> None:
        self._folder = folder
        self._lock = JobLock(folder / "lock")
        self._grace_seconds = grace_seconds
        self._started: list[subprocess.Popen[bytes]] = []

    def new(self) -> JobFolder:
        """The folder of a job that can be planned; nothing is there yet."""
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        return JobFolder(self._folder / f"{moment}-{secrets.token_hex(4)}")

    def start(self, job: JobFolder, plan: JobPlan) -> Job:
        """Start a job; it does not end with this process.

        Raises:
            JobRunningError: another one runs.
        """
        lock = self._lock.take(job.id)
        if lock is None:
            raise JobRunningError(self.running_job())
        try:
            self._forget_old()
            job.write_plan(plan)
            self._launch(job, lock)
        finally:
            os.close(lock)  # the runner has its own; the lock goes with the last of its processes
        return self.get(job.id)

    def _launch(self, job: JobFolder, lock: int) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                filter(None, (str(PROGRAM), os.environ.get("PYTHONPATH")))
            ),
            "PYTHONUNBUFFERED": "1",
            "TQDM_MININTERVAL": "30",  # in a file every drawing of a bar stays
        }
        with job.log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "search_ui.jobs.runner", str(job.path), str(lock)],
                cwd=PROGRAM,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,
            )
        self._started.append(process)

    def running(self) -> str | None:
        """Id of the job that runs; one that has written down its end is as good as gone."""
        self._started = [process for process in self._started if process.poll() is None]
        id = self._lock.holder()
        if id is None or JobFolder(self._folder / id).read_status().state.is_over:
            return None
        return id

    def running_job(self) -> Job | None:
        """The job that runs, once its starter has written down what it is to do."""
        id = self.running()
        return None if id is None else self._look(JobFolder(self._folder / id))

    def all(self) -> list[Job]:
        """Newest first."""
        found = [self._look(JobFolder(path)) for path in self._folders()]
        return [job for job in found if job is not None]

    def get(self, id: str) -> Job:
        """One job.

        Raises:
            UnknownJobError: there is none of that id.
        """
        if _ID.fullmatch(id):
            job = self._look(JobFolder(self._folder / id))
            if job is not None:
                return job
        raise UnknownJobError(f"there is no job {id[:40]!r}")

    def stop(self, id: str) -> Job:
        """Ask a job to end, and make sure that it does.

        Raises:
            UnknownJobError: there is none of that id.
            JobOverError: it has ended.
        """
        job = self.get(id)
        if job.status.state.is_over:
            raise JobOverError(f"job {id} is over: {job.status.state}")
        job.folder.ask_to_stop()
        self._signal(job.folder, signal.SIGTERM)
        last = threading.Timer(self._grace_seconds, self._signal, (job.folder, signal.SIGKILL))
        last.daemon = True
        last.start()
        return self.get(id)

    def _signal(self, job: JobFolder, number: signal.Signals) -> None:
        """To all processes of a job, as long as there are some."""
        process = job.read_status().process
        # A runner that has not said its id yet looks for the request to stop before it begins.
        # To the system 0 means the caller's own group, and 1 everybody.
        if process > 1 and self.running() == job.id:
            with suppress(ProcessLookupError):
                os.killpg(process, number)

    def _look(self, job: JobFolder) -> Job | None:
        # In this order: what ended between the two has said how.
        runs = self.running() == job.id
        plan, status = job.read_plan(), job.read_status()
        if plan is None:
            return None
        if not runs and not status.state.is_over:
            status = stopped(status) if job.is_to_stop else vanished(status)
        return Job(job, plan, status)

    def _folders(self) -> list[Path]:
        with suppress(FileNotFoundError):
            return sorted(
                (p for p in self._folder.iterdir() if _ID.fullmatch(p.name)), reverse=True
            )
        return []

    def _forget_old(self) -> None:
        for path in self._folders()[KEPT - 1 :]:
            shutil.rmtree(path, ignore_errors=True)
