"""How a question is answered: in one stage or two, each in the way its preset says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from indexer.store.checks import check_vector
from indexer.store.presets import COARSE, EXACT, SearchPreset, SizeClasses, preset
from indexer.types import EVERYTHING, Filter
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.types import Vector


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Compare ``vector`` (D,) with the vectors named ``pooling``, in the way of ``preset``."""

    pooling: Pooling
    vector: Vector
    preset: SearchPreset


@dataclass(frozen=True, slots=True)
class Passing:
    """Which points are searched: those that pass ``where`` and are not in ``exclude``."""

    where: Filter = EVERYTHING
    exclude: frozenset[UUID] = frozenset()


ALL = Passing()
"""Every point is searched."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One question.

    Attributes:
        stage: what decides.
        first: what chooses the points that ``stage`` compares; all of them without it.
        candidates: how many of them it chooses.
    """

    stage: Stage
    first: Stage | None = None
    candidates: int = 0

    @property
    def is_exact(self) -> bool:
        """Whether every point that is searched is compared."""
        return self.first is None and self.stage.preset.graph is None

    def exactly(self) -> Plan:
        """The same question, with every point compared."""
        return Plan(replace(self.stage, preset=EXACT))


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans questions to one published collection.

    Attributes:
        images: number of its points.
        sizes: number of values of each named vector.
        classes: which collections are large, and which vectors long.
    """

    images: int
    sizes: Mapping[Pooling, int]
    classes: SizeClasses

    def plan(
        self, pooling: Pooling, vector: Vector, *, limit: int, exact: bool, coarse: Vector | None
    ) -> Plan:
        """The plan for what :meth:`indexer.store.base.VectorStore.query` is asked.

        Raises:
            StoreError: a vector of the wrong size, not finite or all zero.
        """
        if exact:
            return Plan(self._stage(pooling, vector, EXACT))
        stage = self._stage(pooling, vector, self._preset(pooling))
        candidates = stage.preset.candidates(limit=limit, images=self.images)
        if not candidates or coarse is None or COARSE not in self.sizes:
            return Plan(stage)
        return Plan(stage, self._stage(COARSE, coarse, self._preset(COARSE)), candidates)

    def _preset(self, pooling: Pooling) -> SearchPreset:
        return preset(self.images, self.sizes[pooling], self.classes)

    def _stage(self, pooling: Pooling, vector: Vector, chosen: SearchPreset) -> Stage:
        check_vector(vector, self.sizes[pooling], f"{pooling} vector of the query")
        return Stage(pooling, vector, chosen)
