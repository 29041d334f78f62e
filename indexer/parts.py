"""A share of a source, for several processes that fill one index together."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from indexer.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Part:
    """Part ``index`` of ``count``, from 0, as a Kubernetes indexed job or a SLURM array counts.

    Whoever looks at the same source sees the same parts: they follow from the ids of the points,
    which follow from the paths.

    Raises:
        InvalidRequestError: there is no such part.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise InvalidRequestError(
                f"--worker-index {self.index} with --worker-count {self.count}: workers are "
                f"counted from 0, so give 0 to {max(self.count - 1, 0)}"
            )

    def __str__(self) -> str:
        return f"{self.index} of {self.count}"

    def holds(self, point: UUID) -> bool:
        """Whether ``point`` is in this part; every point is in exactly one.

        Ids are hashes, so parts are of nearly the same size.
        """
        return point.int % self.count == self.index
