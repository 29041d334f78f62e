"""Copies of folders that others read meanwhile, in two passes, so that they need not wait long."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

_CHUNK = 1 << 20

FileState = tuple[int, int, int]
"""(inode, bytes, modification time in nanoseconds): another one where a file may have changed."""


def copy_folder(source: Path, target: Path) -> dict[str, FileState]:
    """Copy a folder and keep the holes of its files: the engine's logs are mostly holes.

    Files that go while they are copied are left out.

    Returns:
        The state that each file was copied in, by its path below ``source``.
    """
    return copy_changes(source, target, {})


def copy_changes(
    source: Path, target: Path, copied: Mapping[str, FileState]
) -> dict[str, FileState]:
    """Bring a copy up to date: copy what is not in the state that it was ``copied`` in.

    Returns:
        As :func:`copy_folder`.
    """
    target.mkdir(parents=True, exist_ok=True)
    states: dict[str, FileState] = {}
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        try:
            if path.is_dir():
                (target / name).mkdir(exist_ok=True)
                continue
            state = _state(path)  # before its bytes: a change in between is found the next time
            if copied.get(name) != state:
                _copy_with_holes(path, target / name)
        except FileNotFoundError:  # one that an engine wrote to replace another
            continue
        states[name] = state
    for name in copied.keys() - states.keys():
        (target / name).unlink(missing_ok=True)
    return states


def _state(path: Path) -> FileState:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _copy_with_holes(source: Path, target: Path) -> None:
    if not hasattr(os, "SEEK_DATA"):  # Windows
        shutil.copyfile(source, target)
        return
    with source.open("rb") as old, target.open("wb") as new:
        file = old.fileno()
        for start, end in _data_ranges(file):
            new.seek(start)
            for position in range(start, end, _CHUNK):
                new.write(os.pread(file, min(_CHUNK, end - position), position))
        new.truncate(os.fstat(file).st_size)


def _data_ranges(file: int) -> Iterator[tuple[int, int]]:
    end, size = 0, os.fstat(file).st_size
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:  # no more data
            return
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end
