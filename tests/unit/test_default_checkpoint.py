"""The checkpoint that comes with the program: small, whole, and better than no fitting."""

from pathlib import Path

import numpy as np
import torch

from indexer.evaluation import leave_one_out
from indexer.types import Distance
from models.baselines import encode_files, raw_pixels
from models.checkpoint import DEFAULT_CHECKPOINT, WEIGHTS_FILE, load_checkpoint
from models.demo_images import generate
from models.encoder import Encoder
from models.pooling import STANDARD, Pooling
from models.recipes import DEFAULT_RECIPE, get_recipe

MOST_BYTES = 5_000_000


def test_it_is_what_the_default_recipe_makes_of_procedural_images() -> None:
    info = load_checkpoint(DEFAULT_CHECKPOINT).info
    recipe = get_recipe(DEFAULT_RECIPE)
    assert (info.arch, info.preprocess.image_size) == (recipe.arch, recipe.image_size)
    assert (DEFAULT_CHECKPOINT / WEIGHTS_FILE).stat().st_size < MOST_BYTES


def test_only_the_checkpoint_itself_is_kept() -> None:
    kept = {path.name for path in DEFAULT_CHECKPOINT.iterdir()}
    assert kept == {WEIGHTS_FILE, "model.json"}


def test_it_finds_drawn_kinds_better_than_raw_pixels_do(tmp_path: Path) -> None:
    generate(tmp_path / "images", per_kind=20, size=128, progress=False)
    files = sorted((tmp_path / "images").rglob("*.*"))
    labels: list[str | None] = [file.parent.name for file in files]
    encoder = Encoder.load(DEFAULT_CHECKPOINT, device="cpu")
    found = encode_files(encoder, files, poolings=STANDARD, title="", progress=False)
    pixels = raw_pixels(files, side=32, progress=False)
    raw = leave_one_out(pixels, labels, Distance.COSINE, k=4)
    for pooling in STANDARD:
        fitted = leave_one_out(found[pooling], labels, Distance.COSINE, k=4)
        assert fitted.precision_at_k.value > raw.precision_at_k.value
        assert fitted.mean_average_precision.value > raw.mean_average_precision.value


def test_euclid_and_cosine_rank_its_flatten_vectors_alike() -> None:
    encoder = Encoder.load(DEFAULT_CHECKPOINT, device="cpu")
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (6, 3, 128, 128), dtype=torch.uint8, generator=generator)
    rows = encoder.vectors(pixels, [Pooling.FLATTEN])[Pooling.FLATTEN]
    lengths = np.linalg.norm(rows, axis=1)
    assert np.allclose(lengths, lengths[0], rtol=1e-4)
