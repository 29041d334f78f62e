"""``/api/datasets/{dataset}/groups``: groups of images that look alike."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from indexer.groups import Group, GroupingMethod, GroupingSummary
from indexer.search import Searcher
from indexer.types import DatasetInfo, Filter, Order
from models.pooling import Pooling
from search_ui.api.parameters import DatasetName
from search_ui.api.refusals import refusals
from search_ui.building.bodies import JobView
from search_ui.building.builder import Builder
from search_ui.jobs.upkeep import GroupingChoice
from search_ui.media import file_name, thumb_url

EXAMPLES = 6
"""Images that a group is shown by."""


class GroupLabel(BaseModel):
    """A label and the share of a group's images that have it, 0 to 1."""

    model_config = ConfigDict(frozen=True)

    label: str
    share: float


class GroupExample(BaseModel):
    """An image that a group is known by; ``thumb`` is an address relative to the page."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    name: str
    thumb: str


class GroupCard(BaseModel):
    """A group. Its images: ``/api/datasets/{dataset}/images?group=<number>``."""

    model_config = ConfigDict(frozen=True)

    number: int = Field(description="From 1, the largest group first.")
    images: int
    examples: tuple[GroupExample, ...] = Field(
        description="The one nearest to the middle of the group first, where that is known."
    )
    labels: tuple[GroupLabel, ...] = Field(description="The most frequent first, three at most.")


class GroupingDescription(BaseModel):
    """How the groups were made, and how good they are."""

    model_config = ConfigDict(frozen=True)

    method: GroupingMethod
    pooling: Pooling
    made_at: str | None = Field(description="ISO 8601 UTC.")
    silhouette: float | None = Field(
        description="-1 to 1: how much nearer an image is to its own group than to the next."
    )
    adjusted_rand: float | None = Field(
        description="Groups beside labels: 1 for the same division, 0 on average for a random one."
    )
    normalised_mutual_information: float | None = Field(description="Groups beside labels, 0 to 1.")
    labelled: int = Field(description="Images that groups and labels were compared on.")

    @classmethod
    def of(cls, summary: GroupingSummary) -> Self:
        """What of ``summary`` is told."""
        agreement = summary.agreement
        return cls(
            method=summary.method,
            pooling=summary.pooling,
            made_at=summary.stored_at,
            silhouette=summary.silhouette,
            adjusted_rand=agreement.adjusted_rand if agreement else None,
            normalised_mutual_information=(
                agreement.normalised_mutual_information if agreement else None
            ),
            labelled=agreement.images if agreement else 0,
        )


class Groups(BaseModel):
    """The groups of a dataset."""

    model_config = ConfigDict(frozen=True)

    groups: tuple[GroupCard, ...] = Field(description="Empty: they were not made yet.")
    outside: int = Field(description="Images in no group; as group 0 they can be listed.")
    made: GroupingDescription | None = Field(
        description="None where it is not known, as for groups that another computer made."
    )
    can_make: bool = Field(description="This server makes them when it is asked to.")


class WantedGroups(BaseModel):
    """How groups are to be made."""

    model_config = ConfigDict(frozen=True)

    method: GroupingMethod = GroupingMethod.KMEANS
    pooling: Pooling = Pooling.FLATTEN
    count: int | None = Field(
        None, ge=2, le=10_000, description="For kmeans; None: as many as fit best."
    )


def groups_router(searcher: Searcher, builder: Builder | None) -> APIRouter:
    """The groups of a dataset; ``builder`` has them made."""
    can_make = builder is not None and builder.allowed
    router = APIRouter(
        prefix="/datasets/{dataset}/groups", tags=["groups"], responses=refusals(404, 503)
    )

    @router.get("")
    def list_groups(dataset: DatasetName) -> Groups:
        """The groups that `python -m indexer group` found."""
        info = searcher.describe(dataset)
        counts = {count.group: count.images for count in searcher.groups(dataset)}
        outside = counts.pop(None, 0)
        summary = searcher.grouping(dataset) if counts else None
        known = {group.number: group for group in summary.groups} if summary else {}
        return Groups(
            groups=tuple(
                _card(searcher, info, number, images, known.get(number))
                for number, images in counts.items()
                if number is not None
            ),
            outside=outside,
            made=GroupingDescription.of(summary) if summary else None,
            can_make=can_make,
        )

    if builder is not None:

        @router.post("", status_code=202, responses=refusals(403, 409, 429))
        def make_groups(dataset: DatasetName, wanted: WantedGroups) -> JobView:
            """Make them anew in the background; 409 while another job runs."""
            choice = GroupingChoice(wanted.method, wanted.pooling, wanted.count)
            return builder.views.view(builder.upkeep.group(dataset, choice))

    return router


def _card(
    searcher: Searcher, info: DatasetInfo, number: int, images: int, group: Group | None
) -> GroupCard:
    if group is None:
        where = Filter(groups=(number,))
        page = searcher.page(info.name, where=where, order=Order.SHUFFLED, limit=EXAMPLES)
        examples = [(image.id, image.path) for image in page.images]
    else:
        examples = [(example.id, example.path) for example in group.examples]
    return GroupCard(
        number=number,
        images=images,
        examples=tuple(
            GroupExample(id=id, name=file_name(path), thumb=thumb_url(info, id))
            for id, path in examples
        ),
        labels=tuple(
            GroupLabel(label=one.label, share=one.share) for one in (group.labels if group else ())
        ),
    )
