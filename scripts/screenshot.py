"""Pictures of the page for the docs: python scripts/screenshot.py URL [--out docs].

Needs a running page with an indexed dataset, and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

SIZES = {"page": (1440, 900), "page-phone": (390, 844)}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Take pictures of the running page.")
    parser.add_argument("url", metavar="URL", nargs="?", default="http://127.0.0.1:7860")
    parser.add_argument("--out", type=Path, default=Path("docs"), metavar="DIR")
    parser.add_argument("--pick", type=int, default=0, help="which of the offered images to ask")
    parser.add_argument("--start", action="store_true", help="show the page before any question")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    from playwright.sync_api import sync_playwright

    arguments = parse(argv)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("error: no chromium found; install Debian's package chromium", file=sys.stderr)
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        for name, (width, height) in SIZES.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(arguments.url)
            page.wait_for_selector("html[data-ready='1']")
            if not arguments.start:
                page.locator("#pick-grid .pick").nth(arguments.pick).click()
                page.wait_for_selector("#result-board .card")
            page.wait_for_function("[...document.images].every((image) => image.complete)")
            page.screenshot(path=arguments.out / f"{name}.png")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
