"""Near-identical images: copies, and smaller or recompressed versions, by their perceptual hashes.

Two hashes that differ in at most t bits agree wholly in one of any t + 1 parts that they are cut
into. So only hashes that agree in a part are compared, and still every pair is found (multi-index
hashing: Norouzi, Punjani, Fleet, CVPR 2012).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from indexer.errors import InvalidRequestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    Places = NDArray[np.intp]

HASH_BITS = 64
MAX_BITS = 12
"""Most bits in which two images may differ: from about there on other images do, too."""
DEFAULT_BITS = 4
LEAST_ONES = 8
"""Fewest ones in a hash that tells images apart. Usual images have 32; blank pages and gradients
have hardly a frequency that sets one, so that very different ones share a hash."""
MAX_PAIRS = 10_000_000
"""Most pairs that are kept in memory at once, 16 bytes each."""
_COMPARED = 1 << 18
"""Pairs that are compared at once: their differences stay in a processor's cache."""
_SHORT = 32
"""Longest run of agreeing hashes that is compared together with all other short ones."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One image of a set.

    Attributes:
        id: which.
        bits: in how many bits its hash differs from that of the first of the set.
        same_file: it is, byte by byte, one that comes before it in the set.
    """

    id: UUID
    bits: int
    same_file: bool


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Sets of near-identical images.

    Attributes:
        bits: most bits by which an image differs from the first of its set.
        sets: largest set first; in each the image with the most pixels, then bytes, comes first:
            the one to keep. No two of the images that come first, or are in no set, are within
            ``bits`` of one another, so that nothing is left to find once only those are kept.
        plain: number of images too plain to be compared by hash: only copies of a file are found.
    """

    bits: int
    sets: tuple[tuple[Duplicate, ...], ...]
    plain: int

    @property
    def spare(self) -> int:
        """Number of images beside those to keep."""
        return sum(len(images) - 1 for images in self.sets)


@dataclass(frozen=True, slots=True)
class HashedImages:
    """What is compared of images: columns of length N, the image to keep before all others.

    Attributes:
        ids: 16 bytes each.
        hashes: perceptual hashes, see :func:`indexer.phash.perceptual_hash`.
        contents: of files, equal where these are the same byte by byte; 16 bytes each.
    """

    ids: NDArray[np.void]
    hashes: Hashes
    contents: NDArray[np.void]

    def set_of(self, places: Sequence[int]) -> tuple[Duplicate, ...]:
        """The images at ``places``, compared with the first of them."""
        first = places[0]
        bits = np.bitwise_count(self.hashes[places] ^ self.hashes[first]).tolist()
        ids = [UUID(bytes=id.tobytes()) for id in self.ids[places]]
        contents = (content.tobytes() for content in self.contents[places])
        seen: dict[bytes, int] = {}
        same = [seen.setdefault(content, place) != place for place, content in enumerate(contents)]
        return tuple(map(Duplicate, ids, bits, same))


def find_duplicates(images: HashedImages, *, bits: int = DEFAULT_BITS) -> Duplicates:
    """Sets of near-identical images; equal input gives equal sets.

    Args:
        images: all of a dataset's.
        bits: most bits, of 64, in which two hashes may differ, 0 to MAX_BITS.

    Raises:
        InvalidRequestError: another number of bits, or one at which too many images are alike.
    """
    if not 0 <= bits <= MAX_BITS:
        raise InvalidRequestError(f"{bits} bits: duplicates differ by 0 to {MAX_BITS}")
    plain = np.bitwise_count(images.hashes) < LEAST_ONES
    found = [
        *_alike(images.hashes, np.flatnonzero(~plain).tolist(), bits),
        *_same_files(images, np.flatnonzero(plain).tolist()),
    ]
    found.sort(key=lambda places: (-len(places), places[0]))
    return Duplicates(bits, tuple(map(images.set_of, found)), int(plain.sum()))


def _same_files(images: HashedImages, places: Sequence[int]) -> Iterator[list[int]]:
    by_content: dict[bytes, list[int]] = defaultdict(list)
    for place in places:
        by_content[images.contents[place].tobytes()].append(place)
    return (same for same in by_content.values() if len(same) > 1)


def _alike(hashes: Hashes, places: Sequence[int], bits: int) -> Iterator[list[int]]:
    """The first image takes all that are near it; then the first of those left; and so on."""
    by_hash: dict[int, list[int]] = defaultdict(list)
    for place, hash in zip(places, hashes[places].tolist(), strict=True):
        by_hash[hash].append(place)
    different = list(by_hash)  # in the order of the first image of each
    near = _neighbours(near_pairs(np.array(different, np.uint64), bits=bits))
    taken: set[int] = set()
    for number, hash in enumerate(different):
        if number in taken:
            continue
        others = [other for other in near.get(number, ()) if other not in taken]
        taken.update(others)
        alike = [*by_hash[hash], *(p for other in others for p in by_hash[different[other]])]
        if len(alike) > 1:
            yield sorted(alike)


def _neighbours(pairs: Places) -> Mapping[int, list[int]]:
    """Of each number those above it."""
    near: dict[int, list[int]] = defaultdict(list)
    for low, high in pairs.tolist():
        near[low].append(high)
    return near


def near_pairs(hashes: Hashes, *, bits: int) -> Places:
    """All pairs of hashes that differ in at most ``bits`` bits.

    Args:
        hashes: 64 bits each. Shape: (N,).
        bits: 0 to 63.

    Returns:
        Places of both in ``hashes``, the lower first, in ascending order. Shape: (P, 2).

    Raises:
        InvalidRequestError: more than MAX_PAIRS of them.
    """
    found = [np.empty((0, 2), np.intp)]
    total = 0
    parts = _parts(bits + 1)
    for number, part in enumerate(parts):
        for left, right in _agreeing(hashes & part):
            differences = hashes[left] ^ hashes[right]
            near = (np.bitwise_count(differences) <= bits) & (left < right)
            # A pair that agreed in an earlier part, too, was found there.
            for earlier in parts[:number]:
                near[near] = (differences[near] & earlier) != 0
            sides = np.broadcast_arrays(left, right)
            pairs = np.stack([side[near] for side in sides], axis=1)
            found.append(pairs)
            total += len(pairs)
            if total > MAX_PAIRS:
                raise InvalidRequestError(
                    f"at {bits} bits more than {MAX_PAIRS:,} pairs of images are alike; ask for "
                    "fewer bits"
                )
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _parts(count: int) -> list[np.uint64]:
    """Masks that cut a hash into ``count`` parts of about the same number of bits."""
    edges = [HASH_BITS * number // count for number in range(count + 1)]
    return [np.uint64((1 << end) - (1 << start)) for start, end in pairwise(edges)]


def _agreeing(keys: Hashes) -> Iterator[tuple[Places, Places]]:
    """Places to compare: arrays that broadcast, and among them every pair of equal keys, once."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    lengths = np.diff(np.append(starts, len(keys)))
    # Short runs can be very many: each place in any of them with the next, the one after that, ...
    in_short = np.repeat(lengths <= _SHORT, lengths)
    places, ordered = order[in_short], ordered[in_short]
    for step in range(1, int(lengths[lengths <= _SHORT].max(initial=0))):
        agree = ordered[step:] == ordered[:-step]
        yield places[:-step][agree], places[step:][agree]
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        if length <= _SHORT:
            continue
        run = order[start : start + length]
        rows = max(1, _COMPARED // length)
        for first in range(0, length, rows):
            yield run[first : first + rows, None], run[None, first:]
