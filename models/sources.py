"""SOURCE strings -> image files with labels.

A SOURCE is what a user names on a command line: a folder, a ``.zip`` archive, ``demo``, or
``procedural`` with or without a ``:COUNT``. Archives and generated images are placed below a
workspace folder, so that every image is a plain file afterwards and can be shown again.

Labels come from the first folder level. A folder that merely wraps everything else, as archives
and data sets often have, is passed over: as long as there is exactly one folder and no image
beside it or directly in it, the level below counts. Relative paths always start at the root, so
that a second folder added later changes no image's identity.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from models.errors import EmptySourceError, SourceError
from models.images import IMAGE_SUFFIXES

DEMO = "demo"
PROCEDURAL = "procedural"
SOURCE_KINDS = "a folder, a .zip, demo, or procedural[:COUNT]"
"""What help texts say of SOURCE."""

_PROCEDURAL_COUNT = 4000  # about two minutes on two cores, and 130 MB
_NAME_LENGTH = 64
_SKIPPED_NAMES = frozenset(
    ("@eadir", "__macosx", "system volume information", "node_modules", "#recycle", "thumbs.db")
)
_VERSION_FILE = ".version"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One file of a source that looks like an image; it has not been opened yet.

    Attributes:
        path: where its bytes can be read now.
        relative_path: its place below the source's root, with ``/``; the image's identity.
        label: first folder below the root (a wrapping folder is passed over, see above), ``None``
            for files that lie in the root itself.
        bytes: size of the file.
        mtime_ns: modification time in nanoseconds since the epoch.
    """

    path: Path
    relative_path: str
    label: str | None
    bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Source:
    """A source that was found: where its files lie, and what they are.

    Attributes:
        spec: the SOURCE string as the user gave it (made absolute for folders and archives).
        name: default dataset name: ``[a-z0-9_-]+``, from the folder or archive name, or "demo" or
            "procedural".
        root: folder that ``relative_path`` is relative to.
        files: sorted by ``relative_path``.
        unreadable: folders that could not be listed, and files whose names are not text, as
            (relative path, reason).
    """

    spec: str
    name: str
    root: Path
    files: tuple[ImageFile, ...]
    unreadable: tuple[tuple[str, str], ...] = ()


def open_source(spec: str, *, workspace: Path) -> Source:
    """Find the images that ``spec`` names.

    Args:
        spec: a folder, a ``.zip`` file, ``demo``, or ``procedural`` for 4,000 pictures to train
            on and ``procedural:COUNT`` for more or fewer (``./demo`` is a folder of that name).
        workspace: folder for unpacked archives and generated images; made when needed.

    Raises:
        EmptySourceError: no image files in it.
        SourceError: nothing there, not understood, or an unsafe archive.
    """
    if spec == DEMO:
        return _source(DEMO, DEMO, _demo_folder(workspace))
    if spec.partition(":")[0] == PROCEDURAL:
        return _source(spec, PROCEDURAL, _procedural_folder(spec, workspace))
    try:
        # Not resolve(): a link that the user named is shown by its own name.
        path = Path(os.path.abspath(Path(spec).expanduser()))  # noqa: PTH100
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, an unknown ~user
        is_folder = is_file = False
    if spec and is_folder:
        return _source(str(path), _default_name(path.name), path)
    if spec and is_file:
        return _source(str(path), _default_name(path.stem), _unpacked_folder(path, workspace))
    raise SourceError(f"no such file or folder: {spec!r}; give {SOURCE_KINDS}")


def dataset_name(text: str) -> str:
    """A dataset name (``[a-z0-9_-]+``) from any text, such as a folder name.

    Accents are dropped, and anything else becomes ``-``; no ``__`` remains, for it separates the
    parts of collection names.

    Raises:
        SourceError: nothing usable remains.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    dashed = re.sub(r"_{2,}", "_", re.sub(r"[^a-z0-9_]+", "-", plain))
    name = dashed.strip("-_")[:_NAME_LENGTH].rstrip("-_")
    if not name:
        raise SourceError(f"no dataset name can be made of {text!r}; use letters a-z and digits")
    return name


def _default_name(text: str) -> str:
    """A dataset name for any folder or archive, whatever its script."""
    try:
        return dataset_name(text)
    except SourceError:
        return f"images-{hashlib.sha256(os.fsencode(text)).hexdigest()[:8]}"


def _source(spec: str, name: str, root: Path) -> Source:
    """List ``root``; an empty list is an error, because nothing can follow from it."""
    listing = _Listing(root)
    listing.run()
    if not listing.found:
        suffixes = "looked for " + ", ".join(sorted(IMAGE_SUFFIXES))
        links = "; links are not followed" if listing.links else ""
        blocked = f"; {len(listing.unreadable)} unreadable" if listing.unreadable else ""
        message = f"{spec!r} holds no images ({suffixes}{links}{blocked})"
        raise EmptySourceError(message, Source(spec, name, root, (), tuple(listing.unreadable)))
    files = _with_labels(sorted(listing.found, key=lambda found: found.relative_path))
    return Source(spec, name, root, files, tuple(sorted(listing.unreadable)))


def _is_skipped(name: str) -> bool:
    """Hidden, or made by an operating system or a tool."""
    return name.startswith(".") or name.casefold() in _SKIPPED_NAMES


def _is_wanted(path: PurePath) -> bool:
    """An image by its name, in no skipped folder."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not any(map(_is_skipped, path.parts))


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
    found: list[_Found] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    links: int = 0

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
            if _is_skipped(entry.name):
                continue
            if entry.is_symlink():
                self.links += 1
            elif entry.is_dir(follow_symlinks=False):
                yield relative
            elif _is_wanted(PurePath(entry.name)) and entry.is_file(follow_symlinks=False):
                self._note(entry, relative)

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


def _with_labels(found: list[_Found]) -> tuple[ImageFile, ...]:
    """Name each file's label, below the folders that wrap everything."""
    folders = [file.relative_path.split("/")[:-1] for file in found]
    level = 0
    # One folder for all, with every image at least one folder deeper: a wrapper.
    while len({tuple(parts[: level + 1]) for parts in folders}) == 1 and all(
        len(parts) > level + 1 for parts in folders
    ):
        level += 1
    return tuple(
        ImageFile(
            path=file.path,
            relative_path=file.relative_path,
            label=parts[level] if len(parts) > level else None,
            bytes=file.bytes,
            mtime_ns=file.mtime_ns,
        )
        for file, parts in zip(found, folders, strict=True)
    )


def _unpacked_folder(archive: Path, workspace: Path) -> Path:
    """The folder with the images of ``archive``, unpacked once for each state of the file."""
    from models.archives import unpack_images

    status = archive.stat()
    state = f"{archive.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    target = workspace / f"{_default_name(archive.stem)}-{digest}"
    if not target.is_dir():
        _build(target, lambda folder: unpack_images(archive, folder, wanted=_is_wanted))
    return target


def _demo_folder(workspace: Path) -> Path:
    """The folder with the demo images."""
    from models.demo_images import VERSION, generate

    return _generated_folder(workspace / DEMO, VERSION, generate)


def _procedural_folder(spec: str, workspace: Path) -> Path:
    """The folder with as many procedural images as ``spec`` says; each number has its own."""
    from models.procedural_images import VERSION, generate

    count = _procedural_count(spec)
    target = workspace / f"{PROCEDURAL}-{count}"
    return _generated_folder(target, VERSION, lambda folder: generate(folder, count))


def _procedural_count(spec: str) -> int:
    """The COUNT of ``procedural:COUNT``."""
    from models.procedural_images import MOST_PICTURES

    _, colon, digits = spec.partition(":")
    if not colon:
        return _PROCEDURAL_COUNT
    # Not int() alone, which takes "1_000", " 5" and digits of other scripts.
    count = int(digits) if re.fullmatch("[0-9]{1,9}", digits) else 0
    if not 1 <= count <= MOST_PICTURES:
        raise SourceError(
            f"{spec!r}: COUNT is a whole number from 1 to {MOST_PICTURES}, "
            f"as in {PROCEDURAL}:{_PROCEDURAL_COUNT}"
        )
    return count


def _generated_folder(target: Path, version: str, generate: Callable[[Path], object]) -> Path:
    """``target``, generated once for each version of its generator."""
    line = f"{version}\n"

    def fill(folder: Path) -> None:
        generate(folder)
        (folder / _VERSION_FILE).write_text(line, encoding="utf-8")

    try:
        current = (target / _VERSION_FILE).read_text(encoding="utf-8") == line
    except (OSError, ValueError):
        current = False
    if not current:
        _build(target, fill)
    return target


def _build(target: Path, fill: Callable[[Path], object]) -> None:
    """Fill a new folder beside ``target``, then put it in place: never half of it is seen."""
    beside = target.with_name(f".{target.name}-{uuid.uuid4().hex[:12]}")
    try:
        beside.mkdir(parents=True)
        fill(beside)
        _put_in_place(beside, target)
    except OSError as error:
        raise SourceError(f"cannot write below {str(target.parent)!r}: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put_in_place(folder: Path, target: Path) -> None:
    """Rename ``folder`` to ``target``; what stood there goes."""
    old = folder.with_name(f"{folder.name}-old")
    try:
        if target.exists():
            target.rename(old)
        folder.rename(target)
    finally:
        shutil.rmtree(old, ignore_errors=True)
