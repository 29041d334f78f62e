"""The failure ledger: the files of a dataset that could not be read, and since when.

A file that is no image, or a damaged one, fails in the same way until it changes. Later syncs pass
it over instead of decoding it again, and go on reporting it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from indexer.layout import write_atomically
from indexer.schema import IndexSpec
from indexer.types import FailedFile
from models.sources import ImageFile, Source

FORMAT = 1
"""Version of the file's layout."""

_DECODERS = ("image-similarity-engine", "pillow", "pillow-heif")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """One entry.

    Attributes:
        path: relative path of the file, or of a folder that could not be listed.
        reason: why it could not be read.
        bytes, mtime_ns: of the file that failed; None where they could not be had.
        first_seen: when it failed first in this state, ISO 8601 UTC.
        lasting: it fails again until it changes; otherwise, as with a missing permission, every
            sync tries again.
    """

    path: str
    reason: str
    bytes: int | None
    mtime_ns: int | None
    first_seen: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class FailurePage:
    """Some of the files that could not be read, by path.

    Attributes:
        failures: these.
        total: how many there are in all.
        offset: the place of the first of ``failures`` among them, from 0.
    """

    failures: tuple[Failure, ...]
    total: int
    offset: int


@dataclass(frozen=True, slots=True)
class FailureLedger:
    """What is known of the unreadable files of one dataset.

    Attributes:
        reader: what tried to read them, as :func:`reader_of` says; another one may succeed.
        failures: by path.
    """

    reader: str
    failures: Mapping[str, Failure] = field(default_factory=dict)

    def known(self, file: ImageFile) -> Failure | None:
        """The failure of ``file``, when trying again would be in vain."""
        failure = self.failures.get(file.relative_path)
        if failure is None or not failure.lasting or not _is_of(failure, file):
            return None
        return failure

    def by_path(self) -> list[Failure]:
        """All entries, ordered by path."""
        return [self.failures[path] for path in sorted(self.failures)]

    def page(self, *, offset: int, limit: int) -> FailurePage:
        """``limit`` entries from place ``offset`` on; there are none before 0."""
        wanted = self.by_path()[offset : offset + limit] if offset >= 0 else []
        return FailurePage(tuple(wanted), len(self.failures), offset)

    def forgiven(self) -> FailureLedger:
        """The same entries, all to be tried again."""
        failures = {path: replace(one, lasting=False) for path, one in self.failures.items()}
        return FailureLedger(self.reader, failures)

    def only_these(self, source: Source) -> Source:
        """``source`` with nothing but the files of the ledger, and those below its folders."""
        return replace(
            source, files=tuple(file for file in source.files if self._covers(file.relative_path))
        )

    def renewed(
        self, source: Source, failed: Iterable[FailedFile], *, limit: int | None = None
    ) -> FailureLedger:
        """The ledger after a sync that looked at the first ``limit`` files of ``source``.

        Files that were read, or are gone, leave it; what was not looked at stays.
        """
        files = {file.relative_path: file for file in source.files}
        looked_at = {file.relative_path for file in source.files[:limit]}
        hidden = tuple(path for path, _ in source.unreadable)
        kept = {
            path: failure
            for path, failure in self.failures.items()
            if (path in files or is_below(path, hidden)) and path not in looked_at
        }
        now = datetime.now(UTC).isoformat(timespec="seconds")
        fresh = {one.path: self._entry(one, files.get(one.path), now) for one in failed}
        return FailureLedger(self.reader, kept | fresh)

    def _covers(self, path: str) -> bool:
        folders = tuple(one.path for one in self.failures.values() if one.bytes is None)
        return path in self.failures or is_below(path, folders)

    def _entry(self, failed: FailedFile, file: ImageFile | None, now: str) -> Failure:
        before = self.failures.get(failed.path)
        same = before is not None and (file is None or _is_of(before, file))
        return Failure(
            path=failed.path,
            reason=failed.reason,
            bytes=file.bytes if file else None,
            mtime_ns=file.mtime_ns if file else None,
            first_seen=before.first_seen if before is not None and same else now,
            lasting=failed.lasting,
        )


def reader_of(spec: IndexSpec, max_megapixels: float) -> str:
    """What reads the files of an index: decoders and their limit, checkpoint and poolings.

    A newer decoder may open what an older one could not; a vector may be all zero with one
    checkpoint and not with another.
    """
    return ", ".join(
        [
            *_versions(),
            f"up to {max_megapixels:g} megapixels",
            f"{spec.arch}-{spec.fingerprint}",
            "+".join(sorted(spec.vector_sizes)),
        ]
    )


def read_ledger(path: Path, reader: str | None = None) -> FailureLedger:
    """The ledger in ``path``, empty when there is none; entries of another reader are forgiven.

    A damaged one costs no more than trying its files again: it is logged and counts as empty.
    """
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r} where {FORMAT} is understood")
        failures = {entry["path"]: Failure(**entry) for entry in content["failures"]}
        ledger = FailureLedger(str(content["reader"]), failures)
    except FileNotFoundError:
        return FailureLedger(reader or "")
    except (OSError, ValueError, KeyError, TypeError) as error:
        _logger.warning("the failure ledger %s is left aside: %s", path, error)
        return FailureLedger(reader or "")
    if reader is None or reader == ledger.reader:
        return ledger
    return replace(ledger.forgiven(), reader=reader)


def write_ledger(path: Path, ledger: FailureLedger) -> None:
    """Replace the ledger in ``path``; an empty one is removed."""
    if not ledger.failures:
        path.unlink(missing_ok=True)
        return
    entries = [asdict(failure) for failure in ledger.by_path()]
    content = {"format": FORMAT, "reader": ledger.reader, "failures": entries}
    write_atomically(path, json.dumps(content, indent=1).encode())


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether a relative path lies in one of ``folders``; ``.`` is the root."""
    return any(folder == "." or path.startswith(f"{folder}/") for folder in folders)


def _is_of(failure: Failure, file: ImageFile) -> bool:
    return (failure.bytes, failure.mtime_ns) == (file.bytes, file.mtime_ns)


def _versions() -> list[str]:
    found = []
    for package in _DECODERS:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # an optional one
            continue
    return found
