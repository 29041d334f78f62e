"""An index is brought to safety with all that it needs, and back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer.cli import main
from indexer.layout import DataFolder
from indexer.thumbnails import is_thumbnail, thumbnail_path
from tests.back_ends import NO_EFFECT_IN_MEMORY
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.qdrant_stand_in import stand_in

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.encoder.Encoder", FakeEncoder)


@pytest.fixture(params=["embedded", "server"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Where the index is."""
    if request.param == "embedded":
        yield []
        return
    monkeypatch.setenv("QDRANT_API_KEY", "a-key")
    with stand_in(key="a-key") as server:
        yield ["--qdrant-url", server.url]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object, code: int = 0) -> str:
        assert main(list(map(str, arguments))) == code
        out, err = capsys.readouterr()
        return err if code else out

    return run


@pytest.fixture
def indexed(run: Run, photos: Path, data: Path, place: list[str], tmp_path: Path) -> list[str]:
    """Arguments that name the place of an index of twelve photos; a thirteenth is no image."""
    (photos / "cold" / "broken.png").write_bytes(b"no image")
    checkpoint = make_checkpoint(tmp_path / "first", "first")
    at = ["--data-dir", str(data), *place]
    run("sync", photos, "--checkpoint", checkpoint, *at)
    return at


def answers(run: Run, photos: Path, at: list[str]) -> list[tuple[str, float]]:
    """Hits of a search; engines differ in the last bits of their scores."""
    picture = sorted(photos.rglob("0*.png"))[2]
    found = json.loads(run("search", picture, "--dataset", "photos", "--json", *at))
    return [(hit["path"], round(hit["score"], 5)) for hit in found["hits"]]


def test_what_was_lost_comes_back_whole(
    run: Run, photos: Path, data: Path, indexed: list[str], tmp_path: Path
) -> None:
    before = answers(run, photos, indexed)
    backup = tmp_path / "backup"
    report = json.loads(run("backup", "photos", backup, "--json", *indexed))
    assert (report["images"], report["copied"]) == (12, 12)
    assert report["compared"] > 0
    run("drop", "photos", *indexed)
    shutil.rmtree(data)
    run("restore", "photos", backup, *indexed)
    assert answers(run, photos, indexed) == before
    assert "FAILED" not in run("verify", "photos", *indexed)
    kept = json.loads(run("failures", "photos", "--json", *indexed))["failures"]
    assert [one["path"] for one in kept] == ["cold/broken.png"]
    report = json.loads(run("sync", photos, "--json", *indexed))
    assert (report["unchanged"], report["added"], report["passed_over"]) == (12, 0, 1)


def test_a_backup_is_a_data_folder_that_can_be_asked(
    run: Run, photos: Path, indexed: list[str], tmp_path: Path
) -> None:
    before = answers(run, photos, indexed)
    run("backup", "photos", tmp_path / "backup", *indexed)
    assert answers(run, photos, ["--data-dir", str(tmp_path / "backup")]) == before


def test_what_its_groups_are_like_is_in_it(
    run: Run, data: Path, indexed: list[str], tmp_path: Path
) -> None:
    run("group", "photos", "--groups", "2", *indexed)
    run("backup", "photos", tmp_path / "backup", *indexed)
    kept, copied = (DataFolder(folder).groups("photos") for folder in (data, tmp_path / "backup"))
    assert copied.read_bytes() == kept.read_bytes()


def test_the_thumbnails_are_in_it(run: Run, data: Path, indexed: list[str], tmp_path: Path) -> None:
    run("backup", "photos", tmp_path / "backup", *indexed)
    made = [path.name for path in data.glob("thumbnails/*/*.webp")]
    copied = DataFolder(tmp_path / "backup").thumbnails
    assert len(made) == 12
    assert all(is_thumbnail(thumbnail_path(copied, name.removesuffix(".webp"))) for name in made)


def test_a_second_backup_copies_what_has_changed(
    run: Run, photos: Path, indexed: list[str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    run("backup", "photos", backup, *indexed)
    gone, *_ = sorted(photos.rglob("0*.png"))
    shutil.copy(gone, photos / "new.png")
    gone.unlink()
    (photos / "cold" / "another.png").write_bytes(sorted(photos.rglob("0*.png"))[0].read_bytes())
    run("sync", photos, *indexed)
    report = json.loads(run("backup", "photos", backup, "--json", *indexed))
    assert (report["images"], report["copied"], report["removed"]) == (13, 2, 1)
    assert json.loads(run("list", "--json", "--data-dir", backup))[0]["images"] == 13


def test_an_index_that_is_there_is_replaced_only_when_asked(
    run: Run, indexed: list[str], tmp_path: Path
) -> None:
    run("backup", "photos", tmp_path / "backup", *indexed)
    assert "--replace" in run("restore", "photos", tmp_path / "backup", *indexed, code=1)
    run("restore", "photos", tmp_path / "backup", "--replace", *indexed)


def test_a_damaged_copy_of_the_checkpoint_is_copied_again(
    run: Run, photos: Path, indexed: list[str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    run("backup", "photos", backup, *indexed)
    [checkpoint] = DataFolder(backup).checkpoints.iterdir()
    for file in checkpoint.iterdir():
        file.write_bytes(b"damaged")
    run("backup", "photos", backup, *indexed)
    assert answers(run, photos, ["--data-dir", str(backup)]) == answers(run, photos, indexed)


def test_what_is_wrong_is_told_in_one_line(
    run: Run, data: Path, indexed: list[str], tmp_path: Path
) -> None:
    assert "is the data folder itself" in run("backup", "photos", data, *indexed, code=1)
    assert "'cats'" in run("backup", "cats", tmp_path / "backup", *indexed, code=1)
    message = run("restore", "photos", tmp_path / "nothing", *indexed, code=1)
    assert "'photos'" in message
    assert message.count("\n") == 1
    shutil.rmtree(data / "checkpoints")
    message = run("backup", "photos", tmp_path / "other", *indexed, code=1)
    assert message.startswith("error: the checkpoint of 'photos' is not in")
    assert json.loads(run("list", "--json", "--data-dir", tmp_path / "other")) == []
