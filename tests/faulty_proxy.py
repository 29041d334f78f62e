"""A network that fails: a proxy between a client and a server that cuts, delays and answers 503."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from enum import StrEnum

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n"
    b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
)
_CHUNK = 65_536
_APPLIED_SECONDS = 0.05


class Fault(StrEnum):
    """What becomes of something that the client sends.

    ``drop``: it does not arrive, the connection ends. ``cut``: half of it arrives. ``lost``: it
    arrives and is done, the answer is lost. ``busy``: the answer is 503 (REST). ``late``: it takes
    a while.
    """

    DROP = "drop"
    CUT = "cut"
    LOST = "lost"
    BUSY = "busy"
    LATE = "late"


class FaultyProxy:
    """Passes connections on, and fails now and then.

    Attributes:
        rate: share of what is sent that a fault comes over; may be changed at any time.
        faults: how often each came.
    """

    def __init__(self, seed: int, kinds: Sequence[Fault]) -> None:
        self.rate = 0.0
        self.faults: Counter[Fault] = Counter()
        self._random = random.Random(seed)
        self._kinds = list(kinds)
        self._lock = threading.Lock()

    def serve(self, listener: socket.socket, target: int) -> None:
        """Pass on what comes to ``listener``, until that is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client, target), daemon=True).start()

    def _connect(self, client: socket.socket, target: int) -> None:
        with closing(client), suppress(OSError), _connection(target) as server:
            silent = threading.Event()
            answers = threading.Thread(target=_pump, args=(server, client, silent), daemon=True)
            answers.start()
            with suppress(OSError):
                while (sent := client.recv(_CHUNK)) and self._pass_on(sent, client, server, silent):
                    pass
            for one in (client, server):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            answers.join()

    def _pass_on(
        self, sent: bytes, client: socket.socket, server: socket.socket, silent: threading.Event
    ) -> bool:
        """Whether the connection goes on."""
        fault = self._next()
        if fault is Fault.CUT:
            server.sendall(sent[: len(sent) // 2])
        elif fault is Fault.LOST:
            silent.set()
            server.sendall(sent)
            time.sleep(_APPLIED_SECONDS)
        elif fault is Fault.BUSY:
            client.sendall(BUSY)
        elif fault is not Fault.DROP:
            time.sleep(0.02 if fault is Fault.LATE else 0)
            server.sendall(sent)
            return True
        return False

    def _next(self) -> Fault | None:
        with self._lock:
            if self._random.random() >= self.rate:
                return None
            fault = self._random.choice(self._kinds)
            self.faults[fault] += 1
            return fault


def _connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port))


def _pump(server: socket.socket, client: socket.socket, silent: threading.Event) -> None:
    with suppress(OSError):
        while (answer := server.recv(_CHUNK)) and not silent.is_set():
            client.sendall(answer)
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)


@contextmanager
def faulty_proxy(
    target: int, *, seed: int, kinds: Sequence[Fault], ports: int = 1
) -> Iterator[tuple[str, FaultyProxy]]:
    """Its URL, and the proxy, to the server at port ``target`` and the ``ports - 1`` after it."""
    proxy = FaultyProxy(seed, kinds)
    listeners = _ports_in_a_row(ports)
    threads = [
        threading.Thread(target=proxy.serve, args=(listener, target + number), daemon=True)
        for number, listener in enumerate(listeners)
    ]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{listeners[0].getsockname()[1]}", proxy
    finally:
        for listener in listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in threads:
            thread.join(5)


def _ports_in_a_row(count: int) -> list[socket.socket]:
    for _ in range(50):
        listeners = [socket.create_server(("127.0.0.1", 0))]
        first = listeners[0].getsockname()[1]
        try:
            listeners += [
                socket.create_server(("127.0.0.1", first + number)) for number in range(1, count)
            ]
        except OSError:
            for listener in listeners:
                listener.close()
        else:
            return listeners
    raise RuntimeError(f"no {count} ports that follow one another are free")
