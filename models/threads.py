"""How many threads torch computes with, where several images are encoded at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_uses = threading.Lock()
_threads_before: list[int] = []
"""Torch's number of threads before each use of :func:`one_thread_each` that is under way."""


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let torch compute with one thread in each of the threads that call it.

    The last of several uses at once gives torch its threads back: each would find, and restore,
    what another has set.
    """
    import torch

    with _uses:
        _threads_before.append(torch.get_num_threads())
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _uses:
            before = _threads_before.pop()
            if not _threads_before:
                torch.set_num_threads(before)
