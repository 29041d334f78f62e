"""SyncRun: the steps of one sync, and what is counted on the way.

compare -> decode, encode, pool -> upsert -> sweep -> publish. Readers see the old state until the
last step. A run that was cut off is continued by the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar
from uuid import UUID

from tqdm import tqdm

from indexer.changes import Changes, Rewrite, find_changes
from indexer.emptiness import EmptinessGuard
from indexer.encoding import FileCheck, FileEncoder, ImageEncoder, in_parallel
from indexer.failures import FailureLedger, write_ledger
from indexer.layout import DataFolder
from indexer.reading import file_payload
from indexer.schema import IndexSpec, point_id
from indexer.store.base import IndexWriter, PartWriter, VectorStore
from indexer.sync_options import SyncOptions
from indexer.tally import Tally
from indexer.types import DatasetInfo, Distance, FailedFile, Point, Record, SyncReport
from indexer.workload import Workload
from models.progress import ProgressFile
from models.sources import ImageFile, Source

BATCH = 128
"""Points written in one call of the store."""

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class SyncRun:
    """One sync of one dataset, step by step.

    Attributes:
        source: the images.
        encoder: makes their vectors.
        store: where readers see the published index.
        spec: the index that is being made.
        base: the published index, when the work starts from it.
        folder: the data folder.
        ledger: what is known of unreadable files.
        options: what is asked for.
        guard: refuses to empty the index.
        workload: how many images are worked on at once.
        progress: show a bar on stderr.
        told: hears how far it is.
        stored: the points that the work starts from.
        tally: what was done so far.
    """

    source: Source
    encoder: ImageEncoder
    store: VectorStore
    spec: IndexSpec
    base: DatasetInfo | None
    folder: DataFolder
    ledger: FailureLedger
    options: SyncOptions
    guard: EmptinessGuard
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
            if self.base:
                records = self.store.scroll(self.spec.dataset, self.spec.distances[0])
                self.stored = {record.id: record for record in records}
            changes = self._changes()
            check = FileCheck(self.encoder.preprocess, self.options.max_megapixels)
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
            limit=self.options.limit,
            part=self.options.part,
        )
        # Of what moved, a part sees its own share only; nothing of it goes before the end.
        moved = len(changes.moved) if self.options.part is None else len(self.source.files)
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
        if not self.base:
            return {}
        raw = Distance.EUCLID in self.base.distances
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
            self.options.max_megapixels,
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
                path, self.ledger.renewed(self.source, self.tally.failed, limit=self.options.limit)
            )


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
