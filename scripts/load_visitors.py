"""Visitors for ``scripts/load_test.py``: what one of many does with the page, and how it went."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx

K = 8


class WrongAnswerError(Exception):
    """The server answered, but not what was asked."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the visitors ask for.

    Attributes:
        dataset: its name.
        ids: stored images.
        files: name, content and media type of pictures to send.
        images: how many the dataset has.
        client_event: of the one by which ``gradio_client`` searches by id.
    """

    dataset: str
    ids: Sequence[str]
    files: Sequence[tuple[str, bytes, str]]
    images: int
    client_event: int


@dataclass(slots=True)
class Tally:
    """Seconds of what went well by action, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)


class Visitor:
    """One visitor with a connection of their own."""

    def __init__(self, client: httpx.AsyncClient, wanted: Wanted, seed: int) -> None:
        self.client = client
        self.wanted = wanted
        self.random = random.Random(seed)
        self.actions: dict[str, Callable[[], Awaitable[None]]] = {
            "page: stored image": self.search_in_page,
            "page: upload": self.upload_to_page,
            "page: thumbnail": self.thumbnail,
            "API: stored image": self.search_by_api,
            "API: upload": self.upload_to_api,
            "API: 72 images": self.list_images,
            "gradio_client: stored image": self.search_by_client,
        }

    async def act(self, tally: Tally) -> None:
        """Do one of them, by chance."""
        name = self.random.choice(list(self.actions))
        started = perf_counter()
        try:
            await self.actions[name]()
        except (httpx.HTTPError, WrongAnswerError) as error:
            tally.errors[f"{name}: {type(error).__name__}: {error}"[:200]] += 1
        else:
            tally.seconds.setdefault(name, []).append(perf_counter() - started)

    @property
    def _stored(self) -> dict[str, Any]:
        return {"dataset": self.wanted.dataset, "id": self.random.choice(self.wanted.ids), "k": K}

    async def _answer(self, sent: Awaitable[httpx.Response]) -> Any:
        answer = await sent
        if answer.status_code != httpx.codes.OK:
            raise WrongAnswerError(f"{answer.status_code} {answer.text[:100]}")
        return answer.json()

    async def search_by_api(self) -> None:
        """``POST /api/search``."""
        _check(await self._answer(self.client.post("/api/search", json=self._stored)))

    async def upload_to_api(self) -> None:
        """``POST /api/search/upload``."""
        form = {"dataset": self.wanted.dataset, "k": str(K)}
        files = {"image": self.random.choice(self.wanted.files)}
        sent = self.client.post("/api/search/upload", data=form, files=files)
        _check(await self._answer(sent))

    async def list_images(self) -> None:
        """A page of the list, anywhere in it."""
        offset = self.random.randrange(max(1, self.wanted.images - 72))
        url = f"/api/datasets/{self.wanted.dataset}/images?offset={offset}"
        listed = await self._answer(self.client.get(url))
        if not listed["images"]:
            raise WrongAnswerError(f"no images from {offset} on")

    async def thumbnail(self) -> None:
        """A small picture."""
        point = self.random.choice(self.wanted.ids)
        answer = await self.client.get(f"/media/{self.wanted.dataset}/{point}/thumb")
        if answer.headers["content-type"] != "image/webp":
            raise WrongAnswerError(f"{answer.status_code} {answer.text[:100]}")

    async def search_in_page(self) -> None:
        """A click on a hit."""
        await self._ask_in_page(self._stored)

    async def upload_to_page(self) -> None:
        """A picture that is dropped on the page."""
        files = {"files": self.random.choice(self.wanted.files)}
        (path,) = await self._answer(self.client.post("/gradio_api/upload", files=files))
        place = "/".join(path.split("/")[-2:])
        await self._ask_in_page({"dataset": self.wanted.dataset, "upload": place, "k": K})

    async def _ask_in_page(self, question: dict[str, Any]) -> None:
        _check(await self._answer(self.client.post("/api/board", json=question)))

    async def search_by_client(self) -> None:
        """Joins Gradio's queue and waits for what its stream tells, as ``gradio_client`` does."""
        session = uuid4().hex
        question = self._stored
        body = {
            "data": [question["dataset"], question["id"], {"k": K}],
            "fn_index": self.wanted.client_event,
            "session_hash": session,
        }
        await self._answer(self.client.post("/gradio_api/queue/join", json=body))
        url = f"/gradio_api/queue/data?session_hash={session}"
        async with self.client.stream("GET", url) as told:
            async for line in told.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message: dict[str, Any] = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    if not message["success"]:
                        raise WrongAnswerError(str(message["output"])[:100])
                    _check(message["output"]["data"][0])
                    return
        raise WrongAnswerError("the stream ended without an answer")


def _check(answer: Any) -> None:
    """Hits in every row, or it is no answer."""
    rows = answer.get("rows", ())
    if not rows or not all(row["hits"] for row in rows):
        raise WrongAnswerError(str(answer.get("message", "no hits"))[:100])
