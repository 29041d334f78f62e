"""The figures of the page's help, from what ``scripts/embedding_study.py`` measured."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.studies.results import Content

HELP = Path(__file__).resolve().parents[2] / "search_ui/components/help.html"
FLATTEN, MAXPOOL = ("as it is", "flatten"), ("as it is", "maxpool")
COLUMNS = (
    FLATTEN,
    MAXPOOL,
    ("random weights, kaiming start", "flatten"),
    ("colour layout + histogram", "-"),
    ("raw pixels", "-"),
)
"""(variant, pooling) of each column after the set and its images; all by the cosine."""
ROW = re.compile(r'<tr><th scope="row">([\w-]+)</th>.*?</tr>', re.DOTALL)
LOST = re.compile(r"gives up \d\.\d{3} to \d\.\d{3} of")


def with_figures(html: str, contents: Sequence[Content]) -> str:
    """``html`` with the figures of ``contents`` in the rows of the sets that it names."""
    measured = {str(content["dataset"]): content for content in contents}
    shown = [name for name in ROW.findall(html) if name in measured]

    def row(match: re.Match[str]) -> str:
        content = measured.get(match[1])
        return match[0] if content is None else _row(content)

    lost = [
        round(_precision(measured[name], FLATTEN), 3)
        - round(_precision(measured[name], MAXPOOL), 3)
        for name in shown
    ]
    html = ROW.sub(row, html)
    return LOST.sub(f"gives up {min(lost):.3f} to {max(lost):.3f} of", html) if lost else html


def _row(content: Content) -> str:
    cells = [f"<td>{_precision(content, column):.3f}</td>" for column in COLUMNS]
    first = f'<tr><th scope="row">{content["dataset"]}</th><td>{content["images"]:,}</td>'
    return f"{first}{cells[0]}{cells[1]}\n            {''.join(cells[2:])}</tr>"


def _precision(content: Mapping[str, object], column: tuple[str, str]) -> float:
    rows: Sequence[Content] = content["rows"]  # type: ignore[assignment]
    mean: float = statistics.mean(
        row["precision_at_k"]
        for row in rows
        if (row["variant"], row["pooling"], row["distance"]) == (*column, "cosine")
    )
    return mean
