"""An index is never emptied by what is likely a fault: a drive not mounted, a folder moved away."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.types import FailedFile
from models.errors import SourceError
from models.sources import Source


@dataclass(frozen=True, slots=True)
class EmptinessGuard:
    """Refuses a sync that would leave nothing.

    Attributes:
        source: what is synced.
        dataset: name of the dataset.
        indexed: number of images in its published index.
        allowed: refuse nothing.
    """

    source: Source
    dataset: str
    indexed: int
    allowed: bool

    def check_still_there(self, *, stored: int, gone: int) -> None:
        """Refuse when every one of the ``stored`` images is gone, whatever else has come.

        Raises:
            SourceError: that is so.
        """
        if self.indexed and stored == gone > 0:
            self._refuse_vanished()

    def check_left(self, images: int, failed: list[FailedFile]) -> None:
        """Refuse to publish an index of no ``images``.

        Raises:
            SourceError: the files that ``failed`` are all there are, or there are none.
        """
        if images:
            return
        if failed and not self.allowed:
            kept = f"; the index keeps its {self.indexed:,}" if self.indexed else ""
            raise SourceError(
                f"none of the {len(failed):,} images of {self.source.spec!r} can be indexed{kept}; "
                f"the first: {failed[0].path}: {failed[0].reason}"
            )
        if self.indexed:
            self._refuse_vanished()

    def _refuse_vanished(self) -> None:
        if self.allowed:
            return
        others = len(self.source.files)
        raise SourceError(
            f"none of the {self.indexed:,} images in the index of {self.dataset!r} is in "
            f"{self.source.spec!r} any more ({others:,} other{'s' * (others != 1)}); nothing was "
            "removed: is a drive not mounted? --allow-empty lets them go"
        )
