"""How far a run is: what a reader of the file sees at any moment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models import progress
from models.progress import MOST_POINTS, Curve, CurvePoint, Progress, ProgressFile, read_progress


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A progress file that is written at every step."""
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    return tmp_path / "progress.json"


def look(file: Path) -> Progress:
    found = read_progress(file)
    assert found is not None
    return found


def test_a_phase_counts_and_tells_speed_and_what_is_left(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(progress, "perf_counter", lambda: now)
    told = ProgressFile(file)
    told.begin("encoding", total=50, done=10)
    assert look(file) == Progress("encoding", done=10, total=50)
    now += 4
    told.advance(8)
    assert look(file) == Progress("encoding", 18, 50, per_second=2.0, remaining_seconds=16.0)


def test_what_is_tracked_is_passed_on_and_counted(file: Path) -> None:
    items = ProgressFile(file).track("abc", "reading", total=3)
    seen = [(item, look(file).done) for item in items]
    assert seen == [("a", 0), ("b", 1), ("c", 2)]
    assert look(file).done == 3


def test_the_next_phase_keeps_the_curves_and_forgets_the_epoch(file: Path) -> None:
    told = ProgressFile(file)
    told.begin("training", total=4)
    told.epoch(1, 2)
    told.loss(0.5, 0.25)
    told.validation_loss(1, 0.125)
    assert (look(file).epoch, look(file).epochs) == (1, 2)
    told.begin("whitening", total=2)
    assert (look(file).epoch, look(file).epochs) == (0, 0)
    assert look(file).losses == (CurvePoint(0.5, 0.25),)
    assert look(file).validation_losses == (CurvePoint(1, 0.125),)


def test_it_is_not_written_more_often_than_anyone_looks(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    told = ProgressFile(file)
    told.begin("encoding", total=1000)
    before = file.stat().st_mtime_ns
    for _ in range(900):
        told.advance()
    assert file.stat().st_mtime_ns == before
    told.advance(100)
    assert look(file).done == 1000


def test_without_a_file_nobody_is_told() -> None:
    told = ProgressFile()
    assert list(told.track([1, 2], "reading", total=2)) == [1, 2]
    assert not told.is_due


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    told = ProgressFile(tmp_path / "nowhere" / "progress.json")
    assert list(told.track([1], "reading", total=1)) == [1]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"phase": 1, "x": 2}', '{"losses": [1]}'])
def test_half_a_file_is_no_progress(tmp_path: Path, content: str) -> None:
    file = tmp_path / "progress.json"
    assert read_progress(file) is None
    file.write_text(content)
    assert read_progress(file) is None


def test_a_curve_of_any_length_keeps_few_points_and_its_shape() -> None:
    curve = Curve()
    for step in range(1, 10_001):
        curve.add(step / 100, 1 - step / 10_000)
        assert len(curve.points) <= MOST_POINTS
    assert len(curve.points) > MOST_POINTS // 3
    epochs = [point.epoch for point in curve.points]
    assert epochs == sorted(set(epochs))
    assert curve.points[-1].epoch == 100.0
    # A merged point stands for the steps since the point before, at their last.
    assert all(abs(point.loss - (1 - point.epoch / 100)) < 0.01 for point in curve.points)


def test_the_file_is_plain_json_without_torch(file: Path) -> None:
    ProgressFile(file).begin("words")
    assert json.loads(file.read_text())["phase"] == "words"
    code = "import sys, models.progress; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
