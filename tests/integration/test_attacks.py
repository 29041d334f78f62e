"""The attacks of docs/security.md, on the server exactly as ``python -m search_ui`` starts it."""

from __future__ import annotations

import json
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image

from indexer.pipeline import sync
from indexer.search import Searcher
from indexer.settings import Settings
from indexer.store import open_store
from models.sources import open_source
from search_ui.serving.sessions import MOST_UNREAD
from tests.archive_builders import Item, build_zip
from tests.examples import DOCS
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.fake_searcher import draw_hills, draw_pictures
from tests.integration.test_build import over, poll, start, upload
from tests.page_process import serving

FILE_META = {"_type": "gradio.FileData"}
OTHER = str(uuid4())


@dataclass(frozen=True)
class Request:
    """A line of the first table."""

    target: str
    headers: tuple[str, ...]
    body: str
    status: int

    def __str__(self) -> str:
        return f"{self.target} {' '.join(self.headers)} {self.body}"


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under ``heading``."""
    section = (DOCS / "security.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def read_request(cells: list[str]) -> Request:
    _, request, status = cells
    target, *more = re.findall(r"`([^`]+)`", request)
    body = "".join(span for span in more if span[0] in "{[")
    return Request(target, tuple(span for span in more if span[0] not in "{["), body, int(status))


REQUESTS = [read_request(cells) for cells in rows("Requests")]
LONGER = [name for name, _ in rows("More than a request")]


@dataclass(frozen=True)
class Server:
    """What is attacked."""

    client: httpx.Client
    data: Path
    pictures: Path
    image: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no answer may hold: places on this machine, and what is in its files."""
        code = str(Path(__file__).resolve().parents[2])
        return (str(self.data.parent), str(self.pictures.parent), code, "root:", "site-packages")

    def check(self, told: str) -> None:
        """Fail if ``told`` names a place on the server, or shows how it works inside."""
        assert [secret for secret in (*self.secrets, "Traceback") if secret in told] == []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("server")
    data, pictures = root / "data", tmp_path_factory.mktemp("allowed") / "pictures"
    draw_pictures(pictures, kinds=2, of_each=4)
    (pictures / "out").symlink_to("/etc")
    checkpoint = make_checkpoint(root / "checkpoint", "first")
    with closing(open_store(Settings(data))) as store:
        sync(
            open_source(str(pictures), workspace=data / "sources"),
            FakeEncoder.load(checkpoint),
            store,
            dataset="photos",
            checkpoint=checkpoint,
            data_dir=data,
            progress=False,
        )
    with closing(Searcher(data)) as searcher:
        [image] = searcher.sample("photos", 1)
    with serving(data, "--image-folder", pictures) as (client, _):
        yield Server(client, data, pictures, str(image.id))


def send(server: Server, request: Request) -> tuple[int, str]:
    """Status and answer, to a request that nothing has tidied up."""
    url = server.client.base_url
    given = {line.split(":")[0].lower() for line in request.headers}
    body = request.body.replace("ID", server.image).replace("OTHER", OTHER).encode()
    target = re.sub(r"\bID\b", server.image, request.target).replace("OTHER", OTHER)
    lines = [f"{target} HTTP/1.1", *request.headers, "Connection: close"]
    if "host" not in given:
        lines.append(f"Host: {url.host}:{url.port}")
    if body:
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    elif request.target.startswith("POST") and not given & {"content-length", "transfer-encoding"}:
        lines.append("Content-Length: 0")
    with socket.create_connection((url.host, url.port or 80), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    return int(answer.split()[1]), answer


def test_there_are_attacks_in_the_tables() -> None:
    assert len(REQUESTS) > 80
    assert len(LONGER) > 9


def test_the_server_works_while_it_is_attacked(server: Server) -> None:
    question = {"dataset": "photos", "id": server.image, "k": 2}
    assert server.client.post("/api/search", json=question).status_code == 200
    assert server.client.get(f"/media/photos/{server.image}/original").status_code == 200


@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_the_request_is_refused(server: Server, request_: Request) -> None:
    status, answer = send(server, request_)
    head, _, body = answer.partition("\r\n\r\n")
    assert status == request_.status, answer
    assert "set-cookie" not in head.lower()
    assert "access-control-allow-origin" not in head.lower()
    assert "text/html" not in head.lower()
    assert body.count("\n") == 0
    assert len(body) < 400
    server.check(answer)


Attack = Callable[[Server, Path], None]
ATTACKS: dict[str, Attack] = {}


def attack(name: str) -> Callable[[Attack], Attack]:
    """Note the function as the attack that the page calls ``name``."""

    def note(function: Attack) -> Attack:
        ATTACKS[name] = function
        return function

    return note


@pytest.mark.parametrize("name", LONGER)
def test_the_attack_fails(server: Server, tmp_path: Path, name: str) -> None:
    ATTACKS[name](server, tmp_path)


def test_every_attack_of_the_table_is_tried_and_no_other() -> None:
    assert sorted(ATTACKS) == sorted(LONGER)


def fire(server: Server, event: int, data: list[Any]) -> dict[str, Any]:
    """The last message of an event, or the refusal."""
    session = uuid4().hex
    asked = {"data": data, "fn_index": event, "session_hash": session}
    joined = server.client.post("/gradio_api/queue/join", json=asked)
    server.check(joined.text)
    if joined.status_code != 200:
        return {"success": False, "output": joined.text}
    with server.client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as answer:
        for line in answer.iter_lines():
            if line.startswith("data:"):
                message: dict[str, Any] = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    return message
    raise AssertionError("no answer")


def events(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.client.get("/config").json()["dependencies"]
    return found


def board(server: Server, question: object) -> dict[str, Any]:
    """What the page is answered."""
    asked = json.dumps(question)
    headers = {"Content-Type": "application/json"}
    answer = server.client.post("/api/board", content=asked, headers=headers)
    server.check(answer.text)
    found: dict[str, Any] = answer.json()
    return found


def files(server: Server) -> set[Path]:
    return {path for path in server.data.parent.rglob("*") if "image-similarity-" in str(path)}


@attack("a payload of Gradio names a file of the server, with and without forged marks")
def forged_payloads(server: Server, folder: Path) -> None:
    secret = folder / "secret.png"
    draw_hills(0.7, uuid4().int % 100_000).save(secret)
    before = files(server)
    marks: tuple[dict[str, Any], ...] = (
        {},
        {"meta": FILE_META},
        {"meta": {"_type": "x"}},
        {"meta": FILE_META, "url": f"file://{secret}"},
    )
    named = [secret, f"file://{secret}", f"../../../..{secret}", f"{secret}\0.png"]
    named += ["/proc/self/environ"]
    for number, event in enumerate(events(server)):
        if not event["backend_fn"]:
            continue
        for path in map(str, named):
            for file in ({"path": path, **mark} for mark in marks):
                message = fire(server, number, [file, "photos", {}][: len(event["inputs"])])
                assert not message["success"], (event["api_name"], file)
                assert "root:" not in str(message)
                assert "PATH=" not in str(message)
    for path in map(str, named):
        for named_file in (path, {"path": path, "meta": FILE_META}):
            shown = board(server, {"dataset": "photos", "upload": named_file})
            assert shown["state"] == "error"
    assert files(server) == before


@attack("the question of a search is forged")
def forged_questions(server: Server, _: Path) -> None:
    good = {"dataset": "photos", "id": server.image}
    assert board(server, good)["state"] == "results"
    forged: list[Any] = [
        {**good, "dataset": "../../etc"},
        {**good, "id": OTHER},
        {**good, "id": {"$ne": None}},
        {**good, "k": 10**9},
        {**good, "k": float("1e400")},
        {**good, "crop": "0,0,1e400,nan"},
        {**good, "label": [{"path": "/etc/passwd", "meta": FILE_META}]},
        {**good, "__class__": "x"},
        [1, 2, 3],
        "{}",
        None,
    ]
    for question in forged:
        shown = board(server, question)
        # An empty body is refused before anything looks at it.
        assert shown.get("state") == "error" or "detail" in shown, question


@attack("events are fired by number with forged data, unknown ones too")
def forged_events(server: Server, _: Path) -> None:
    for number, event in enumerate(events(server)):
        if event["backend_fn"]:
            for data in ([1, 2, 3], ["{}", {}, []], [None, None, None], [[], "../../etc", OTHER]):
                assert not fire(server, number, data[: len(event["inputs"])])["success"]
    for unknown in (-1, 9_999, 2**70, True, "1", None, 1.0):
        asked = {"data": [], "fn_index": unknown, "session_hash": uuid4().hex}
        joined = server.client.post("/gradio_api/queue/join", json=asked)
        server.check(joined.text)
        assert joined.status_code == 422


@attack("a file whose path is an address of another host, in every event")
def foreign_files(server: Server, _: Path) -> None:
    before = files(server)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.5)
        address = f"127.0.0.1:{listening.getsockname()[1]}/a.png"
        for number, event in enumerate(events(server)):
            for scheme in ("http://", "https://", "HTTP://", "ftp://"):
                file = {"path": f"{scheme}{address}", "meta": FILE_META}
                for data in ([file], [[file]], ["photos", {"deep": file}], [None, file, {}]):
                    asked = {"data": data, "fn_index": number, "session_hash": uuid4().hex}
                    joined = server.client.post("/gradio_api/queue/join", json=asked)
                    assert joined.status_code == 422, event["api_name"]
                    assert joined.text.count("\n") == 0
        with pytest.raises(TimeoutError):
            listening.accept()
    assert files(server) == before


@attack("an SVG, an HTML page and a text that are called pictures")
def scripts_called_pictures(server: Server, _: Path) -> None:
    script = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
    for name in ("evil.svg", "evil.html", "evil.png", "evil\r\nSet-Cookie: a=1.png", "../../a.png"):
        form = {"dataset": "photos"}
        answer = server.client.post(
            "/api/search/upload", data=form, files={"image": (name, script)}
        )
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers
        server.check(answer.text)
        kept = server.client.post("/gradio_api/upload", files={"files": (name, script)})
        for path in kept.json() if kept.status_code == 200 else []:
            assert server.client.get(f"/gradio_api/file={path}").status_code == 404
            assert Path(path).resolve().is_relative_to(server.data.parent)


def search(server: Server, content: bytes) -> httpx.Response:
    answer = server.client.post(
        "/api/search/upload", data={"dataset": "photos"}, files={"image": ("a.png", content)}
    )
    server.check(answer.text)
    return answer


@attack("a picture of 144 megapixels in 18 kB")
def picture_bomb(server: Server, _: Path) -> None:
    buffer = BytesIO()
    Image.new("1", (12_000, 12_000)).save(buffer, "PNG", optimize=True)
    assert len(buffer.getvalue()) < 20_000
    answer = search(server, buffer.getvalue())
    assert answer.status_code == 400
    assert "144 megapixels, the limit is 64" in answer.json()["detail"]


@attack("a GIF of 3,000 frames")
def deep_gif(server: Server, _: Path) -> None:
    frames = [Image.new("P", (500, 500), number % 250) for number in range(2)] * 1_500
    buffer = BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    start = time.monotonic()
    answer = search(server, buffer.getvalue())
    # The checkpoint here is a stand-in: past the picture's checks is as far as it comes.
    assert "megapixels" not in answer.text
    assert time.monotonic() - start < 10


def refuse_archive(server: Server, folder: Path, *items: Item, saying: str) -> None:
    build_zip(folder / "evil.zip", [Item("good.png"), *items])
    source = upload(server.client, folder / "evil.zip")
    job = poll(server.client, start(server.client, source=source), over)
    assert job["state"] == "failed"
    assert saying in job["message"]
    assert job["message"].count("\n") == 0
    server.check(json.dumps(job))
    assert [info["name"] for info in server.client.get("/api/datasets").json()] == ["photos"]
    assert list(server.data.parent.rglob("*escaped*")) == []
    assert list((server.data / "sources").glob("*evil*")) == []


@attack("an archive whose files lie outside of it")
def zip_slip(server: Server, folder: Path) -> None:
    refuse_archive(
        server, folder, Item("../../../escaped.png"), Item("/tmp/escaped.png"), saying="is unsafe"
    )


@attack("an archive with a link to a file of the server")
def linked_archive(server: Server, folder: Path) -> None:
    refuse_archive(
        server, folder, Item("link.png", type=stat.S_IFLNK, link="/etc/passwd"), saying="is unsafe"
    )


@attack("an archive of 60 kB that unpacks to 60 MB")
def zip_bomb(server: Server, folder: Path) -> None:
    refuse_archive(
        server, folder, Item("escaped.png", bytes(60_000_000)), saying="unpacks to far more"
    )
    assert (folder / "evil.zip").stat().st_size < 70_000


@attack("passwords are guessed from one address")
def guessed_passwords(_: Server, folder: Path) -> None:
    known = {"IMAGE_SIMILARITY_USER": "ann", "IMAGE_SIMILARITY_PASSWORD": "secret"}
    flags = ("--auth", "--trusted-proxy", "127.0.0.1")
    with serving(folder / "data", *flags, environment=known) as (client, _process):

        def give(password: str, address: str) -> int:
            said = {"X-Forwarded-For": address}
            return client.get("/api/datasets", auth=("ann", password), headers=said).status_code

        guesses = [give(f"guess {number}", "10.1.1.1") for number in range(12)]
        assert guesses == [401] * 10 + [429] * 2
        assert give("secret", "10.1.1.1") == 429
        assert give("secret", "10.1.1.2") == 200


@attack("thirty clients that send a byte a second")
def slow_clients(server: Server, _: Path) -> None:
    url = server.client.base_url
    with ExitStack() as connections:
        slow = [
            connections.enter_context(socket.create_connection((url.host, url.port or 80)))
            for _ in range(30)
        ]
        for number, connection in enumerate(slow):
            path = ("/api/search/upload", "/gradio_api/upload", "/api/search")[number % 3]
            kind = "application/json" if number % 3 == 2 else "multipart/form-data; boundary=x"
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
            connection.sendall(f"{head}Content-Length: 1000\r\n\r\n-".encode())
        for _ in range(3):
            for connection in slow:
                connection.sendall(b"-")
            begun = time.monotonic()
            question = {"dataset": "photos", "id": server.image, "k": 2}
            assert server.client.post("/api/search", json=question).status_code == 200
            assert server.client.get("/").status_code == 200
            assert time.monotonic() - begun < 5


@attack("a program that asks by Gradio's queue again and again, and reads no answer")
def unread_answers(server: Server, _: Path) -> None:
    event = next(one["id"] for one in events(server) if one["api_name"] == "search_by_id")
    asked = {"data": ["nowhere", server.image, {}], "fn_index": event}

    def join(session: str) -> int:
        body = {**asked, "session_hash": session}
        return server.client.post("/gradio_api/queue/join", json=body).status_code

    assert join("first") == 200
    taken = 0
    while taken <= MOST_UNREAD:
        status = join("other")
        assert status in {200, 503}
        taken += status == 200
        if status == 503:  # no more may wait at once: meanwhile, something else
            assert server.client.get("/").status_code == 200
    address = "/gradio_api/queue/data?session_hash=first"
    assert server.client.get(address).status_code == 404


@attack("an address of another site in `X-Forwarded-Host`")
def forwarded_host(server: Server, _: Path) -> None:
    evil = {
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Gradio-Server": "http://evil.example",
        "X-Forwarded-For": "10.9.8.7",
    }
    for path in ("/", "/config", "/gradio_api/info"):
        answer = server.client.get(path, headers=evil)
        assert answer.status_code == 200
        assert "evil.example" not in answer.text


@attack("a script of another site asks to read along")
def reading_along(server: Server, _: Path) -> None:
    for path in ("/", "/config", "/api/datasets", f"/media/photos/{server.image}/thumb"):
        answer = server.client.get(path, headers={"Origin": "http://localhost:1234"})
        assert [name for name in answer.headers if name.startswith("access-control")] == []
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
