"""Files that cannot be read, and sources that lost their images, from sync to sync."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from indexer.cli import main
from indexer.failures import Failure, read_ledger
from indexer.layout import DataFolder
from indexer.store import VectorStore
from indexer.types import Distance, SyncReport
from models.errors import SourceError, UnreadableImageError
from models.images import open_image
from models.pooling import Pooling
from tests.fake_encoder import FakeEncoder, make_checkpoint

Sync = Callable[..., SyncReport]


@pytest.fixture
def bad(photos: Path) -> Path:
    file = photos / "warm" / "text.jpg"
    file.write_text("not an image")
    return file


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were decoded."""
    names: list[str] = []

    def spy(file: Path, **options: object) -> object:
        names.append(file.name)
        return open_image(file, **options)

    monkeypatch.setattr("indexer.reading.open_image", spy)
    return names


def ledger(data: Path, dataset: str = "photos") -> dict[str, Failure]:
    return dict(read_ledger(DataFolder(data).failures(dataset)).failures)


def stored(store: VectorStore) -> set[str]:
    return {str(record.payload["path"]) for record in store.scroll("photos", Distance.COSINE)}


def damage(photos: Path) -> None:
    for path in photos.rglob("*.png"):
        path.write_text("damaged")


# --- the ledger


def test_a_failed_file_is_noted_with_what_it_was_when_it_failed(
    run: Sync, data: Path, bad: Path
) -> None:
    run()
    [failure] = ledger(data).values()
    status = bad.stat()
    assert (failure.path, failure.reason) == ("warm/text.jpg", "not an image")
    assert (failure.bytes, failure.mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert failure.lasting


def test_a_failed_file_is_reported_again_but_not_opened_until_it_changes(
    run: Sync, data: Path, bad: Path, opened: list[str]
) -> None:
    first = run()
    assert (len(first.failed), first.passed_over) == (1, 0)
    noted = ledger(data)
    for dry_run in (True, False):
        opened.clear()
        again = run(dry_run=dry_run)
        assert [(file.path, file.reason) for file in again.failed] == [
            ("warm/text.jpg", "not an image")
        ]
        assert again.passed_over == 1
        assert opened == []
    assert ledger(data) == noted
    os.utime(bad, ns=(1, 1))
    assert run().passed_over == 0
    assert opened == ["text.jpg"]
    Image.new("RGB", (9, 9), "teal").save(bad)
    assert (run().added, ledger(data)) == (1, {})


def test_a_damaged_photo_leaves_the_index_once_and_stays_out(
    run: Sync, store: VectorStore, photos: Path, opened: list[str]
) -> None:
    run()
    (photos / "warm" / "00.png").write_text("damaged")
    assert run().removed == 1
    opened.clear()
    again = run()
    assert (again.removed, again.passed_over, opened) == (0, 1, [])
    assert "warm/00.png" not in stored(store)


def test_a_failed_file_that_is_gone_or_moved_leaves_the_ledger(
    run: Sync, data: Path, bad: Path
) -> None:
    run()
    bad.rename(bad.with_name("moved.jpg"))
    run()
    assert set(ledger(data)) == {"warm/moved.jpg"}
    bad.with_name("moved.jpg").unlink()
    run()
    assert not DataFolder(data).failures("photos").exists()


def test_what_the_system_refused_is_tried_at_every_sync(
    run: Sync, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: Path, **options: object) -> object:
        if file.name == "00.png":
            try:
                raise PermissionError(13, "Permission denied")
            except PermissionError as error:
                raise UnreadableImageError(file, "permission denied") from error
        return open_image(file, **options)

    monkeypatch.setattr("indexer.reading.open_image", refuse)
    assert [file.reason for file in run().failed] == ["permission denied"]
    assert not ledger(data)["warm/00.png"].lasting
    monkeypatch.undo()
    assert (run().added, ledger(data)) == (1, {})


def test_a_zero_vector_counts_for_the_checkpoint_and_poolings_that_made_it(
    run: Sync, photos: Path, tmp_path: Path, opened: list[str]
) -> None:
    Image.new("RGB", (40, 30), "black").save(photos / "cold" / "black.png")
    run()
    assert run().passed_over == 1
    other = make_checkpoint(tmp_path / "other", "second")
    opened.clear()
    assert run(folder=other).passed_over == 0
    assert "black.png" in opened
    assert run(folder=other, poolings=[Pooling.GEM]).passed_over == 0


@pytest.mark.usefixtures("bad")
def test_another_decoder_tries_again_and_keeps_the_date(
    run: Sync, data: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    path = DataFolder(data).failures("photos")
    content = json.loads(path.read_text())
    content["failures"][0]["first_seen"] = "2020-01-01T00:00:00+00:00"
    path.write_text(json.dumps(content))
    opened.clear()
    monkeypatch.setattr("indexer.failures.version", lambda package: f"{package} of tomorrow")
    assert run().passed_over == 0
    assert opened == ["text.jpg"]
    assert ledger(data)["warm/text.jpg"].first_seen == "2020-01-01T00:00:00+00:00"
    assert run().passed_over == 1


def test_a_dry_run_leaves_the_ledger_alone(run: Sync, data: Path, bad: Path) -> None:
    run()
    path = DataFolder(data).failures("photos")
    before = path.read_bytes()
    bad.unlink()
    run(dry_run=True)
    assert path.read_bytes() == before


@pytest.mark.usefixtures("bad")
def test_files_beyond_the_limit_stay_in_the_ledger(run: Sync, data: Path) -> None:
    run()
    run(limit=2)
    assert set(ledger(data)) == {"warm/text.jpg"}


@pytest.mark.usefixtures("bad")
def test_a_damaged_ledger_costs_no_more_than_trying_again(run: Sync, data: Path) -> None:
    run()
    for content in ("{", '{"format": 9}', "[]", '{"format": 1, "reader": "", "failures": [{}]}'):
        DataFolder(data).failures("photos").write_text(content)
        report = run()
        assert (len(report.failed), report.passed_over) == (1, 0)
    assert run().passed_over == 1


@pytest.mark.usefixtures("bad")
def test_a_ledger_is_not_taken_for_an_index(run: Sync, store: VectorStore) -> None:
    run()
    assert [info.name for info in store.datasets()] == ["photos"]


# --- the command


@pytest.fixture
def command(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[str, str]]:
    """Run one that is to succeed; returns stdout and stderr."""
    monkeypatch.setattr("models.encoder.Encoder", FakeEncoder)

    def command(*arguments: object, code: int = 0) -> tuple[str, str]:
        assert main([*map(str, arguments), "--data-dir", str(data)]) == code
        return capsys.readouterr()

    return command


@pytest.mark.usefixtures("bad")
def test_failures_are_listed_with_their_reasons(run: Sync, command: Callable) -> None:
    assert run().failed
    out, _ = command("failures", "photos")
    for part in ("warm/text.jpg", "12", "not an image", "when it changes"):
        assert part in out
    content = json.loads(command("failures", "photos", "--json")[0])
    [failure] = content.pop("failures")
    assert content == {"dataset": "photos"}
    assert set(failure) == {"path", "reason", "bytes", "mtime_ns", "first_seen", "lasting"}


def test_without_failures_it_says_so(run: Sync, command: Callable) -> None:
    run()
    assert command("failures", "photos") == ("", "every file of photos could be read\n")
    assert json.loads(command("failures", "photos", "--json")[0])["failures"] == []


def test_failures_of_no_index_are_refused(run: Sync, command: Callable) -> None:
    run()
    assert "indexed: photos" in command("failures", "pets", code=1)[1]


def test_retry_tries_those_files_now_and_touches_no_other(
    run: Sync, command: Callable, store: VectorStore, photos: Path, bad: Path
) -> None:
    other = photos / "cold" / "other.jpg"
    other.write_text("nothing yet")
    run()
    Image.new("RGB", (2, 2), "navy").save(bad)
    other.write_text("still nothing")
    (photos / "warm" / "02.png").unlink()
    Image.new("RGB", (2, 2), "red").save(photos / "warm" / "new.png")
    answer = json.loads(command("failures", "photos", "--retry", "--json")[0])
    assert answer["read"] == 1
    assert [failure["path"] for failure in answer["failures"]] == ["cold/other.jpg"]
    assert "warm/text.jpg" in stored(store)
    assert {"warm/02.png"} <= stored(store)
    assert "warm/new.png" not in stored(store)


def test_retry_gives_the_labels_and_leaves_out_what_the_sync_did(
    command: Callable, store: VectorStore, photos: Path, bad: Path, checkpoint: Path
) -> None:
    (photos / "cold" / "left-out.jpg").write_text("nothing yet")
    csv = photos.parent / "labels.csv"
    csv.write_text("path,label\nwarm/text.jpg,navy\n")
    options = ("--checkpoint", checkpoint, "--exclude", "cold/", "--labels", csv)
    command("sync", photos, *options)
    Image.new("RGB", (2, 2), "navy").save(bad)
    answer = json.loads(command("failures", "photos", "--retry", "--json")[0])
    assert (answer["read"], answer["failures"]) == (1, [])
    records = store.scroll("photos", Distance.COSINE)
    labels = {record.payload["path"]: record.payload["label"] for record in records}
    assert len(labels) == 7
    assert {path for path, label in labels.items() if label} == {"warm/text.jpg"}
    assert store.describe("photos").source_options.exclude == ("cold/",)


@pytest.mark.usefixtures("bad")
def test_retry_reads_a_file_whose_size_and_time_are_as_they_were(
    run: Sync, command: Callable, photos: Path
) -> None:
    good = photos / "warm" / "00.png"
    content = good.read_bytes()
    good.write_bytes(b"x" * len(content))
    os.utime(good, ns=(5, 5))
    run()
    good.write_bytes(content)
    os.utime(good, ns=(5, 5))
    assert run().passed_over == 2
    out, err = command("failures", "photos", "--retry")
    assert "tried 2 again: 1 can be read now" in err
    assert "warm/00.png" not in out
    assert "warm/text.jpg" in out


@pytest.mark.usefixtures("bad")
def test_retry_when_all_still_fail_leaves_the_index_and_says_so(
    run: Sync, command: Callable, store: VectorStore
) -> None:
    run()
    assert "tried 1 again: 0 can be read now" in command("failures", "photos", "--retry")[1]
    assert len(stored(store)) == 12


@pytest.mark.usefixtures("bad")
def test_sync_says_how_many_it_passed_over_and_names_only_the_new(
    run: Sync, command: Callable, photos: Path, checkpoint: Path
) -> None:
    run()
    (photos / "cold" / "new.jpg").write_text("no image either")
    out, err = command("sync", photos, "--checkpoint", checkpoint)
    assert "left out cold/new.jpg: not an image" in err
    assert "left out warm/text.jpg" not in err
    assert "passed over 1 that failed before" in err
    assert "passed over  1\n" in out
    assert "failed       2\n" in out


@pytest.mark.usefixtures("bad")
def test_drop_takes_the_ledger_along(run: Sync, command: Callable, data: Path) -> None:
    run()
    assert DataFolder(data).failures("photos").exists()
    command("drop", "photos")
    assert not DataFolder(data).failures("photos").exists()


# --- never empty by accident


def test_a_folder_without_its_images_empties_no_index_unless_that_is_allowed(
    run: Sync, command: Callable, store: VectorStore, photos: Path
) -> None:
    run()
    for path in photos.rglob("*.png"):
        path.unlink()
    for extra in ([], ["--dry-run"]):
        out, err = command("sync", photos, *extra, code=1)
        assert out == ""
        assert "none of the 12 images" in err
        assert "--allow-empty" in err
        assert err.count("\n") == 1
    assert len(stored(store)) == 12
    command("sync", photos, "--allow-empty", "--dry-run")
    assert len(stored(store)) == 12
    out, err = command("sync", photos, "--allow-empty")
    assert "removed      12\n" in out
    assert "12 removed" in err
    assert (store.describe("photos").images, stored(store)) == (0, set())
    command("sync", photos)
    Image.new("RGB", (9, 9), "teal").save(photos / "warm" / "new.png")
    command("sync", photos)
    assert stored(store) == {"warm/new.png"}


def test_other_images_in_place_of_all_are_refused_before_any_is_encoded(
    run: Sync, store: VectorStore, photos: Path, checkpoint: Path
) -> None:
    run()
    for path in photos.rglob("*.png"):
        path.unlink()
    Image.new("RGB", (9, 9), "teal").save(photos / "warm" / "new.png")
    encoder = FakeEncoder.load(checkpoint)
    with pytest.raises(SourceError, match=r"none of the 12 .*\(1 other\).*--allow-empty"):
        run(encoder=encoder)
    assert encoder.encoded == 0
    assert len(stored(store)) == 12
    assert run(allow_empty=True).removed == 12
    assert stored(store) == {"warm/new.png"}


def test_a_moved_folder_is_no_empty_one(run: Sync, photos: Path) -> None:
    run()
    (photos / "warm").rename(photos / "hot")
    (photos / "cold").rename(photos / "ice")
    assert run().moved == 12


def test_an_index_whose_every_file_is_damaged_now_is_kept_unless_emptying_is_allowed(
    run: Sync, store: VectorStore, photos: Path
) -> None:
    run()
    damage(photos)
    for _ in range(2):
        with pytest.raises(SourceError, match=r"none of the 12 .* keeps its 12"):
            run()
    assert len(stored(store)) == 12
    report = run(allow_empty=True)
    assert (report.removed, len(report.failed)) == (12, 12)
    assert stored(store) == set()


def test_another_checkpoint_does_not_replace_an_index_by_nothing(
    run: Sync, store: VectorStore, photos: Path, tmp_path: Path
) -> None:
    run()
    damage(photos)
    with pytest.raises(SourceError, match="keeps its 12"):
        run(folder=make_checkpoint(tmp_path / "other", "second"))
    assert len(stored(store)) == 12


def test_an_empty_folder_that_was_never_indexed_is_told_what_was_looked_for(
    command: Callable, tmp_path: Path, checkpoint: Path
) -> None:
    (tmp_path / "empty").mkdir()
    arguments = ("sync", tmp_path / "empty", "--checkpoint", checkpoint)
    assert "holds no images (looked for" in command(*arguments, code=1)[1]
    command(*arguments, "--allow-empty")
    assert '"images": 0' in command("list", "--json")[0]


def test_a_sync_that_removes_most_images_says_so(
    run: Sync, command: Callable, photos: Path, checkpoint: Path
) -> None:
    run()
    for number in (0, 2, 4):
        (photos / "warm" / f"{number:02}.png").unlink()
    assert "most" not in command("sync", photos, "--checkpoint", checkpoint)[1]
    for path in (photos / "cold").iterdir():
        path.unlink()
    assert "6 removed" in command("sync", photos, "--checkpoint", checkpoint)[1]
