"""The image files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from models.errors import EmptySourceError
from models.formats import IMAGE_SUFFIXES
from models.sources.exclusion import Exclusion, is_skipped
from models.sources.labels import folder_labels
from models.sources.source import ImageFile, Source


def list_images(source: Source, exclusion: Exclusion) -> Source:
    """``source`` with the images below its root; none is an error: nothing can follow from it.

    Raises:
        EmptySourceError: no images.
    """
    listing = _Listing(source.root, exclusion)
    listing.run()
    if not listing.found:
        suffixes = "looked for " + ", ".join(sorted(IMAGE_SUFFIXES))
        links = "; links are not followed" if listing.links else ""
        excluded = f"; {listing.excluded} excluded" if listing.excluded else ""
        blocked = f"; {len(listing.unreadable)} unreadable" if listing.unreadable else ""
        message = f"{source.spec!r} holds no images ({suffixes}{links}{excluded}{blocked})"
        raise EmptySourceError(message, replace(source, unreadable=tuple(listing.unreadable)))
    found = sorted(listing.found, key=lambda file: file.relative_path)
    labels = folder_labels([file.relative_path for file in found])
    files = tuple(
        ImageFile(
            path=file.path,
            relative_path=file.relative_path,
            label=label,
            bytes=file.bytes,
            mtime_ns=file.mtime_ns,
        )
        for file, label in zip(found, labels, strict=True)
    )
    return replace(source, files=files, unreadable=tuple(sorted(listing.unreadable)))


def is_wanted(path: PurePath) -> bool:
    """An image by its name, in no skipped folder."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not any(map(is_skipped, path.parts))


@dataclass(frozen=True, slots=True)
class _Found:
    relative_path: str
    bytes: int
    mtime_ns: int
    path: Path


@dataclass(slots=True)
class _Listing:
    """One walk over a folder. Links are not followed: neither out of the root nor in circles."""

    root: Path
    exclusion: Exclusion
    found: list[_Found] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    links: int = 0
    excluded: int = 0

    def run(self) -> None:
        """Walk the whole tree; a folder that cannot be listed is noted and passed over."""
        pending = [""]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self.root / folder) as entries:
                    pending.extend(self._folders_after_files(entries, folder))
            except OSError as error:
                reason = (error.strerror or "cannot be listed").lower()
                self.unreadable.append((folder or ".", reason))

    def _folders_after_files(
        self, entries: Iterable[os.DirEntry[str]], folder: str
    ) -> Iterator[str]:
        """Note the images of one folder and yield the folders in it."""
        for entry in entries:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if is_skipped(entry.name):
                continue
            if entry.is_symlink():
                self.links += 1
            elif entry.is_dir(follow_symlinks=False):
                if self._is_kept(f"{relative}/"):
                    yield relative
            elif self._is_image(entry) and self._is_kept(relative):
                self._note(entry, relative)

    @staticmethod
    def _is_image(entry: os.DirEntry[str]) -> bool:
        return is_wanted(PurePath(entry.name)) and entry.is_file(follow_symlinks=False)

    def _is_kept(self, relative: str) -> bool:
        excluded = self.exclusion.matches(relative)
        self.excluded += excluded
        return not excluded

    def _note(self, entry: os.DirEntry[str], relative: str) -> None:
        try:
            relative.encode()
            status = entry.stat(follow_symlinks=False)
        except UnicodeEncodeError:
            readable = os.fsencode(relative).decode(errors="replace")
            self.unreadable.append((readable, "the name is not valid UTF-8"))
        except FileNotFoundError:
            return  # deleted since the folder was listed
        else:
            path = Path(entry.path)
            self.found.append(_Found(relative, status.st_size, status.st_mtime_ns, path))
