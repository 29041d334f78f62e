"""Training by two processes that torchrun started: what one with twice the batch does.

They compute on the CPU and talk through gloo; on GPUs the same calls go through NCCL.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.checkpoint import load_checkpoint, read_info
from models.errors import TrainingError
from models.pixels import load_pixels
from models.recipes import RECIPES, TrainSettings, WordFitting
from models.sources import ImageFile, open_source
from models.training import TrainingReport, train
from models.training_share import split

ROOT = Path(__file__).resolve().parents[2]
BASE = TrainSettings(arch="model1", image_size=32, epochs=3, batch_size=4, seed=1)
NORMS = replace(BASE, arch="torchvision:resnet18", weights="none", epochs=2)
QUICK = WordFitting(patches=600, view_epochs=20)

TRAIN_ALL = """
import os, pickle, sys
from dataclasses import replace
from models.pixels import load_pixels
from models.recipes import RECIPES
from models.training import train
from models.training_team import Team

jobs, words = pickle.load(open(sys.argv[1], "rb"))
RECIPES["retrieval"] = replace(RECIPES["retrieval"], words=words)
team = Team.launched()
with team.connected(team.device("cpu")):
    for files, settings, out, budgets in jobs:
        report = train(
            files, settings, out, team=team, progress=False, device="cpu",
            time_budget=budgets[team.rank],
        )
        with (out / f"report-{team.rank}.pickle").open("wb") as file:
            pickle.dump(report, file)
os._exit(0)  # as scripts/train.py leaves
"""

FAILING = """
import os, sys
from models.errors import TrainingError
from models.training_run import TrainingRun

original, steps = TrainingRun._train_step, 0

def failing(run, *arguments):
    global steps
    steps += 1
    if run._team.rank == 1 and steps == 5:  # in the second epoch of three steps each
        if os.environ["HOW"] == "killed":
            os.kill(os.getpid(), 9)
        raise TrainingError("the disk is full")
    return original(run, *arguments)

TrainingRun._train_step = failing
from scripts.train import leave, main
leave(main())
"""


@dataclass(frozen=True)
class Job:
    """One training; what its processes have of time, in seconds, may differ."""

    files: Sequence[ImageFile]
    settings: TrainSettings
    out: Path
    budgets: tuple[float | None, float | None] = (None, None)
    reports: dict[int, TrainingReport] = field(default_factory=dict, compare=False)


def launch(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Two processes of ``script``."""
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    return subprocess.run(
        [*torchrun, "--nproc-per-node", "2", str(script), *arguments],
        env={
            **os.environ, "PYTHONPATH": str(ROOT), **environment,
            "OMP_NUM_THREADS": str(torch.get_num_threads()),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-seven small pictures: the last step of an epoch is too short for equal parts."""
    made = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(27):
        pixels = rng.integers(0, 80, (40, 40, 3), dtype=np.uint8)
        top, left = rng.integers(0, 24, 2)
        pixels[top : top + 16, left : left + 16] = rng.integers(100, 255, 3)
        Image.fromarray(pixels).save(made / f"{number:02}.png")
    return made


@pytest.fixture(scope="module")
def files(folder: Path) -> Sequence[ImageFile]:
    return open_source(str(folder), workspace=folder / "none").files


@pytest.fixture(scope="module")
def jobs(files: Sequence[ImageFile], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Job]:
    """All that two processes trained, by name, with the reports of both."""
    out = tmp_path_factory.mktemp("two")
    settings = {
        "study": replace(BASE, recipe="study", scheduler="plateau"),
        "ssim": replace(BASE, recipe="study", loss="ssim"),
        "retrieval": BASE,
        "words": replace(BASE, arch="model7"),
        "norms": replace(NORMS, recipe="study"),
    }
    made = {name: Job(files, each, out / name) for name, each in settings.items()}
    made["three images"] = Job(files[:3], BASE, out / "three")
    made["hurried"] = Job(files, BASE, out / "hurried", budgets=(1e-6, 1e9))
    job_file, script = out / "jobs.pickle", out / "train_all.py"
    plain = [(each.files, each.settings, each.out, each.budgets) for each in made.values()]
    job_file.write_bytes(pickle.dumps((plain, QUICK)))
    script.write_text(TRAIN_ALL)
    done = launch(script, str(job_file))
    assert done.returncode == 0, done.stderr
    for job in made.values():
        for rank in range(2):
            content = (job.out / f"report-{rank}.pickle").read_bytes()
            job.reports[rank] = pickle.loads(content)
    return made


def alone(job: Job, out: Path) -> TrainingReport:
    """The same by one process with twice the batch."""
    settings = replace(job.settings, batch_size=2 * job.settings.batch_size)
    return train(job.files, settings, out, progress=False, device="cpu")


def figures(report: TrainingReport) -> list[list[float]]:
    """Every epoch's, but how long it took."""
    return [
        [each.train_loss, each.validation_loss, each.reconstruction, each.contrastive, each.lr]
        for each in report.history
    ]


@pytest.mark.parametrize("name", ["study", "ssim", "retrieval", "words", "three images"])
def test_two_processes_do_what_one_does_with_twice_the_batch(
    jobs: Mapping[str, Job], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECIPES, "retrieval", replace(RECIPES["retrieval"], words=QUICK))
    two, one = jobs[name], alone(jobs[name], tmp_path)
    np.testing.assert_allclose(figures(two.reports[0]), figures(one), rtol=1e-4)
    ours, theirs = (load_checkpoint(out).model.state_dict() for out in (two.out, tmp_path))
    for key, value in ours.items():
        torch.testing.assert_close(value, theirs[key], rtol=1e-3, atol=2e-4)


def test_all_processes_report_the_same_and_the_checkpoint_says_how_many_they_were(
    jobs: Mapping[str, Job],
) -> None:
    for job in jobs.values():
        assert figures(job.reports[0]) == figures(job.reports[1])
        assert job.reports[0].checkpoint == job.reports[1].checkpoint == read_info(job.out)
        settings = job.reports[0].checkpoint.training["settings"]
        assert isinstance(settings, dict)
        assert (settings["processes"], settings["amp"]) == (2, "off")


def test_all_processes_stop_at_the_step_at_which_the_firsts_time_is_up(
    jobs: Mapping[str, Job],
) -> None:
    assert len(jobs["hurried"].reports[0].history) == 1


def test_statistics_of_batch_norms_that_are_kept_are_those_that_were_judged(
    jobs: Mapping[str, Job],
) -> None:
    job = jobs["norms"]
    loaded = load_checkpoint(job.out)
    pixels = load_pixels(job.files, loaded.info.preprocess, progress=False).pixels
    held_out = pixels[split(len(pixels), seed=job.settings.seed)[1]]
    with torch.inference_mode():
        made = loaded.model(loaded.info.preprocess.normalize(held_out))
    judged = job.reports[0].history[job.reports[0].best_epoch - 1].reconstruction
    error = (made - loaded.info.preprocess.unit(held_out)).square().mean().item()
    assert error == pytest.approx(judged, rel=1e-4)


def command_line(folder: Path, out: Path, *more: str) -> list[str]:
    """What :data:`BASE` is, for scripts/train.py."""
    return [
        *(str(folder), "--out", str(out), "--arch", "model1", "--image-size", "32", "--epochs"),
        *("3", "--batch-size", "4", "--seed", "1", "--device", "cpu", *more),
    ]


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """scripts/train.py whose second process fails in the second epoch, as HOW says."""
    script = tmp_path / "failing.py"
    script.write_text(FAILING)
    return script


def test_two_killed_and_resumed_processes_end_as_if_undisturbed(
    jobs: Mapping[str, Job], folder: Path, failing: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    killed = launch(failing, *command_line(folder, out), HOW="killed")
    assert killed.returncode != 0
    script = ROOT / "scripts" / "train.py"
    resumed = launch(script, *command_line(folder, out, "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.count("next: python -m indexer sync") == 1  # one process reports
    whole = jobs["retrieval"].reports[0]
    assert read_info(out).fingerprint == whole.checkpoint.fingerprint
    with pytest.raises(TrainingError, match="its processes is 2, not 1"):
        train(jobs["retrieval"].files, BASE, out, resume=True, progress=False, device="cpu")


def test_a_failing_process_ends_all_with_one_line_of_its_own(
    folder: Path, failing: Path, tmp_path: Path
) -> None:
    done = launch(failing, *command_line(folder, tmp_path / "out"), HOW="refused")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert lines == ["error: the disk is full"]


def test_what_all_processes_refuse_is_said_once(jobs: Mapping[str, Job], folder: Path) -> None:
    done = launch(ROOT / "scripts" / "train.py", *command_line(folder, jobs["study"].out))
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "holds a checkpoint already" in lines[0]
