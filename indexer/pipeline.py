"""sync: bring the index of a dataset in line with its source.

scan -> compare -> decode, encode, pool -> upsert -> sweep -> publish. Readers see the old state
until the last step. A run that was cut off is continued by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from tqdm import tqdm

from indexer.changes import Changes, Rewrite, find_changes
from indexer.emptiness import EmptinessGuard
from indexer.encoding import FileCheck, FileEncoder, ImageEncoder, in_parallel
from indexer.errors import DamagedIndexError, DatasetNotIndexedError, InvalidRequestError
from indexer.failures import FailureLedger, read_ledger, reader_of, write_ledger
from indexer.layout import DataFolder
from indexer.leftovers import keep_checkpoint, remove_leftovers
from indexer.parts import Part
from indexer.reading import file_payload
from indexer.schema import IndexSpec, check_dataset, point_id
from indexer.store.base import IndexWriter, PartWriter, VectorStore
from indexer.tally import Tally
from indexer.types import DatasetInfo, Distance, FailedFile, Point, Record, SyncReport
from indexer.workload import Workload
from models.checkpoint import DEFAULT_CHECKPOINT
from models.images import MAX_MEGAPIXELS
from models.pooling import STANDARD, Pooling
from models.progress import ProgressFile
from models.sources import ImageFile, Source

BATCH = 128
"""Points written in one call of the store."""

T = TypeVar("T")


def sync(
    source: Source,
    encoder: ImageEncoder,
    store: VectorStore,
    *,
    checkpoint: Path,
    data_dir: Path,
    dataset: str | None = None,
    distances: Sequence[Distance] = (),
    poolings: Sequence[Pooling] = (),
    limit: int | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    workload: Workload | None = None,
    retry: bool = False,
    part: Part | None = None,
    finish: bool = False,
    allow_empty: bool = False,
    dry_run: bool = False,
    progress: bool = True,
    told: ProgressFile | None = None,
) -> SyncReport:
    """Make the index of ``dataset`` say what ``source`` says; running it again changes nothing.

    Args:
        source: the images.
        encoder: of ``checkpoint``.
        store: where the index lives, in ``data_dir``.
        checkpoint: folder of the checkpoint; it is copied into ``data_dir``, so that the index
            stays searchable when the folder is trained into again.
        data_dir: the data folder.
        dataset: name of the dataset; the source's own name by default.
        distances: the collections the index shall have. By default those it has, or all.
        poolings: the named vectors it shall have beside the standard two. By default those it has.
            Other ones than it has need every image encoded again.
        limit: look at the first files only; the images of the others stay as they are.
        max_megapixels: larger images are left out; stored ones stay while they are unchanged.
        workload: how many images are worked on at once; by default what suits the encoder's device.
        retry: look at nothing but the files that failed before, and try them again.
        part: encode only these files, beside the processes that encode the other parts; nothing is
            removed and nothing published.
        finish: publish what the parts have filled; refused while one is missing.
        allow_empty: take a source without the images that are indexed at its word; otherwise it is
            a fault, such as a drive that is not mounted.
        dry_run: count what would be done, and write nothing at all.
        progress: show a bar on stderr.
        told: hears how far the sync is.

    Raises:
        CollectionBusyError: another process writes this dataset.
        DataFolderError: the data folder cannot be written.
        InvalidRequestError: not a name for a dataset, or a pooling that the encoder cannot do.
        SourceError: the source has none of the images that are indexed, or none that can be read;
            the index is left as it was.
        VectorSizeError: the encoder's vectors are longer than engines store.
    """
    name = check_dataset(dataset or source.name)
    published = _published(store, name)
    spec = IndexSpec(
        dataset=name,
        arch=encoder.arch,
        fingerprint=encoder.fingerprint,
        image_size=encoder.preprocess.image_size,
        distances=_distances(distances, published),
        vector_sizes=_vector_sizes(poolings, published, encoder),
        source=source.spec,
        root=str(source.root.absolute()),
    )
    folder = DataFolder(data_dir)
    ledger = read_ledger(folder.failures(name), reader_of(spec, max_megapixels))
    if retry:
        ledger = ledger.forgiven()
        source = ledger.only_these(source)
        limit = len(source.files)
    job = _Sync(
        source=source,
        encoder=encoder,
        store=store,
        spec=spec,
        published=published if _is_base(published, spec) else None,
        folder=folder,
        ledger=ledger,
        limit=limit,
        part=part,
        guard=EmptinessGuard(source, name, published.images if published else 0, allow_empty),
        max_megapixels=max_megapixels,
        workload=workload or Workload.on(encoder.device_type),
        progress=progress,
        told=told or ProgressFile(),
    )
    if dry_run:
        return job.dry_run()
    job.folder.prepare()
    keep_checkpoint(checkpoint, encoder, job.folder)
    if part:
        # What is left over may be what another part is just using.
        with closing(store.part_writer(spec, part)) as filler:
            return job.fill(filler)
    with closing(store.finish_writer(spec) if finish else store.writer(spec)) as writer:
        report = job.run(writer)
    remove_leftovers(store, job.folder)
    return report


def usual_checkpoint(store: VectorStore, dataset: str, data_dir: Path) -> Path:
    """What to encode ``dataset`` with when nobody says: the index's own, or the program's.

    Raises:
        InvalidRequestError: not a name for a dataset.
    """
    published = _published(store, check_dataset(dataset))
    if published is None:
        return DEFAULT_CHECKPOINT
    return DataFolder(data_dir).checkpoints / published.checkpoint


def _published(store: VectorStore, dataset: str) -> DatasetInfo | None:
    try:
        return store.describe(dataset)
    except (DatasetNotIndexedError, DamagedIndexError):
        return None


def _distances(asked: Sequence[Distance], published: DatasetInfo | None) -> tuple[Distance, ...]:
    """Those asked for, in their order; otherwise those there are, or all."""
    if not asked:
        return published.distances if published else tuple(Distance)
    return tuple(distance for distance in Distance if distance in asked)


def _vector_sizes(
    asked: Sequence[Pooling], published: DatasetInfo | None, encoder: ImageEncoder
) -> dict[Pooling, int]:
    """Of the standard poolings and those asked for, in their order; otherwise those there are."""
    if not asked and published:
        asked = tuple(published.vector_sizes)
    wanted = [pooling for pooling in Pooling if pooling in (*STANDARD, *asked)]
    for pooling in wanted:
        if pooling not in encoder.vector_sizes:
            raise InvalidRequestError(
                f"{encoder.name} cannot make {pooling} vectors: its checkpoint has nothing fitted "
                "for them; `python scripts/train.py SOURCE --out DIR --resume` adds that, "
                f"`--pooling {STANDARD[0]}` does without"
            )
    return {pooling: encoder.vector_sizes[pooling] for pooling in wanted}


@dataclass(slots=True, kw_only=True)
class _Sync:
    """One run.

    Attributes:
        published: the published index, when the work starts from it.
        ledger: what is known of unreadable files.
        part: the share of the source that is worked on.
        stored: the points that the work starts from.
    """

    source: Source
    encoder: ImageEncoder
    store: VectorStore
    spec: IndexSpec
    published: DatasetInfo | None
    folder: DataFolder
    ledger: FailureLedger
    limit: int | None
    part: Part | None
    guard: EmptinessGuard
    max_megapixels: float
    workload: Workload
    progress: bool
    told: ProgressFile
    stored: dict[UUID, Record] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def run(self, writer: IndexWriter) -> SyncReport:
        """Do it."""
        with self.tally.timed("total"):
            self.told.begin("comparing")
            with self.tally.timed("compare"):
                self.stored = {record.id: record for record in writer.records()}
                changes = self._changes()
            self._rewrite(writer, changes)
            self._encode(writer, changes.encode)
            removed = self._sweep(changes)
            with self.tally.timed("write"):
                writer.delete(removed)
                self._remember_failures()
            self.told.begin("publishing")
            with self.tally.timed("publish"):
                writer.publish()
        return self.tally.report(self.spec)

    def fill(self, writer: PartWriter) -> SyncReport:
        """Encode what belongs to the part; the rest is for whoever finishes."""
        with self.tally.timed("total"):
            with self.tally.timed("compare"):
                self.stored = {record.id: record for record in writer.records()}
                changes = self._changes()
            self._rewrite(writer, changes)
            self._encode(writer, changes.encode)
            writer.note()
        return self.tally.report(self.spec)

    def dry_run(self) -> SyncReport:
        """Count what ``run`` would do; files are opened, but not encoded."""
        with self.tally.timed("total"):
            if self.published:
                records = self.store.scroll(self.spec.dataset, self.spec.distances[0])
                self.stored = {record.id: record for record in records}
            changes = self._changes()
            check = FileCheck(self.encoder.preprocess, self.max_megapixels)
            checked = in_parallel(check, changes.encode, self.workload)
            for file, failure in self._bar("checking", checked, changes.encode):
                self._count(file, failure)
            self.tally.count_rewrites([*changes.moved, *changes.touched])
            self._sweep(changes)
        return self.tally.report(self.spec)

    def _changes(self) -> Changes:
        changes = find_changes(
            self.source,
            self.stored,
            self.spec.dataset,
            ledger=self.ledger,
            limit=self.limit,
            part=self.part,
        )
        # Of what moved, a part sees its own share only; nothing of it goes before the end.
        moved = len(changes.moved) if self.part is None else len(self.source.files)
        self.guard.check_still_there(stored=len(self.stored), gone=len(changes.gone) - moved)
        self.tally.unchanged = changes.unchanged
        self.tally.failed.extend(changes.failed)
        return changes

    def _rewrite(self, writer: IndexWriter, changes: Changes) -> None:
        """Give known images their new payload; those whose vectors are lost are to be encoded."""
        rewrites = [*changes.moved, *changes.touched]
        changes.moved.clear()
        for batch in _batches(rewrites, BATCH):
            vectors = self._vectors(batch)
            kept = [one for one in batch if one.record.id in vectors]
            changes.encode.extend(one.file for one in batch if one.record.id not in vectors)
            changes.moved.extend(one for one in kept if one.is_move)
            with self.tally.timed("write"):
                writer.upsert([self._kept_point(one, vectors[one.record.id]) for one in kept])
            self.tally.count_rewrites(kept)

    def _vectors(self, rewrites: Sequence[Rewrite]) -> dict[UUID, Record]:
        """Published records, with vectors, that still are what was compared.

        Raw vectors serve both distances. Where there is only cosine, its unit vectors serve.
        """
        if not self.published:
            return {}
        raw = Distance.EUCLID in self.published.distances
        found = self.store.retrieve(
            self.spec.dataset,
            Distance.EUCLID if raw else Distance.COSINE,
            [rewrite.record.id for rewrite in rewrites],
            with_vectors=True,
        )
        return {
            record.id: record
            for record in found
            if record.payload.get("sha256") == self.stored[record.id].payload.get("sha256")
        }

    def _kept_point(self, rewrite: Rewrite, kept: Record) -> Point:
        payload = {**rewrite.record.payload, **file_payload(rewrite.file)}
        identity = point_id(self.spec.dataset, rewrite.file.relative_path)
        return Point(identity, kept.vectors, payload)

    def _encode(self, writer: IndexWriter, files: Sequence[ImageFile]) -> None:
        """Encode ``files`` and write their points; removal of what they replace comes later."""
        poolings = tuple(self.spec.vector_sizes)
        work = FileEncoder(
            self.spec.dataset,
            self.encoder,
            poolings,
            self.folder.thumbnails,
            self.max_megapixels,
        )
        outcomes = self._bar("encoding", work(files, self.workload), files)
        for batch in iter(lambda: self._next(outcomes), []):
            points = [outcome for _, outcome in batch if isinstance(outcome, Point)]
            with self.tally.timed("write"):
                writer.upsert(points)
            for file, outcome in batch:
                self._count(file, outcome if isinstance(outcome, FailedFile) else None)

    def _next(self, outcomes: Iterator[T]) -> list[T]:
        with self.tally.timed("encode"):
            return list(islice(outcomes, BATCH))

    def _bar(
        self, doing: str, outcomes: Iterable[T], files: Sequence[ImageFile]
    ) -> Iterator[tuple[ImageFile, T]]:
        """Every file with its outcome, in order, with a progress bar."""
        if not files:
            return
        shown = tqdm(
            self.told.track(outcomes, doing, total=len(files)),
            desc=f"{self.spec.dataset}: {doing}",
            total=len(files),
            unit="image",
            disable=not self.progress,
        )
        yield from zip(files, shown, strict=True)

    def _count(self, file: ImageFile, failure: FailedFile | None) -> None:
        if failure is not None:
            self.tally.failed.append(failure)
        elif point_id(self.spec.dataset, file.relative_path) in self.stored:
            self.tally.updated += 1
        else:
            self.tally.added += 1

    def _sweep(self, changes: Changes) -> list[UUID]:
        """Points to remove: without a file, moved away, or of a file that is readable no more.

        Only those that are not moved away are images less.
        """
        failed = {point_id(self.spec.dataset, file.path) for file in self.tally.failed}
        removed = changes.gone | (failed & self.stored.keys())
        self.tally.removed = len(removed) - len(changes.moved)
        left = len(self.stored) + self.tally.added - self.tally.removed
        self.guard.check_left(left, self.tally.failed)
        return sorted(removed)

    def _remember_failures(self) -> None:
        """Renew the ledger."""
        path = self.folder.failures(self.spec.dataset)
        with self.folder.errors("written"):
            write_ledger(
                path, self.ledger.renewed(self.source, self.tally.failed, limit=self.limit)
            )


def _is_base(published: DatasetInfo | None, spec: IndexSpec) -> bool:
    """Whether the writer of ``spec`` starts from the published points."""
    return (
        published is not None
        and published.fingerprint == spec.fingerprint
        and published.vector_sizes == spec.vector_sizes
        and set(spec.distances) <= set(published.distances)
    )


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
