"""Training: image files and settings in, a checkpoint folder out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from tqdm import tqdm

from models.checkpoint import (
    INFO_FILE,
    CheckpointInfo,
    LoadedCheckpoint,
    load_checkpoint,
    read_info,
    save_checkpoint,
)
from models.encoder import Encoder
from models.errors import CheckpointError, TrainingError, WhiteningError
from models.pixels import LoadedPixels, load_pixels
from models.pooling import WHITENED_SIZE, Pooling
from models.precision import Precision
from models.preprocess import Preprocess
from models.progress import ProgressFile
from models.recipes import PRECISIONS, TrainSettings, get_recipe
from models.reconstructions import write_sheet
from models.registry import get_architecture
from models.sources import ImageFile
from models.training_run import TrainingRun
from models.training_state import EpochRecord
from models.training_team import Team
from models.training_words import fits_words
from models.whitening import Whitening, fit_whitening, sample_for_fit

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)

ENCODED_AT_ONCE = 32
"""Images in a batch of the last pass, which has no gradients to keep."""


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A finished training.

    Attributes:
        checkpoint: the best epoch's checkpoint, as saved, with the whitening fitted to it; with no
            epochs, the start's.
        history: every epoch.
        best_epoch: the one with the lowest validation loss, which is kept; 0 with no epochs.
        unreadable: one line for each file that was left out.
        computed: the mixed precision, and how many processes took part.
        seconds: wall time, reading included.
    """

    checkpoint: CheckpointInfo
    history: tuple[EpochRecord, ...]
    best_epoch: int
    unreadable: tuple[str, ...]
    computed: Mapping[str, object]
    seconds: float


def train(
    files: Sequence[ImageFile],
    settings: TrainSettings,
    out: Path,
    *,
    whitened_size: int = WHITENED_SIZE,
    device: str = "auto",
    amp: str = PRECISIONS[0],
    team: Team | None = None,
    time_budget: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = True,
    told: ProgressFile | None = None,
) -> TrainingReport:
    """Train an autoencoder on ``files`` and keep its best epoch in the checkpoint folder ``out``.

    Args:
        files: images; labels are not looked at. With no epochs the images only serve to fit visual
            words and the whitening, and without either they are not read.
        settings: what decides the result.
        out: checkpoint folder, with TensorBoard logs in ``out/tensorboard`` and, once something was
            learned, a sheet of reconstructions.
        whitened_size: most values of the ``whitened`` vectors that the checkpoint shall offer;
            0 leaves them out.
        device: ``auto``, ``cpu``, ``cuda``, ...
        amp: mixed precision, one of PRECISIONS; the whitening is always fitted in fp32.
        team: the processes that train together, connected, all with equal arguments and the same
            ``out``; this one alone when None. Each step is of ``settings.batch_size`` images for
            every process; the first writes, tells and shows, all report.
        time_budget: seconds for everything, reading included. Fewer epochs are planned where
            ``settings.epochs`` would take longer, and the last one is cut short if need be. The
            whitening is fitted after that, in less time than an epoch takes.
        resume: continue what an earlier, interrupted run left in ``out``; the result is the same
            as without the interruption (on the same machine, with as many processes, without a
            time budget).
        overwrite: replace a checkpoint that is in ``out``.
        progress: show tqdm bars on stderr.
        told: hears how far the training is.

    Raises:
        TrainingError: fewer than two readable images, a checkpoint in ``out`` that is neither to
            be resumed nor replaced, or a resumed run with other settings or images.
        CheckpointError: ``out`` cannot be written.
        WeightsError: the weights to start from cannot be had, or do not fit.
    """
    started = perf_counter()
    team = team or Team()
    if not team.is_first:
        progress, told = False, None
    told = told or ProgressFile()
    if whitened_size < 0:
        raise TrainingError(f"whitened vectors of {whitened_size} values; 0 leaves them out")
    _check_folder(out, allowed=resume or overwrite)
    recipe = get_recipe(settings.recipe)
    pretrained = get_architecture(settings.arch).pretrained(settings.start, progress=progress)
    normalisation = pretrained or recipe
    preprocess = Preprocess(settings.image_size, normalisation.mean, normalisation.std)
    needed = settings.epochs or whitened_size or fits_words(settings)
    loaded = load_pixels(files if needed else (), preprocess, progress=progress, told=told)
    if settings.epochs and len(loaded.files) < 2:
        raise TrainingError(f"{len(loaded.files)} readable images; training needs at least 2")
    precision = Precision.choose(amp, team.device(device))
    run = TrainingRun(settings, preprocess, loaded, precision, pretrained, team=team, told=told)
    deadline = None if time_budget is None or not settings.epochs else started + time_budget
    if not (resume and run.load(out)):
        run.start(deadline=deadline, progress=progress)
        if deadline is not None:
            run.fit_into(deadline - perf_counter())
    with _log(out, run) if team.is_first else nullcontext() as log:
        run.run(out, log, deadline=deadline, progress=progress)
    kept = None
    if team.is_first:
        kept = _keep(
            out, run, loaded, precision.device, whitened_size, progress=progress, told=told
        )
    team.wait()
    return TrainingReport(
        checkpoint=kept or read_info(out),
        history=tuple(run.history),
        best_epoch=run.best_epoch,
        unreadable=tuple(str(error) for error in loaded.unreadable),
        computed=run.facts,
        seconds=perf_counter() - started,
    )


def _log(out: Path, run: TrainingRun) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"), purge_step=len(run.history) + 1)


def _keep(
    out: Path,
    run: TrainingRun,
    loaded: LoadedPixels,
    device: torch.device,
    whitened_size: int,
    *,
    progress: bool,
    told: ProgressFile,
) -> CheckpointInfo:
    """Write down what came of the run, which has left its best epoch in ``out``."""
    best = load_checkpoint(out)
    preprocess = best.info.preprocess
    if run.history:
        write_sheet(out, best.model, loaded.pixels[run.shown], preprocess)
    whitening = None
    if whitened_size and loaded.files:
        whitening = _whitening(
            best, loaded.pixels, size=whitened_size, device=device, progress=progress, told=told
        )
    return save_checkpoint(out, best.model, preprocess, whitening=whitening, training=_facts(run))


def _facts(run: TrainingRun) -> dict[str, object]:
    """What the checkpoint tells of how it was made."""
    settings = run.settings
    scheduler = settings.scheduler or get_recipe(settings.recipe).scheduler
    named = replace(settings, scheduler=scheduler, weights=settings.start)
    return {
        "settings": {**asdict(named), **run.facts},
        "images": {"training": len(run.train_part), "validation": len(run.validation_part)},
        "planned_epochs": run.epochs,
        "best_epoch": run.best_epoch,
        "history": [asdict(record) for record in run.history],
    }


def _whitening(
    checkpoint: LoadedCheckpoint,
    pixels: Tensor,
    *,
    size: int,
    device: torch.device,
    progress: bool,
    told: ProgressFile,
) -> Whitening | None:
    """Fitted to the images, encoded as an index encodes them; None where it cannot be."""
    encoder = Encoder(
        checkpoint.model,
        checkpoint.info.preprocess,
        fingerprint=checkpoint.info.fingerprint,
        device=str(device),
    )
    sample = sample_for_fit(len(pixels), Pooling.FLATTEN.size(encoder.latent_shape))
    batches = torch.split(sample, ENCODED_AT_ONCE)
    shown = tqdm(batches, desc="Whitening", unit="batch", disable=not progress)
    told.begin("whitening", total=len(sample))
    flat = []
    for batch in shown:
        flat.append(Pooling.FLATTEN.apply(encoder.encode(pixels[batch])).cpu())
        told.advance(len(batch))
    try:
        return fit_whitening(torch.cat(flat), size=size)
    except WhiteningError as error:
        logger.warning("no whitened vectors: %s", error)
        return None


def _check_folder(out: Path, *, allowed: bool) -> None:
    """Find out before the work that its result can be kept."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot make the folder {out}: {error.strerror}") from error
    if not os.access(out, os.W_OK):
        raise CheckpointError(f"the folder {out} cannot be written; choose another --out")
    if not allowed and (out / INFO_FILE).exists():
        raise TrainingError(
            f"{out} holds a checkpoint already: go on with --resume, "
            f"replace it with --overwrite, or choose another --out"
        )
