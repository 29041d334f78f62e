"""Background jobs: what they say at every moment, whoever looks, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search_ui.jobs import lock as job_lock
from search_ui.jobs.background import (
    KEPT,
    Job,
    JobOverError,
    JobRunningError,
    Jobs,
    UnknownJobError,
)
from search_ui.jobs.folder import (
    JobFolder,
    JobKind,
    JobPlan,
    JobState,
    JobStatus,
    JobStep,
    now,
)
from search_ui.jobs.lock import JobLock

PATIENCE_SECONDS = 20
SLEEPER = "import time, pathlib, sys; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"

Start = Callable[..., Job]


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(tmp_path / "jobs", grace_seconds=0.3)
    yield jobs
    for job in jobs.all():
        if not job.status.state.is_over:
            jobs.stop(job.id)
    for process in jobs._started:
        process.wait(PATIENCE_SECONDS)


@pytest.fixture
def start(jobs: Jobs) -> Start:
    """Start a job of Python programs, the first of which trains where there are two."""

    def start(*programs: str) -> Job:
        job = jobs.new()
        states = (JobState.TRAINING, JobState.INDEXING)[-len(programs) :]
        steps = tuple(
            JobStep(state, (sys.executable, "-c", program, str(mark(job))))
            for state, program in zip(states, programs, strict=True)
        )
        return jobs.start(job, JobPlan("pets", {"source": "x"}, steps, now()))

    return start


def mark(job: JobFolder) -> Path:
    """What SLEEPER makes when it runs."""
    return job.path / "runs"


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def ended(jobs: Jobs, job: Job) -> JobStatus:
    wait_until(lambda: jobs.get(job.id).status.state.is_over)
    return jobs.get(job.id).status


def sleeping(job: Job) -> None:
    wait_until(mark(job.folder).exists)


def test_steps_run_in_order_and_the_end_is_told(jobs: Jobs, start: Start) -> None:
    job = start("print('one')", "print('two')")
    status = ended(jobs, job)
    assert (status.state, status.message) == (JobState.DONE, "pets is ready to be searched.")
    assert status.started_at is not None
    assert status.ended_at is not None
    assert [line for line in job.folder.log_lines(9) if line[0] != "$"] == ["one", "two"]
    assert jobs.running() is None


def test_while_a_step_runs_the_job_is_in_its_state(jobs: Jobs, start: Start) -> None:
    job = start(SLEEPER, "")
    sleeping(job)
    assert jobs.get(job.id).status.state is JobState.TRAINING
    assert jobs.running() == job.id


def test_the_first_step_that_fails_ends_the_job_with_its_own_words(
    jobs: Jobs, start: Start
) -> None:
    program = "import sys; print('error: no images, give some', file=sys.stderr); sys.exit(1)"
    job = start(program, SLEEPER)
    status = ended(jobs, job)
    assert (status.state, status.message) == (JobState.FAILED, "no images, give some")
    assert not mark(job.folder).exists()


def test_a_step_without_words_is_told_by_its_exit_code(jobs: Jobs, start: Start) -> None:
    assert "while indexing (exit code 3)" in ended(jobs, start("raise SystemExit(3)")).message


def test_a_step_that_the_system_kills_is_told_as_that(jobs: Jobs, start: Start) -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    assert "memory" in ended(jobs, start(program, "")).message


def test_only_one_job_runs_at_a_time_on_any_server(
    jobs: Jobs, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(SLEEPER)
    monkeypatch.setattr(job_lock, "_PATIENCE_SECONDS", 0.1)
    with pytest.raises(JobRunningError, match=f"^a build of 'pets' is running.*{job.id}"):
        start(SLEEPER)
    other = Jobs(job.folder.path.parent)
    with pytest.raises(JobRunningError, match=job.id):
        other.start(other.new(), JobPlan("x", {}, (), now()))
    assert [each.id for each in jobs.all()] == [job.id]


@pytest.mark.parametrize("kind", JobKind)
def test_whoever_has_to_wait_is_told_for_what(
    jobs: Jobs, kind: JobKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_lock, "_PATIENCE_SECONDS", 0.1)
    folder = jobs.new()
    step = JobStep(JobState.INDEXING, (sys.executable, "-c", SLEEPER, str(mark(folder))))
    jobs.start(folder, JobPlan("pets", {"kind": kind}, (step,), now()))
    assert jobs.get(folder.id).plan.kind is kind
    with pytest.raises(JobRunningError) as refusal:
        jobs.start(jobs.new(), JobPlan("x", {}, (), now()))
    assert str(refusal.value) == (
        f"{kind.words} of 'pets' is running already ({folder.id}): wait for it, or stop it"
    )


def test_a_job_that_has_not_said_yet_what_it_does_is_told_of_too(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_lock, "_PATIENCE_SECONDS", 0.1)
    other = jobs.new()
    lock = JobLock(other.path.parent / "lock").take(other.id)
    assert lock is not None
    with pytest.raises(JobRunningError, match="just beginning or ending"):
        jobs.start(jobs.new(), JobPlan("x", {}, (), now()))
    os.close(lock)


def test_another_server_sees_a_job_that_ran_on_and_can_stop_it(start: Start) -> None:
    job = start(SLEEPER, "")
    sleeping(job)
    later = Jobs(job.folder.path.parent)
    assert later.running() == job.id
    assert later.get(job.id).status.state is JobState.TRAINING
    later.stop(job.id)
    assert ended(later, job).state is JobState.STOPPED


def test_a_job_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from search_ui.jobs.folder import *
from search_ui.jobs.background import Jobs
jobs = Jobs(Path({str(tmp_path)!r}))
job = jobs.new()
step = JobStep(JobState.INDEXING, (sys.executable, "-c", {SLEEPER!r}, str(job.path / "runs")))
jobs.start(job, JobPlan("pets", {{}}, (step,), now()))
import os; os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    jobs = Jobs(tmp_path)
    (job,) = jobs.all()
    sleeping(job)
    assert jobs.get(job.id).status.state is JobState.INDEXING
    jobs.stop(job.id)
    assert ended(jobs, job).state is JobState.STOPPED


@pytest.mark.parametrize("program", [SLEEPER, STUBBORN])
def test_stop_ends_every_process_and_says_what_remains(
    jobs: Jobs, start: Start, program: str
) -> None:
    job = start(program, "")
    sleeping(job)
    assert jobs.stop(job.id).folder.is_to_stop
    status = ended(jobs, job)
    assert status.state is JobState.STOPPED
    assert "no dataset was made or changed" in status.message
    wait_until(lambda: jobs._lock.holder() is None)  # the last process has let go of the lock
    with pytest.raises(JobOverError, match="stopped"):
        jobs.stop(job.id)


def test_a_stop_between_two_steps_keeps_the_next_from_starting(jobs: Jobs, start: Start) -> None:
    job = start("import pathlib, sys; pathlib.Path(sys.argv[1]).with_name('stop').touch()", SLEEPER)
    assert ended(jobs, job).state is JobState.STOPPED
    assert not mark(job.folder).exists()


def test_a_job_whose_processes_were_killed_is_told_as_that(jobs: Jobs, start: Start) -> None:
    job = start(SLEEPER)
    sleeping(job)
    os.killpg(jobs.get(job.id).status.process, signal.SIGKILL)
    status = ended(jobs, job)
    assert status.state is JobState.FAILED
    assert "ended without a word while indexing" in status.message


def test_a_job_whose_runner_alone_was_killed_still_runs(jobs: Jobs, start: Start) -> None:
    job = start(SLEEPER)
    sleeping(job)
    os.kill(jobs.get(job.id).status.process, signal.SIGKILL)
    time.sleep(0.2)
    assert jobs.get(job.id).status.state is JobState.INDEXING
    assert jobs.running() == job.id
    jobs.stop(job.id)
    assert ended(jobs, job).state is JobState.STOPPED


def test_a_process_id_that_somebody_else_has_now_is_not_taken_for_the_job(jobs: Jobs) -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as other:
        job = jobs.new()
        job.write_plan(JobPlan("pets", {}, (), now()))
        job.write_status(JobStatus(JobState.TRAINING, process=other.pid, started_at=now()))
        assert jobs.get(job.id).status.state is JobState.FAILED
        with pytest.raises(JobOverError):
            jobs.stop(job.id)
        jobs._signal(job, signal.SIGKILL)  # the last signal of a stop, which comes later
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.2)
        other.communicate(b"\n")


def test_an_abandoned_job_that_was_to_stop_was_stopped(jobs: Jobs) -> None:
    job = jobs.new()
    job.write_plan(JobPlan("pets", {}, (), now()))
    job.write_status(JobStatus(JobState.INDEXING, process=99_999_999, started_at=now()))
    job.ask_to_stop()
    status = jobs.get(job.id).status
    assert status.state is JobState.STOPPED
    assert "goes on from there" in status.message


@pytest.mark.parametrize("id", ["", "..", "lock", "20260101-000000-0000000g", "a/b", "x" * 24])
def test_what_is_no_id_is_no_job(jobs: Jobs, id: str) -> None:
    with pytest.raises(UnknownJobError):
        jobs.get(id)


def test_old_jobs_are_forgotten(jobs: Jobs, start: Start) -> None:
    for number in range(KEPT + 2):
        old = JobFolder(jobs._folder / f"20200101-0000{number:02}-00000000")
        old.write_plan(JobPlan("pets", {}, (), now()))
    job = start("")
    ended(jobs, job)
    assert len(jobs.all()) == KEPT
    assert jobs.all()[0].id == job.id


def test_a_finished_job_keeps_what_is_looked_at_of_its_checkpoint(jobs: Jobs, start: Start) -> None:
    program = (
        "import pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[1]).parent / 'checkpoint'\n"
        "(folder / 'tensorboard').mkdir(parents=True)\n"
        "for name in ('model.json', 'model.safetensors', 'resume.pt', 'reconstructions.webp'):\n"
        "    (folder / name).touch()\n"
    )
    job = start(program, "")
    assert ended(jobs, job).state is JobState.DONE
    kept = sorted(path.name for path in job.folder.checkpoint.iterdir())
    assert kept == ["model.json", "reconstructions.webp"]


def test_the_next_job_can_start_as_soon_as_the_end_of_one_is_told(jobs: Jobs, start: Start) -> None:
    for _ in range(3):
        assert ended(jobs, start("")).state is JobState.DONE


def test_the_lock_is_held_as_long_as_its_file_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_lock, "_PATIENCE_SECONDS", 0.1)
    lock = JobLock(tmp_path / "jobs" / "lock")
    assert lock.holder() is None
    file = lock.take("first")
    assert file is not None
    assert lock.holder() == "first"
    assert lock.take("second") is None
    os.close(file)
    assert lock.holder() is None
    again = lock.take("x")
    assert again is not None
    assert lock.holder() == "x"
    os.close(again)


def test_a_log_shows_its_last_lines_and_the_last_drawing_of_bars(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    assert job.log_lines(3) == []
    job.log.write_bytes(b"one\n\rbar 1%\rbar 100%\n\ntwo \xff\nthree")
    assert job.log_lines(3) == ["bar 100%", "two \ufffd", "three"]
    job.log.write_bytes(b"x" * 100_000 + b"\nlast\n")
    assert job.log_lines(3) == ["last"]
