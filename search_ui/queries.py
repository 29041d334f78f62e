"""Questions as a browser or a program sends them, checked here: nothing in them is trusted.

The address of a search, what the page asks with it and the JSON of the API have the same fields:
those of :class:`Question`. A list may be given as one string, and ``crop`` as "l,t,r,b", as they
stand in an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from indexer.types import Box, DatasetInfo, Distance, Filter
from models.errors import SimilarityError
from models.pooling import Pooling

MAX_K = 50
DEFAULT_K = 8
MAX_CHOICES = 200
"""Most labels, or formats, of one question."""

Text = Annotated[str, Field(max_length=500)]


class BadQueryError(SimilarityError):
    """A question that the page itself never asks."""


class NothingToCompareError(BadQueryError):
    """The dataset has none of the poolings, or of the distances, that were asked for."""


class UploadGoneError(BadQueryError):
    """What should be the query is no uploaded file, or not any more."""


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """Search from a stored image."""

    point: UUID


@dataclass(frozen=True, slots=True)
class UploadedQuery:
    """Search from an uploaded file; ``name`` is what the user called it."""

    file: Path
    name: str


Query = StoredQuery | UploadedQuery


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _split(value: object) -> object:
    # A form gives a list of what it holds.
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value.split(",") if isinstance(value, str) else value


Labels = Annotated[tuple[Text, ...], BeforeValidator(_listed), Field((), max_length=MAX_CHOICES)]


class Question(BaseModel):
    """What to search for, but for the picture."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1, max_length=500, description="Where to search.")
    k: int = Field(DEFAULT_K, ge=1, le=MAX_K, description="Number of hits in every row.")
    pooling: Annotated[tuple[Pooling, ...], BeforeValidator(_listed)] = Field(
        (), description="Vectors to compare; all that the dataset has unless said."
    )
    distance: Annotated[tuple[Distance, ...], BeforeValidator(_listed)] = Field(
        (), description="How to compare them; all that the dataset has unless said."
    )
    label: Labels = Field((), description='Only images with one of these labels; "" for none.')
    format: Labels = Field((), description='Only images of these formats, such as "JPEG".')
    min_side: int | None = Field(
        None, ge=1, le=1_000_000, description="Only images whose shorter side has so many pixels."
    )
    crop: Annotated[tuple[float, float, float, float] | None, BeforeValidator(_split)] = Field(
        None,
        description="The part of the picture to search with: left, top, right and bottom as "
        "fractions of its width and height.",
    )

    @property
    def where(self) -> Filter:
        """Which images may be found."""
        # Two pictures in one JPEG file, as telephones take them, have a name of their own.
        formats = (*self.format, "MPO") if "JPEG" in self.format else self.format
        return Filter(labels=self.label, formats=formats, min_side=self.min_side)

    @property
    def box(self) -> Box | None:
        """The part of the picture to search with; None for all of it.

        Raises:
            InvalidRequestError: it is no part of a picture.
        """
        return Box(*self.crop) if self.crop else None

    def choices(self, info: DatasetInfo) -> tuple[tuple[Pooling, ...], tuple[Distance, ...]]:
        """The poolings and distances to search ``info`` with, in its order.

        Raises:
            NothingToCompareError: it has none of them.
        """
        poolings = tuple(p for p in info.vector_sizes if p in (self.pooling or Pooling))
        distances = tuple(d for d in info.distances if d in (self.distance or Distance))
        if not poolings:
            raise _nothing(info, "pooling", info.vector_sizes)
        if not distances:
            raise _nothing(info, "distance", info.distances)
        return poolings, distances


class StoredQuestion(Question):
    """A question about an image of the dataset."""

    id: UUID = Field(description="The stored image to search from.")


class PageQuestion(Question):
    """A question of the page: its address, and what only the browser knows.

    Attributes:
        id: the stored image to search from.
        upload: the uploaded file to search from, relative to the folder of uploads.
        preview: the browser has no copy of the uploaded file to show.
    """

    id: UUID | None = None
    upload: Text = ""
    preview: bool = False

    def query(self, uploads: Path) -> Query:
        """The picture to search from.

        Raises:
            BadQueryError: there is none.
        """
        if self.upload:
            file = parse_upload(self.upload, uploads)
            return UploadedQuery(file, file.name)
        if self.id is None:
            raise BadQueryError("The question names no picture.")
        return StoredQuery(self.id)


class PairQuestion(PageQuestion):
    """A question about one hit of the page's search.

    Attributes:
        hit: which.
        compared: the row that it is a hit of.
    """

    hit: UUID
    compared: Pooling


def parse_question(payload: object) -> PageQuestion:
    """The question in a browser's ``payload``.

    Raises:
        BadQueryError: it is none.
    """
    try:
        return PageQuestion.model_validate(payload)
    except ValidationError as error:
        raise BadQueryError(what_is_wrong(error.errors())) from None


def what_is_wrong(errors: Sequence[Any]) -> str:
    """The first of pydantic's ``errors`` in a line, such as "k: input should be ..."."""
    first = errors[0]
    place = ".".join(str(step) for step in first["loc"] if step != "body")
    message = first["msg"][:1].lower() + first["msg"][1:300]
    return f"{place[:100]}: {message}" if place else message


def parse_upload(value: str, uploads: Path) -> Path:
    """The uploaded file that ``value`` names: a file inside ``uploads``, links resolved.

    Raises:
        UploadGoneError: there is no such file.
    """
    gone = UploadGoneError(
        "A picture that you upload is kept for a day, and as long as the server runs. "
        "Give it again."
    )
    try:
        file = (uploads / value).resolve()
        if not file.is_relative_to(uploads.resolve()) or not file.is_file():
            raise gone
    except (OSError, ValueError):  # a null byte, or a name longer than the system allows
        raise gone from None
    return file


def _nothing(info: DatasetInfo, what: str, there: Sequence[str] | Any) -> NothingToCompareError:
    return NothingToCompareError(
        f"Dataset {info.name!r} has no such {what}; choose from {', '.join(map(str, there))}."
    )
