"""Options of ``sync``, from the command line to what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.cli import main
from indexer.settings import Settings
from indexer.store import open_store
from indexer.types import Distance
from models.progress import Progress, ProgressFile, read_progress
from tests.archive_builders import BUILDERS, Item
from tests.fake_encoder import FakeEncoder, make_checkpoint

Sync = Callable[..., dict[str, Any]]


class CountingEncoder(FakeEncoder):
    """Remembers how many images were encoded by all of its kind."""

    encoders: list[FakeEncoder]

    def __init__(self, fingerprint: str) -> None:
        super().__init__(fingerprint)
        self.encoders.append(self)


@pytest.fixture(autouse=True)
def encoders(monkeypatch: pytest.MonkeyPatch) -> list[FakeEncoder]:
    made: list[FakeEncoder] = []
    monkeypatch.setattr(CountingEncoder, "encoders", made, raising=False)
    monkeypatch.setattr("models.encoder.Encoder", CountingEncoder)
    return made


@pytest.fixture
def sync(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> Sync:
    """Run ``sync`` with the options; returns the counts that are not zero."""
    checkpoint = make_checkpoint(tmp_path / "checkpoint", "first")

    def sync(source: Path, *options: object) -> dict[str, Any]:
        words = ["sync", source, "--checkpoint", checkpoint, "--data-dir", data, "--json", *options]
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert code == 0, err
        names = ("added", "updated", "moved", "unchanged", "removed", "failed")
        return {name: count for name in names if (count := json.loads(out)[name])}

    return sync


def stored(data: Path, distance: Distance = Distance.EUCLID) -> dict[str, Mapping[str, Any]]:
    with closing(open_store(Settings(data))) as store:
        records = list(store.scroll("photos", distance))
        found = store.retrieve("photos", distance, [r.id for r in records], with_vectors=True)
        return {
            str(record.payload["path"]): {"label": record.payload["label"], **record.vectors}
            for record in found
        }


def test_files_that_are_excluded_later_are_removed_and_come_back(
    sync: Sync, photos: Path, data: Path
) -> None:
    assert sync(photos) == {"added": 12}
    assert sync(photos, "--exclude", "cold/", "--exclude", "*0.png") == {
        "unchanged": 4,
        "removed": 8,
    }
    assert set(stored(data)) == {f"warm/0{number}.png" for number in (2, 4, 6, 8)}
    assert sync(photos) == {"unchanged": 4}
    assert sync(photos, "--exclude", "*8.png", "--dry-run") == {
        "unchanged": 3, "removed": 1, "added": 8
    }  # fmt: skip
    assert sync(photos, "--exclude", "*8.png") == {"unchanged": 3, "removed": 1, "added": 8}
    assert sync(photos, "--no-exclude") == {"unchanged": 11, "added": 1}
    assert sync(photos) == {"unchanged": 12}


def test_another_label_is_stored_without_encoding_the_image_again(
    sync: Sync, photos: Path, data: Path, tmp_path: Path, encoders: list[FakeEncoder]
) -> None:
    sync(photos)
    before, encoded = stored(data), sum(encoder.encoded for encoder in encoders)
    assert encoded == 12
    csv = tmp_path / "labels.csv"
    rows = "".join(f"warm\\{number:02}.png;sunny\n" for number in range(0, 12, 2))
    csv.write_text(f"path;label\n{rows}")

    assert sync(photos, "--labels", csv) == {"unchanged": 12}
    assert sum(encoder.encoded for encoder in encoders) == encoded
    for distance in Distance:
        after = stored(data, distance)
        assert {facts["label"] for path, facts in after.items() if path.startswith("warm")} == {
            "sunny"
        }
        assert {facts["label"] for path, facts in after.items() if path.startswith("cold")} == {
            None
        }
    for path, facts in stored(data).items():
        for pooling in ("maxpool", "flatten"):
            np.testing.assert_array_equal(facts[pooling], before[path][pooling])

    csv.write_text("path,label\nwarm/00.png,hot\n")
    assert sync(photos) == {"unchanged": 12}
    assert {facts["label"] for facts in stored(data).values()} == {"hot", None}
    assert sync(photos, "--no-labels") == {"unchanged": 12}
    assert {facts["label"] for facts in stored(data).values()} == {"warm", "cold"}
    assert sync(photos) == {"unchanged": 12}
    assert {facts["label"] for facts in stored(data).values()} == {"warm", "cold"}
    assert sum(encoder.encoded for encoder in encoders) == encoded


def test_a_file_of_labels_is_found_again_from_another_folder(
    sync: Sync, photos: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labels.csv").write_text("path,label\nwarm/00.png,hot\n")
    monkeypatch.chdir(tmp_path)
    sync(photos, "--labels", "labels.csv", "--exclude", "cold/")
    monkeypatch.chdir("/")
    assert sync(photos) == {"unchanged": 6}
    assert stored(data)["warm/00.png"]["label"] == "hot"


def test_a_remembered_file_of_labels_that_is_gone_stops_the_sync_and_says_what_to_do(
    sync: Sync, photos: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text("path,label\nwarm/00.png,hot\n")
    sync(photos, "--labels", csv)
    before = stored(data)
    csv.unlink()
    assert main(["sync", str(photos), "--data-dir", str(data)]) == 1
    error = capsys.readouterr().err
    for part in (str(csv), "No such file", "--labels", "--no-labels"):
        assert part in error
    assert {path: facts["label"] for path, facts in stored(data).items()} == {
        path: facts["label"] for path, facts in before.items()
    }


def test_what_is_left_out_is_shown_by_sync_and_status(
    photos: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = make_checkpoint(tmp_path / "checkpoint", "first")
    csv = tmp_path / "labels.csv"
    csv.write_text("path,label\nwarm/00.png,hot\n")
    where = ["--data-dir", str(data)]
    sync = ["sync", str(photos), "--checkpoint", str(checkpoint), *where]
    assert main([*sync, "--exclude", "cold/", "--exclude", "*8.png", "--labels", str(csv)]) == 0
    assert main(sync) == 0
    assert main(["status", "photos", *where]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert lines.count(["exclude", "cold/ *8.png"]) == 3
    assert lines.count(["labels", str(csv)]) == 3
    taken = {"exclude": ["cold/", "*8.png"], "labels": str(csv)}
    for command in ([*sync, "--json"], ["status", "photos", "--json", *where]):
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out)["source_options"] == taken


@pytest.mark.parametrize(
    "options", [("--exclude", "a", "--no-exclude"), ("--labels", "a", "--no-labels")]
)
def test_to_say_and_to_forget_at_once_is_refused(
    photos: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sync", str(photos), *options])
    assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_an_archive_is_indexed_like_its_folder(
    sync: Sync, photos: Path, data: Path, tmp_path: Path
) -> None:
    sync(photos)
    folder = stored(data)
    archive = tmp_path / "photos.7z"
    files = sorted(photos.rglob("*.png"))
    items = [Item(file.relative_to(photos).as_posix(), file.read_bytes()) for file in files]
    BUILDERS["7z"](archive, items)
    assert sync(archive) == {"unchanged": 12}
    assert stored(data).keys() == folder.keys()


def test_a_file_of_labels_that_does_not_fit_is_told_on_stderr_in_one_line(
    photos: Path, data: Path, tmp_path: Path
) -> None:
    csv = tmp_path / "labels.csv"
    csv.write_text("path,label\nwarm/00.png,sunny\nno/such.png,x\n")
    command = [sys.executable, "-m", "indexer", "sync", photos, "--labels", csv, "--dry-run"]
    done = subprocess.run(
        [*map(str, command), "--json", "--data-dir", str(data)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert json.loads(done.stdout)["added"] == 12
    [warning] = [line for line in done.stderr.splitlines() if str(csv) in line]
    assert "1 of 2 paths are no images of" in warning
    assert warning.endswith("the first: no/such.png")


# --- how much at once


def test_batches_and_workers_change_nothing_of_what_is_stored(
    sync: Sync, photos: Path, tmp_path: Path, data: Path, encoders: list[FakeEncoder]
) -> None:
    (photos / "warm" / "damaged.png").write_bytes(b"no image")
    report = sync(photos, "--workers", "1")
    assert report["added"] == 12
    singly = stored(data)
    other = tmp_path / "other"
    options = ("--workers", "3", "--batch-size", "5", "--device", "cpu", "--runtime", "torch")
    assert sync(photos, *options, "--data-dir", other) == report
    assert [encoder.largest_batch for encoder in encoders] == [1, 5]
    batched = stored(other)
    assert list(batched) == list(singly)
    for path, image in singly.items():
        assert batched[path]["label"] == image["label"]
        assert np.allclose(batched[path]["flatten"], image["flatten"], rtol=1e-6)


def test_how_far_a_sync_is_can_be_read_from_a_file(
    sync: Sync, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress | None] = []
    file = tmp_path / "progress.json"
    original = ProgressFile._write

    def watched(self: ProgressFile) -> None:
        original(self)
        told.append(read_progress(file))

    monkeypatch.setattr(ProgressFile, "_write", watched)
    sync(photos, "--progress", file)
    told = [each for each in told if each is not None]
    phases = list(dict.fromkeys(each.phase for each in told))
    assert phases == ["unpacking", "comparing", "encoding", "publishing"]
    encoded = [each for each in told if each.phase == "encoding"][-1]
    assert (encoded.done, encoded.total) == (12, 12)
