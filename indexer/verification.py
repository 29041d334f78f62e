"""verify: is an index what it says it is? Reads everything, writes nothing.

Every check asks one question of the published state and says what to do when the answer is no.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from tqdm import tqdm

from indexer.changes import find_changes
from indexer.failures import read_ledger
from indexer.layout import DataFolder
from indexer.schema import SCHEMA_VERSION, point_id
from indexer.store.base import VectorStore
from indexer.thumbnails import is_thumbnail, thumbnail_path
from indexer.types import DatasetInfo, Record
from indexer.vector_checks import StoredVectors, re_encoded, stored_ann_recall
from models.errors import EmptySourceError, SimilarityError, SourceError
from models.sources import PlacedSource, Source

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder

K = 10
"""Neighbours that the approximate search is compared on."""

MIN_RECALL = 0.95
"""Least share of the exact neighbours that the search must find, as Qdrant's guide aims at."""

_SEED = 0


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question.

    Attributes:
        name: of the check.
        ok: nothing is wrong.
        detail: what was found, in numbers.
        remedy: what to do, where something is wrong.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of one dataset."""

    dataset: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that found something wrong."""
        return tuple(check.name for check in self.checks if not check.ok)


class Subject:
    """One published index, read as the checks need it.

    Args:
        store: where the vectors are.
        folder: the data folder.
        dataset: name of the dataset.
        sample: number of images for the checks that do not look at all of them.
        load_encoder: makes an encoder of a checkpoint folder.
    """

    def __init__(
        self,
        store: VectorStore,
        folder: DataFolder,
        dataset: str,
        *,
        sample: int,
        load_encoder: Callable[[Path], ImageEncoder],
    ) -> None:
        self.store = store
        self.folder = folder
        self.info: DatasetInfo = store.describe(dataset)
        self._sample_size = sample
        self._load_encoder = load_encoder

    @cached_property
    def records(self) -> Mapping[UUID, Record]:
        """Every point of the first collection, without vectors."""
        records = self.store.scroll(self.info.name, self.info.distances[0])
        return {record.id: record for record in records}

    @cached_property
    def sample(self) -> list[Record]:
        """Records drawn at random; the same ones each time."""
        ids = sorted(self.records)
        drawn = random.Random(_SEED).sample(ids, min(self._sample_size, len(ids)))
        return [self.records[point] for point in drawn]

    @cached_property
    def encoder(self) -> ImageEncoder:
        """The one of the kept checkpoint."""
        return self._load_encoder(self.folder.checkpoints / self.info.checkpoint)

    @property
    def sync(self) -> str:
        """The command that brings the index in line."""
        return f"`python -m indexer sync {self.info.source} --dataset {self.info.name}`"

    @property
    def rebuild(self) -> str:
        """The commands that make the index anew."""
        return f"`python -m indexer drop {self.info.name}`, then {self.sync} --checkpoint DIR"


def verify(
    store: VectorStore,
    data_dir: Path,
    dataset: str,
    *,
    load_encoder: Callable[[Path], ImageEncoder],
    sample: int,
    progress: bool = False,
) -> Verification:
    """Check the published index of ``dataset``.

    Args:
        store: where the index lives, in ``data_dir``.
        data_dir: the data folder.
        dataset: name of the dataset.
        load_encoder: makes an encoder of a checkpoint folder.
        sample: number of images to search for and to encode again.
        progress: show a bar on stderr.

    Raises:
        DatasetNotIndexedError: there is none of that name.
        DamagedIndexError: its description cannot be read.
    """
    subject = Subject(
        store, DataFolder(data_dir), dataset, sample=sample, load_encoder=load_encoder
    )
    names = tqdm(CHECKS, desc=f"{dataset}: verifying", unit="check", disable=not progress)
    return Verification(dataset, tuple(_checked(name, subject) for name in names))


def _checked(name: str, subject: Subject) -> Check:
    try:
        wrong, detail, remedy = CHECKS[name](subject)
    except SimilarityError as error:
        return Check(name, ok=False, detail=str(error), remedy=subject.rebuild)
    return Check(name, ok=not wrong, detail=detail, remedy=remedy if wrong else "")


Answer = tuple[bool, str, str]
"""Whether something is wrong, what was found, and what to do in that case."""


def check_checkpoint(subject: Subject) -> Answer:
    """The kept copy is whole, and the one that the index was made with."""
    kept, info = subject.encoder, subject.info
    remedy = f"{subject.sync} --checkpoint DIR copies it again"
    if kept.fingerprint != info.fingerprint:
        return True, f"the kept copy is {kept.name}, the index {info.checkpoint}", remedy
    return False, f"the kept copy is {info.checkpoint}", remedy


def check_collections(subject: Subject) -> Answer:
    """Every collection holds the points of the pointer: same number, ids and payloads."""
    info, records = subject.info, subject.records
    faults = [f"{info.images:,} images published, {len(records):,} stored"] * (
        len(records) != info.images
    )
    misnamed = sum(not _is_of_its_path(record, info.name) for record in records.values())
    if misnamed:
        faults.append(f"{misnamed:,} points whose id or schema is not that of their path")
    for distance in info.distances[1:]:
        others = {record.id: record.payload for record in subject.store.scroll(info.name, distance)}
        missing, extra = records.keys() - others.keys(), others.keys() - records.keys()
        if missing or extra:
            faults.append(f"{distance} lacks {len(missing):,} points and has {len(extra):,} more")
        differing = sum(
            records[point].payload != payload
            for point, payload in others.items()
            if point in records
        )
        if differing:
            faults.append(f"{distance} has {differing:,} other payloads")
    sound = f"{info.images:,} points in each of {len(info.distances)}: same ids, same payloads"
    return bool(faults), "; ".join(faults) or sound, subject.rebuild


def _is_of_its_path(record: Record, dataset: str) -> bool:
    payload = record.payload
    return (
        record.id == point_id(dataset, str(payload.get("path")))
        and payload.get("dataset") == dataset
        and payload.get("schema") == SCHEMA_VERSION
    )


def check_files(subject: Subject) -> Answer:
    """Every stored image has its file, with the content that was encoded."""
    info = subject.info
    try:
        source = _listed(info)
    except SourceError:
        return (
            True,
            f"the folder {info.root} is not there",
            f"mount or restore it, or {subject.sync}",
        )
    ledger = read_ledger(subject.folder.failures(info.name))
    changes = find_changes(source, subject.records, info.name, ledger=ledger)
    changed = sum(
        point_id(info.name, file.relative_path) in subject.records for file in changes.encode
    )
    new = len(changes.encode) - changed
    gone = len(changes.gone)
    detail = (
        f"{len(subject.records):,} images: {gone:,} without a file ({len(changes.moved):,} of them "
        f"moved), {changed:,} changed since; {new:,} files not indexed yet, "
        f"{len(changes.failed):,} unreadable"
    )
    return bool(gone or changed), detail, subject.sync


def _listed(info: DatasetInfo) -> Source:
    """The files that a sync would look at now. Labels do not count: a file of them may be away."""
    placed = PlacedSource(info.source, info.name, Path(info.root))
    if not placed.root.is_dir():
        raise SourceError(f"no such folder: {placed.root}")
    try:
        return placed.listed(replace(info.source_options, labels=None))
    except EmptySourceError as error:
        return error.source


def check_thumbnails(subject: Subject) -> Answer:
    """Every stored image has its thumbnail."""
    folder = subject.folder.thumbnails
    missing = sum(
        not is_thumbnail(thumbnail_path(folder, str(record.payload["sha256"])))
        for record in subject.records.values()
    )
    detail = f"{missing:,} of {len(subject.records):,} are missing"
    return bool(missing), detail, "nothing: the page makes each again when it shows the image"


def check_vectors(subject: Subject) -> Answer:
    """Every vector is finite, has a direction, and the length that its payload gives."""
    info = subject.info
    seen = StoredVectors(info.vector_sizes)
    for distance in info.distances:
        for record in subject.store.scroll(info.name, distance, with_vectors=True):
            seen.look_at(record, distance)
    return bool(seen.faults), seen.summary, subject.rebuild


def check_encoding(subject: Subject) -> Answer:
    """Images of the sample, encoded again, give the vectors that are stored."""
    info, asked = subject.info, [record.id for record in subject.sample]
    found = re_encoded(
        Path(info.root),
        subject.encoder,
        {
            distance: subject.store.retrieve(info.name, distance, asked, with_vectors=True)
            for distance in info.distances
        },
    )
    return found.is_wrong, found.summary, subject.rebuild


def check_recall(subject: Subject) -> Answer:
    """The search finds what a comparison with every vector finds."""
    shares = {
        f"{pooling}/{distance}": stored_ann_recall(
            subject.store, subject.info.name, pooling, distance, subject.sample, k=K
        )
        for pooling in subject.info.vector_sizes
        for distance in subject.info.distances
    }
    low = any(share < MIN_RECALL for share in shares.values())
    parts = ", ".join(f"{pair} {share:.4f}" for pair, share in shares.items())
    detail = f"ann_recall_at_{K} of {len(subject.sample):,} stored vectors: {parts}"
    return low, detail, f"at least {MIN_RECALL} is expected; {subject.rebuild}"


def check_leftovers(subject: Subject) -> Answer:
    """Nothing lies about that no reader sees."""
    left = subject.store.leftovers(subject.info.name)
    detail = ", ".join(left) or "nothing unpublished"
    remedy = f"an interrupted sync, or one at work: {subject.sync} goes on with it"
    return bool(left), detail, remedy


CHECKS: Mapping[str, Callable[[Subject], Answer]] = {
    "checkpoint": check_checkpoint,
    "collections": check_collections,
    "vectors": check_vectors,
    "files": check_files,
    "thumbnails": check_thumbnails,
    "encoding": check_encoding,
    "recall": check_recall,
    "leftovers": check_leftovers,
}
"""In the order in which they run and are shown."""
