"""What a browser measures on the page, from inside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

PATIENCE_MS = 60_000
READY = "document.querySelector('#result-board .gallery .pick')"

# The board puts its children in anew once for every answer. What the next message finds has been
# painted: it comes after the frame.
_TIMED = """
async (start) => {
    const board = document.querySelector("#result-board .drawn");
    const painted = () => new Promise((done) => requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = done;
        channel.port2.postMessage(null);
    }));
    performance.clearResourceTimings();
    const answer = new Promise((done) => {
        new MutationObserver((_, observer) => {
            observer.disconnect();
            done(performance.now());
        }).observe(board, {childList: true});
    });
    const started = performance.now();
    start(board);
    const drawn = await answer;
    await painted();
    const shown = performance.now();
    const rows = board.querySelectorAll(".pair").length;
    await Promise.all([...board.querySelectorAll(".card img")].map((image) =>
        image.decode().catch(() => null)));
    const pictures = performance.now();
    const asked = performance.getEntriesByType("resource")
        .filter(({name}) => /\\/gradio_api\\/|\\/api\\/board/.test(name));
    return {
        rows, painted: shown - started, pictures: pictures - started,
        parts: {
            "until the request is sent": asked[0].startTime - started,
            "requests": Math.max(...asked.map((one) => one.responseEnd)) - asked[0].startTime,
            "until the rows are drawn": drawn - Math.max(...asked.map((one) => one.responseEnd)),
            "until they are painted": shown - drawn,
        },
    };
}
"""
_CLICK = f"""
(number) => ({_TIMED})((board) => board.querySelectorAll(".card")[number].click())
"""
_UPLOAD = f"""
([content, name, type]) => {{
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, {{type}}));
    return ({_TIMED})(() => {{
        const input = document.querySelector("#query-image input[type=file]");
        input.files = data.files;
        input.dispatchEvent(new Event("change"));
    }});
}}
"""
_BROWSE = """
async () => {
    const view = document.querySelector("#view-browse .drawn");
    const started = performance.now();
    location.hash = "#/browse";
    const tiles = () => view.querySelectorAll(".tiles:not(.skeleton) img");
    await new Promise((done) => {
        const look = () => tiles().length ? done() : requestAnimationFrame(look);
        look();
    });
    const drawn = performance.now();
    const seen = [...tiles()].filter((image) => image.getBoundingClientRect().top < innerHeight);
    await Promise.all(seen.map((image) => image.decode().catch(() => null)));
    return {images: tiles().length, drawn: drawn - started, pictures: performance.now() - started};
}
"""
_NOTE_WHEN_USABLE = f"""
const look = () => {{
    if (document.documentElement?.dataset.ready === "1" && {READY}) {{
        window.usableAt = performance.now();
    }} else requestAnimationFrame(look);
}};
look();
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One question in the browser; all in seconds from the click on.

    Attributes:
        painted: until the new rows were on the screen.
        pictures: until all of their pictures were decoded, too.
        parts: what ``painted`` is made of.
    """

    painted: float
    pictures: float
    parts: Mapping[str, float]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Step:
        """From milliseconds of the browser."""
        parts = {name: value / 1000 for name, value in told["parts"].items()}
        return cls(told["painted"] / 1000, told["pictures"] / 1000, parts)


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """What it takes to open the page.

    Attributes:
        requests: those that went over the wire.
        bytes: of them, with headers, as they were sent.
        first_paint, usable: seconds until something is seen, and until a search can be started.
    """

    requests: int
    bytes: int
    first_paint: float
    usable: float


def open_page(browser: Browser, url: str) -> Page:
    """The page, ready to be used, in a window of its own."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.wait_for_selector("html[data-ready='1']")
    page.wait_for_selector("#result-board .gallery .pick")
    return page


def click(page: Page, number: int) -> tuple[str, Step]:
    """Search from a card of the board: the id of its image, and what it took."""
    card = page.locator("#result-board .card").nth(number)
    point = card.get_attribute("data-id") or ""
    return point, Step.of(page.evaluate(_CLICK, number))


def upload(page: Page, file: Path, media_type: str) -> Step:
    """Search from a file, as if it were chosen."""
    content = base64.b64encode(file.read_bytes()).decode()
    return Step.of(page.evaluate(_UPLOAD, [content, file.name, media_type]))


def first_load(context: BrowserContext, url: str) -> FirstLoad:
    """Open the page in ``context``, whose cache may be empty or not."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(_NOTE_WHEN_USABLE)
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    asked: set[str] = set()
    sizes: list[int] = []

    def from_cache(event: Mapping[str, Any]) -> None:
        asked.discard(event["requestId"])

    def sent(event: Mapping[str, Any]) -> None:
        if not event["request"]["url"].startswith(("data:", "blob:")):
            asked.add(event["requestId"])

    def received(event: Mapping[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            asked.discard(event["requestId"])

    def finished(event: Mapping[str, Any]) -> None:
        sizes.append(int(event["encodedDataLength"]))

    network.on("Network.requestWillBeSent", sent)
    network.on("Network.requestServedFromCache", from_cache)
    network.on("Network.responseReceived", received)
    network.on("Network.loadingFinished", finished)
    page.goto(url)
    page.wait_for_function("window.usableAt")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    usable = page.evaluate("window.usableAt")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    page.close()
    return FirstLoad(len(asked), sum(sizes), painted / 1000, usable / 1000)


def browse(browser: Browser, url: str, images: int) -> tuple[int, float, float]:
    """Visit the view Browse with so many images to a page.

    Returns:
        How many there were, seconds until they were drawn, and until those in sight were decoded.
    """
    page = open_page(browser, url)

    def ask_for_more(route: Route) -> None:
        parts = urlsplit(route.request.url)
        query = {**dict(parse_qsl(parts.query)), "limit": str(images)}
        route.continue_(url=parts._replace(query=urlencode(query)).geturl())

    page.route("**/api/datasets/*/images?*", ask_for_more)
    told = page.evaluate(_BROWSE)
    page.close()
    return told["images"], told["drawn"] / 1000, told["pictures"] / 1000
