"""Labels: from folders, or from a CSV file.

Folder labels come from the first folder level. A folder that merely wraps everything else, as
archives and data sets often have, is passed over: as long as there is exactly one folder and no
image beside it or directly in it, the level below counts. Relative paths always start at the root,
so that a second folder added later changes no image's identity.
"""

from __future__ import annotations

import csv
import io
import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from models.errors import SourceError
from models.sources.source import Source

PATH_COLUMN, LABEL_COLUMN = "path", "label"

_DELIMITERS = ",;\t"

_log = logging.getLogger(__name__)


def folder_labels(relative_paths: Sequence[str]) -> list[str | None]:
    """The label of each file: its first folder below those that wrap everything."""
    folders = [path.split("/")[:-1] for path in relative_paths]
    level = 0
    # One folder for all, with every image at least one folder deeper: a wrapper.
    while len({tuple(parts[: level + 1]) for parts in folders}) == 1 and all(
        len(parts) > level + 1 for parts in folders
    ):
        level += 1
    return [parts[level] if len(parts) > level else None for parts in folders]


def apply_labels(source: Source, file: Path) -> Source:
    """``source`` with the labels of a CSV file, and of nothing else.

    Images that the file does not name have no label. Paths that no image has are told in one
    warning: they may be of images that were left out or excluded.

    Raises:
        SourceError: the file cannot be read, or is not such a file.
    """
    labels = read_labels(file)
    paths = [_plain(image.relative_path) for image in source.files]
    files = tuple(
        replace(image, label=labels.get(path))
        for image, path in zip(source.files, paths, strict=True)
    )
    if unknown := sorted(labels.keys() - paths):
        _log.warning(
            "%s: %d of %d paths are no images of %s, the first: %s",
            *(file, len(unknown), len(labels), source.spec, unknown[0]),
        )
    return replace(source, files=files)


def read_labels(file: Path) -> dict[str, str | None]:
    r"""Path below the source's root -> label, from a CSV file with a header.

    The columns ``path`` and ``label`` count, others do not; they are separated by comma, semicolon
    or tab, and paths by ``/`` or ``\``. An empty label is none.

    Raises:
        SourceError: the file cannot be read, lacks a column, or has two labels for one path.
    """
    rows = _rows(file)
    if not rows:
        raise _error(file, f"is empty; its first line names the columns {_wanted_columns()}")
    header = [name.strip().casefold() for name in rows[0]]
    places = [header.index(name) for name in (PATH_COLUMN, LABEL_COLUMN) if name in header]
    if len(places) < 2:
        raise _error(file, f"has the columns {rows[0]}, not {_wanted_columns()}")
    labels: dict[str, str | None] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        if len(row) <= max(places) or not row[places[0]].strip():
            raise _error(file, f"row {number} has no path or no label: {row}")
        path, label = _plain(row[places[0]].strip()), row[places[1]].strip() or None
        if labels.setdefault(path, label) != label:
            raise _error(file, f"gives {path!r} two labels: {labels[path]!r} and {label!r}")
    return labels


def _rows(file: Path) -> list[list[str]]:
    """The rows of the file, by the delimiter that parts the first one best."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        first = text.partition("\n")[0]
        delimiter = max(_DELIMITERS, key=first.count)
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except OSError as error:
        raise _error(
            file,
            f"cannot be read: {error.strerror}; name another one with `sync --labels`, or go back "
            "to folder names with `sync --no-labels`",
        ) from error
    except UnicodeDecodeError as error:
        raise _error(file, "is not UTF-8 text; save it as CSV UTF-8") from error
    except csv.Error as error:
        raise _error(file, f"is not CSV: {error}") from error


def _plain(path: str) -> str:
    """The path as it is compared: ``/``, no leading ``./``, accents composed as most systems do."""
    return unicodedata.normalize("NFC", path.replace("\\", "/")).removeprefix("./")


def _wanted_columns() -> str:
    return f"{PATH_COLUMN!r} and {LABEL_COLUMN!r}"


def _error(file: Path, why: str) -> SourceError:
    return SourceError(f"the file of labels {str(file)!r} {why}")
