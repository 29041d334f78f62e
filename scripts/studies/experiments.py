"""Carrying runs out: train, encode every image once, judge every pair, write one file."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import torch

from indexer.study_results import COLOURS, PIXELS, PairResult, Row, floor_name
from models.baselines import RAW_SIDE, colour_layout_histogram, raw_pixels
from models.encoder import Encoder
from models.pixels import load_pixels
from models.pooling import STANDARD, Pooling
from models.preprocess import Preprocess
from models.recipes import PRECISIONS
from models.sources import ImageFile, Source, open_source
from models.training import train
from scripts.studies.evidence import untrained
from scripts.studies.examples import find_examples
from scripts.studies.grids import DATA_SETS, Run
from scripts.studies.judging import judge_pairs
from scripts.studies.results import machine_facts, write_json
from scripts.studies.spectrum import SHOWN_DIRECTIONS, effective_rank, spectrum

if TYPE_CHECKING:
    from torch import Tensor

    from indexer.types import Vector

ENCODED_AT_ONCE = 8

Measured = dict[str, object]


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Where runs find their images, and where they leave what.

    Attributes:
        data: folder that the SOURCEs of DATA_SETS are below.
        results: folder of the results.
        work: folder for unpacked archives and for checkpoints while they are trained.
        device: as :func:`models.device.choose_device` takes it.
        amp: mixed precision of the trainings, one of PRECISIONS.
        progress: show progress on stderr.
    """

    data: Path
    results: Path
    work: Path
    device: str = "auto"
    amp: str = PRECISIONS[0]
    progress: bool = True

    def result_file(self, name: str) -> Path:
        """Where the measurements called ``name`` are kept."""
        return self.results / f"{name}.json"

    def source(self, spec: str) -> Source:
        """One of the SOURCEs of DATA_SETS."""
        return open_source(str(self.data / spec), workspace=self.work / "sources")


class Searched:
    """The images of a data set that are queries and answers, decoded once per size."""

    def __init__(self, laboratory: Laboratory, dataset: str) -> None:
        self.dataset = dataset
        self._laboratory = laboratory
        self._pixels: tuple[int, Tensor] | None = None

    @cached_property
    def files(self) -> tuple[ImageFile, ...]:
        """All of them."""
        return self._laboratory.source(DATA_SETS[self.dataset].searched).files

    def pixels(self, image_size: int) -> Tensor:
        """uint8 (N, 3, S, S), in the order of ``files``.

        Raises:
            UnreadableImageError: one cannot be decoded: figures would be of another set.
        """
        if self._pixels is None or self._pixels[0] != image_size:
            shown = self._laboratory.progress
            loaded = load_pixels(self.files, Preprocess(image_size), progress=shown)
            if loaded.unreadable:
                raise loaded.unreadable[0]
            self._pixels = image_size, loaded.pixels
        return self._pixels[1]

    def judge(self, vectors: Mapping[str, Vector]) -> tuple[PairResult, ...]:
        """Every pair of ``vectors``, which are in the order of ``files``."""
        return judge_pairs(vectors, [file.label for file in self.files])

    def examples(self, vectors: Mapping[str, Vector]) -> list[Row]:
        """What a few queries find."""
        labels = [str(file.label) for file in self.files]
        return find_examples(vectors, labels, [str(file.relative_path) for file in self.files])


def carry_out(
    runs: Sequence[Run], laboratory: Laboratory, *, report: Callable[[str], None]
) -> None:
    """Whatever of ``runs``, and of what they have to beat, has no result yet.

    Args:
        runs: in this order.
        laboratory: images and results.
        report: told the name of every result that was written.
    """
    searched: Searched | None = None
    for run in runs:
        if searched is None or searched.dataset != run.dataset:
            searched = Searched(laboratory, run.dataset)
        start = untrained(run)
        measurements: dict[str, Callable[[], Measured]] = {
            run.name: partial(_measure, run, searched, laboratory),
            start.name: partial(_measure, start, searched, laboratory),
            **{
                floor_name(run.dataset, kind): partial(_floor, kind, searched, laboratory)
                for kind in (COLOURS, PIXELS)
            },
        }
        for name, measure in measurements.items():
            file = laboratory.result_file(name)
            if not file.exists():
                write_json(file, {"name": name, "dataset": run.dataset, **measure()})
                report(name)


def training_files(run: Run, laboratory: Laboratory) -> list[ImageFile]:
    """What ``run`` is trained on: all images, or as many as it says, spread evenly."""
    chosen = DATA_SETS[run.dataset]
    files = laboratory.source(chosen.trained or chosen.searched).files
    count = min(run.training_images or len(files), len(files))
    return [files[index] for index in np.linspace(0, len(files) - 1, count).round().astype(int)]


def _measure(run: Run, searched: Searched, laboratory: Laboratory) -> Measured:
    """Train and judge; a killed training goes on where it was."""
    checkpoint = laboratory.work / "checkpoints" / run.name
    report = train(
        training_files(run, laboratory),
        run.settings,
        checkpoint,
        whitened_size=0,
        device=laboratory.device,
        amp=laboratory.amp,
        resume=True,
        progress=laboratory.progress,
    )
    encoder = Encoder.load(checkpoint, device=laboratory.device)
    started = perf_counter()
    latents = _encode(encoder, searched.pixels(run.settings.image_size))
    encoded = perf_counter()
    vectors = {str(pooling): pooling.apply(latents).numpy() for pooling in STANDARD}
    pairs = searched.judge(vectors)
    shares = spectrum(vectors[Pooling.FLATTEN])
    content = {
        "settings": {
            **asdict(replace(run.settings, scheduler=run.scheduler)),
            **report.computed,
        },
        "images": report.checkpoint.training["images"],
        "latent": list(latents.shape[1:]),
        "history": [asdict(record) for record in report.history],
        "best_epoch": report.best_epoch,
        "dead_channels": (latents == 0).all(dim=3).all(dim=2).all(dim=0).float().mean().item(),
        "effective_rank": effective_rank(shares),
        "spectrum": [round(share, 6) for share in shares[:SHOWN_DIRECTIONS].tolist()],
        "examples": searched.examples(vectors),
        "seconds": {"train": report.seconds, "encode": encoded - started},
        **_judged(pairs),
    }
    shutil.rmtree(checkpoint)  # some hundred megabytes that settings and seed bring back
    return content


def _floor(kind: str, searched: Searched, laboratory: Laboratory) -> Measured:
    """What needs no network at all."""
    files = [file.path for file in searched.files]
    vectors = (
        colour_layout_histogram(files, progress=laboratory.progress)
        if kind == COLOURS
        else raw_pixels(files, side=RAW_SIDE, progress=laboratory.progress)
    )
    return _judged(searched.judge({"-": vectors}))


def _judged(pairs: Sequence[PairResult]) -> Measured:
    """What every result has."""
    return {
        **machine_facts(),
        "queries": len(pairs[0].hits),
        "pairs": [pair.to_json() for pair in pairs],
    }


def _encode(encoder: Encoder, pixels: Tensor) -> Tensor:
    """uint8 (N, 3, S, S) -> latents (N, C, H, W)."""
    return torch.cat([encoder.encode(part).cpu() for part in torch.split(pixels, ENCODED_AT_ONCE)])
