"""Write the tables of docs/images.md, from the list that the tests check."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "images.md"
START = "<!-- from tests/odd_images.py, by scripts/image_table.py -->\n"


def main() -> int:
    """Replace all that follows the mark; returns the exit code."""
    sys.path.insert(0, str(ROOT))
    from tests.odd_images import tables

    introduction, _, _ = PAGE.read_text(encoding="utf-8").partition(START)
    PAGE.write_text(f"{introduction}{START}\n{tables()}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
