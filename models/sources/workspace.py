"""Folders below the workspace: filled beside their place, then put there whole."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from models.errors import SourceError

_VERSION_FILE = ".version"


def generated_folder(target: Path, version: str, generate: Callable[[Path], object]) -> Path:
    """``target``, generated once for each version of its generator."""
    line = f"{version}\n"

    def fill(folder: Path) -> None:
        generate(folder)
        (folder / _VERSION_FILE).write_text(line, encoding="utf-8")

    try:
        current = (target / _VERSION_FILE).read_text(encoding="utf-8") == line
    except (OSError, ValueError):
        current = False
    if not current:
        build(target, fill)
    return target


def build(target: Path, fill: Callable[[Path], object]) -> None:
    """Fill a new folder beside ``target``, then put it in place: never half of it is seen."""
    beside = target.with_name(f".{target.name}-{uuid.uuid4().hex[:12]}")
    try:
        beside.mkdir(parents=True)
        fill(beside)
        _put_in_place(beside, target)
    except OSError as error:
        raise SourceError(f"cannot write below {str(target.parent)!r}: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put_in_place(folder: Path, target: Path) -> None:
    """Rename ``folder`` to ``target``; what stood there goes."""
    old = folder.with_name(f"{folder.name}-old")
    try:
        if target.exists():
            target.rename(old)
        folder.rename(target)
    finally:
        shutil.rmtree(old, ignore_errors=True)
