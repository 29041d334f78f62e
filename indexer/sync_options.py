"""What a sync can be asked for, beside which images, which encoder and where."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.parts import Part
from indexer.types import Distance
from models.images import MAX_MEGAPIXELS
from models.pooling import Pooling


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What decides the result of a sync, and not its speed.

    Attributes:
        distances: the collections the index shall have. By default those it has, or all.
        poolings: the named vectors it shall have beside the standard two. By default those it has.
            Other ones than it has need every image encoded again.
        limit: look at the first files only; the images of the others stay as they are.
        max_megapixels: larger images are left out; stored ones stay while they are unchanged.
        retry: look at nothing but the files that failed before, and try them again.
        part: encode only these files, beside the processes that encode the other parts; nothing is
            removed and nothing published.
        finish: publish what the parts have filled; refused while one is missing.
        allow_empty: take a source without the images that are indexed at its word; otherwise it is
            a fault, such as a drive that is not mounted.
        dry_run: count what would be done, and write nothing at all.
    """

    distances: tuple[Distance, ...] = ()
    poolings: tuple[Pooling, ...] = ()
    limit: int | None = None
    max_megapixels: float = MAX_MEGAPIXELS
    retry: bool = False
    part: Part | None = None
    finish: bool = False
    allow_empty: bool = False
    dry_run: bool = False


USUAL = SyncOptions()
"""All of the source, into the collections and vectors that there are."""
