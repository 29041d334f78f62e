"""The examples of a page of documentation, to be run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
SERVER = "http://127.0.0.1:7860"
"""The address that examples speak to."""


@dataclass(frozen=True)
class Example:
    """A block of code; ``section`` is the heading that it stands under."""

    section: str
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.section}: {self.code.splitlines()[-1][:40]}"


def examples(page: str) -> list[Example]:
    """All blocks of code on ``page`` that name a language."""
    found, section = [], ""
    for heading, language, code in re.findall(
        r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL
    ):
        section = heading or section
        if code:
            found.append(Example(section, language, code))
    return found
