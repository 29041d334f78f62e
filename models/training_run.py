"""One training under way: the loop, epoch by epoch, and what it needs to go on after a kill."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NoReturn

import torch
from torch import Tensor, nn
from tqdm import tqdm

from models.checkpoint import save_checkpoint
from models.errors import TrainingError
from models.initialisation import new_model
from models.objective import Losses, Objective
from models.pixels import LoadedPixels
from models.precision import Precision
from models.preprocess import Preprocess
from models.pretrained import Pretrained
from models.progress import ProgressFile
from models.recipes import TrainSettings, get_recipe
from models.reconstructions import SHOWN, remove_sheet, write_sheet
from models.schedulers import make_scheduler, step
from models.training_share import split
from models.training_state import EpochRecord, ResumeFile, identity
from models.training_team import Team
from models.training_words import fit_words_to, fits_words

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)

DEAD_WARNING = 0.5
"""Share of dead latent channels from which on a warning is given after the first epoch."""
BUDGET_RESERVE = 0.9
"""Share of a time budget that is planned for epochs; the rest is for saving."""
SHEET_SECONDS = 15.0
"""Between two sheets of reconstructions during training, at least."""


class TrainingRun:
    """Everything that changes from epoch to epoch.

    Args:
        settings: what decides the result.
        preprocess: input normalisation, as the recipe asks for it.
        loaded: at least two decoded images, unless there are no epochs and no words to fit.
        precision: where to compute, and in how many bits.
        pretrained: what the encoder starts from; None at random.
        team: the processes that train together.
        told: hears how far the run is.
    """

    def __init__(
        self,
        settings: TrainSettings,
        preprocess: Preprocess,
        loaded: LoadedPixels,
        precision: Precision,
        pretrained: Pretrained | None = None,
        *,
        team: Team,
        told: ProgressFile | None = None,
    ) -> None:
        self._told = told or ProgressFile()
        self.settings = settings
        self._preprocess = preprocess
        self._device = precision.device
        self._precision = precision
        self._team = team
        self._pixels = loaded.pixels
        self._images = identity(loaded.files)
        self.train_part, self.validation_part = split(len(loaded.files), seed=settings.seed)
        self.shown = torch.cat([self.validation_part, self.train_part])[:SHOWN]
        self.history: list[EpochRecord] = []
        self._sheet_written = float("-inf")
        recipe = get_recipe(settings.recipe)
        self._warmup_steps = recipe.warmup_steps
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = new_model(settings.arch, recipe, seed=settings.seed, pretrained=pretrained)
            self._words_are_fitted = fits_words(settings)
            self._keep_vocabularies = pretrained is not None
            self._objective = Objective(
                model,
                recipe,
                preprocess,
                loss=settings.loss,
                colour=settings.colour,
                precision=precision,
                team=team,
                fixed_encoder=self._words_are_fitted,
            ).to(self._device)
        self._learner: nn.Module = self._objective
        self._plan(settings.epochs)

    @property
    def facts(self) -> dict[str, object]:
        """What decides the result beside the settings: how it is computed."""
        return {"amp": self._precision.name, "processes": self._team.size}

    @property
    def _step_images(self) -> int:
        """Images of one step, over all processes."""
        return self.settings.batch_size * self._team.size

    def start(self, *, deadline: float | None = None, progress: bool = False) -> None:
        """What comes before the first epoch: where the recipe says so, words are fitted.

        Args:
            deadline: ``perf_counter()`` value at which everything shall be over; fewer views are
                looked at where that is soon.
            progress: show a tqdm bar of the histograms that are made.

        Raises:
            TrainingError: there are too few images for that.
        """
        if self._words_are_fitted and self._team.is_first:  # the others are given them
            encoder = self._objective.model.encoder.cpu()
            fit_words_to(
                encoder,
                self._pixels,
                self._preprocess,
                self.settings,
                keep_vocabularies=self._keep_vocabularies,
                deadline=deadline,
                progress=progress,
                told=self._told,
            )
            encoder.to(self._device)
        self._learner = self._team.prepare(self._objective)

    def _plan(self, epochs: int) -> None:
        """A fresh optimizer, and a scheduler that knows how many epochs there will be."""
        self.epochs = epochs
        recipe = get_recipe(self.settings.recipe)
        learned = [each for each in self._objective.parameters() if each.requires_grad]
        self._optimizer = torch.optim.Adam(learned, lr=self.settings.lr)
        name = self.settings.scheduler or recipe.scheduler
        self._scheduler = make_scheduler(name, self._optimizer, epochs=epochs)
        self._scaler = self._precision.scaler()

    def fit_into(self, seconds: float) -> None:
        """Plan as many epochs as fit, at least one, measured on two steps that are taken back."""
        before = {name: value.clone() for name, value in self._objective.state_dict().items()}
        batch = self.train_part[: self._step_images]
        durations = []
        for _ in range(2):
            started = perf_counter()
            self._train_step(batch, torch.Generator())
            durations.append(perf_counter() - started)
        self._objective.load_state_dict(before)
        images = len(self.train_part) + len(self.validation_part) / 3  # no backward pass there
        epoch_seconds = min(durations) * max(images / len(batch), 1.0)
        affordable = int(self._team.first_says(BUDGET_RESERVE * seconds / epoch_seconds))
        self._plan(min(self.settings.epochs, max(affordable, 1)))

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the lowest validation loss, the first of equals; 0 the start."""
        if not self.history:
            return 0
        return min(self.history, key=lambda record: record.validation_loss).epoch

    def run(
        self, out: Path, log: SummaryWriter | None, *, deadline: float | None, progress: bool
    ) -> None:
        """Train the epochs that are left; where none are asked for, keep the start.

        Args:
            out: gets a checkpoint after each better epoch, and the state to resume from, of the
                first process.
            log: gets the figures of each epoch; None in all processes but the first.
            deadline: ``perf_counter()`` value at which to stop, in the middle of an epoch too.
            progress: show one tqdm bar over all batches.
        """
        if not self.epochs:
            self._keep_start(out)
            return
        steps = math.ceil(len(self.train_part) / self._step_images)
        done = len(self.history)
        images = len(self.train_part)
        self._told.begin("training", total=images * self.epochs, done=images * done)
        for record in self.history:
            self._told.validation_loss(record.epoch, record.validation_loss)
        with tqdm(
            desc="Training", total=steps * self.epochs, initial=steps * done, unit="batch",
            disable=not progress,
        ) as bar:  # fmt: skip
            for epoch in range(done + 1, self.epochs + 1):
                record = self._epoch(epoch, bar, out, deadline=deadline)
                self.history.append(record)
                step(self._scheduler, record.validation_loss)
                if log is not None:
                    self._keep(out, log)
                if self._is_over(deadline):
                    break

    def _keep(self, out: Path, log: SummaryWriter) -> None:
        """Write down what the last epoch came to."""
        record = self.history[-1]
        if self.best_epoch == record.epoch:
            save_checkpoint(out, self._objective.model, self._preprocess)
        self._save(out)
        for name, value in asdict(record).items():
            log.add_scalar(name, value, record.epoch)

    def _is_over(self, deadline: float | None) -> bool:
        """Whether the first process's time is up: all have to stop at the same step."""
        if deadline is None:
            return False
        return self._team.first_says(perf_counter() - deadline) > 0

    def _keep_start(self, out: Path) -> None:
        if not self._team.is_first:
            return
        save_checkpoint(out, self._objective.model, self._preprocess)
        # What an earlier training left there does not lead on from here.
        remove_sheet(out)
        ResumeFile(out).remove()

    def _epoch(
        self, epoch: int, bar: tqdm[NoReturn], out: Path, *, deadline: float | None
    ) -> EpochRecord:
        started = perf_counter()
        # One generator per epoch instead of a running one: a resumed run needs no random state.
        generator = torch.Generator().manual_seed(self.settings.seed * 100_003 + epoch)
        lr = self._optimizer.param_groups[0]["lr"]
        bar.set_description(f"Training, epoch {epoch}/{self.epochs}")
        self._told.epoch(epoch, self.epochs)
        train_loss = self._train_epoch(epoch, generator, bar, out, deadline=deadline)
        self._set_lr(lr)
        if not math.isfinite(train_loss):
            raise TrainingError(f"the loss is {train_loss} in epoch {epoch}; try a smaller --lr")
        validation_loss, reconstruction, contrastive, dead = self._validate()
        self._told.validation_loss(epoch, validation_loss)
        bar.set_postfix(loss=f"{validation_loss:.4f}", dead=f"{dead:.0%}")
        if epoch == 1 and dead >= DEAD_WARNING and self._team.is_first:
            logger.warning(
                "after the first epoch %.0f %% of the latent channels are zero for every image; "
                "consider a smaller --lr or --recipe retrieval",
                100 * dead,
            )
        return EpochRecord(
            epoch=epoch,
            train_loss=train_loss,
            validation_loss=validation_loss,
            reconstruction=reconstruction,
            contrastive=contrastive,
            dead_channels=dead,
            lr=lr,
            seconds=perf_counter() - started,
        )

    def _train_epoch(
        self,
        epoch: int,
        generator: torch.Generator,
        bar: tqdm[NoReturn],
        out: Path,
        *,
        deadline: float | None,
    ) -> float:
        """One pass over the training part; returns the mean loss per image."""
        self._objective.train()
        order = torch.randperm(len(self.train_part), generator=generator)
        batches = torch.split(self.train_part[order], self._step_images)
        lr = self._optimizer.param_groups[0]["lr"]
        total, seen = torch.zeros((), device=self._device), 0
        told_total, told_seen = total.clone(), 0
        for number, batch in enumerate(batches, start=(epoch - 1) * len(batches) + 1):
            self._set_lr(lr * min(1.0, number / (self._warmup_steps + 1)))
            total += self._train_step(batch, generator) * len(batch)
            seen += len(batch)
            bar.update()
            if self._told.is_due or seen == len(order):  # .item() waits for the GPU
                # Of this process's images alone: to know the others' would be to wait for them.
                mine = (total - told_total) * self._team.size
                recent = (mine / (seen - told_seen)).item()
                self._told.loss(epoch - 1 + seen / len(order), recent)
                told_total, told_seen = total.clone(), seen
            self._told.advance(len(batch))
            self._show(out)
            if self._is_over(deadline):
                break
        return (self._team.add_up(total) / seen).item()

    def _show(self, out: Path) -> None:
        """Now and then, a sheet of reconstructions for whoever watches."""
        if not self._team.is_first:
            return
        if perf_counter() - self._sheet_written >= SHEET_SECONDS:
            write_sheet(out, self._objective.model, self._pixels[self.shown], self._preprocess)
            self._sheet_written = perf_counter()

    def _set_lr(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr

    def _train_step(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Learn from ``batch``; returns this process's part of its loss."""
        loss = self._judge(self._learner, batch, generator).total
        self._optimizer.zero_grad(set_to_none=True)
        # The parts add up, but gradients are averaged over the processes.
        self._scaler.scale(loss * self._team.size).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach()

    def _judge(self, judge: nn.Module, batch: Tensor, generator: torch.Generator) -> Losses:
        """This process's part of the losses on the images ``batch``, by number."""
        share = self._team.share(len(batch))
        pixels = self._pixels[share.of(batch)].to(self._device)
        losses: Losses = judge(pixels, generator, share)
        return losses

    @torch.no_grad()
    def _validate(self) -> tuple[float, float, float, float]:
        """(loss, reconstruction, contrastive, share of dead channels) on the validation part."""
        self._objective.eval()
        self._team.copy_buffers(self._objective)
        generator = torch.Generator().manual_seed(self.settings.seed)  # the same views each time
        sums = torch.zeros(3, device=self._device)
        alive = torch.zeros((), dtype=torch.bool, device=self._device)
        for batch in torch.split(self.validation_part, self._step_images):
            losses = self._judge(self._objective, batch, generator)
            parts = torch.stack([losses.total, losses.reconstruction, losses.contrastive])
            sums += parts * len(batch)
            alive = alive | (losses.latent != 0).any(dim=3).any(dim=2).any(dim=0)
        sums, alive = self._team.add_up(sums), self._team.any_of(alive)
        loss, reconstruction, contrastive = (sums / len(self.validation_part)).tolist()
        return loss, reconstruction, contrastive, 1.0 - alive.float().mean().item()

    def _save(self, out: Path) -> None:
        ResumeFile(out).write(
            {
                "settings": asdict(self.settings) | self.facts,
                "images": self._images,
                "epochs": self.epochs,
                "history": [asdict(record) for record in self.history],
                "objective": self._objective.state_dict(),
                "optimizer": self._optimizer.state_dict(),
                "scheduler": self._scheduler.state_dict(),
                "scaler": self._scaler.state_dict(),
            }
        )

    def load(self, out: Path) -> bool:
        """Go on from what :meth:`run` left in ``out``; False when there is nothing.

        Raises:
            TrainingError: it is damaged, or of other settings or images.
        """
        file = ResumeFile(out)
        state = file.read(self._device)
        if state is None:
            return False
        file.check(state, settings=asdict(self.settings) | self.facts, images=self._images)
        with file.damage():
            self._plan(state["epochs"])
            self._objective.load_state_dict(state["objective"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._scheduler.load_state_dict(state["scheduler"])
            self._scaler.load_state_dict(state.get("scaler", {}))
            self.history = [EpochRecord(**record) for record in state["history"]]
        self._learner = self._team.prepare(self._objective)
        return True
