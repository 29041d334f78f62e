"""What an archive may cost, and the meter that counts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What an archive may cost.

    Attributes:
        entries: most files and folders in it.
        total_bytes: most bytes unpacked.
        ratio: most bytes unpacked per byte packed, for the archive, and for each entry where its
            packed size is known.
        ratio_free_bytes: the ratio is not asked below this many bytes unpacked.
        header_bytes: most bytes of names and other facts that are held in memory at once.
    """

    entries: int = 200_000
    total_bytes: int = 20_000_000_000
    ratio: int = 200
    ratio_free_bytes: int = 10_000_000
    header_bytes: int = 64_000_000

    def ceiling(self, packed_bytes: int) -> int:
        """Most bytes that ``packed_bytes`` may unpack to."""
        return min(self.total_bytes, max(self.ratio_free_bytes, self.ratio * packed_bytes))


DEFAULT_LIMITS = UnpackLimits()


class Meter:
    """Counts what comes out of an archive, whatever headers say, and raises above the ceiling."""

    def __init__(self, ceiling: int, refusal: Callable[[], Exception]) -> None:
        self.count = 0
        self.ceiling = ceiling
        self._refusal = refusal

    def add(self, count: int) -> None:
        """Count ``count`` more."""
        self.count += count
        if self.count > self.ceiling:
            raise self._refusal()
