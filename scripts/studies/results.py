"""Where measurements are kept, what they say of the machine, and where their pages go."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = DOCS / "results"

Content = Mapping[str, Any]
"""One file of measurements, as JSON has it."""


def machine_facts() -> dict[str, str]:
    """What decides the last digits of a measurement, beside its settings."""
    import torch

    return {
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }


def write_json(path: Path, content: Content) -> None:
    """Write ``content`` in one step: a file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(content, indent=1) + "\n")
    beside.replace(path)


def read_json(pattern: str, *, folder: Path = RESULTS) -> list[Content]:
    """The contents of all files of ``folder`` that match ``pattern``, by file name."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob(pattern))]
