"""Images that the program draws itself: ``demo`` and ``procedural``."""

from __future__ import annotations

import re
from pathlib import Path

from models.errors import SourceError
from models.sources.workspace import generated_folder

DEMO = "demo"
PROCEDURAL = "procedural"

_PROCEDURAL_COUNT = 4000  # about two minutes on two cores, and 130 MB


def demo_folder(workspace: Path) -> Path:
    """The folder with the demo images."""
    from models.demo_images import VERSION, generate

    return generated_folder(workspace / DEMO, VERSION, generate)


def procedural_folder(spec: str, workspace: Path) -> Path:
    """The folder with as many procedural images as ``spec`` says; each number has its own."""
    from models.procedural_images import VERSION, generate

    count = _procedural_count(spec)
    target = workspace / f"{PROCEDURAL}-{count}"
    return generated_folder(target, VERSION, lambda folder: generate(folder, count))


def _procedural_count(spec: str) -> int:
    """The COUNT of ``procedural:COUNT``."""
    from models.procedural_images import MOST_PICTURES

    _, colon, digits = spec.partition(":")
    if not colon:
        return _PROCEDURAL_COUNT
    # Not int() alone, which takes "1_000", " 5" and digits of other scripts.
    count = int(digits) if re.fullmatch("[0-9]{1,9}", digits) else 0
    if not 1 <= count <= MOST_PICTURES:
        raise SourceError(
            f"{spec!r}: COUNT is a whole number from 1 to {MOST_PICTURES}, "
            f"as in {PROCEDURAL}:{_PROCEDURAL_COUNT}"
        )
    return count
