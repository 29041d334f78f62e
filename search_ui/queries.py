"""Queries as the browser sends them, checked: nothing in them is trusted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from models.errors import SimilarityError

MAX_K = 50

Choice = TypeVar("Choice", bound=StrEnum)


class BadQueryError(SimilarityError):
    """A query that the page itself never sends."""


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """Search from an image of ``dataset``."""

    dataset: str
    point: UUID


@dataclass(frozen=True, slots=True)
class UploadedQuery:
    """Search from an uploaded file; ``name`` is what the user called it."""

    file: Path
    name: str


Query = StoredQuery | UploadedQuery


def parse_query(payload: object, uploads: Path) -> Query | None:
    """The query that a browser's ``payload`` stands for; None when nothing was asked yet.

    Args:
        payload: ``{"dataset", "id"}``, ``{"path", "name"}``, or nothing.
        uploads: the only folder that a path may point into.

    Raises:
        BadQueryError: anything else.
    """
    if payload is None or payload == {}:
        return None
    if not isinstance(payload, dict):
        raise BadQueryError("The query is not understood.")
    if "path" in payload:
        name = payload.get("name")
        return UploadedQuery(
            parse_upload(payload["path"], uploads), name[:200] if isinstance(name, str) else ""
        )
    dataset = payload.get("dataset")
    if not isinstance(dataset, str):
        raise BadQueryError("The query names no dataset.")
    return StoredQuery(dataset, parse_point(payload.get("id")))


def parse_point(value: object) -> UUID:
    """The id in ``value``."""
    try:
        return UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise BadQueryError("This is not the id of an image.") from None


def parse_upload(value: object, uploads: Path) -> Path:
    """The uploaded file that ``value`` names: a file inside ``uploads``, links resolved."""
    refusal = BadQueryError("Upload the picture first.")
    if not isinstance(value, str):
        raise refusal
    try:
        file = Path(value).resolve()
        if not file.is_relative_to(uploads.resolve()) or not file.is_file():
            raise refusal
    except (OSError, ValueError):  # a null byte, or a name longer than the system allows
        raise refusal from None
    return file


def parse_k(value: object) -> int:
    """``value`` as a number of hits, 1 to :data:`MAX_K`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= MAX_K:
        raise BadQueryError(f"The number of hits goes from 1 to {MAX_K}.")
    return int(value)


def parse_choices(values: object, allowed: Iterable[Choice]) -> tuple[Choice, ...]:
    """Those of ``allowed`` that ``values`` names, in the order of ``allowed``."""
    by_value = {str(choice): choice for choice in allowed}
    if not isinstance(values, list) or any(
        not isinstance(value, str) or value not in by_value for value in values
    ):
        raise BadQueryError(f"Choose from {', '.join(by_value)}.")
    return tuple(choice for name, choice in by_value.items() if name in values)
