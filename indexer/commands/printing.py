"""Results on stdout, for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from indexer.migration import MigrationReport
    from indexer.settings import Settings
    from models.sources import SourceOptions

EMBEDDED = "embedded"


def print_json(content: object) -> None:
    """Indented JSON; ids become text."""
    print(json.dumps(content, indent=2, default=str))


def print_table(rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def source_option_rows(taken: SourceOptions) -> list[tuple[str, str]]:
    """What of a source is taken, where that is not all of it with folders for labels."""
    rows = [("exclude", " ".join(taken.exclude)), ("labels", taken.labels or "")]
    return [row for row in rows if row[1]]


def print_copy(report: MigrationReport, origin: str, target: str) -> None:
    """What was copied, from where to where."""
    print_table(
        [
            ("dataset", f"{report.dataset}, from {origin} to {target}"),
            ("images", str(report.images)),
            ("copied", str(report.copied)),
            ("present", str(report.present)),
            ("removed", str(report.removed)),
            ("checked", f"all payloads, {report.compared} lists of neighbours"),
            ("collections", ", ".join(report.collections)),
            ("seconds", f"{report.seconds:.1f}"),
        ]
    )


def place_name(settings: Settings) -> str:
    """Where an index is, for messages."""
    return settings.qdrant_url or EMBEDDED
