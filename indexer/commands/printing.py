"""Results on stdout, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence


def print_json(content: object) -> None:
    """Indented JSON."""
    print(json.dumps(content, indent=2))


def print_table(rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
