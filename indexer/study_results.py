"""What repeating the study left behind: one JSON file for each network, or floor, that was judged.

``scripts/study.py`` writes them; docs/study.md and the page are made from them alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.bootstrap import Estimate

if TYPE_CHECKING:
    from indexer.metrics import PerQuery

SHOWN = 8
"""Answers that the study looked at; precision among them is the study's figure."""
PRECISION = f"precision_at_{SHOWN}"
AVERAGE_PRECISION = "mean_average_precision"
COLOURS, PIXELS = "colours", "pixels"
"""Floors without a network."""

Row = dict[str, object]


class Kind(StrEnum):
    """What was judged: a network after training, one at random weights, or no network at all."""

    TRAINED = "trained"
    UNTRAINED = "untrained"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class PairResult:
    """One <pooling, distance> pair, judged by every query.

    Attributes:
        pooling: "-" for vectors without a network.
        distance: how they were compared.
        estimates: by metric: precision_at_1, _8 and _10, ndcg_at_10, mean_average_precision.
        hits: relevant images among each query's first SHOWN, one digit a query: what paired
            comparisons need.
    """

    pooling: str
    distance: str
    estimates: Mapping[str, Estimate]
    hits: str

    @property
    def name(self) -> str:
        """Such as ``maxpool cosine``."""
        return f"{self.pooling} {self.distance}"

    @property
    def precision(self) -> PerQuery:
        """Precision among the first SHOWN. Shape: (Q,)."""
        digits = np.frombuffer(self.hits.encode(), dtype=np.uint8)
        return (digits - ord("0")) / SHOWN

    def to_json(self) -> Row:
        """For :meth:`from_json`."""
        intervals = {
            name: [round(each, 6) for each in (value.value, value.low, value.high)]
            for name, value in self.estimates.items()
        }
        return {"pooling": self.pooling, "distance": self.distance, **intervals, "hits": self.hits}

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> PairResult:
        """What :meth:`to_json` wrote."""
        words = ("pooling", "distance", "hits")
        estimates = {name: Estimate(*row[name]) for name in row if name not in words}
        return cls(row["pooling"], row["distance"], estimates, row["hits"])


@dataclass(frozen=True, slots=True)
class Result:
    """Measurements of one run, of an untrained network, or of a floor without one.

    Attributes:
        name: of the run, or ``<dataset>-colours`` and ``<dataset>-pixels``.
        pairs: every <pooling, distance>.
        queries: number of query images.
        facts: everything else, as written: machine, latent, history, seconds, ...
    """

    name: str
    pairs: tuple[PairResult, ...]
    queries: int
    facts: Mapping[str, Any]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Result:
        """What an experiment wrote."""
        pairs = tuple(PairResult.from_json(row) for row in content["pairs"])
        return cls(content["name"], pairs, content["queries"], content)

    def best(self, metric: str = PRECISION) -> PairResult:
        """The pair with the highest mean, the first of equals."""
        return max(self.pairs, key=lambda pair: pair.estimates[metric].value)

    def pair(self, name: str) -> PairResult:
        """The one called so, such as ``maxpool cosine``."""
        return next(pair for pair in self.pairs if pair.name == name)

    @property
    def lowest_loss(self) -> float | None:
        """Validation loss of the kept epoch; None where nothing was trained."""
        losses = [record["validation_loss"] for record in self.facts.get("history", ())]
        return min(losses, default=None)

    @property
    def dataset(self) -> str:
        """Name of the labelled set."""
        return str(self.facts["dataset"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """Of the training; empty for a floor."""
        found: Mapping[str, Any] = self.facts.get("settings", {})
        return found

    @property
    def kind(self) -> Kind:
        """What was judged."""
        if not self.settings:
            return Kind.FLOOR
        return Kind.TRAINED if self.settings["epochs"] else Kind.UNTRAINED

    @property
    def network(self) -> tuple[object, ...]:
        """What a training and the same network untrained have in common."""
        named = ("arch", "recipe", "image_size", "seed")
        return (self.dataset, *(self.settings.get(name) for name in named))


def floor_name(dataset: str, kind: str) -> str:
    """Name of a floor without a network; ``kind`` is COLOURS or PIXELS."""
    return f"{dataset}-{kind}"


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The results in a folder, which may be missing: then there are none."""

    path: Path

    def files(self) -> list[Path]:
        """Of all results, by name."""
        return sorted(self.path.glob("*.json"))

    def results(self) -> Iterator[Result | None]:
        """One for each file; None for one that holds no result."""
        return (read_result(file) for file in self.files())

    def find(self, name: str) -> Result | None:
        """The result called ``name``; None where there is none."""
        file = next((file for file in self.files() if file.stem == name), None)
        return read_result(file) if file else None


def read_result(file: Path) -> Result | None:
    """What ``file`` holds; None where that is no result."""
    try:
        result = Result.from_json(json.loads(file.read_text()))
        known = result.name == file.stem and result.pairs and result.dataset and result.kind
    except (OSError, AttributeError, KeyError, TypeError, ValueError):
        return None
    return result if known else None
