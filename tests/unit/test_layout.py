import os
from pathlib import Path

import pytest

from indexer.errors import DataFolderError
from indexer.folder_copy import copy_changes, copy_folder
from indexer.layout import DataFolder, disk_bytes, write_atomically


def test_prepare_makes_the_folders_and_leaves_no_trace_of_its_trial(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "new" / "data")
    folder.prepare()
    assert sorted(path.name for path in folder.root.iterdir()) == [
        "checkpoints",
        "collections",
        "indexes",
        "thumbnails",
    ]
    assert not any(path.is_file() for path in folder.root.rglob("*"))


def test_a_folder_below_a_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="--data-dir or IMAGE_SIMILARITY_DATA"):
        DataFolder(tmp_path / "file").prepare()


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(DataFolderError, match="cannot be written: Read-only file system"):
        DataFolder(tmp_path).prepare()


def test_an_interrupted_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pointer.json"
    write_atomically(path, b"old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_copy_has_the_same_bytes_and_keeps_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "wal").mkdir(parents=True)
    with (source / "wal" / "open-1").open("wb") as file:
        file.write(b"head")
        file.seek(5_000_000)
        file.write(b"middle")
        file.truncate(32_000_000)
    (source / "empty").touch()
    (source / "config.json").write_text("{}")
    copy_folder(source, tmp_path / "copy")
    for path in ("wal/open-1", "empty", "config.json"):
        assert (tmp_path / "copy" / path).read_bytes() == (source / path).read_bytes()
    assert disk_bytes(tmp_path / "copy") == disk_bytes(source) < 1_000_000


def test_the_second_pass_copies_what_changed_came_or_went_and_nothing_else(tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    (source / "segments").mkdir(parents=True)
    for name in ("same", "rewritten", "replaced", "gone", "segments/touched"):
        (source / name).write_text(f"old {name}")
    copied = copy_folder(source, copy)
    assert set(copied) == {"same", "rewritten", "replaced", "gone", "segments/touched"}
    untouched = (copy / "same").stat()
    (source / "rewritten").write_text("new bytes")
    os.utime(source / "segments" / "touched", ns=(1, 1))
    write_atomically(source / "replaced", b"other")
    (source / "gone").unlink()
    (source / "wal").mkdir()
    (source / "wal" / "come").write_text("new")
    (copy / "segments" / "touched").write_text("to be copied again")
    copy_changes(source, copy, copied)
    files = {p.relative_to(copy).as_posix(): p.read_text() for p in copy.rglob("*") if p.is_file()}
    assert files == {
        "same": "old same",
        "rewritten": "new bytes",
        "replaced": "other",
        "segments/touched": "old segments/touched",
        "wal/come": "new",
    }
    assert (copy / "same").stat().st_mtime_ns == untouched.st_mtime_ns


def test_a_file_that_goes_while_it_is_copied_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("stays")
    (source / "b.new").write_text("goes")
    stat = Path.stat

    def goes(path: Path, **options: bool) -> os.stat_result:
        found = stat(path, **options)
        if path.name == "b.new":
            path.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "stat", goes)
    assert set(copy_folder(source, tmp_path / "copy")) == {"a"}
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["a"]
