"""Two indexes of the same images, compared to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from indexer.failures import read_ledger
from indexer.layout import DataFolder
from indexer.store import VectorStore
from indexer.types import Distance, Record


def differences(store: VectorStore, other: VectorStore, dataset: str) -> list[str]:
    """What distinguishes ``dataset`` in ``store`` from that in ``other``, one line each."""
    one, two = store.describe(dataset), other.describe(dataset)
    found = [
        f"{name}: {getattr(one, name)} where {getattr(two, name)} is expected"
        for name in ("images", "fingerprint", "distances", "vector_sizes", "root")
        if getattr(one, name) != getattr(two, name)
    ]
    for distance in two.distances:
        found += _in_collection(store, other, dataset, distance)
    return found


def ledger_differences(data_dir: Path, other: Path, dataset: str) -> list[str]:
    """What distinguishes what is known of unreadable files."""
    one, two = (
        {
            (failure.path, failure.reason, failure.bytes, failure.mtime_ns)
            for failure in read_ledger(DataFolder(folder).failures(dataset)).failures.values()
        }
        for folder in (data_dir, other)
    )
    return [f"failure ledgers differ in {path}: {reason}" for path, reason, *_ in sorted(one ^ two)]


def _in_collection(
    store: VectorStore, other: VectorStore, dataset: str, distance: Distance
) -> Iterator[str]:
    got = list(store.scroll(dataset, distance, with_vectors=True))
    expected = {record.id: record for record in other.scroll(dataset, distance, with_vectors=True)}
    ids = {record.id for record in got}
    if len(ids) != len(got):
        yield f"{distance}: {len(got) - len(ids)} points are there twice"
    for point in sorted(expected.keys() - ids):
        yield f"{distance}: {expected[point].payload['path']} is missing"
    for record in got:
        yield from (
            f"{distance}: {record.payload['path']}: {what}"
            for what in _in_record(record, expected.get(record.id))
        )


def _in_record(got: Record, expected: Record | None) -> Iterator[str]:
    if expected is None:
        yield "is there though its file is not"
        return
    for key in sorted(got.payload.keys() | expected.payload.keys()):
        if got.payload.get(key) != expected.payload.get(key):
            yield f"{key} is {got.payload.get(key)!r} instead of {expected.payload.get(key)!r}"
    for pooling in sorted(got.vectors.keys() | expected.vectors.keys()):
        one, two = got.vectors.get(pooling), expected.vectors.get(pooling)
        if one is None or two is None or one.tobytes() != two.tobytes():
            yield f"its {pooling} vector is another"
