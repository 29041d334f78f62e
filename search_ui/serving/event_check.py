"""What stands before Gradio: events that are not of the page go no further.

Gradio answers an unknown event with a traceback. What is worse, it fetches every file whose path
is the address of another host, in any value, before a component sees it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NoReturn

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVENTS = "/gradio_api/queue/join"
"""Where events come in."""


class BadEventError(ValueError):
    """An event that neither the page nor ``gradio_client`` sends."""


class EventCheck:
    """ASGI middleware that refuses forged events.

    The body is read whole: :class:`search_ui.serving.guard.Guard` keeps it short.

    Args:
        app: answers.
        events: numbers of the events that there are.
    """

    def __init__(self, app: ASGIApp, *, events: Collection[int]) -> None:
        self.app = app
        self.events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a refusal, or pass on."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path != EVENTS:
            await self.app(scope, receive, send)
            return
        try:
            body = await Request(scope, receive).body()
            check_event(body, self.events)
        except ClientDisconnect:
            return
        except BadEventError as error:
            await JSONResponse({"detail": str(error)}, 422)(scope, receive, send)
            return
        unread = [body]

        async def receive_again() -> Message:
            if unread:
                return {"type": "http.request", "body": unread.pop(), "more_body": False}
            return await receive()

        await self.app(scope, receive_again, send)


def check_event(body: bytes, events: Collection[int]) -> None:
    """Look at what was sent as an event.

    Raises:
        BadEventError: it is none of ``events``, or names a file on another host.
    """
    try:
        event = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BadEventError("The event is no JSON.") from None
    if not isinstance(event, dict) or not isinstance(event.get("data"), list):
        raise BadEventError("The event has no list of data.")
    number = event.get("fn_index")
    if type(number) is not int or number not in events:
        raise BadEventError("There is no such event.")
    if _names_a_foreign_file(event):
        raise BadEventError("A file has to be uploaded: nothing is fetched from other hosts.")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _names_a_foreign_file(event: dict[str, Any]) -> bool:
    """Whether any object in ``event`` has an address for a path."""
    waiting: list[Any] = [event]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "://" in str(value.get("path")):
                return True
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False
