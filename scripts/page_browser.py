"""The system's Chromium, for a script that looks at the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.errors import SimilarityError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
)


class NoBrowserError(SimilarityError):
    """There is no Chromium on this machine, or nothing to steer it with."""


def chromium_path() -> str:
    """Where it is; the environment's CHROMIUM comes first.

    Raises:
        NoBrowserError: nowhere.
    """
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        raise NoBrowserError(f"no browser: none of {', '.join(NAMES)} is installed")
    return path


@contextmanager
def open_browser(arguments: Sequence[str] = ()) -> Iterator[Browser]:
    """A headless browser, closed with the context.

    Raises:
        NoBrowserError: there is none.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise NoBrowserError("no playwright: install requirements-dev.lock") from None

    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        yield browser
        browser.close()
