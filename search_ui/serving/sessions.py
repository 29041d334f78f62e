"""What Gradio keeps of those who ask through its queue: gone once it is read, and never much.

Gradio itself keeps an entry of every session for ever, and every answer until somebody reads it.
"""

from __future__ import annotations

from gradio.queueing import Queue
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from search_ui.serving.event_check import EVENTS

ANSWERS = "/gradio_api/queue/data"
"""Where a session reads them."""

MOST_UNREAD = 256
"""Events that wait in the queue, and answers that wait to be read, of all sessions together. An
answer of 50 hits in each of four rows takes 140 kB."""


class Sessions:
    """ASGI middleware that tidies up before every event.

    Args:
        app: answers.
        queue: Gradio's, that the events go to.
    """

    def __init__(self, app: ASGIApp, *, queue: Queue) -> None:
        self.app = app
        self.queue = queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tidy up if an event comes, and pass on; refuse who asks for answers of nobody."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if path == EVENTS:
            await tidy(self.queue)
        elif path == ANSWERS and not self._is_known(Request(scope)):
            # Gradio would break off its answer, and show a traceback.
            detail = "Nothing was asked with that session, or its answers were not read in time."
            await JSONResponse({"detail": detail}, 404)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _is_known(self, request: Request) -> bool:
        session = request.query_params.get("session_hash")
        return session in self.queue.pending_messages_per_session


async def tidy(queue: Queue, *, most: int = MOST_UNREAD) -> None:
    """Forget the sessions that have read all their answers, and the oldest others above ``most``.

    A session that asks again begins anew.

    Args:
        queue: Gradio's.
        most: events and answers that may wait, of all sessions together.
    """
    messages, unread = queue.pending_messages_per_session, queue.pending_event_ids_session
    for session in [session for session, events in unread.items() if not events]:
        del unread[session]
        messages.pop(session, None)
    while unread and sum(map(len, unread.values())) > most:
        oldest = next(iter(unread))
        messages.pop(oldest, None)
        # What still waits or runs for it has nobody to tell.
        await queue.clean_events(session_hash=oldest)
        unread.pop(oldest, None)
