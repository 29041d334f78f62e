"""``/api/study``: what ``scripts/study.py`` measured, for whoever wants to look at it closely."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Self

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, ValidationError

from indexer.bootstrap import Estimate
from indexer.study_results import (
    AVERAGE_PRECISION,
    PRECISION,
    Kind,
    PairResult,
    Result,
    StudyFolder,
)
from models.pooling import Pooling
from search_ui.api.checkpoints import Epoch, Figure, TrainingImages, TrainingSettings
from search_ui.api.parameters import RunName
from search_ui.api.refusals import refusals

MOST_RUNS = 500
LISTED = (PRECISION, AVERAGE_PRECISION)
"""Figures of a list; one run alone has all of them."""


class Interval(BaseModel):
    """A mean over queries and its 95 % bootstrap interval."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """``estimate``, for JSON."""
        return cls(value=estimate.value, low=estimate.low, high=estimate.high)


class Pair(BaseModel):
    """One <pooling, distance>; ``pooling`` is "-" and ``vector_size`` null without a network."""

    model_config = ConfigDict(frozen=True)

    pooling: str
    distance: str
    vector_size: int | None
    figures: dict[str, Interval]

    @classmethod
    def of(cls, pair: PairResult, latent: tuple[int, int, int] | None, only: Iterable[str]) -> Self:
        """Those of the figures of ``pair`` that are in ``only``."""
        known = latent is not None and pair.pooling in set(Pooling)
        pooling = Pooling(pair.pooling) if known else None
        return cls(
            pooling=pair.pooling,
            distance=pair.distance,
            vector_size=pooling.size(latent)
            if pooling and latent and not pooling.is_fitted
            else None,
            figures={name: Interval.of(pair.estimates[name]) for name in only},
        )


class StudyRun(BaseModel):
    """What was judged on a labelled set, every image of it a query.

    ``kind`` is "trained", "untrained" (the same network at random weights) or "floor" (no network;
    ``floor`` says which); ``start`` names the untrained run that a trained one has to beat. What a
    floor does not have is null.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    dataset: str
    kind: Kind
    floor: str | None
    start: str | None
    queries: int
    pairs: tuple[Pair, ...]
    arch: str | None
    image_size: int | None
    settings: TrainingSettings | None
    images: TrainingImages | None
    latent: tuple[int, int, int] | None
    best_epoch: int | None
    validation_losses: tuple[Figure, ...]

    @classmethod
    def of(cls, result: Result, *, start: str | None, figures: Iterable[str] = LISTED) -> Self:
        """What is told of ``result``."""
        return cls.model_validate(cls._told(result, start, tuple(figures)))

    @staticmethod
    def _told(result: Result, start: str | None, figures: tuple[str, ...]) -> dict[str, object]:
        facts, settings = result.facts, result.settings
        latent = tuple(facts["latent"]) if settings else None
        return {
            "name": result.name,
            "dataset": result.dataset,
            "kind": result.kind,
            "floor": None if settings else result.name.removeprefix(f"{result.dataset}-"),
            "start": start,
            "queries": result.queries,
            "pairs": [Pair.of(pair, latent, figures) for pair in result.pairs],
            "arch": settings.get("arch"),
            "image_size": settings.get("image_size"),
            "settings": dict(settings) if settings else None,
            "images": facts.get("images"),
            "latent": latent,
            "best_epoch": facts.get("best_epoch"),
            "validation_losses": [each["validation_loss"] for each in facts.get("history", ())],
        }


class StudyRunDetails(StudyRun):
    """One run with everything that was written down.

    ``dead_channels`` is the share of latent channels that are zero on every image,
    ``effective_rank`` that of the latents, ``seconds`` what training and encoding took.
    """

    history: tuple[Epoch, ...]
    dead_channels: Figure
    effective_rank: Figure
    seconds: dict[str, float] | None
    torch: str | None
    machine: str | None

    @classmethod
    def of(cls, result: Result, *, start: str | None, figures: Iterable[str] = ()) -> Self:
        """What is told of ``result``: all figures unless ``figures`` names some."""
        facts, names = result.facts, tuple(figures) or tuple(result.pairs[0].estimates)
        more = ("dead_channels", "effective_rank", "seconds", "torch", "machine")
        return cls.model_validate(
            cls._told(result, start, names)
            | {"history": facts.get("history", ())}
            | {name: facts.get(name) for name in more}
        )


class Study(BaseModel):
    """All runs, by name; ``unreadable`` files hold no result, ``left_out`` were too many."""

    model_config = ConfigDict(frozen=True)

    runs: tuple[StudyRun, ...]
    unreadable: int
    left_out: int


def study_router(folder: StudyFolder) -> APIRouter:
    """The results in ``folder``."""
    router = APIRouter(prefix="/study", tags=["study"])

    @router.get("")
    def list_runs() -> Study:
        """Every network and floor that was judged."""
        total = len(folder.files())
        found = [result for result in islice(folder.results(), MOST_RUNS) if result]
        starts = starts_of(found)
        runs = tuple(run for result in found if (run := told(result, starts)))
        read = min(total, MOST_RUNS)
        return Study(runs=runs, unreadable=read - len(runs), left_out=total - read)

    @router.get("/{name}", responses=refusals(404))
    def describe_run(name: RunName) -> StudyRunDetails:
        """One of them, with all its figures."""
        result = folder.find(name)
        if result is None:
            raise HTTPException(404, f"The study has no result {name!r}.")
        starts = starts_of(other for other in folder.results() if other)
        try:
            return StudyRunDetails.of(result, start=start_of(result, starts))
        except (KeyError, TypeError, ValidationError):
            raise HTTPException(404, f"The file of {name!r} holds no result.") from None

    return router


def told(result: Result, starts: Mapping[tuple[object, ...], str]) -> StudyRun | None:
    """``result`` for a list; None where something that every result has is missing."""
    try:
        return StudyRun.of(result, start=start_of(result, starts))
    except (KeyError, TypeError, ValidationError):
        return None


def starts_of(results: Iterable[Result]) -> dict[tuple[object, ...], str]:
    """Names of the untrained runs, by network."""
    return {result.network: result.name for result in results if result.kind is Kind.UNTRAINED}


def start_of(result: Result, starts: Mapping[tuple[object, ...], str]) -> str | None:
    """The name of what ``result`` has to beat."""
    return starts.get(result.network) if result.kind is Kind.TRAINED else None
