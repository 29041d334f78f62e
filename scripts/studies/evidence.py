"""What one run left behind, read back: the only thing that pages are written from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from indexer.study_results import Kind, Result, floor_name
from models.errors import TrainingError
from scripts.studies.grids import Run
from scripts.studies.results import read_json


def untrained(run: Run) -> Run:
    """The same network as its training starts it: what the training has to beat."""
    settings = replace(run.settings, epochs=0, scheduler=None, loss="mse", batch_size=32)
    return Run(run.dataset, settings)


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

    def trained(self) -> Iterator[Result]:
        """All trainings of several epochs, by name, whether or not a grid has them."""
        for _, result in sorted(self._results.items()):
            if result.kind is Kind.TRAINED and len(result.facts["history"]) > 1:
                yield result

    def floor(self, dataset: str, kind: str) -> Result | None:
        """Colours or pixels of ``dataset``."""
        return self._results.get(floor_name(dataset, kind))
