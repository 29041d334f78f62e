"""What stands between the network and Gradio: which hosts, which routes, which headers."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Collection, Mapping
from hashlib import sha256
from secrets import compare_digest
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexer.settings import Credentials, Rates
from search_ui.serving.rate_limits import WrongPasswords, client_address, too_often

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_LOOPBACK_ADDRESSES = {"127.0.0.1", "localhost", "::1"}

# Gradio brings some seventy routes; the page needs these. What is not listed does not exist:
# no /file= (reads files, and is a proxy for any address), no /proxy=, /monitoring, API pages.
_ROUTES = re.compile(
    r"""
    / | /healthz | /config/? | /theme\.css | /manifest\.json | /favicon\.ico | /robots\.txt
    | /(assets|static|svelte)/(?!.*(\.\.|//)|/)[\w./@-]+
    | /api/(build|uploads|jobs(/[0-9a-f-]{24}(/(reconstructions|stop))?)?)
    | /media/[^/]+/[^/]+/(thumb|original)
    | /api/(health | openapi\.json | docs(/[\w.-]+)?)
    | /api/architectures(/\w+)?
    | /api/study(/[^/]+)?
    | /api/checkpoints(/[\w-]+(/reconstructions)?)?
    | /api/datasets(/[^/]+(/sample | /images(/[^/]+(/similarity/[^/]+)?)?)?)?
    | /api/datasets/[^/]+/(labels | formats | failures(/retry)? | groups | duplicates)
    | /api/(board(/similarity)? | search(/upload)?)
    | /gradio_api/(
        queue/(join|data) | upload | heartbeat/\w+ | info/?
        | theme\.css | startup-events | app_id/? | cancel | reset/?
      )
    """,
    re.VERBOSE,
)

_CHALLENGE = 'Basic realm="Image similarity", charset="UTF-8"'

_MEGABYTE = 1024 * 1024
# Forms and JSON are read to their end before anything looks at them. A picture, and a little more.
_PICTURE = re.compile(r"/api/search/upload|/gradio_api/upload")
_MAX_PICTURE = 51 * _MEGABYTE
_MAX_BODY = _MEGABYTE
# Counted while they come in.
_COUNTED = "/api/uploads"

# Of proxies; Gradio would put what they say into its pages, whoever sent them. What a trusted proxy
# says of its visitor the server has read by now.
_NOT_BELIEVED = (b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server")

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


def is_needed(path: str) -> bool:
    """Whether there is something at ``path`` that the page or a program may ask for."""
    return _ROUTES.fullmatch(path) is not None


def allowed_hosts(bound_to: str, named: Collection[str] = ()) -> Collection[str] | None:
    """The Host names to answer to.

    Args:
        bound_to: address that is listened on.
        named: by the operator.

    Returns:
        None for any: what is offered to a network without a name for it.
    """
    if not named and bound_to.strip("[]") not in _LOOPBACK_ADDRESSES:
        return None
    return LOOPBACK_HOSTS | set(named)


class Guard:
    """ASGI middleware that refuses what the page does not need and hardens every answer.

    Args:
        app: what is guarded.
        hosts: Host names to answer to, or None for any. Bound to loopback only, a page of
            another site could otherwise point its own name at 127.0.0.1 and read along.
        credentials: what every request but for ``/healthz`` has to give, by HTTP Basic; None:
            nothing.
        wrong_passwords_per_minute: how many different ones of one address are looked at; 0 for no
            limit.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str] | None,
        credentials: Credentials | None = None,
        wrong_passwords_per_minute: int = Rates().wrong_passwords_per_minute,
    ) -> None:
        self.app = app
        self._wrong = WrongPasswords(wrong_passwords_per_minute)
        self.hosts = hosts
        self.password = (
            _digest(f"{credentials.user}:{credentials.password}") if credentials else None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a refusal, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("access-control-")]:
                    # Gradio lets any site read along where it is not served on loopback.
                    del headers[name]
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if message["status"] == 200 and _ASSET.fullmatch(_path(scope)):
                    headers["Cache-Control"] = _FOREVER
                if self.password is not None and "cache-control" in headers:
                    # A cache between would hand it to those who have no password.
                    kept = headers["cache-control"].replace("public", "private")
                    headers["Cache-Control"] = kept
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            known = [pair for pair in scope["headers"] if pair[0] not in _NOT_BELIEVED]
            await self.app({**scope, "headers": known}, receive, send_hardened)
        else:
            await refusal(scope, receive, send_hardened)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        path = _path(scope)
        if self.hosts is not None and _host_name(headers.get("host", "")) not in self.hosts:
            return _refuse(421, "This server does not answer to that host name.")
        if _is_of_another_site(scope["method"], headers):
            return _refuse(403, "Requests of other sites are refused.")
        if path != "/healthz" and self.password is not None:
            refusal = self._refused_password(client_address(scope), headers.get("authorization"))
            if refusal is not None:
                return refusal
        if not is_needed(path):
            return _refuse(404, "There is nothing at that address.")
        return None if path == _COUNTED else _refused_body(path, headers)

    def _refused_password(self, who: str, given: str | None) -> Response | None:
        # Browsers ask without any first: that is no guess.
        if given is not None:
            if wait := self._wrong.seconds_to_wait(who):
                return too_often("Too many wrong passwords came from your address.", wait)
            if self._is_known(given):
                return None
            self._wrong.count(who, given)
        return _refuse(401, "Give user and password.", {"WWW-Authenticate": _CHALLENGE})

    def _is_known(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        try:
            decoded = b64decode(given.strip(), validate=True)
        except ValueError:
            return False
        # Digests are of one length: how long it takes says nothing of the password.
        right = self.password is not None and compare_digest(_digest(decoded), self.password)
        return right and scheme.lower() == "basic"


def _path(scope: Scope) -> str:
    """Without the prefix that a proxy serves the page under."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _refuse(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"detail": detail}, status, headers)


def _is_of_another_site(method: str, headers: Headers) -> bool:
    """Whether a page of another site asks, other than by a link to here.

    Browsers say so, in one header or the other; scripts cannot set either.
    """
    site = headers.get("sec-fetch-site")
    if site in {"same-origin", "none"}:
        return False
    if method in {"GET", "HEAD"}:
        # Without that header: an old browser, which keeps other sites from reading; or none.
        return site is not None and headers.get("sec-fetch-mode") != "navigate"
    origin = headers.get("origin")
    if site is not None or origin is None:
        return site is not None
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _refused_body(path: str, headers: Headers) -> Response | None:
    if "transfer-encoding" in headers:
        return _refuse(411, "Send the length of the content.")
    most = _MAX_PICTURE if _PICTURE.fullmatch(path) else _MAX_BODY
    # The server has refused what is no number.
    if int(headers.get("content-length", "0")) > most:
        return _refuse(413, f"More than {most:,} bytes are not taken.")
    return None


def _digest(text: str | bytes) -> bytes:
    return sha256(text.encode() if isinstance(text, str) else text).digest()


def _host_name(host: str) -> str:
    """A Host header without its port."""
    return re.sub(r":\d+$", "", host).lower()
