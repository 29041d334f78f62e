"""The command line of the indexer, with a fake encoder."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from indexer.cli import main
from indexer.commands.arguments import megapixels
from indexer.errors import IndexerError
from tests.fake_encoder import FakeEncoder, make_checkpoint

REPOSITORY = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "gradio", "qdrant_client", "qdrant_edge", "numpy", "PIL")
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.encoder.Encoder", FakeEncoder)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "checkpoint", "first")


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that is to succeed; returns its stdout."""

    def run(*arguments: object) -> str:
        code = main([*map(str, arguments), "--data-dir", str(data)])
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return run


@pytest.fixture
def fail(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that is to fail with one line; returns that."""

    def fail(*arguments: object, data_dir: Path = data) -> str:
        assert main([*map(str, arguments), "--data-dir", str(data_dir)]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert re.fullmatch(r"error: [^\n]+\n", err), err
        return err

    return fail


def started(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *([] if not code else ["-c", code]), *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )


# --- help and usage


def test_help_imports_nothing_heavy() -> None:
    code = f"""
import sys
from indexer.cli import main
for arguments in (["--help"], ["sync", "--help"], ["search", "--help"]):
    try:
        main(arguments)
    except SystemExit as stop:
        assert stop.code == 0
loaded = [name for name in {HEAVY} if name in sys.modules]
assert not loaded, loaded
"""
    result = started(code)
    assert result.returncode == 0, result.stderr
    assert "sync" in result.stdout
    assert "--checkpoint" in result.stdout


def test_the_module_runs() -> None:
    result = started("", "-m", "indexer", "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("usage: python -m indexer")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["unknown"],
        ["sync"],
        ["search", "a.jpg"],
        ["search", "a.jpg", "--dataset", "x", "-k", "0"],
        ["search", "a.jpg", "--dataset", "x", "--pooling", "mean"],
        ["search", "a.jpg", "--dataset", "x", "--crop", "0,0,1"],
        ["search", "a.jpg", "--dataset", "x", "--crop", "0,0,1,high"],
        ["search", "a.jpg", "--dataset", "x", "--crop", "0,0,0,1"],
        ["search", "a.jpg", "--dataset", "x", "--min-side", "0"],
        ["sync", "photos", "--checkpoint", "c", "--pooling", "mean"],
        ["sync", "photos", "--checkpoint", "c", "--limit", "none"],
        ["sync", "photos", "--workers", "0"],
        ["sync", "photos", "--batch-size", "many"],
        ["sync", "photos", "--runtime", "tensorrt"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


# --- which checkpoint encodes


def test_a_new_index_uses_the_programs_own_checkpoint(
    run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = make_checkpoint(tmp_path / "default", "program's own")
    monkeypatch.setattr("indexer.pipeline.DEFAULT_CHECKPOINT", default)
    report = json.loads(run("sync", photos, "--json"))
    assert report["checkpoint"] == FakeEncoder.load(default).name


def test_an_index_keeps_its_checkpoint_when_nobody_says(
    run: Run, photos: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = make_checkpoint(tmp_path / "default", "program's own")
    monkeypatch.setattr("indexer.pipeline.DEFAULT_CHECKPOINT", default)
    first = json.loads(run("sync", photos, "--checkpoint", checkpoint, "--json"))
    shutil.rmtree(checkpoint)
    again = json.loads(run("sync", photos, "--json"))
    assert again["checkpoint"] == first["checkpoint"]
    assert (again["added"], again["unchanged"]) == (0, first["added"])


# --- what the commands print


def test_sync_prints_json_as_documented(run: Run, photos: Path, checkpoint: Path) -> None:
    (photos / "warm" / "text.jpg").write_text("not an image")
    report = json.loads(run("sync", photos, "--checkpoint", checkpoint, "--json"))
    assert report.pop("seconds")["total"] > 0
    name = FakeEncoder.load(checkpoint).name
    assert report == {
        "dataset": "photos",
        "checkpoint": name,
        "source_options": {"exclude": [], "labels": None},
        "added": 12,
        "updated": 0,
        "moved": 0,
        "unchanged": 0,
        "removed": 0,
        "failed": [{"path": "warm/text.jpg", "reason": "not an image"}],
        "passed_over": 0,
        "collections": [f"photos__{name}__cosine", f"photos__{name}__euclid"],
    }


def test_sync_and_search_take_the_largest_image_there_may_be(
    run: Run, photos: Path, checkpoint: Path, fail: Run
) -> None:
    Image.new("RGB", (300, 200), "teal").save(photos / "warm" / "large.png")
    options = ("--checkpoint", checkpoint, "--max-megapixels", "0.05", "--json")
    [failed] = json.loads(run("sync", photos, *options))["failed"]
    assert failed["reason"].endswith("0.06 megapixels, the limit is 0.05")
    query = ("search", photos / "warm" / "large.png", "--dataset", "photos")
    assert "the limit is 0.05" in fail(*query, "--max-megapixels", "0.05")
    assert "warm/" in run(*query)


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "many"])
def test_the_largest_image_is_a_number_above_0(number: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="not a number above 0"):
        megapixels(number)


def test_search_prints_json_as_documented(run: Run, photos: Path, checkpoint: Path) -> None:
    run("sync", photos, "--checkpoint", checkpoint)
    image = photos / "warm" / "04.png"
    options = ("--pooling", "flatten", "--distance", "euclid", "-k", 3, "--json")
    answer = json.loads(run("search", image, "--dataset", "photos", *options))
    hits = answer.pop("hits")
    assert answer == {
        "dataset": "photos",
        "checkpoint": FakeEncoder.load(checkpoint).name,
        "pooling": "flatten",
        "distance": "euclid",
    }
    assert [set(hit) for hit in hits] == [
        {"rank", "id", "score", "path", "label", "width", "height"}
    ] * 3
    assert (hits[0]["path"], hits[0]["label"], hits[0]["score"]) == ("warm/04.png", "warm", 0.0)
    exactly = json.loads(run("search", image, "--dataset", "photos", *options, "--exact"))
    assert exactly["hits"] == hits


def test_search_can_be_confined_to_some_images(run: Run, photos: Path, checkpoint: Path) -> None:
    Image.new("RGB", (60, 50), "teal").save(photos / "loose.jpg")
    run("sync", photos, "--checkpoint", checkpoint)

    def hits(*options: object) -> set[str]:
        query = ("search", photos / "warm" / "04.png", "--dataset", "photos", "-k", 20, "--json")
        return {hit["path"] for hit in json.loads(run(*query, *options))["hits"]}

    everything = hits()
    warm = {path for path in everything if path.startswith("warm/")}
    assert hits("--label", "warm") == warm
    assert hits("--label", "") == hits("--format", "jpeg") == {"loose.jpg"}
    assert hits("--label", "warm", "--label", "") == warm | {"loose.jpg"}
    assert hits("--min-side", 30) == everything
    assert hits("--min-side", 31) == {"loose.jpg"}
    assert hits("--label", "warm", "--format", "jpeg") == set()
    assert hits("--group", 1) == set()
    assert hits("--group", 0, "--group", 1) == everything


def test_search_takes_a_part_of_the_image(
    run: Run, fail: Run, photos: Path, checkpoint: Path
) -> None:
    image = photos / "warm" / "04.png"
    two = Image.new("RGB", (80, 30), "teal")
    with Image.open(image) as shown:
        two.paste(shown, (40, 0))
    two.save(photos.parent / "two.png")
    run("sync", photos, "--checkpoint", checkpoint)
    query = ("search", photos.parent / "two.png", "--dataset", "photos", "--distance", "euclid")
    [best] = json.loads(run(*query, "-k", 1, "--crop", "0.5,0,1,1", "--json"))["hits"]
    assert (best["path"], best["score"]) == ("warm/04.png", 0.0)
    assert "8 x 30 of the image's 80 x 30 pixels" in fail(*query, "--crop", "0,0,0.1,1")


def test_further_poolings_are_kept_and_searched_by_name(
    run: Run, fail: Run, photos: Path, checkpoint: Path
) -> None:
    image = photos / "warm" / "04.png"
    run("sync", photos, "--checkpoint", checkpoint)
    search = ("search", image, "--dataset", "photos", "--pooling", "whitened", "--json")
    assert "has no whitened vectors, only maxpool, flatten" in fail(*search)
    run("sync", photos, "--checkpoint", checkpoint, "--pooling", "whitened", "--pooling", "average")
    assert json.loads(run(*search))["hits"][0]["path"] == "warm/04.png"
    vectors = "maxpool 3, flatten 48, average 3, whitened 40"
    assert vectors in run("status", "photos")
    run("sync", photos, "--checkpoint", checkpoint)
    assert vectors in run("status", "photos")
    run("sync", photos, "--checkpoint", checkpoint, "--pooling", "maxpool")
    assert "maxpool 3, flatten 48\n" in run("status", "photos")


def test_whitened_vectors_of_a_checkpoint_without_them(
    fail: Run, photos: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain(FakeEncoder):
        def __init__(self, fingerprint: str) -> None:
            super().__init__(fingerprint)
            self.whitening = None

    monkeypatch.setattr("models.encoder.Encoder", Plain)
    error = fail("sync", photos, "--checkpoint", checkpoint, "--pooling", "whitened")
    assert "cannot make whitened vectors" in error


def test_search_prints_a_table_of_eight(run: Run, photos: Path, checkpoint: Path) -> None:
    run("sync", photos, "--checkpoint", checkpoint)
    lines = run("search", photos / "warm" / "04.png", "--dataset", "photos").splitlines()
    assert lines[0].split() == ["rank", "score", "label", "path"]
    assert lines[1].split() == ["1", "1.0000", "warm", "warm/04.png"]
    assert len(lines) == 1 + 8


def test_list_and_status_describe_what_is_indexed(run: Run, photos: Path, checkpoint: Path) -> None:
    run("sync", photos, "--checkpoint", checkpoint)
    name = FakeEncoder.load(checkpoint).name
    assert f"photos   12      {name}" in run("list")
    [listed] = json.loads(run("list", "--json"))
    assert (listed["name"], listed["images"], listed["checkpoint"]) == ("photos", 12, name)
    text = run("status", "photos")
    for part in (name, "maxpool 3, flatten 48", "warm: 6", "qdrant-edge", str(photos)):
        assert part in text
    status = json.loads(run("status", "photos", "--json"))
    assert status["labels"] == {"cold": 6, "warm": 6}
    assert all(size > 0 for size in status["disk_bytes"].values())


def test_list_of_nothing_says_how_to_begin(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--data-dir", str(data)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "python -m indexer sync" in err
    assert json.loads(run("list", "--json")) == []


def test_drop_says_what_it_removed_and_leaves_the_images(
    run: Run, fail: Run, photos: Path, checkpoint: Path, data: Path
) -> None:
    run("sync", photos, "--checkpoint", checkpoint)
    assert "photos__model1" in run("drop", "photos")
    assert "nothing is indexed" in fail("status", "photos")
    assert [path for path in data.rglob("*") if path.suffix in {".webp", ".safetensors"}] == []
    assert len(list(photos.rglob("*.png"))) == 12


def test_a_dry_run_makes_no_data_folder(
    run: Run, photos: Path, checkpoint: Path, data: Path
) -> None:
    assert "nothing was written" in run("sync", photos, "--checkpoint", checkpoint, "--dry-run")
    assert not data.exists()


def test_the_data_folder_is_taken_from_the_environment(
    photos: Path, checkpoint: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_SIMILARITY_DATA", str(data))
    assert main(["sync", str(photos), "--checkpoint", str(checkpoint)]) == 0
    assert (data / "indexes" / "photos.json").is_file()


# --- bad input: one clear line


def test_no_such_source(fail: Run, checkpoint: Path, tmp_path: Path, data: Path) -> None:
    assert "absent" in fail("sync", tmp_path / "absent", "--checkpoint", checkpoint)
    assert not data.exists()


def test_an_empty_source(fail: Run, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no images" in fail("sync", tmp_path / "empty", "--checkpoint", checkpoint)


def test_no_such_checkpoint(fail: Run, photos: Path, tmp_path: Path) -> None:
    assert "no checkpoint" in fail("sync", photos, "--checkpoint", tmp_path / "absent")


def test_a_damaged_checkpoint(fail: Run, photos: Path, checkpoint: Path) -> None:
    (checkpoint / "model.json").write_text("{")
    assert "damaged" in fail("sync", photos, "--checkpoint", checkpoint)


def test_a_name_that_is_none(fail: Run, photos: Path, checkpoint: Path) -> None:
    error = fail("sync", photos, "--checkpoint", checkpoint, "--dataset", "My Pets")
    assert "'My Pets' cannot name a dataset" in error


def test_a_data_folder_that_cannot_be_written(
    fail: Run, photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for command in (["sync", photos, "--checkpoint", checkpoint], ["list"], ["status", "x"]):
        assert "data folder" in fail(*command, data_dir=tmp_path / "file" / "data")


def test_bad_query_images(run: Run, fail: Run, photos: Path, checkpoint: Path) -> None:
    run("sync", photos, "--checkpoint", checkpoint)
    (photos / "text.jpg").write_text("not an image")
    assert "not an image" in fail("search", photos / "text.jpg", "--dataset", "photos")
    assert "absent.jpg" in fail("search", photos / "absent.jpg", "--dataset", "photos")


def test_a_dataset_that_is_not_indexed(run: Run, fail: Run, photos: Path, checkpoint: Path) -> None:
    image = photos / "warm" / "00.png"
    assert "nothing is indexed" in fail("search", image, "--dataset", "pets")
    run("sync", photos, "--checkpoint", checkpoint)
    for command in (["search", image, "--dataset", "pets"], ["status", "pets"], ["drop", "pets"]):
        assert "'pets'" in (error := fail(*command))
        assert "indexed: photos" in error


def test_another_checkpoint_is_refused_with_both_names(
    run: Run, fail: Run, photos: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run("sync", photos, "--checkpoint", checkpoint)
    other = make_checkpoint(tmp_path / "other", "second")
    image = photos / "warm" / "00.png"
    error = fail("search", image, "--dataset", "photos", "--checkpoint", other)
    for folder in (checkpoint, other):
        assert FakeEncoder.load(folder).name in error


# --- being stopped


def test_an_interruption_is_told_in_one_line(
    photos: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch, data: Path, capsys
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("indexer.pipeline.sync", interrupt)
    command = ["sync", str(photos), "--checkpoint", str(checkpoint), "--data-dir", str(data)]
    assert main(command) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_a_reader_that_stops_listening_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m indexer list --json --data-dir {tmp_path} | head -c 0"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stderr == ""


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("indexer.store.open_store", fail)
    with pytest.raises(ZeroDivisionError):
        main(["list", "--data-dir", str(data)])
    assert not issubclass(ZeroDivisionError, IndexerError)
