"""Reaching a server, and what is said where that fails: one line, and never the key."""

from __future__ import annotations

import logging
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from indexer.errors import IndexerError, ServerError, StoreError
from indexer.settings import Settings
from indexer.store import open_store, server_link
from indexer.store.server_link import GRPC_BATCH_BYTES, REST_BATCH_BYTES, Link, connect
from tests.back_ends import NO_EFFECT_IN_MEMORY
from tests.qdrant_stand_in import StandIn, stand_in

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
KEY = "s3cret-key-of-tests"


@pytest.fixture
def server() -> Iterator[StandIn]:
    with stand_in(key=KEY) as server:
        yield server


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_link, "wait_random_exponential", lambda **_: lambda _: 0.01)


def refusal(ask: Callable[[], object]) -> str:
    """What the error says: one line without the key."""
    with pytest.raises(IndexerError) as refused:
        ask()
    text = str(refused.value)
    assert "\n" not in text
    assert KEY not in text
    return text


def serving(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# --- connecting


def test_grpc_is_used_where_it_answers_and_rest_where_not(server: StandIn) -> None:
    with closing(connect(server.url, KEY)) as link:
        assert (link.batch_bytes, link.engine) == (REST_BATCH_BYTES, "qdrant 1.20.0")
    with stand_in(key=KEY, with_grpc=True) as fast, closing(connect(fast.url, KEY)) as link:
        assert link.batch_bytes == GRPC_BATCH_BYTES
        fast.asked.clear()
        link.call("asking", lambda client: client.get_collections())
        assert fast.asked == ["Collections/List"]


@pytest.mark.parametrize("key", ["another key", None])
def test_a_wrong_or_missing_key_is_told_by_its_variable(server: StandIn, key: str | None) -> None:
    with pytest.raises(ServerError, match=r"refuses .*API key.*QDRANT_API_KEY") as refused:
        connect(server.url, key)
    assert "another key" not in str(refused.value)


def test_a_server_that_is_not_there_is_told_with_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    text = refusal(lambda: connect(f"http://127.0.0.1:{port}", KEY))
    assert f"127.0.0.1:{port} cannot be reached" in text
    assert "docker compose up -d qdrant" in text


@pytest.mark.parametrize("version", ["1.17.3", "1.22.0", "2.20.0", "0.11.0"])
def test_a_server_that_does_not_fit_is_refused_with_both_versions(
    server: StandIn, version: str
) -> None:
    server.version = version
    text = refusal(lambda: connect(server.url, KEY))
    assert version in text
    assert "qdrant-client 1.20.0" in text


@pytest.mark.parametrize("version", ["1.19.0", "1.20.4", "1.21.0"])
def test_one_minor_version_apart_fits(server: StandIn, version: str) -> None:
    server.version = version
    connect(server.url, KEY).close()


def test_something_else_that_answers_there_is_told_apart() -> None:
    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<html>hello</html>"
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with closing(socket.socket()):
        server = serving(Other)
    try:
        refusal(lambda: connect(f"http://127.0.0.1:{server.server_port}", KEY))
    finally:
        server.shutdown()
        server.server_close()


def test_a_certificate_that_nobody_knows_is_told_as_that(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        text = refusal(lambda: connect(f"https://localhost:{server.server_port}", KEY))
    finally:
        server.shutdown()
        server.server_close()
    assert "no secure connection" in text
    assert "SSL_CERT_FILE" in text


def test_a_key_without_tls_is_warned_of_but_not_on_loopback(
    server: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    connect(server.url, KEY).close()
    assert "unencrypted" not in caplog.text
    with pytest.raises(ServerError):
        connect("http://no-such-host.invalid:6333", KEY)
    assert "unencrypted" in caplog.text
    assert KEY not in caplog.text


# --- asking


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_fails_in_passing_is_asked_again(server: StandIn, status: int) -> None:
    with closing(connect(server.url, KEY)) as link:
        server.failures = [status] * 3
        server.asked.clear()
        refused = refusal(lambda: link.call("counting", lambda client: client.count("none")))
        assert "no such collection" in refused
    assert server.asked == ["POST /collections/none/points/count"] * 4


@pytest.mark.usefixtures("hasty")
def test_after_some_tries_it_is_given_up(server: StandIn) -> None:
    with closing(connect(server.url, KEY)) as link:
        server.failures = [503] * 50
        server.asked.clear()
        refusal(lambda: link.call("counting", lambda client: client.count("none")))
    assert len(server.asked) == server_link.ATTEMPTS


@pytest.mark.parametrize("status", [400, 403, 500])
def test_what_fails_for_good_is_asked_once(server: StandIn, status: int) -> None:
    with closing(connect(server.url, KEY)) as link:
        server.failures = [status] * 50
        server.asked.clear()
        refusal(lambda: link.call("counting", lambda client: client.count("none")))
    assert len(server.asked) == 1


def test_the_key_is_in_no_text_even_where_the_server_repeats_it(server: StandIn) -> None:
    with closing(connect(server.url, KEY)) as link:
        assert KEY not in repr(link)

        def fail(_: object) -> None:
            raise ValueError(f"bad key {KEY}")

        with pytest.raises(StoreError, match=r"bad key \.\.\."):
            link.call("asking", fail)


def test_a_bug_is_not_translated(server: StandIn) -> None:
    with closing(connect(server.url, KEY)) as link, pytest.raises(ZeroDivisionError):
        link.call("asking", lambda _: 1 / 0)


def test_batches_are_bounded_by_their_bytes() -> None:
    rest = Link(None, "", "")  # type: ignore[arg-type]
    fast = Link(None, "", "", GRPC_BATCH_BYTES, 4)  # type: ignore[arg-type]
    assert 20 < rest.batch(25_088 + 512) <= 32
    assert fast.batch(25_088 + 512) * (25_088 + 512) * 4 <= GRPC_BATCH_BYTES
    assert rest.batch(65_536 * 200) == 1


def test_the_settings_choose_the_store(server: StandIn, data: Path) -> None:
    settings = Settings(data, qdrant_url=server.url, qdrant_api_key=KEY)
    with closing(open_store(settings)) as store:
        assert store.server == server.url
        assert store.datasets() == []
    with closing(open_store(Settings(data))) as store:
        assert store.server is None


def test_nothing_is_logged_of_the_key(server: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), closing(connect(server.url, KEY)) as link:
        link.call("asking", lambda client: client.get_collections())
    assert KEY not in caplog.text
