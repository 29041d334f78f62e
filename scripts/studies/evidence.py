"""What one run left behind, read back: the only thing that pages are written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.errors import TrainingError
from scripts.studies.grids import Run
from scripts.studies.judging import PairResult
from scripts.studies.results import read_json

PRECISION = "precision_at_8"
AVERAGE_PRECISION = "mean_average_precision"
COLOURS, PIXELS = "colours", "pixels"
"""Floors without a network."""


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


def untrained(run: Run) -> Run:
    """The same network as its training starts it: what the training has to beat."""
    settings = replace(run.settings, epochs=0, scheduler=None, loss="mse", batch_size=32)
    return Run(run.dataset, settings)


def floor_name(dataset: str, kind: str) -> str:
    """Name of a floor without a network; ``kind`` is COLOURS or PIXELS."""
    return f"{dataset}-{kind}"


class Evidence:
    """All results there are, by the name of what was measured."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._results = {result.name: result for result in results}

    @classmethod
    def read(cls, folder: Path) -> Evidence:
        """The results in ``folder``.

        Raises:
            TrainingError: a file there is none.
        """
        try:
            return cls(Result.from_json(content) for content in read_json("*.json", folder=folder))
        except (KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"{folder} holds a file that is no result ({error!r}): remove it and run again"
            ) from error

    def of(self, run: Run) -> Result | None:
        """What ``run`` came to; None where it was not run."""
        return self._results.get(run.name)

    def start_of(self, run: Run) -> Result | None:
        """The same network before ``run``."""
        return self.of(untrained(run))

    def floor(self, dataset: str, kind: str) -> Result | None:
        """Colours or pixels of ``dataset``."""
        return self._results.get(floor_name(dataset, kind))
