"""Attacks by raw HTTP on the page, served exactly as ``python -m search_ui`` serves it."""

from __future__ import annotations

import base64
import os
import re
import socket
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from indexer.settings import Credentials, Serving
from models.formats import readable_formats
from search_ui.environment import upload_folder
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures
from tests.image_files import avif, heic
from tests.page_server import served

FILE_META = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    pictures: list[tuple[Path, str | None]] = list(draw_pictures(folder, kinds=2))
    # What an index must never hold; should it, the page must not serve it.
    for name in ("evil.svg", "evil.html"):
        file = folder / name
        draw_hills(0.5, 1).save(file, format="PNG")
        pictures.append((file, "evil"))
    readable_formats()  # lets Pillow write and read HEIF
    photo = folder / "telephone.heif"
    photo.write_bytes(heic()())
    return FakeSearcher(folder, [*pictures, (photo, None)])


@pytest.fixture(scope="module")
def page(searcher: FakeSearcher) -> Iterator[httpx.Client]:
    with served(searcher) as url, httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        yield client


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture on the server that nobody uploaded."""
    file = tmp_path / "secret.png"
    # Of its own every time: a copy is named after its content.
    draw_hills(0.7, uuid4().int % 100_000).save(file)
    return file


def board(page: httpx.Client, question: Any) -> Any:
    """What the page is shown after asking."""
    if isinstance(question, dict):
        question = {"dataset": "hills", **question}
    return page.post("/api/board", json=question).json()


def upload(page: httpx.Client, name: str, content: bytes) -> str:
    answer = page.post("/gradio_api/upload", files={"files": (name, content)})
    answer.raise_for_status()
    return str(answer.json()[0])


def place(path: str) -> str:
    """What an address holds of an uploaded file."""
    return str(Path(path).relative_to(upload_folder()))


def png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def media(searcher: FakeSearcher, suffix: str, kind: str) -> str:
    point = next(point for point, (file, _) in searcher.files.items() if file.suffix == suffix)
    return f"/media/hills/{point}/{kind}"


def test_an_uploaded_picture_is_searched(page: httpx.Client) -> None:
    path = upload(page, "mine.png", png(draw_hills(0.2, 3)))
    shown = board(page, {"upload": place(path)})
    assert (shown["state"], shown["query"]["title"]) == ("results", "mine.png")


@pytest.mark.parametrize("meta", [{}, {"meta": FILE_META}, {"meta": {"_type": "x"}}])
def test_a_file_that_was_not_uploaded_is_refused(
    page: httpx.Client, secret: Path, meta: dict[str, Any]
) -> None:
    outside = os.path.relpath(secret, upload_folder())
    for question in ({"path": str(secret), **meta}, {"upload": str(secret)}, {"upload": outside}):
        assert board(page, question)["state"] == "error"


def test_a_file_cannot_be_smuggled_into_the_upload_folder(page: httpx.Client, secret: Path) -> None:
    before = set(upload_folder().rglob("*"))
    file = {"path": str(secret), "meta": FILE_META}
    for question in (file, {"upload": file}, {"deep": [file]}):
        board(page, question)
    assert set(upload_folder().rglob("*")) == before


@pytest.mark.parametrize(
    "question",
    [
        {"id": "../../etc/passwd"},
        {"id": str(uuid4())},
        {"dataset": ["hills"], "id": {}},
        [1, 2, 3],
        "{}",
        {"k": 10**9},
        {"k": -1},
        {"k": "8; drop"},
        {"pooling": ["median"]},
        {"distance": ["dot"]},
        {"dataset": "nowhere"},
        {"label": [{"path": "/etc/passwd", "meta": FILE_META}]},
        {"crop": "0,0,1e400,1"},
    ],
)
def test_forged_events_are_refused(
    page: httpx.Client, searcher: FakeSearcher, question: Any
) -> None:
    if isinstance(question, dict):
        question = {"id": str(next(iter(searcher.files))), **question}
    answer = board(page, question)
    assert answer["state"] == "error"
    assert "Traceback" not in repr(answer)
    assert "root:" not in repr(answer)


def test_nobody_gets_past_the_queue(page: httpx.Client) -> None:
    events = page.get("/config").json()["dependencies"]
    for number, _ in enumerate(events):
        body = {"data": [None, "hills", {}], "fn_index": number, "session_hash": uuid4().hex}
        assert page.post("/gradio_api/run/predict", json=body).status_code == 404


def test_a_text_file_called_jpg_is_refused_with_a_friendly_line(page: httpx.Client) -> None:
    path = upload(page, "notes.jpg", b"dear diary")
    answer = board(page, {"upload": place(path)})
    assert answer["title"] == "That picture cannot be read"
    assert path not in repr(answer)


def test_a_144_megapixel_bomb_is_refused_with_a_friendly_line(page: httpx.Client) -> None:
    path = upload(page, "bomb.png", png(Image.new("1", (12_000, 12_000))))
    answer = board(page, {"upload": place(path)})
    assert answer["message"].startswith(
        "Too large: 12000 x 12000 px is 144 megapixels, the limit is 64."
    )


def test_a_preview_comes_with_the_answer_where_browsers_have_none(page: httpx.Client) -> None:
    for name, content, has_preview in (("a.heic", heic(6)(), True), ("a.avif", avif(), False)):
        path = upload(page, name, content)
        query = board(page, {"upload": place(path)})["query"]
        assert ("thumb" in query) == has_preview
        if has_preview:
            kind, data = query["thumb"].split(",")
            assert kind == "data:image/webp;base64"
            assert Image.open(BytesIO(base64.b64decode(data))).size == (96, 72)


def test_uploads_are_never_served(page: httpx.Client) -> None:
    for name in ("evil.svg", "evil.html", "mine.png"):
        path = upload(page, name, b"<svg onload='alert(1)'/>")
        assert page.get(f"/gradio_api/file={path}").status_code == 404


def test_an_oversized_upload_is_refused(page: httpx.Client) -> None:
    answer = page.post("/gradio_api/upload", files={"files": ("big.png", b"0" * 53_000_000)})
    assert answer.status_code == 413


def test_the_api_reads_no_body_that_is_too_long_or_of_unknown_length(page: httpx.Client) -> None:
    told = ("Content-Type: application/json", f"Content-Length: {60 * 1024 * 1024}")
    status, _ = request_unchanged(page, "/api/search", method="POST", headers=told)
    assert status == 413
    chunks = page.post("/api/search/upload", content=iter([b"x"] * 3))
    assert chunks.status_code == 411


def request_unchanged(
    page: httpx.Client, target: str, *, method: str = "GET", headers: Sequence[str] = ()
) -> tuple[int, bytes]:
    """A request without the tidying that clients do, and without a body."""
    url = page.base_url
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {url.host}", "Connection: close", *headers]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split()[1]), answer


def test_thumbnails_are_kept_forever_and_cannot_run(
    page: httpx.Client, searcher: FakeSearcher
) -> None:
    answer = page.get(media(searcher, ".png", "thumb"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_originals_are_sent_as_what_they_are(page: httpx.Client, searcher: FakeSearcher) -> None:
    answer = page.get(media(searcher, ".png", "original"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("inline")
    assert Image.open(BytesIO(answer.content)).format == "PNG"


def test_originals_that_no_browser_shows_are_downloads(
    page: httpx.Client, searcher: FakeSearcher
) -> None:
    answer = page.get(media(searcher, ".heif", "original"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/heif"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert page.get(media(searcher, ".heif", "thumb")).headers["content-type"] == "image/webp"


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_what_can_carry_a_script_is_never_sent(
    page: httpx.Client, searcher: FakeSearcher, suffix: str
) -> None:
    assert page.get(media(searcher, suffix, "original")).status_code == 404


def test_every_answer_is_hardened(page: httpx.Client) -> None:
    for route in ("/", "/config", "/healthz", "/nowhere"):
        headers = page.get(route).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil"])
def test_other_host_names_are_not_answered(page: httpx.Client, host: str) -> None:
    assert page.get("/healthz", headers={"Host": host}).status_code in {400, 421}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7860", "LOCALHOST", "[::1]:7860"])
def test_loopback_host_names_are_answered(page: httpx.Client, host: str) -> None:
    assert page.get("/healthz", headers={"Host": host}).text == "ok"


def test_other_sites_cannot_post(page: httpx.Client) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = page.post("/gradio_api/upload", files={"files": ("a.png", b"a")}, headers=headers)
    assert answer.status_code == 403


def test_the_page_names_no_path_of_the_server(page: httpx.Client, searcher: FakeSearcher) -> None:
    told = page.get("/").text + page.get("/config").text
    assert str(searcher.folder) not in told
    assert str(upload_folder()) not in told


def test_text_is_compressed_and_pictures_are_not(
    page: httpx.Client, searcher: FakeSearcher
) -> None:
    for route in ("/", "/config", "/api/docs/swagger-ui-bundle.js", "/api/openapi.json"):
        answer = page.get(route)
        assert answer.headers["content-encoding"] == "gzip", route
        sent = int(answer.headers.get("content-length", len(answer.content) // 3))
        assert sent < len(answer.content) / 2
    for kind in ("thumb", "original"):
        for suffix in (".png", ".heif"):
            assert "content-encoding" not in page.get(media(searcher, suffix, kind)).headers


def test_events_come_as_they_happen(page: httpx.Client) -> None:
    with page.stream("GET", "/gradio_api/heartbeat/abcdef") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        assert next(answer.iter_raw())


def test_scripts_named_by_their_content_are_kept_forever(page: httpx.Client) -> None:
    scripts = re.findall(r'src="\.(/assets/[^"]+)"', page.get("/").text)
    assert scripts
    for script in scripts:
        assert "immutable" in page.get(script).headers["cache-control"]
    assert "immutable" not in page.get("/").headers.get("cache-control", "")
    assert "cache-control" not in page.get("/assets/index-XXXXXXXX.js").headers


def test_what_takes_a_password_is_kept_by_nobody_between(searcher: FakeSearcher) -> None:
    user = Credentials("ann", "secret")
    with served(searcher, serving=Serving(credentials=user)) as url:
        thumb = f"{url}{media(searcher, '.png', 'thumb')}"
        answer = httpx.get(thumb, auth=("ann", "secret"), trust_env=False)
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert httpx.get(thumb, trust_env=False).status_code == 401
