"""Groups of images that look alike, found without labels: the first problem of the study.

Vectors are read twice in bounded batches: once to fit a projection to their main directions, once
to project them. What is clustered is then small whatever the pooling: 64 values an image. Clusters
of Euclidean distances between such shortened vectors of unit length are clusters by cosine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from indexer.errors import InvalidRequestError
from indexer.groups import (
    Agreement,
    Example,
    Group,
    GroupingMethod,
    GroupingSummary,
    LabelShare,
    write_summary,
)
from indexer.layout import DataFolder
from indexer.payloads import label_of
from indexer.schema import IndexSpec, check_poolings
from indexer.types import DatasetInfo, Distance, Record
from models.pooling import Pooling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indexer.store.base import VectorStore

COMPONENTS = 64
"""Most directions that are kept: distances between images hardly change, and time and memory do."""
BATCH = 1_024
"""Vectors in memory at once while the projection is fitted."""
SILHOUETTE_SAMPLE = 2_000
"""Images whose silhouettes are averaged: all pairs of them are compared."""
LEAST_GROUP = 5
"""Fewest images that HDBSCAN calls a group."""
EXAMPLES = 6
"""Images that a group is shown by, as far as it has so many."""
LABELS = 3
"""Most labels that are named for a group."""
CANDIDATES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of groups that are tried when nobody says how many."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """A partition of a dataset's images: what it is like, and who belongs where.

    Attributes:
        summary: how it was made, and its groups.
        members: group number of every grouped image.
    """

    summary: GroupingSummary
    members: Mapping[UUID, int]


def find_groups(
    store: VectorStore,
    dataset: str,
    *,
    method: GroupingMethod = GroupingMethod.KMEANS,
    pooling: Pooling = Pooling.FLATTEN,
    count: int | None = None,
    seed: int = 0,
) -> Grouping:
    """Group the images of ``dataset``; nothing is written.

    Args:
        store: where it is.
        dataset: which.
        method: how.
        pooling: the vectors to compare.
        count: number of groups for ``kmeans``; by default the candidate with the best silhouette.
        seed: of everything drawn; equal seeds give equal groups.

    Raises:
        DatasetNotIndexedError: there is no such index.
        InvalidRequestError: too few images for that many groups, a count for ``hdbscan``, or an
            index without vectors of that pooling.
    """
    info = store.describe(dataset)
    check_poolings(dataset, info.vector_sizes, [pooling])
    _check_count(method, count, info)
    ids, facts, rows = _projected(store, info, pooling)
    if method is GroupingMethod.HDBSCAN:
        found = _dense_regions(rows)
    else:
        found = _partition(rows, count or _best_count(rows, seed), seed)
    numbers = _by_size(found)
    labels = [one.label for one in facts]
    grouped = numbers > 0
    summary = GroupingSummary(
        dataset=dataset,
        fingerprint=info.fingerprint,
        method=method,
        pooling=pooling,
        groups=tuple(_groups(rows, numbers, ids, facts)),
        outside=int((~grouped).sum()),
        silhouette=_silhouette(rows[grouped], numbers[grouped], seed),
        agreement=_agreement(numbers, labels),
    )
    members = {point: int(number) for point, number in zip(ids, numbers, strict=True) if number}
    return Grouping(summary, members)


def store_groups(store: VectorStore, grouping: Grouping, folder: DataFolder) -> None:
    """Write the payload field ``group`` of every image; those in no group have none.

    The summary is kept in ``folder``.

    Raises:
        CollectionBusyError: another process writes this dataset.
        InvalidRequestError: the index was changed since the groups were found.
    """
    summary = grouping.summary
    with closing(store.writer(IndexSpec.of(store.describe(summary.dataset)))) as writer:
        ids = {record.id for record in writer.records()}
        if len(ids) != len(grouping.members) + summary.outside or not ids >= set(grouping.members):
            raise InvalidRequestError(
                f"dataset {summary.dataset!r} was changed while it was grouped; group it again"
            )
        by_number: dict[int | None, list[UUID]] = {}
        for point in sorted(ids):
            by_number.setdefault(grouping.members.get(point), []).append(point)
        for number, points in by_number.items():
            for start in range(0, len(points), BATCH):
                writer.set_payload(points[start : start + BATCH], {"group": number})
        writer.publish()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with folder.errors("written"):
        write_summary(folder.groups(summary.dataset), replace(summary, stored_at=now))


def _check_count(method: GroupingMethod, count: int | None, info: DatasetInfo) -> None:
    least = 3 if method is GroupingMethod.KMEANS else 2 * LEAST_GROUP
    if info.images < max(least, count or 0):
        raise InvalidRequestError(
            f"dataset {info.name!r} has {info.images} images; {method} needs at least "
            f"{max(least, count or 0)}"
        )
    if count is not None and method is GroupingMethod.HDBSCAN:
        raise InvalidRequestError(
            f"{count} groups: hdbscan finds their number itself; leave it out, or take kmeans"
        )
    if count is not None and count < 2:
        raise InvalidRequestError(f"{count} groups: at least 2 say something")


@dataclass(frozen=True, slots=True)
class _Facts:
    path: str
    label: str | None


def _projected(
    store: VectorStore, info: DatasetInfo, pooling: Pooling
) -> tuple[list[UUID], list[_Facts], NDArray[np.float32]]:
    """Ids, facts, and unit vectors on their main directions. Shape: (N, up to COMPONENTS)."""
    from sklearn.decomposition import IncrementalPCA

    size = info.vector_sizes[pooling]
    components = min(COMPONENTS, size, info.images)
    pca = IncrementalPCA(components)  # type: ignore[no-untyped-call]
    for _, vectors in _batches(store, info, pooling):
        if len(vectors) >= components:  # the last, small batch tells nothing new
            pca.partial_fit(vectors)
    ids: list[UUID] = []
    facts: list[_Facts] = []
    rows = []
    for records, vectors in _batches(store, info, pooling):
        ids += [record.id for record in records]
        facts += [_facts(record) for record in records]
        projected = pca.transform(vectors)  # type: ignore[no-untyped-call]
        rows.append(projected.astype(np.float32))
    return ids, facts, np.concatenate(rows)


def _facts(record: Record) -> _Facts:
    return _Facts(str(record.payload["path"]), label_of(record.payload))


def _batches(
    store: VectorStore, info: DatasetInfo, pooling: Pooling
) -> Iterator[tuple[list[Record], NDArray[np.float32]]]:
    """Every stored image, with its vector at unit length."""
    distance = Distance.COSINE if Distance.COSINE in info.distances else info.distances[0]
    records: list[Record] = []
    vectors: list[NDArray[np.float32]] = []
    for record in store.scroll(info.name, distance, with_vectors=True):
        vector = record.vectors[pooling]
        records.append(Record(record.id, record.payload))
        vectors.append(vector / np.linalg.norm(vector))
        if len(records) == BATCH:
            yield records, np.stack(vectors)
            records, vectors = [], []
    if records:
        yield records, np.stack(vectors)


def _partition(rows: NDArray[np.float32], count: int, seed: int) -> NDArray[np.intp]:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    # On one thread sums are added up in one order, so that groups repeat.
    one_thread = threadpool_limits(1, user_api="openmp")  # type: ignore[no-untyped-call]
    kmeans = KMeans(count, n_init=3, random_state=seed)  # type: ignore[no-untyped-call]
    with one_thread:
        found: NDArray[np.intp] = kmeans.fit_predict(rows)  # type: ignore[no-untyped-call]
    return found


def _best_count(rows: NDArray[np.float32], seed: int) -> int:
    """Of the candidates up to the square root of the number of images, by silhouette."""
    most = max(2, int(len(rows) ** 0.5))
    scores = {
        count: _silhouette(rows, _partition(rows, count, seed), seed) or -1.0
        for count in CANDIDATES
        if count <= most
    }
    return max(scores, key=lambda count: scores[count])


def _dense_regions(rows: NDArray[np.float32]) -> NDArray[np.intp]:
    from sklearn.cluster import HDBSCAN

    hdbscan = HDBSCAN(min_cluster_size=LEAST_GROUP, copy=True)  # type: ignore[no-untyped-call]
    found: NDArray[np.intp] = hdbscan.fit_predict(rows)  # type: ignore[no-untyped-call]
    return found


def _by_size(found: NDArray[np.intp]) -> NDArray[np.intp]:
    """Clusters renumbered from 1, the largest first; 0 for images in none (-1)."""
    numbers = np.zeros(len(found), np.intp)
    sizes = Counter(found[found >= 0].tolist())
    for number, (cluster, _) in enumerate(sorted(sizes.items(), key=lambda e: (-e[1], e[0])), 1):
        numbers[found == cluster] = number
    return numbers


def _groups(
    rows: NDArray[np.float32],
    numbers: NDArray[np.intp],
    ids: Sequence[UUID],
    facts: Sequence[_Facts],
) -> Iterator[Group]:
    for number in range(1, int(numbers.max(initial=0)) + 1):
        inside = np.flatnonzero(numbers == number)
        offsets = rows[inside] - rows[inside].mean(axis=0)
        outwards = inside[np.argsort((offsets**2).sum(axis=1), kind="stable")]
        yield Group(
            number,
            len(inside),
            tuple(Example(ids[index], facts[index].path) for index in _spread(outwards)),
            _frequent(facts[index].label for index in inside.tolist()),
        )


def _spread(outwards: NDArray[np.intp]) -> list[int]:
    """The first and others at even steps: those beside it would look like it once more."""
    steps = np.linspace(0, len(outwards) - 1, min(EXAMPLES, len(outwards)))
    chosen: list[int] = outwards[steps.astype(int)].tolist()
    return chosen


def _frequent(labels: Iterable[str | None]) -> tuple[LabelShare, ...]:
    counts = Counter(labels)
    images = counts.total()
    named = ((label, count) for label, count in counts.items() if label is not None)
    most = sorted(named, key=lambda entry: (-entry[1], entry[0]))[:LABELS]
    return tuple(LabelShare(label, count / images) for label, count in most)


def _silhouette(rows: NDArray[np.float32], numbers: NDArray[np.intp], seed: int) -> float | None:
    """Mean over a sample; the sample's groups are those that have two of its images."""
    from sklearn.metrics import silhouette_score

    chosen = np.random.default_rng(seed).permutation(len(rows))[:SILHOUETTE_SAMPLE]
    groups = len(np.unique(numbers[chosen]))
    if not 2 <= groups < len(chosen):
        return None
    return float(silhouette_score(rows[chosen], numbers[chosen]))


def _agreement(numbers: NDArray[np.intp], labels: Sequence[str | None]) -> Agreement | None:
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    both = [i for i, label in enumerate(labels) if label is not None and numbers[i] > 0]
    if not both:
        return None
    known = [labels[i] for i in both]
    return Agreement(
        float(adjusted_rand_score(known, numbers[both])),
        float(normalized_mutual_info_score(known, numbers[both])),
        len(both),
    )
