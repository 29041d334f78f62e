"""Somebody who searches all the time, and looks whether every answer is of one complete state."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import cycle, product
from pathlib import Path
from time import sleep

import numpy as np

from indexer.settings import Settings
from indexer.store import VectorStore, open_store
from indexer.types import DatasetInfo, Distance
from models.errors import SimilarityError
from models.pooling import STANDARD, Pooling

PAUSE = 0.02
"""Seconds between two questions."""


class Reader:
    """Asks for every image of ``dataset``, in a thread, until it is stopped.

    Attributes:
        answers: number of answers so far.
        errors: answers that were none, or of no published state.
    """

    def __init__(self, data_dir: Path, dataset: str) -> None:
        self._data_dir = data_dir
        self._dataset = dataset
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self.answers = 0
        self.errors: list[str] = []

    def __enter__(self) -> Reader:
        self._running = self._pool.submit(self._run)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown()
        self._running.result()  # raises what the thread did not expect

    def _run(self) -> None:
        with closing(open_store(Settings(self._data_dir))) as store:
            for pooling, distance in cycle(product(STANDARD, Distance)):
                if self._stopping.is_set():
                    return
                self._ask(store, pooling, distance)
                sleep(PAUSE)

    def _ask(self, store: VectorStore, pooling: Pooling, distance: Distance) -> None:
        try:
            before = store.describe(self._dataset)
            found = store.query(
                self._dataset, distance, pooling, _question(before, pooling),
                limit=2 * before.images + 1_000,
            )  # fmt: skip
            after = store.describe(self._dataset)
        except SimilarityError as error:
            self.errors.append(str(error))
            return
        self.answers += 1
        ids = {hit.id for hit in found}
        if len(ids) != len(found):
            self.errors.append(f"{len(found) - len(ids)} images came twice")
        if len(found) not in (before.images, after.images):
            self.errors.append(
                f"{len(found)} images, where {before.images} were published before and "
                f"{after.images} after"
            )


def _question(info: DatasetInfo, pooling: Pooling) -> np.ndarray:
    return np.ones(info.vector_sizes[pooling], np.float32)
