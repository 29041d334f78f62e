"""A small reverse proxy that offers a server below a path, beside nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

CHUNK = 65_536
HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


@contextmanager
def proxied(server: str, path: str, *, strip: bool) -> Iterator[str]:
    """The address of ``server`` below ``path`` of a proxy that takes the path away, or does not.

    It passes the Host header on, and who asks in X-Forwarded-For; what streams, streams.
    """

    class Handler(BaseHTTPRequestHandler):
        def forward(self) -> None:
            if not self.path.startswith(f"{path}/") and self.path != path:
                self.send_error(404)
                return
            if strip and self.path == path:  # as nginx does for "location /path/"
                self.send_response(301)
                self.send_header("Location", f"{path}/")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            target = self.path.removeprefix(path) if strip else self.path
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {n: v for n, v in self.headers.items() if n.lower() not in HOP_BY_HOP}
            headers["X-Forwarded-For"] = self.client_address[0]
            upstream = http.client.HTTPConnection(urlsplit(server).netloc, timeout=60)
            try:
                upstream.request(self.command, target, body or None, headers)
                answer = upstream.getresponse()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.end_headers()
                while chunk := answer.read1(CHUNK):
                    self.wfile.write(chunk)
                    self.wfile.flush()
            except OSError:
                self.close_connection = True  # the browser has gone
            finally:
                upstream.close()

        do_GET = do_POST = forward  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.daemon_threads = True
    thread = Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}{path}"
    finally:
        proxy.shutdown()
        thread.join()
        proxy.socket.close()
