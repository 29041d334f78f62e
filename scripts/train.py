"""Train an autoencoder on a folder of images: python scripts/train.py SOURCE --out DIR.

On several GPUs: torchrun --nproc-per-node gpu scripts/train.py SOURCE --out DIR.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from indexer.commands.arguments import exclude_argument, progress_argument
from indexer.process import begin_computing
from indexer.schema import MAX_VECTOR_SIZE, largest_image_size
from indexer.settings import Settings
from models.errors import SimilarityError
from models.pooling import WHITENED_SIZE, Pooling
from models.progress import ProgressFile
from models.recipes import (
    COLOURS,
    LOSSES,
    PRECISIONS,
    RECIPES,
    SCHEDULERS,
    TrainSettings,
    get_recipe,
)
from models.registry import STUDY_IMAGE_SIZE, describe_names, get_architecture
from models.sources import SOURCE_KINDS

if TYPE_CHECKING:
    from models.training import TrainingReport
    from models.training_team import Team


STUDY_EPOCHS = RECIPES["study"].epochs


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Train an autoencoder on images, without labels, and keep its best epoch.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("source", metavar="SOURCE", help=SOURCE_KINDS)
    exclude_argument(parser)
    add("--out", type=Path, required=True, metavar="DIR", help="checkpoint folder")
    add("--arch", metavar="NAME", help=f"{describe_names()}; the recipe's own when left out")
    add(
        "--weights",
        metavar="WEIGHTS",
        help="where the encoder starts: none (at random), a checkpoint folder, default (the one "
        "that comes with the program); of a torchvision:NAME also imagenet (its default; "
        "downloads), or a file with a state dict (.pth, .safetensors)",
    )
    add(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help=f"side of the square input; when left out, the recipe's own for its own architecture, "
        f"and {STUDY_IMAGE_SIZE} for any other",
    )
    add(
        "--epochs",
        type=int,
        help=f"passes over the training part; when left out, likewise, or {STUDY_EPOCHS}; 0: none",
    )
    add("--batch-size", type=int, default=32, help="images per step and process")
    add("--lr", type=float, default=1e-3, help="learning rate of Adam")
    add("--loss", default="mse", choices=LOSSES, help="reconstruction loss")
    add("--scheduler", choices=SCHEDULERS, help="default: the recipe's own")
    add("--recipe", default=next(iter(RECIPES)), choices=RECIPES, help=_recipe_help())
    add(
        "--colour",
        default=COLOURS[0],
        choices=COLOURS,
        help="keep: colour tells kinds apart, as in most photographs; ignore: it misleads",
    )
    add("--seed", type=int, default=0, help="of split, weights, order and views")
    add(
        "--whiten",
        type=int,
        default=WHITENED_SIZE,
        metavar="N",
        help="most values of the whitened vectors that an index may have of it; 0: none",
    )
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps, ...")
    add(
        "--amp",
        default=PRECISIONS[0],
        choices=PRECISIONS,
        help="mixed precision; auto: on CUDA bf16, or fp16 where the card has no bf16; else off",
    )
    add("--time-budget", type=float, metavar="SECONDS", help="plan for at most this long")
    add("--resume", action="store_true", help="go on where an interrupted run stopped")
    add("--overwrite", action="store_true", help="replace a checkpoint in --out")
    add("--data-dir", type=Path, metavar="DIR", help="where archives and downloads are unpacked")
    progress_argument(parser)
    return parser.parse_args(argv)


def _recipe_help() -> str:
    return "; ".join(f"{recipe.name}: {recipe.summary}" for recipe in RECIPES.values())


def run(arguments: argparse.Namespace, team: Team) -> TrainingReport:
    """Train as the command line says."""
    recipe = get_recipe(arguments.recipe)
    arch = arguments.arch or recipe.arch
    own = arch == recipe.arch
    usual_size = recipe.image_size if own else STUDY_IMAGE_SIZE
    usual_epochs = recipe.epochs if own else STUDY_EPOCHS
    settings = TrainSettings(
        arch=arch,
        image_size=usual_size if arguments.image_size is None else arguments.image_size,
        epochs=usual_epochs if arguments.epochs is None else arguments.epochs,
        batch_size=arguments.batch_size,
        lr=arguments.lr,
        loss=arguments.loss,
        scheduler=arguments.scheduler,
        seed=arguments.seed,
        recipe=arguments.recipe,
        colour=arguments.colour,
        weights=arguments.weights,
    )
    if team.is_first and (warning := size_warning(settings)):
        print(f"warning: {warning}", file=sys.stderr)
    from models.sources import open_source
    from models.training import train

    told = ProgressFile(arguments.progress if team.is_first else None)
    told.begin("unpacking")
    workspace = Settings.resolve(data_dir=arguments.data_dir).data_dir / "sources"
    with team.first_before_others():
        source = open_source(arguments.source, workspace=workspace, exclude=arguments.exclude)
    return train(
        source.files,
        settings,
        arguments.out,
        whitened_size=arguments.whiten,
        device=arguments.device,
        amp=arguments.amp,
        team=team,
        time_budget=arguments.time_budget,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        told=told,
    )


def size_warning(settings: TrainSettings) -> str | None:
    """Why the checkpoint could not be indexed, and what to do; None where it can."""
    latent = get_architecture(settings.arch).latent_shape(settings.image_size)
    size = Pooling.FLATTEN.size(latent)
    if size <= MAX_VECTOR_SIZE:
        return None
    return (
        f"an index takes flatten vectors of at most {MAX_VECTOR_SIZE:,} values, and "
        f"{settings.arch} at {settings.image_size} pixels makes {size:,}: "
        f"give --image-size {largest_image_size(settings.arch)} or less"
    )


def report_lines(report: TrainingReport, out: Path) -> list[str]:
    """What a person wants to know at the end, and what to do next."""
    lines = [f"{report.checkpoint.name} in {out}: {_outcome(report)}, {report.seconds:.0f} s"]
    lines += [f"left out: {line}" for line in report.unreadable]
    return [*lines, f"next: python -m indexer sync SOURCE --checkpoint {out}"]


def _outcome(report: TrainingReport) -> str:
    if not report.history:
        return "not trained, the start itself"
    best = report.history[report.best_epoch - 1]
    return (
        f"epoch {report.best_epoch} of {len(report.history)} "
        f"kept, validation loss {best.validation_loss:.5f} "
        f"(reconstruction {best.reconstruction:.5f}), "
        f"dead channels {best.dead_channels:.0%}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    begin_computing()
    arguments = parse(argv)
    from models.training_team import Team

    team = Team.launched()
    try:
        with team.connected(team.device(arguments.device)):
            report = run(arguments, team)
    except SimilarityError as error:
        if team.is_first_to_fail():
            behind_a_bar = "\n" if team.size > 1 else ""  # the first process's
            print(f"{behind_a_bar}error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if team.is_first:
            print("stopped; go on with --resume", file=sys.stderr)
        return 130
    if team.is_first:
        print("\n".join(report_lines(report, arguments.out)))
    return 0


def leave(code: int) -> NoReturn:
    """End the process with the exit code ``code``.

    One of several does not take its interpreter down: DistributedDataParallel keeps the process
    group and so gloo's threads, which now and then abort that (pytorch/pytorch#190489).
    """
    from models.training_team import Team

    if Team.launched_by_torchrun():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
