"""What the repeated study trains: data sets, runs and named grids of them. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from models.errors import TrainingError
from models.recipes import LOSSES, SCHEDULERS, TrainSettings, get_recipe
from scripts.studies.original import HITS, NAMED_BEST


@dataclass(frozen=True, slots=True)
class DataSet:
    """Labelled images below the folder that ``--data`` names.

    Attributes:
        name: in tables and file names.
        searched: SOURCE whose images are the queries and the answers.
        trained: SOURCE that is trained on; the same images when None.
        embedding: the set's name in ``docs/results/embedding-*.json``, where model7 is judged.
    """

    name: str
    searched: str
    trained: str | None = None
    embedding: str | None = None


DATA_SETS: Mapping[str, DataSet] = {
    each.name: each
    for each in (
        DataSet("wildcats", "wildcats"),
        DataSet("artstyles7", "artstyles7"),
        DataSet("animals22", "animals22"),
        DataSet("corel5k", "corel5k"),
        DataSet("cifar10", "cifar10-test.zip", "cifar10-train.zip", "cifar10-test"),
    )
}
"""By name. wildcats stands for the study's first set, artstyles7 for its second."""

STUDY_SETS = ("wildcats", "artstyles7")
STUDY_ARCHS = ("model1", "model2", "model3", "model4", "model5", "model6")


@dataclass(frozen=True, slots=True)
class Run:
    """One training, judged by every image of its set.

    Attributes:
        dataset: name of one of DATA_SETS.
        settings: of the training.
        training_images: most images that are trained on, spread evenly over the set; all when None.
            The queries are always all images.
    """

    dataset: str
    settings: TrainSettings
    training_images: int | None = None

    @property
    def scheduler(self) -> str:
        """The one that is named, or the recipe's own."""
        return self.settings.scheduler or get_recipe(self.settings.recipe).scheduler

    @property
    def name(self) -> str:
        """Tells runs apart; the name of the result's file."""
        settings = self.settings
        length = f"{settings.epochs}x{self.training_images or 'all'}"
        parts = (
            *(self.dataset, settings.arch, settings.recipe, self.scheduler, settings.loss),
            *(f"{settings.image_size}px", length, f"b{settings.batch_size}", f"s{settings.seed}"),
        )
        return "-".join(parts)


@dataclass(frozen=True, slots=True)
class Grid:
    """Runs that are reported together.

    Attributes:
        name: what the command line calls it.
        summary: one line: what it is for.
        runs: each once, most wanted first.
    """

    name: str
    summary: str
    runs: tuple[Run, ...]


def _runs(
    archs: Iterable[str],
    datasets: Iterable[str],
    base: TrainSettings,
    *,
    recipes: Iterable[str] = ("study",),
    schedulers: Iterable[str | None] = (None,),
    losses: Iterable[str] = LOSSES[:1],
    seeds: Iterable[int] = (0,),
    training_images: int | None = None,
) -> Iterator[Run]:
    """Every combination, the first named varying slowest; no name of a scheduler: the recipe's."""
    for dataset, arch, recipe, scheduler, loss, seed in product(
        datasets, archs, recipes, schedulers, losses, seeds
    ):
        settings = replace(
            base, arch=arch, recipe=recipe, scheduler=scheduler, loss=loss, seed=seed
        )
        yield Run(dataset, settings, training_images)


def _grid(name: str, summary: str, *parts: Iterator[Run]) -> Grid:
    """All parts in their order, what is in two of them once."""
    runs = {run.name: run for part in parts for run in part}
    return Grid(name, summary, tuple(runs.values()))


BOTH_RECIPES = ("retrieval", "study")
SCHEDULED = ("model4", "model6")
"""Whose schedulers and losses the study varies."""


def _full() -> Grid:
    base = TrainSettings(image_size=224, epochs=40, batch_size=32)
    best = [
        _runs([arch], STUDY_SETS, base, schedulers=[scheduler], seeds=range(3))
        for arch, scheduler in sorted(NAMED_BEST)
    ]
    return _grid(
        "full",
        "as the study trained, and the retrieval recipe beside it; for a GPU",
        _runs(STUDY_ARCHS, STUDY_SETS, base, recipes=["study", "retrieval"]),
        _runs(SCHEDULED, STUDY_SETS, base, schedulers=SCHEDULERS),
        _runs(["model5"], STUDY_SETS, base, schedulers=["plateau"]),
        *best,
        _runs(SCHEDULED, STUDY_SETS, base, losses=LOSSES),
        _runs(STUDY_ARCHS, DATA_SETS, base, recipes=BOTH_RECIPES),
    )


def _cpu() -> Grid:
    base = TrainSettings(arch="model1", image_size=64, epochs=12, batch_size=32)
    least = replace(base, arch="model6", image_size=128)
    return _grid(
        "cpu",
        "twelve epochs at 64 px (model6: 128), schedulers and losses varied; a day of two cores",
        _runs(STUDY_ARCHS[:5], STUDY_SETS, base, recipes=BOTH_RECIPES),
        _runs(["model4"], STUDY_SETS[:1], base, schedulers=SCHEDULERS, losses=LOSSES),
        _runs(["model5"], STUDY_SETS[:1], base, schedulers=["plateau"]),
        _runs(["model4"], STUDY_SETS[:1], base, seeds=range(3)),
        _runs(["model6"], STUDY_SETS[:1], least, schedulers=["none", "plateau"]),
    )


def _six() -> Grid:
    base = TrainSettings(arch="model1", image_size=64, epochs=3, batch_size=16)
    few = 1_400
    quick, slow = STUDY_ARCHS[:2], STUDY_ARCHS[2:5]
    return _grid(
        "six",
        "three epochs on at most 1,400 images at 64 px, in batches of 16 as in the study's code; "
        "model6, which needs 125 px, at 128 px on wildcats alone; two hours of one core",
        _runs(quick, DATA_SETS, base, recipes=BOTH_RECIPES, training_images=few),
        _runs(slow, DATA_SETS, base, recipes=BOTH_RECIPES, training_images=few),
        _runs(
            ["model6"], ["wildcats"], replace(base, arch="model6", image_size=128),
            recipes=BOTH_RECIPES, training_images=few,
        ),
    )  # fmt: skip


FEW_IMAGES = 350
"""Trained on in the grids of the table: 19 steps of 16 an epoch, 228 in all."""
TABLE_SEEDS = {"model6": 1}
"""Where it is not 0: from that model6 starts with an output of zeros everywhere, and ends so."""


def _table(*, image_size: int) -> Iterator[Run]:
    """The nine rows of the study's table on both its sets, then the two networks it left out.

    Twelve epochs of few images, not few epochs of all: in three there is no restart and no
    plateau, and rows that differ in their schedulers would hardly be different trainings.
    """
    base = TrainSettings(
        arch="model1", image_size=image_size, epochs=12, batch_size=16, recipe="study"
    )
    least = replace(base, image_size=max(image_size, 128))
    for dataset in STUDY_SETS:
        for arch, scheduler in HITS:
            sized = least if arch == "model6" else base
            yield from _runs(
                [arch], [dataset], sized, schedulers=[scheduler], training_images=FEW_IMAGES,
                seeds=[TABLE_SEEDS.get(arch, 0)],
            )  # fmt: skip
    yield from _runs(STUDY_ARCHS[:2], STUDY_SETS, base, training_images=FEW_IMAGES)


def _table_64() -> Grid:
    return _grid(
        "table",
        "the nine rows of the study's table, twelve epochs on 350 images at 64 px (model6: 128) in "
        "batches of 16; model4 and model5 have latents of one cell there, so that max pool and "
        "flatten are one; an hour of one core",
        _table(image_size=64),
    )


def _table_128() -> Grid:
    return _grid(
        "table-128",
        "the rows of `table` all at 128 px, where every latent but that of model6 has several "
        "cells; model6 from seed 1, because from seed 0 it learns nothing; three to four hours of "
        "one core",
        _table(image_size=128),
    )


GRIDS: Mapping[str, Callable[[], Grid]] = {
    "full": _full,
    "cpu": _cpu,
    "table-128": _table_128,
    "table": _table_64,
    "six": _six,
}
"""Builders by name, largest first."""


def get_grid(name: str) -> Grid:
    """The grid called ``name``.

    Raises:
        TrainingError: there is none of that name.
    """
    if name not in GRIDS:
        raise TrainingError(f"no grid {name!r}; choose from {', '.join(GRIDS)}")
    return GRIDS[name]()
