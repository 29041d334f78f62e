"""How vectors are kept and searched, by their number and their size: one place for every back end.

=================  =====================  =======================================
images             up to 2,048 values     longer
=================  =====================  =======================================
below 10,000       compared exactly       compared exactly, kept on disk
from 10,000        graph (HNSW)           two stages over maxpool, kept on disk
from 100,000       graph over int8        the same
=================  =====================  =======================================

Measured on vectors of real images: docs/search-speed.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.pooling import Pooling

COARSE = Pooling.MAXPOOL
"""What the first of two stages compares."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Parameters of an HNSW graph (Malkov, Yashunin, TPAMI 42(4), 2020, arXiv 1603.09320).

    Attributes:
        m: links of a point. With 16 a hard synthetic set lost 0.19 of the neighbours.
        ef_construct: width of the search that finds them; Qdrant's default for searching too.
        ef: width of a search.
    """

    m: int = 32
    ef_construct: int = 200
    ef: int = 256


@dataclass(frozen=True, slots=True)
class Int8:
    """Scalar quantization: one byte a value, kept in memory, for a first selection.

    Attributes:
        quantile: share of the values that keep their place in the range of a byte.
        oversampling: so many times as many points as asked for are compared again by their float32
            vectors. Without that 1 in 80 neighbours was lost.
    """

    quantile: float = 0.99
    oversampling: float = 2.0


@dataclass(frozen=True, slots=True)
class TwoStage:
    """First by :data:`COARSE` vectors, then the best of those by the long ones.

    Attributes:
        candidates: points that reach the second stage, at least.
        per_hit: and so many for every hit that is asked for.
    """

    candidates: int = 500
    per_hit: int = 20


@dataclass(frozen=True, slots=True)
class SearchPreset:
    """How vectors of one name are kept and searched; exactly where nothing else is said.

    Attributes:
        graph: the graph over them, if any.
        int8: their quantization, if any.
        two_stage: how they are searched with the help of shorter ones, if they are.
        on_disk: read from disk when they are needed instead of being loaded at once.
    """

    graph: Graph | None = None
    int8: Int8 | None = None
    two_stage: TwoStage | None = None
    on_disk: bool = False

    def candidates(self, *, limit: int, images: int) -> int:
        """Points that reach the second stage when ``limit`` hits are asked for; 0: compare all.

        All are compared too where the first stage would leave out less than half of them.
        """
        if self.two_stage is None:
            return 0
        wanted = max(self.two_stage.candidates, self.two_stage.per_hit * limit)
        return wanted if 2 * wanted <= images else 0


EXACT = SearchPreset()
"""Compare with every vector."""


@dataclass(frozen=True, slots=True)
class SizeClasses:
    """Where one preset ends and the next begins.

    Attributes:
        many: images from which not all are compared. Below, that takes some 1 ms for 512 values,
            and 40 ms for 8,192.
        very_many: images from which float32 vectors alone would fill the memory.
        longest_graph: values of the longest vectors that get a graph. At 4,096 values one took
            some 15 times as long to build as at 512.
    """

    many: int = 10_000
    very_many: int = 100_000
    longest_graph: int = 2_048


SIZE_CLASSES = SizeClasses()


def preset(images: int, size: int, classes: SizeClasses = SIZE_CLASSES) -> SearchPreset:
    """The preset for vectors of ``size`` values in a collection of ``images`` images.

    ``on_disk`` follows from ``size`` alone, so it is known before the first image is.
    """
    long = size > classes.longest_graph
    if images < classes.many:
        return SearchPreset(on_disk=long)
    if long:
        return SearchPreset(two_stage=TwoStage(), on_disk=True)
    return SearchPreset(graph=Graph(), int8=Int8() if images >= classes.very_many else None)
