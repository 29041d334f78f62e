"""Catalogue: which images a dataset has, in memory, to count them, filter them and order them.

An engine finds neighbours; it neither orders by path nor finds the place of a page among thousands.

Of 100,000 images 8 MB are kept, and 0.4 MB more for each order that was asked for; 22 MB while
they are read. Reading the records from the embedded store takes some 1.5 s, making the table 0.1 s
more; a page then takes about a millisecond (one core, synthetic records).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from indexer.duplicates import Duplicates, HashedImages, find_duplicates
from indexer.errors import StoreError
from indexer.types import (
    EVERYTHING,
    DatasetInfo,
    Filter,
    FormatCount,
    GroupCount,
    LabelCount,
    Order,
    Record,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.store.base import VectorStore

_ROW = np.dtype(
    [
        ("id", "V16"),
        ("label", np.int32),
        ("format", np.int32),
        ("group", np.int32),
        ("width", np.int32),
        ("height", np.int32),
        ("mtime", np.int64),
        ("place", np.int32),
        ("bytes", np.int64),
        ("hash", np.uint64),
        ("content", "V16"),
    ]
)
"""``label`` and ``format`` are numbers of names, ``place`` is the path's among all paths,
``content`` the first half of the file's SHA-256.

The paths themselves are not kept: they would take more memory than all the rest.
"""

_ATTEMPTS = 3


class Catalogue:
    """One published state of a dataset.

    Args:
        records: every stored image, ordered by id; read once.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        labels, formats = _Numbers(), _Numbers()
        paths: list[str] = []

        def rows() -> Iterator[tuple[bytes | int, ...]]:
            for record in records:
                payload = record.payload
                paths.append(str(payload["path"]))
                yield (
                    record.id.bytes,
                    labels.of(payload.get("label")),
                    formats.of(payload.get("format")),
                    int(payload.get("group") or 0),
                    int(payload.get("width") or 0),
                    int(payload.get("height") or 0),
                    int(payload.get("mtime") or 0),
                    0,
                    int(payload.get("bytes") or 0),
                    int(str(payload.get("phash") or 0), 16),
                    _content(record),
                )

        self._table = np.fromiter(rows(), _ROW)
        self._labels = labels.in_order(self._table["label"])
        self._formats = formats.in_order(self._table["format"])
        by_path = sorted(range(len(paths)), key=paths.__getitem__)
        self._table["place"][by_path] = np.arange(len(paths))
        self._orders: dict[Order, NDArray[np.int32]] = {}
        self._duplicates: dict[int, Duplicates] = {}

    def __len__(self) -> int:
        """Number of images."""
        return len(self._table)

    def labels(self) -> tuple[LabelCount, ...]:
        """Labels and their images, ordered by label; images without one come first."""
        counts = np.bincount(self._table["label"], minlength=len(self._labels)).tolist()
        pairs = zip(self._labels, counts, strict=True)
        return tuple(LabelCount(label or None, images) for label, images in pairs)

    def formats(self) -> tuple[FormatCount, ...]:
        """Formats and their images, ordered by name."""
        counts = np.bincount(self._table["format"], minlength=len(self._formats)).tolist()
        return tuple(map(FormatCount, self._formats, counts))

    def groups(self) -> tuple[GroupCount, ...]:
        """Groups and their images, ordered by number; images in none come first."""
        numbers, counts = np.unique(self._table["group"], return_counts=True)
        pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
        return tuple(GroupCount(number or None, images) for number, images in pairs)

    def page(
        self, *, where: Filter = EVERYTHING, order: Order, offset: int, limit: int
    ) -> tuple[list[UUID], int]:
        """Ids of ``limit`` images from place ``offset`` on, and how many pass ``where`` in all."""
        rows = self._ordered(order)
        if where != EVERYTHING:
            rows = rows[self._passing(where)[rows]]
        wanted = rows[offset : offset + limit] if offset >= 0 else rows[:0]
        return self._ids(wanted), len(rows)

    def spread(self, count: int) -> list[UUID]:
        """``count`` images: one of each label, then a second of each, and so on."""
        return self._ids(self._ordered(Order.MIXED)[:count])

    def duplicates(self, bits: int) -> Duplicates:
        """Sets of near-identical images, see :func:`indexer.duplicates.find_duplicates`; kept."""
        if bits not in self._duplicates:
            table = self._table[self._best_first()]
            images = HashedImages(table["id"], table["hash"], table["content"])
            self._duplicates[bits] = find_duplicates(images, bits=bits)
        return self._duplicates[bits]

    def _best_first(self) -> NDArray[np.intp]:
        """Rows by worth: most pixels, then most bytes, then by path."""
        table = self._table
        pixels = table["width"].astype(np.int64) * table["height"]
        return np.lexsort((table["place"], -table["bytes"], -pixels))

    def _ids(self, rows: NDArray[np.int32] | NDArray[np.intp]) -> list[UUID]:
        return [UUID(bytes=one.tobytes()) for one in self._table["id"][rows]]

    def _ordered(self, order: Order) -> NDArray[np.int32]:
        """All rows; equal ones by path. Kept: sorting takes longer than all that follows."""
        if order not in self._orders:
            self._orders[order] = self._sort(order).astype(np.int32)
        return self._orders[order]

    def _sort(self, order: Order) -> NDArray[np.intp]:
        table = self._table
        pixels = table["width"].astype(np.int64) * table["height"]
        first: NDArray[Any]
        match order:
            case Order.NAME:
                first = table["place"]
            case Order.NEWEST:
                first = -table["mtime"]
            case Order.OLDEST:
                first = table["mtime"]
            case Order.LARGEST:
                first = -pixels
            case Order.SMALLEST:
                first = pixels
            case Order.SHUFFLED:
                first = np.arange(len(table))
            case Order.MIXED:
                return _in_turn(table["label"])
        return np.lexsort((table["place"], first))

    def _passing(self, where: Filter) -> NDArray[np.bool_]:
        """Rows that ``where`` matches. Shape: (N,)."""
        table = self._table
        passing = np.ones(len(table), np.bool_)
        if where.labels:
            passing &= np.isin(table["label"], _numbers(self._labels, where.labels))
        if where.formats:
            passing &= np.isin(table["format"], _numbers(self._formats, where.formats))
        if where.groups:
            passing &= np.isin(table["group"], where.groups)
        if where.min_side is not None:
            passing &= np.minimum(table["width"], table["height"]) >= where.min_side
        return passing


def _in_turn(label: NDArray[np.int32]) -> NDArray[np.intp]:
    """Rows: the first of each label, then the second of each, and so on. Shape: (N,) to (N,).

    They lie in the order of their ids, which are hashes: a fair draw within a label.
    """
    by_label = np.argsort(label, kind="stable")
    starts = np.cumsum(np.bincount(label)) - np.bincount(label)
    turn = np.empty_like(by_label)
    turn[by_label] = np.arange(len(label)) - starts[label[by_label]]
    return np.lexsort((label, turn))


def _content(record: Record) -> bytes:
    """Equal for equal files; one whose hash is not known is equal to none."""
    sha256 = record.payload.get("sha256")
    return bytes.fromhex(str(sha256))[:16] if sha256 else record.id.bytes


class _Numbers:
    """Numbers for names, in the order in which they turn up; "" for None."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def of(self, name: object) -> int:
        """The number of ``name``."""
        return self._numbers.setdefault(str(name or ""), len(self._numbers))

    def in_order(self, column: NDArray[np.int32]) -> tuple[str, ...]:
        """The names, sorted; the numbers in ``column`` become their places."""
        names = sorted(self._numbers)
        place = np.empty(len(names), np.int32)
        place[[self._numbers[name] for name in names]] = np.arange(len(names))
        column[:] = place[column]
        return tuple(names)


def _numbers(names: Sequence[str], wanted: Iterable[str]) -> list[int]:
    return [names.index(name) for name in wanted if name in names]


class Catalogues:
    """The catalogue of each dataset's published state, read once for all who ask. Thread-safe."""

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._kept: dict[str, tuple[DatasetInfo, Catalogue]] = {}
        self._reading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def of(self, dataset: str) -> Catalogue:
        """The catalogue of what is published now.

        Raises:
            DatasetNotIndexedError: there is none of that name.
            StoreError: each time it was read, something else was published meanwhile.
        """
        self._store.describe(dataset)  # unknown names get no lock of their own
        with self._lock:
            reading = self._reading.setdefault(dataset, threading.Lock())
        with reading:
            for _ in range(_ATTEMPTS + 1):
                info = self._store.describe(dataset)
                kept = self._kept.get(dataset)
                if kept is not None and kept[0] == info:
                    return kept[1]
                # What was published meanwhile may be half in it, so it is asked again.
                records = self._store.scroll(dataset, info.distances[0])
                self._kept[dataset] = info, Catalogue(records)
        raise StoreError(f"dataset {dataset!r} changed too often to be read; try again")
