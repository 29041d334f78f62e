"""What groups are like, and the file that remembers it beside the index; no numpy here.

Which image is in which group is in the payload. What cannot be told from that, such as which
images stand for a group, is kept in ``indexes/<dataset>.groups``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from indexer.layout import write_atomically
from models.pooling import Pooling

FORMAT = 1
"""Version of the file's layout."""

_logger = logging.getLogger(__name__)


class GroupingMethod(StrEnum):
    """How groups are found.

    ``kmeans``: every image belongs to one of a given number of groups (Lloyd, 1982).
    ``hdbscan``: groups are dense regions, their number is found, and images between them belong
    to none (Campello, Moulavi, Sander, 2013).
    """

    KMEANS = "kmeans"
    HDBSCAN = "hdbscan"


@dataclass(frozen=True, slots=True)
class LabelShare:
    """A label and the share of a group's images that have it, 0 to 1."""

    label: str
    share: float


@dataclass(frozen=True, slots=True)
class Example:
    """An image to know a group by: its id and relative path."""

    id: UUID
    path: str


@dataclass(frozen=True, slots=True)
class Group:
    """One group.

    Attributes:
        number: from 1, the largest group first; what the payload field ``group`` holds.
        images: how many.
        examples: images to know it by: the one nearest to the middle of the group, its
            representative, then others from there to the edge.
        labels: the most frequent ones in it, most frequent first; empty where there are none.
    """

    number: int
    images: int
    examples: tuple[Example, ...]
    labels: tuple[LabelShare, ...]

    @property
    def representative(self) -> Example:
        """The image nearest to the middle."""
        return self.examples[0]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far groups and labels say the same, over images that have both.

    Attributes:
        adjusted_rand: 1 for the same partition, 0 on average for a random one (Hubert and Arabie,
            1985).
        normalised_mutual_information: 0 to 1; arithmetic mean of the entropies (Strehl and Ghosh,
            2002).
        images: how many were compared.
    """

    adjusted_rand: float
    normalised_mutual_information: float
    images: int


@dataclass(frozen=True, slots=True)
class GroupingSummary:
    """How a dataset was grouped, and what came of it.

    Attributes:
        dataset: which.
        fingerprint: of the checkpoint that the vectors were made with.
        method: how the groups were found.
        pooling: the vectors they were found with, at unit length: that is by cosine.
        groups: largest first.
        outside: number of images in no group.
        silhouette: -1 to 1, mean over a sample of grouped images: how much nearer an image is to
            its own group than to the next (Rousseeuw, 1987). None with fewer than two groups.
        agreement: with the labels, None without labels.
        stored_at: when it was, ISO 8601 UTC; None: not yet.
    """

    dataset: str
    fingerprint: str
    method: GroupingMethod
    pooling: Pooling
    groups: tuple[Group, ...]
    outside: int
    silhouette: float | None
    agreement: Agreement | None
    stored_at: str | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild what ``dataclasses.asdict`` and JSON made of one.

        Raises:
            KeyError, TypeError, ValueError: they made something else.
        """
        agreement = values["agreement"]
        return cls(
            **{
                **values,
                "method": GroupingMethod(values["method"]),
                "pooling": Pooling(values["pooling"]),
                "groups": tuple(_group(group) for group in values["groups"]),
                "agreement": None if agreement is None else Agreement(**agreement),
            }
        )


def read_summary(path: Path) -> GroupingSummary | None:
    """The summary in ``path``; None when there is none, or a damaged one, which is logged."""
    try:
        content = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r} where {FORMAT} is understood")
        return GroupingSummary.from_json(content["grouping"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _logger.warning("the summary of groups %s is left aside: %s", path, error)
        return None


def write_summary(path: Path, summary: GroupingSummary) -> None:
    """Replace the summary in ``path``."""
    content = {"format": FORMAT, "grouping": asdict(summary)}
    write_atomically(path, json.dumps(content, indent=1, default=str).encode())


def _group(values: Mapping[str, Any]) -> Group:
    return Group(
        number=int(values["number"]),
        images=int(values["images"]),
        examples=tuple(Example(UUID(one["id"]), one["path"]) for one in values["examples"]),
        labels=tuple(LabelShare(**share) for share in values["labels"]),
    )
