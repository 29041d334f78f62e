"""Pictures of every view for the docs: python scripts/screenshot.py [URL] [--out docs/screens].

Without an address it serves the page itself. The pictures of the docs show the demo's images,
which this program has drawn: make demo, then python -m indexer group demo. For the picture of a
build a small one is begun in an empty folder, which is removed with it.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from indexer.settings import Settings
from models.errors import SimilarityError
from scripts.page_browser import open_browser
from scripts.page_server import served_in_process

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

ROOT = Path(__file__).resolve().parents[1]
SIZES: dict[str, ViewportSize] = {
    "": {"width": 1440, "height": 900},
    "-phone": {"width": 390, "height": 844},
}
QUALITY = 82
PATIENCE_MS = 60_000
BUILD_MS = 600_000
BUILD_ARCH, BUILD_SIZE, BUILD_EPOCHS = "model1", 64, 6
"""What the pictured build trains: seen after BUILD_EPOCHS, the half of them all."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a view.

    Attributes:
        name: of its file.
        address: of the view.
        shown: what has to be there.
        dark: in dark colours, too.
        act: what is done first.
        undo: what is done after it.
        empty: of a page of its own, on an empty folder.
    """

    name: str
    address: str
    shown: str
    dark: bool = False
    act: Callable[[Page, int], None] | None = None
    undo: Callable[[Page], None] | None = None
    empty: bool = False


def search(page: Page, pick: int) -> None:
    """Search from one of the offered images."""
    page.locator("#result-board .gallery .pick").nth(pick).click()
    page.wait_for_selector("#result-board .card")


def details(page: Page, pick: int) -> None:
    """Open the big view of a hit."""
    search(page, pick)
    page.locator("#result-board .card").nth(1).press("i")
    page.wait_for_selector("dialog.details .details-actions")


def why(page: Page, pick: int) -> None:
    """Show why a hit was found."""
    details(page, pick)
    page.get_by_role("button", name="Why it was found").click()
    page.wait_for_selector(".lit .veil")


def crop(page: Page, pick: int) -> None:
    """Draw a box on the query."""
    search(page, pick)
    if page.locator("#side").is_hidden() or not page.locator(".tool").first.is_visible():
        page.locator(".settings-switch").click()
    page.get_by_role("button", name="Search with a part").click()
    page.wait_for_selector("dialog.crop .crop-box")


def build(page: Page, pick: int) -> None:
    """Begin a training on the demo's pictures, and let it come some way."""
    del pick
    page.get_by_role("radio", name="Demo pictures").check()
    page.get_by_role("radio", name="Train on these pictures").check()
    page.get_by_label("Architecture").select_option(BUILD_ARCH)
    page.get_by_label("Epochs").fill(str(2 * BUILD_EPOCHS))
    page.get_by_text("Image size, start and colour").click()
    page.get_by_label("Image size").fill(str(BUILD_SIZE))
    page.get_by_role("button", name="Build", exact=True).click()
    marks = page.locator(".job .chart path.mark.s1")
    marks.nth(BUILD_EPOCHS - 1).wait_for(timeout=BUILD_MS)
    page.wait_for_selector(".learned img")


def stop(page: Page) -> None:
    """End what ``build`` began."""
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop it").click()
    page.locator(".ending").wait_for()


SHOTS = (
    Shot("start", "#/search", "#result-board .gallery .pick", dark=True),
    Shot("search", "#/search", "#result-board .gallery .pick", dark=True, act=search),
    Shot("details", "#/search", "#result-board .gallery .pick", act=details),
    Shot("why", "#/search", "#result-board .gallery .pick", act=why),
    Shot("crop", "#/search", "#result-board .gallery .pick", act=crop),
    Shot("browse", "#/browse", "#view-browse .tiles:not(.skeleton)"),
    Shot("groups", "#/groups", "#view-groups .group"),
    Shot("build", "#/build", "#build .build-form"),
    Shot("building", "#/build", "#build .build-form", act=build, undo=stop, empty=True),
    Shot("models", "#/models", "#models .archs"),
    Shot("study", "#/study", "#study .sets, #study .notice"),
    Shot("help", "#/help", "#help h2"),
)
"""At least one of every view of ``search_ui.blocks.VIEWS``."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Take pictures of every view of the page.")
    parser.add_argument("url", metavar="URL", nargs="?", help="of a running page")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the indexes")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screens", metavar="DIR")
    parser.add_argument("--pick", type=int, default=0, help="which of the offered images to ask")
    parser.add_argument("--only", action="append", metavar="NAME", help="one of them; repeatable")
    parser.add_argument("--dark", action="store_true", help="each in dark colours, too")
    return parser.parse_args(argv)


@contextmanager
def served(arguments: argparse.Namespace) -> Iterator[str]:
    """The address of the page."""
    if arguments.url:
        yield arguments.url.rstrip("/")
        return
    settings = Settings.resolve(data_dir=arguments.data_dir)
    with served_in_process(settings.data_dir) as page:
        yield page.url


@contextmanager
def served_empty() -> Iterator[str]:
    """The address of a page that has nothing yet."""
    with (
        tempfile.TemporaryDirectory(prefix="image-similarity-") as folder,
        served_in_process(Path(folder)) as page,
    ):
        yield page.url


def take(page: Page, shot: Shot, *, pick: int) -> bytes:
    """A picture in WebP, when all pictures of the view in sight are there."""
    from PIL import Image

    page.wait_for_selector("html[data-ready='1']")
    page.locator(shot.shown).first.wait_for()
    if shot.act:
        shot.act(page, pick)
    page.wait_for_function(
        "[...document.images].every((one) => one.complete || one.loading === 'lazy')"
    )
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 0)
    content = io.BytesIO()
    with Image.open(io.BytesIO(page.screenshot(animations="disabled"))) as image:
        image.convert("RGB").save(content, "WEBP", quality=QUALITY, method=6)
    return content.getvalue()


def take_all(shot: Shot, url: str, browser: Browser, arguments: argparse.Namespace) -> None:
    """Every picture of ``shot``: at both sizes, in its colours."""
    colours: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in colours if shot.dark or arguments.dark else colours[:1]:
        for suffix, size in SIZES.items():
            page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            page.set_default_timeout(PATIENCE_MS)
            page.goto(f"{url}/{shot.address}")
            dark = "-dark" if scheme == "dark" else ""
            file = arguments.out / f"{shot.name}{dark}{suffix}.webp"
            file.write_bytes(take(page, shot, pick=arguments.pick))
            if shot.undo:
                shot.undo(page)
            page.close()
            print(file)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = parse(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    shots = [shot for shot in SHOTS if not arguments.only or shot.name in arguments.only]
    try:
        with open_browser() as browser:
            for empty in (False, True):
                wanted = [shot for shot in shots if shot.empty is empty]
                if not wanted:
                    continue
                with served_empty() if empty else served(arguments) as url:
                    for shot in wanted:
                        take_all(shot, url, browser, arguments)
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
