"""How often one address may search, upload, start jobs, and give a wrong password."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from hashlib import sha256

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.settings import Rates

IPV6_NETWORK = 64
"""Prefix that counts as one address: whoever has one IPv6 address has them all."""

_ONCE = RateLimitItemPerMinute(1, namespace="password")

_SEARCH = re.compile(r"/api/(board(/similarity)?|search(/upload)?)|/gradio_api/queue/join")
_UPLOAD = re.compile(r"/api/uploads|/gradio_api/upload")
_JOB = re.compile(r"/api/build|/api/datasets/[^/]+/(groups|failures/retry)")


class RateLimits:
    """ASGI middleware that refuses what comes too often with 429 and ``Retry-After``.

    It counts within a window that moves along, so that no burst fits around the turn of a minute.

    Args:
        app: answers.
        rates: how often; 0 for no limit.
    """

    def __init__(self, app: ASGIApp, *, rates: Rates) -> None:
        self.app = app
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        kinds: list[tuple[re.Pattern[str], RateLimitItem]] = []
        for route, number, item in (
            (_SEARCH, rates.searches_per_minute, RateLimitItemPerMinute),
            (_UPLOAD, rates.uploads_per_minute, RateLimitItemPerMinute),
            (_JOB, rates.jobs_per_hour, RateLimitItemPerHour),
        ):
            if number:
                kinds.append((route, item(number, namespace=route.pattern)))
        self._kinds = tuple(kinds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a refusal, or pass on."""
        wait = self._seconds_to_wait(scope) if scope["type"] == "http" else 0
        if not wait:
            await self.app(scope, receive, send)
            return
        refusal = too_often("That was asked too often from your address.", wait)
        await refusal(scope, receive, send)

    def _seconds_to_wait(self, scope: Scope) -> int:
        if scope["method"] != "POST":
            return 0
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        for route, limit in self._kinds:
            if route.fullmatch(path):
                who = client_address(scope)
                if self._limiter.hit(limit, who):
                    return 0
                return _seconds_to_wait(self._limiter, limit, who)
        return 0


class WrongPasswords:
    """Wrong passwords of each address within a window that moves along.

    The same one again is no further guess: an open page whose password was changed asks with it for
    all of its pictures.

    Args:
        per_minute: how many different ones; 0 for no limit.
    """

    def __init__(self, per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerMinute(per_minute) if per_minute else None

    def seconds_to_wait(self, who: str) -> int:
        """Until the next password of ``who`` is looked at, right or wrong; 0: at once.

        Right ones wait, too: whoever guesses would learn by them that the others were wrong.
        """
        if self._limit is None or self._limiter.test(self._limit, who):
            return 0
        return _seconds_to_wait(self._limiter, self._limit, who)

    def count(self, who: str, given: str) -> None:
        """``who`` gave ``given``, which is wrong. Of it a hash is kept, as long as the window."""
        if self._limit is None:
            return
        if self._limiter.hit(_ONCE, who, sha256(given.encode()).hexdigest()):
            self._limiter.hit(self._limit, who)


def too_often(reason: str, wait: int) -> JSONResponse:
    """The refusal, 429; ``wait`` in seconds."""
    detail = f"{reason} Try again in {wait} s."
    return JSONResponse({"detail": detail}, 429, {"Retry-After": str(wait)})


def _seconds_to_wait(limiter: MovingWindowRateLimiter, limit: RateLimitItem, who: str) -> int:
    ends = limiter.get_window_stats(limit, who).reset_time
    return max(1, math.ceil(ends - time.time()))


def client_address(scope: Scope) -> str:
    """Who asks; behind a proxy that is not trusted, the proxy."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((int(address), IPV6_NETWORK), strict=False))
