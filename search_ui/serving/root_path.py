"""The page below a path of a proxy, whether the proxy takes that path away or not."""

from __future__ import annotations

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class RootPath:
    """ASGI middleware that gives every request the path that it had at the proxy.

    That is what ASGI asks for: ``path`` holds ``root_path``. Uvicorn's own option would put it
    before paths that have it already.

    Args:
        app: answers.
        root_path: such as "/images".
    """

    def __init__(self, app: ASGIApp, *, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] != "http" or not self.root_path:
            await self.app(scope, receive, send)
            return
        if scope["path"] == self.root_path:
            # The page's addresses are relative to a path with a slash at its end.
            await RedirectResponse(f"{self.root_path}/")(scope, receive, send)
            return
        told = {**scope, "root_path": self.root_path}
        if not scope["path"].startswith(f"{self.root_path}/"):
            told["path"] = self.root_path + scope["path"]
            told["raw_path"] = self.root_path.encode("ascii") + scope["raw_path"]
        await self.app(told, receive, send)
