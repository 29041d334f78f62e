"""What each part of model7 is worth: python scripts/embedding_study.py SOURCE [--fit SOURCE].

Every image of SOURCE is a query once, left out of its own answers. The words are fitted without
labels, to SOURCE itself or to the images of --fit. Histograms are computed once per seed, and all
variants of what comes after them are judged on those. With --default-checkpoint it is the one
that comes with the program that is judged, which has not seen SOURCE. Results go to
docs/results/embedding-<dataset>.json; docs/embedding.md and the figures of the page's help are
written from all of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.process import begin_computing
from indexer.settings import Settings
from indexer.study_results import Row
from indexer.types import Distance
from models.errors import SimilarityError
from models.pooling import STANDARD, Pooling
from scripts.studies.embedding_page import page
from scripts.studies.embedding_variants import (
    ARCH,
    FLATTEN_COSINE,
    RECIPE,
    histograms,
    variants,
    vectors,
)
from scripts.studies.help_figures import HELP, with_figures
from scripts.studies.judging import judge, judged_baselines
from scripts.studies.rankings import judged_rankings
from scripts.studies.results import DOCS, RESULTS, machine_facts, read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor

    from models.sources import Source


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure what each part of model7 is worth.")
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="only write docs when left out")
    parser.add_argument("--fit", metavar="SOURCE", help="fit to these images, not to SOURCE's own")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=RECIPE.image_size, metavar="PIXELS")
    parser.add_argument(
        "--variant-seeds",
        type=int,
        metavar="N",
        help="of all but model7 as it is; as many as --seeds when left out, 0: it alone",
    )
    parser.add_argument(
        "--skip-colours",
        action="store_true",
        help="leave out what views may do to colours, which takes most of the time",
    )
    parser.add_argument("--default-checkpoint", action="store_true", help="judge that instead")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="where archives are unpacked")
    return parser.parse_args(argv)


def row(
    variant: str, pooling: Pooling | None, distance: Distance, figures: Row, *, seed: int | None
) -> Row:
    """One line of the results, as they have been written since the first."""
    where = {"variant": variant, "distance": str(distance)}
    return {**where, **figures, "pooling": str(pooling or "-"), "seed": seed}


def measure(arguments: argparse.Namespace) -> Row:
    """Everything that is written down."""
    from models.pixels import load_pixels
    from models.preprocess import Preprocess
    from models.sources import open_source

    data_dir = Settings.resolve(data_dir=arguments.data_dir).data_dir

    def load(spec: str) -> tuple[Source, Tensor]:
        source = open_source(spec, workspace=data_dir / "sources")
        preprocess = Preprocess(arguments.image_size)
        return source, load_pixels(source.files, preprocess, progress=True).pixels

    source, searched = load(arguments.source)
    fitted_to, fitted = load(arguments.fit) if arguments.fit else (source, searched)
    labels = [file.label for file in source.files]
    rows: list[Row] = []
    whole, *others = variants()
    if arguments.skip_colours:
        others = [each for each in others if each.colour == "keep"]
    variant_seeds = arguments.seeds if arguments.variant_seeds is None else arguments.variant_seeds
    for seed in range(arguments.seeds):
        chosen = [whole, *others] if seed < variant_seeds else [whole]
        colours = {variant.colour for variant in chosen}
        seen = histograms(searched, fitted, arguments.image_size, colours=colours, seed=seed)
        for variant in chosen:
            found = vectors(seen, variant, seed=seed)
            for pooling, distance in variant.pairs:
                figures = judge(found[pooling], labels, distance)
                rows.append(row(variant.name, pooling, distance, figures, seed=seed))
            if variant is whole:
                for name, figures in judged_rankings(found, labels):
                    ranked = f"{whole.name}, {name}"
                    rows.append(row(ranked, *FLATTEN_COSINE, figures, seed=seed))
            print(f"seed {seed}: {variant.name}: {rows[-1]}", file=sys.stderr, flush=True)
    size = arguments.image_size
    rows += [
        row(each.name, each.pooling, each.distance, each.figures, seed=None)
        for each in judged_baselines(source, ARCH, image_size=size)
    ]
    return {
        "dataset": source.name,
        "images": len(searched),
        "fitted_to": fitted_to.name,
        "image_size": arguments.image_size,
        "seeds": arguments.seeds,
        "variant_seeds": variant_seeds,
        **machine_facts(),
        "rows": rows,
    }


def measure_default(arguments: argparse.Namespace) -> Row:
    """The same of the checkpoint that comes with the program."""
    from models.baselines import encode_files
    from models.checkpoint import DEFAULT_CHECKPOINT
    from models.encoder import Encoder
    from models.sources import open_source

    data_dir = Settings.resolve(data_dir=arguments.data_dir).data_dir
    source = open_source(arguments.source, workspace=data_dir / "sources")
    encoder = Encoder.load(DEFAULT_CHECKPOINT)
    files = [file.path for file in source.files]
    labels = [file.label for file in source.files]
    found = encode_files(encoder, files, poolings=STANDARD, title="Encoding", progress=True)
    rows = [
        row(encoder.name, pooling, distance, judge(found[pooling], labels, distance), seed=0)
        for pooling in STANDARD
        for distance in Distance
    ]
    return {
        "dataset": f"default-{source.name}",
        "images": len(files),
        "fitted_to": "procedural images",
        "image_size": encoder.preprocess.image_size,
        "seeds": 1,
        **machine_facts(),
        "rows": rows,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    begin_computing()
    arguments = parse(argv)
    try:
        if arguments.source:
            content = (measure_default if arguments.default_checkpoint else measure)(arguments)
            write_json(RESULTS / f"embedding-{content['dataset']}.json", content)
    except SimilarityError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    speed = next(iter(read_json("encoders.json")), None)
    contents = read_json("embedding-*.json")
    (DOCS / "embedding.md").write_text(page(contents, speed))
    HELP.write_text(with_figures(HELP.read_text(), contents))
    return 0


if __name__ == "__main__":
    sys.exit(main())
