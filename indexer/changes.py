"""What a sync has to do: the files of a source against the points that are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from indexer.failures import FailureLedger, is_below
from indexer.parts import Part
from indexer.reading import failed_file, file_payload, hash_file
from indexer.schema import SCHEMA_VERSION, point_id
from indexer.types import FailedFile, Record
from models.errors import UnreadableImageError
from models.sources import ImageFile, Source


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A stored image whose content is known but whose path, label or time is not."""

    record: Record
    file: ImageFile

    @property
    def is_move(self) -> bool:
        """Whether the path is another one."""
        return self.record.payload["path"] != self.file.relative_path


@dataclass(slots=True)
class Changes:
    """The work of one sync.

    Attributes:
        encode: files to encode: new ones, and those with other content than stored.
        moved: stored under a path that is gone; vectors are kept.
        touched: same path and content, another time or label; vectors are kept.
        unchanged: number of files that need nothing at all.
        gone: stored points without a file.
        failed: files that cannot be read, and those that are known to be so.
    """

    encode: list[ImageFile] = field(default_factory=list)
    moved: list[Rewrite] = field(default_factory=list)
    touched: list[Rewrite] = field(default_factory=list)
    unchanged: int = 0
    gone: set[UUID] = field(default_factory=set)
    failed: list[FailedFile] = field(default_factory=list)


def find_changes(
    source: Source,
    stored: Mapping[UUID, Record],
    dataset: str,
    *,
    ledger: FailureLedger,
    limit: int | None = None,
    part: Part | None = None,
) -> Changes:
    """Compare size and time first, and content only where they differ.

    With ``part`` only its files are looked at; what is gone is so for all parts.

    With ``limit`` only the first files are looked at, and nothing is taken for gone. Nor is
    anything that lies in a folder that could not be listed. Files that ``ledger`` knows are not
    opened.
    """
    changes = Changes(failed=[FailedFile(*entry) for entry in source.unreadable])
    if limit is None:
        changes.gone = _gone(source, stored, dataset)
    departed = _by_size(stored[point] for point in changes.gone)
    for file in source.files[:limit]:
        if part and not part.holds(point_id(dataset, file.relative_path)):
            continue
        if known := ledger.known(file):
            changes.failed.append(
                FailedFile(known.path, known.reason, lasting=True, passed_over=True)
            )
            continue
        try:
            _place(file, stored.get(point_id(dataset, file.relative_path)), departed, changes)
        except UnreadableImageError as error:
            changes.failed.append(failed_file(file, error))
    return changes


def _place(
    file: ImageFile,
    record: Record | None,
    departed: dict[int, list[Record]],
    changes: Changes,
) -> None:
    """Put one file where it belongs in ``changes``."""
    if record is None:
        origin = _origin(file, departed)
        if origin is None:
            changes.encode.append(file)
        else:
            changes.moved.append(Rewrite(origin, file))
    elif record.payload.get("schema") != SCHEMA_VERSION or not _same_content(file, record):
        changes.encode.append(file)
    elif all(record.payload.get(key) == value for key, value in file_payload(file).items()):
        changes.unchanged += 1
    else:
        changes.touched.append(Rewrite(record, file))


def _same_content(file: ImageFile, record: Record) -> bool:
    payload = record.payload
    if payload.get("bytes") != file.bytes:
        return False
    return payload.get("mtime") == file.mtime_ns or payload.get("sha256") == hash_file(file.path)


def _origin(file: ImageFile, departed: dict[int, list[Record]]) -> Record | None:
    """The departed record with the content of ``file``, taken out.

    The file is read only if one has its size.
    """
    same_size = departed.get(file.bytes)
    if not same_size:
        return None
    content = hash_file(file.path)
    for record in same_size:
        if record.payload.get("sha256") == content:
            same_size.remove(record)
            return record
    return None


def _gone(source: Source, stored: Mapping[UUID, Record], dataset: str) -> set[UUID]:
    present = {point_id(dataset, file.relative_path) for file in source.files}
    hidden = tuple(path for path, _ in source.unreadable)
    return {
        point
        for point, record in stored.items()
        if point not in present and not is_below(str(record.payload.get("path")), hidden)
    }


def _by_size(records: Iterable[Record]) -> dict[int, list[Record]]:
    sizes: dict[int, list[Record]] = {}
    for record in records:
        size = record.payload.get("bytes")
        if isinstance(size, int) and record.payload.get("schema") == SCHEMA_VERSION:
            sizes.setdefault(size, []).append(record)
    return sizes
