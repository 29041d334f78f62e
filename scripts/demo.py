"""The main job in one go: images -> checkpoint -> collections -> evaluation -> page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from indexer.process import begin_computing
from indexer.settings import Settings
from models.checkpoint import DEFAULT_CHECKPOINT, INFO_FILE, read_info
from models.errors import OutdatedCheckpointError, SimilarityError
from models.recipes import DEFAULT_RECIPE, TrainSettings, get_recipe
from models.sources import DEMO, SOURCE_KINDS, Source, open_source

RECIPE = get_recipe(DEFAULT_RECIPE)
SETTINGS = TrainSettings(arch=RECIPE.arch, image_size=RECIPE.image_size, epochs=RECIPE.epochs)
TRAINING_SECONDS = 150.0
FEW = 100
"""Below this number of images what is fitted to them does not reliably rank better than the default
checkpoint. A guess between what was tried on random parts of two photograph sets: of a few dozen
images it ranked worse, of about a hundred better on one of the sets, of hundreds better on both."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", default="demo", metavar="SOURCE", help=SOURCE_KINDS)
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="folder of the indexes")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), metavar="DIR")
    parser.add_argument("--no-serve", action="store_true", help="stop before the page")
    return parser.parse_args(argv)


def say(text: str) -> None:
    """One line of what happens next, apart from the progress bars."""
    print(f"\n==> {text}", file=sys.stderr, flush=True)


def settings_for(source: Source) -> TrainSettings:
    """The demo's kinds come in any colour, by design; of other images nobody knows."""
    return replace(SETTINGS, colour="ignore" if source.spec == DEMO else "keep")


def is_finished(folder: Path) -> bool:
    """Whether a training ran to its end there; only then the checkpoint tells of it."""
    return (folder / INFO_FILE).exists() and bool(read_info(folder).training)


def is_outdated(folder: Path) -> bool:
    """Whether an earlier version of the program made the finished checkpoint there."""
    from models.checkpoint import load_checkpoint

    try:
        load_checkpoint(folder)
    except OutdatedCheckpointError:
        say(f"The checkpoint {folder} does not fit this version of the program")
        return True
    return False


def make_checkpoint(source: Source, folder: Path) -> Path:
    """Train, or go on with an interrupted training, or keep what is finished; its folder."""
    from models.training import train

    settings = settings_for(source)
    finished = is_finished(folder)
    again = finished and is_outdated(folder)
    if finished and not again:
        say(f"Using the checkpoint {folder} (remove the folder to train again)")
        return folder
    if len(source.files) < FEW:
        say(f"{len(source.files)} images are few to learn from: using the default checkpoint")
        return DEFAULT_CHECKPOINT
    say(
        f"Training {settings.arch} on {len(source.files):,} images at "
        f"{settings.image_size} px, at most {TRAINING_SECONDS:.0f} s"
    )
    report = train(
        source.files,
        settings,
        folder,
        time_budget=TRAINING_SECONDS,
        resume=not again,
        overwrite=again,
    )
    print(
        f"{report.checkpoint.name}: epoch {report.best_epoch} of {len(report.history)} kept",
        file=sys.stderr,
    )
    return folder


def make_index(source: Source, checkpoint: Path, settings: Settings) -> None:
    """Encode every image once and put its vectors into both collections."""
    from indexer.pipeline import sync
    from indexer.store import open_store
    from models.encoder import Encoder

    say("Encoding every image once into both collections (Cosine and Euclid)")
    encoder = Encoder.load(checkpoint)
    report = sync(
        source,
        encoder,
        open_store(settings),
        checkpoint=checkpoint,
        data_dir=settings.data_dir,
    )
    print(
        f"{report.dataset}: {report.added} added, {report.updated} updated, "
        f"{report.unchanged} unchanged, {report.removed} removed, {len(report.failed)} unreadable",
        file=sys.stderr,
    )


def show_evaluation(source: Source, settings: Settings) -> None:
    """Print how good the neighbours are, where there are labels to tell."""
    from indexer.errors import NoLabelsError
    from indexer.label_evaluation import evaluate
    from indexer.reports import evaluation_table
    from indexer.store import open_store

    say("Judging the neighbours by the labels, beside random weights and raw pixels")
    try:
        evaluation = evaluate(open_store(settings), source.name, k=8, progress=True)
    except NoLabelsError as error:
        print(
            f"left out: {error}; python scripts/evaluate.py {source.name} judges by copies instead",
            file=sys.stderr,
        )
        return
    print(evaluation_table(evaluation), flush=True)


def run(arguments: argparse.Namespace) -> None:
    """All steps but the page."""
    started = perf_counter()
    settings = Settings.resolve(data_dir=arguments.data_dir)
    say(f"Looking for images: {arguments.images}")
    source = open_source(arguments.images, workspace=settings.data_dir / "sources")
    checkpoint = make_checkpoint(source, arguments.checkpoints / source.name)
    make_index(source, checkpoint, settings)
    show_evaluation(source, settings)
    say(f"Done in {perf_counter() - started:.0f} s")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    begin_computing()
    arguments = parse(argv)
    try:
        run(arguments)
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    if arguments.no_serve:
        print("next: python -m search_ui (or make demo without SERVE=0)", file=sys.stderr)
        return 0
    say("Opening the page")
    from search_ui.__main__ import main as serve

    return serve([] if arguments.data_dir is None else ["--data-dir", str(arguments.data_dir)])


if __name__ == "__main__":
    sys.exit(main())
