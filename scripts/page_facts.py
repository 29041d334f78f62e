"""Write docs/page.md: python scripts/page_facts.py.

From docs/results/ui.json and docs/results/load.json, which ``scripts/benchmark.py ui --json`` and
``scripts/load_test.py --json`` wrote, and the pictures that ``scripts/screenshot.py`` took.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
Content = Mapping[str, Any]

INTRODUCTION = """\
# The page: what it looks like, how fast it is, what it stands

Written by `scripts/page_facts.py` from `docs/results/ui.json` and `docs/results/load.json`; edit
those, not this. The pictures are by `scripts/screenshot.py`, of the demo's images.
"""

VIEWS = (
    ("search", "A search: one row per pooling and distance, ranks in columns.", ("", "-dark")),
    ("start", "Before the first question.", ("", "-dark")),
    ("details", "The big view of a hit.", ("",)),
    ("why", "Why it was found: what it has in common with the query.", ("",)),
    ("crop", "Searching with a part of the picture.", ("",)),
    ("browse", "Browse: the dataset in pages, by label and order.", ("",)),
    ("groups", "Groups: images that look alike, found without labels.", ("",)),
    ("build", "Build: from an archive or a folder to a dataset.", ("",)),
    ("building", "A build at work: how far it is, and how its losses fall.", ("",)),
    ("models", "Models: the architectures and the checkpoints in use.", ("",)),
    ("study", "Study: what repeating the study measured.", ("",)),
    ("help", "Help: how it works and what to choose.", ("",)),
)
"""Name of the picture, what it shows, and in which colours there is one."""

SPEED = """\
## From a click to new rows

`scripts/benchmark.py ui`: the page in headless Chromium, which paints by software here, and the
same `Searcher` asked without any page, question by question in turn. "bare" is the search alone,
for an upload decode and encode, too; "painted" is the time from the click until the new rows are on
the screen, "pictures" until their thumbnails are.
"""

LOADING = """\
## First load

Bytes as they went over the wire, thumbnails among them. Usable: a search can be started.
"""

LISTS = """\
## Lists of images

The view Browse shows 72 to a page; here it was given 200, too. The endpoint takes up to 1,000.
"""

LOAD = """\
## Many visitors

`scripts/load_test.py`: each visitor does one thing after the other, without a pause, on a server in
a process of its own on the same cores. "page" is what the page sends; `gradio_client` goes through
Gradio's queue. The limits for one address are off: all visitors share one.
"""


def page(ui: Content, load: Content) -> str:
    """The whole page."""
    parts = (
        INTRODUCTION,
        *gallery(),
        *speed(ui),
        *loading(ui),
        *lists(ui),
        *visitors(load),
    )
    return "\n".join(parts) + "\n"


def gallery() -> Iterator[str]:
    """A desk's picture beside a telephone's."""
    for name, words, colours in VIEWS:
        yield f"{words}\n"
        for colour in colours:
            yield (
                f'<img src="screens/{name}{colour}.webp" width="76%" alt="{words}"> '
                f'<img src="screens/{name}{colour}-phone.webp" width="22%" '
                f'alt="The same on a telephone.">\n'
            )


def _rows(content: Content, field: str) -> list[Content]:
    return [row for row in content["measurements"] if field in row]


def machine(content: Content) -> str:
    """On what it was measured: others were busy on it, too."""
    return f"{content['cores']} cores, load average {content['load_average']:.0f}"


def speed(ui: Content) -> Iterator[str]:
    """Beside the bare searches, and what the page's share is made of."""
    rows = _rows(ui, "bare_p50")
    yield SPEED
    yield f"{rows[0]['images']:,} images, {rows[0]['questions']} questions each; {machine(ui)}.\n"
    yield "| | bare p50 | p95 | painted p50 | p95 | pictures p50 | beside bare | more than bare |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        over = row["painted_p50"] - row["bare_p50"]
        yield (
            f"| {row['asked']} | {ms(row['bare_p50'])} | {ms(row['bare_p95'])} "
            f"| {ms(row['painted_p50'])} | {ms(row['painted_p95'])} | {ms(row['pictures_p50'])} "
            f"| {row['painted_p50'] / row['bare_p50']:.1f} x | {ms(over)} |"
        )
    yield ""
    for row in rows:
        parts = ", ".join(f"{name} {ms(value)}" for name, value in row["parts"].items())
        yield f"* {row['asked']}, medians of its parts: {parts}."
    yield ""


def loading(ui: Content) -> Iterator[str]:
    """With an empty and with a full cache."""
    yield LOADING
    yield "| cache | requests | kB | first paint | usable |"
    yield "|---|--:|--:|--:|--:|"
    for row in _rows(ui, "first_paint"):
        yield (
            f"| {row['cache']} | {row['requests']} | {row['bytes'] / 1000:,.0f} "
            f"| {row['first_paint']:.2f} s | {row['usable']:.2f} s |"
        )
    yield ""


def lists(ui: Content) -> Iterator[str]:
    """In the view, and the endpoint alone."""
    yield LISTS
    yield "| way | images | time | pictures in sight | kB of JSON |"
    yield "|---|--:|--:|--:|--:|"
    for row in _rows(ui, "way"):
        pictures = "" if row["pictures"] is None else ms(row["pictures"])
        size = "" if row["bytes"] is None else f"{row['bytes'] / 1000:,.0f}"
        yield f"| {row['way']} | {row['images']:,} | {ms(row['seconds'])} | {pictures} | {size} |"
    yield ""


def visitors(load: Content) -> Iterator[str]:
    """How long each kind of action took, what went wrong, and the memory."""
    measured = load["measurement"]
    errors = sum(measured["errors"].values())
    yield LOAD
    yield (
        f"{measured['users']} visitors for {measured['seconds']:.0f} s in {measured['images']:,} "
        f"images: {measured['per_second']:.0f} actions a second, {errors} errors; "
        f"{machine(load)}.\n"
    )
    yield "| | times | p50 | p95 |"
    yield "|---|--:|--:|--:|"
    for row in measured["actions"]:
        yield f"| {row['action']} | {row['count']:,} | {row['p50']:.2f} s | {row['p95']:.2f} s |"
    held = ", ".join(f"{when} {size:.0f} MB" for when, size in measured["memory"].items())
    yield f"\nMemory of the process: {held}."


def ms(seconds: float) -> str:
    """In milliseconds."""
    return f"{1000 * seconds:.0f} ms"


def results() -> Sequence[Content]:
    """Both files."""
    names = ("ui", "load")
    return [json.loads((DOCS / "results" / f"{name}.json").read_text()) for name in names]


def main() -> int:
    """Rewrite the page."""
    (DOCS / "page.md").write_text(page(*results()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
