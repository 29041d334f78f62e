"""Uvicorn on a socket that is already bound, telling when it accepts connections."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

import uvicorn
from fastapi import FastAPI


class _AnnouncingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def make_server(
    app: FastAPI,
    bound: socket.socket,
    *,
    on_ready: Callable[[str], None],
    trusted_proxies: Sequence[str] = (),
) -> uvicorn.Server:
    """A server for ``app``; it calls ``on_ready`` with its address when it accepts connections.

    ``trusted_proxies`` are believed whom they ask for, and whether by https.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        # Without this, it would take what to trust from the environment, and loopback by default.
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        # An open page holds a stream that never ends by itself: do not wait for it at the end.
        timeout_graceful_shutdown=1,
    )
    return _AnnouncingServer(config, lambda: on_ready(address(bound)))


def run_server(
    app: FastAPI,
    bound: socket.socket,
    *,
    on_ready: Callable[[str], None],
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve ``app`` on ``bound`` until interrupted."""
    server = make_server(app, bound, on_ready=on_ready, trusted_proxies=trusted_proxies)
    server.run(sockets=[bound])


def address(bound: socket.socket) -> str:
    """The address to open in a browser, such as "http://127.0.0.1:7860"."""
    host, port = bound.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
