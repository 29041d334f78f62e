"""What stands between the network and Gradio: which hosts, which routes, which headers."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_LOOPBACK_ADDRESSES = {"127.0.0.1", "localhost", "::1"}

# Gradio brings some seventy routes; the page needs these. What is not listed does not exist:
# no /file= (reads files, and is a proxy for any address), no /proxy=, /monitoring, API pages.
_ROUTES = re.compile(
    r"""
    / | /healthz | /config/? | /theme\.css | /manifest\.json | /favicon\.ico | /robots\.txt
    | /(assets|static|svelte)/(?!.*\.\.)[\w./@-]+
    | /api/(build|uploads|jobs(/[0-9a-f-]{24}(/(reconstructions|stop))?)?)
    | /media/[^/]+/[^/]+/(thumb|original)
    | /api/architectures(/\w+)?
    | /api/study(/[^/]+)?
    | /api/checkpoints(/[\w-]+(/reconstructions)?)?
    | /api/datasets(/[^/]+(/sample | /images(/[^/]+)?)?)?
    | /api/datasets/[^/]+/(labels | formats | failures(/retry)? | groups | duplicates)
    | /api/search(/upload)?
    | /gradio_api/(
        queue/(join|data) | run/predict | upload | upload_progress | heartbeat/\w+ | info/?
        | theme\.css | startup-events | app_id/? | cancel | reset/?
      )
    """,
    re.VERBOSE,
)

# Of what is sent to /api/search; uploads count for themselves. A little more than a picture.
_MAX_BODY = 51 * 1024 * 1024

# Of these the name tells the content.
_ASSET = re.compile(r"/assets/[\w.-]+-[\w-]{8}\.(js|css)")
_FOREVER = "public, max-age=31536000, immutable"

_HEADERS = {
    # Gradio starts from inline scripts and builds its templates at run time. Nothing is loaded
    # from, and nothing sent to, another host.
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob: mediastream:",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    # The query may come from the camera.
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def allowed_hosts(bound_to: str) -> Collection[str] | None:
    """The Host names to answer to on an address; None, for any, when it is not loopback."""
    return LOOPBACK_HOSTS if bound_to.strip("[]") in _LOOPBACK_ADDRESSES else None


class Guard:
    """ASGI middleware that refuses what the page does not need and hardens every answer.

    Args:
        app: what is guarded.
        hosts: Host names to answer to, or None for any. Bound to loopback only, a page of
            another site could otherwise point its own name at 127.0.0.1 and read along.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] | None) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a refusal, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return

        added = _HEADERS
        if _ASSET.fullmatch(_path(scope)):
            added = {**_HEADERS, "Cache-Control": _FOREVER}

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, send_hardened)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self.hosts is not None and _host_name(headers.get("host", "")) not in self.hosts:
            return PlainTextResponse("this server does not answer to that host name", 421)
        if scope["method"] != "GET" and headers.get("sec-fetch-site") == "cross-site":
            return PlainTextResponse("requests from other sites are refused", 403)
        path = _path(scope)
        if not _ROUTES.fullmatch(path):
            return PlainTextResponse("not found", 404)
        return _refused_body(headers) if path.startswith("/api/search") else None


def _path(scope: Scope) -> str:
    """Without the prefix that a proxy serves the page under."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _refused_body(headers: Headers) -> JSONResponse | None:
    """A form is read to its end before anything looks at it: its length has to be told first."""
    if "transfer-encoding" in headers:
        return JSONResponse({"detail": "Send the length of the content."}, 411)
    # The server has refused what is no number.
    if int(headers.get("content-length", "0")) > _MAX_BODY:
        return JSONResponse({"detail": f"More than {_MAX_BODY:,} bytes are not taken."}, 413)
    return None


def _host_name(host: str) -> str:
    """A Host header without its port."""
    return re.sub(r":\d+$", "", host).lower()
