"""Runs one job in a session of its own: ``python -m search_ui.jobs.runner FOLDER LOCK``.

The web server starts it and may then end: this process goes on, and writes down how it ended.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from search_ui.jobs.folder import JobFolder, JobState, JobStatus, now

_UNDONE = {
    JobState.WAITING: "Stopped before it began; nothing was changed.",
    JobState.TRAINING: "Stopped while training: no dataset was made or changed. The images are "
    "kept for another build.",
    JobState.INDEXING: "Stopped while indexing: the datasets are as they were. What was encoded "
    "is kept, and indexing the same images with the same checkpoint goes on from there.",
    JobState.GROUPING: "Stopped while grouping: the groups are as they were.",
}


def run(job: JobFolder, *, lock: int, process: int) -> JobStatus:
    """Run the steps of ``job`` one after the other.

    Args:
        job: what to run.
        lock: open file that the commands are to hold as long as they live.
        process: id of this process.
    """
    plan = job.read_plan()
    status = JobStatus(process=process, started_at=now())
    for step in plan.steps if plan else ():
        if job.is_to_stop:
            return stopped(status)
        status = replace(status, state=step.state)
        job.write_status(status)
        print(f"$ {shlex.join(step.command)}", flush=True)  # noqa: T201 - into the log
        code = subprocess.call(step.command, stdin=subprocess.DEVNULL, pass_fds=(lock,))
        if code:
            return stopped(status) if job.is_to_stop else failed(job, status, code)
    job.drop_weights()
    dataset = plan.dataset if plan else ""
    return replace(status, state=JobState.DONE, message=f"{dataset} is ready to be searched.")


def stopped(status: JobStatus) -> JobStatus:
    """The end of a job that was at ``status`` when somebody stopped it."""
    message = _UNDONE.get(status.state, "")
    return replace(status, state=JobState.STOPPED, message=message)


def failed(job: JobFolder, status: JobStatus, code: int) -> JobStatus:
    """The end of a job whose command returned ``code``."""
    return replace(status, state=JobState.FAILED, message=_reason(job, status, code))


def vanished(status: JobStatus) -> JobStatus:
    """The end of a job none of whose processes is left, and that did not say why."""
    doing = "starting" if status.state is JobState.WAITING else str(status.state)
    message = (
        f"It ended without a word while {doing}: it was killed, or the machine was restarted. "
        "The datasets are as they were; start it again."
    )
    return replace(status, state=JobState.FAILED, message=message)


def _reason(job: JobFolder, status: JobStatus, code: int) -> str:
    if code == -signal.SIGKILL:
        return (
            f"Killed while {status.state}, most likely because memory ran out: a smaller image "
            "size takes less."
        )
    if code < 0:
        return f"Ended by {signal.Signals(-code).name} while {status.state}."
    for line in reversed(job.log_lines(20)):
        if line.startswith("error: "):
            return line.removeprefix("error: ")
    return f"It failed while {status.state} (exit code {code}); the log says more."


def main(arguments: list[str]) -> int:
    """Run the job; its end is written down whatever happens."""
    folder, lock = arguments
    job = JobFolder(Path(folder))
    # A function, not SIG_IGN, which the commands would inherit: they are to end, and this process
    # is to see it.
    signal.signal(signal.SIGTERM, lambda *_: None)
    status = run(job, lock=int(lock), process=os.getpid())
    job.write_status(replace(status, ended_at=now()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
