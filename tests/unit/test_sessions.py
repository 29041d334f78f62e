"""What is kept of callers who come through Gradio's queue, on a queue of Gradio."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import pytest
from gradio.queueing import Event, Queue

from search_ui.serving.sessions import tidy


def in_a_loop(work: Coroutine[Any, Any, Queue]) -> Queue:
    """Of a thread of its own: in this one the browser tests' may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def make_queue() -> Queue:
    """To be called in an event loop: outside, Gradio makes one of its own and never closes it."""
    with gr.Blocks() as page:
        gr.Button().click(lambda: None)
    queue = page._queue
    queue.create_event_queue_for_fn(page.fns[0])
    return queue


def join(queue: Queue, session: str, *events: str) -> None:
    """As Gradio notes what ``session`` asks."""
    queue.pending_messages_per_session[session] = asyncio.Queue()
    queue.pending_event_ids_session[session] = set(events)


def kept(queue: Queue) -> tuple[set[str], set[str]]:
    return set(queue.pending_messages_per_session), set(queue.pending_event_ids_session)


def test_a_session_goes_when_all_its_answers_are_read() -> None:
    async def tidied() -> Queue:
        queue = make_queue()
        join(queue, "read")
        join(queue, "waits", "event")
        await tidy(queue)
        return queue

    assert kept(in_a_loop(tidied())) == ({"waits"}, {"waits"})


@pytest.mark.parametrize(
    ("most", "left"), [(4, {"first", "second", "third"}), (3, {"second", "third"}), (1, {"third"})]
)
def test_the_oldest_go_who_do_not_read(most: int, left: set[str]) -> None:
    async def tidied() -> Queue:
        queue = make_queue()
        for session, events in {"first": "ab", "second": "c", "third": "d"}.items():
            join(queue, session, *events)
        await tidy(queue, most=most)
        return queue

    assert kept(in_a_loop(tidied())) == (left, left)


def test_what_waits_for_a_forgotten_session_is_not_done() -> None:
    async def tidied() -> Queue:
        queue = make_queue()
        (waiting,) = queue.event_queue_per_concurrency_id.values()
        event = Event("gone", queue.blocks.fns[0], None, None)  # type: ignore[arg-type]
        join(queue, "gone", event._id)
        waiting.queue.append(event)
        queue.event_ids_to_events[event._id] = event
        await tidy(queue, most=0)
        assert waiting.queue == []
        return queue

    queue = in_a_loop(tidied())
    assert queue.event_ids_to_events == {}
    assert kept(queue) == (set(), set())
