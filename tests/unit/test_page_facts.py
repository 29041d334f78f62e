"""docs/page.md is what its script writes of what was measured, and its pictures are there."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from scripts import page_facts
from scripts.screenshot import SHOTS, SIZES
from search_ui.blocks import VIEWS

DOCS = Path(__file__).resolve().parents[2] / "docs"
LARGEST_BYTES = 2_500_000


def test_the_page_is_what_its_script_writes_of_what_was_measured() -> None:
    assert (DOCS / "page.md").read_text() == page_facts.page(*page_facts.results())


def test_there_is_a_picture_of_every_view_at_both_sizes() -> None:
    assert {shot.address.removeprefix("#/") for shot in SHOTS} >= {view.name for view in VIEWS}
    for shot in SHOTS:
        for colours in ("", "-dark") if shot.dark else ("",):
            for suffix, size in SIZES.items():
                with Image.open(DOCS / "screens" / f"{shot.name}{colours}{suffix}.webp") as image:
                    assert image.size == (size["width"], size["height"])


def test_every_picture_is_shown_and_they_keep_the_repository_small() -> None:
    files = {f"screens/{file.name}" for file in (DOCS / "screens").iterdir()}
    assert set(re.findall(r'src="([^"]+)"', (DOCS / "page.md").read_text())) == files
    assert sum((DOCS / file).stat().st_size for file in files) < LARGEST_BYTES


def test_what_was_measured_went_without_an_error() -> None:
    _, load = page_facts.results()
    assert load["measurement"]["errors"] == {}
    assert load["measurement"]["users"] >= 50
    assert load["measurement"]["seconds"] >= 60
