"""What a network's output lets through before the first step of its training.

The study's reconstructions come out of a ReLU. No gradient passes it where it is 0: a network that
starts with zeros everywhere, on every image, never learns, and a colour that does so has to wait
for the others to move it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.recipes import get_recipe
from scripts.studies.grids import DATA_SETS, STUDY_ARCHS, STUDY_SETS
from scripts.studies.results import read_json
from scripts.studies.study_tables import table

if TYPE_CHECKING:
    from torch import Tensor, nn

    from models.sources import ImageFile

FILE = "study-starts.json"
SEEDS = 32
IMAGES = 16
"""Of the first of the study's sets, spread evenly; more do not change the counts by much."""
IMAGE_SIZE = 128
COLOURS = 3

Starts = Mapping[str, Sequence[int]]
"""How many colours of the output are above 0 anywhere, by architecture and then by seed."""


def live_colours(model: nn.Module, images: Tensor) -> int:
    """How many colours of the reconstruction are above 0 anywhere.

    Args:
        model: an autoencoder.
        images: normalised. Shape: (B, 3, S, S).
    """
    import torch

    with torch.inference_mode():
        above: Tensor = (model.eval()(images) > 0).any(dim=3).any(dim=2).any(dim=0)
    return int(above.sum())


def measure_starts(files: Sequence[ImageFile], *, seeds: int = SEEDS) -> dict[str, Any]:
    """The starts of the study's recipe, seed by seed.

    Args:
        files: images to look at.
        seeds: how many starts of each network.

    Returns:
        What ``docs/results/study-starts.json`` holds.
    """
    from models.initialisation import new_model
    from models.pixels import load_pixels
    from models.preprocess import Preprocess
    from scripts.studies.results import machine_facts

    recipe, preprocess = get_recipe("study"), Preprocess(IMAGE_SIZE)
    pixels = load_pixels(files, preprocess, progress=False).pixels
    images = preprocess.normalize(pixels)
    live = {
        arch: [live_colours(new_model(arch, recipe, seed=seed), images) for seed in range(seeds)]
        for arch in STUDY_ARCHS
    }
    return {
        **machine_facts(),
        "dataset": STUDY_SETS[0],
        "images": len(pixels),
        "image_size": IMAGE_SIZE,
        "live_colours": live,
    }


def looked_at(data: Path, workspace: Path) -> list[ImageFile]:
    """The images that starts are measured on, below the folder of the sets."""
    from models.sources import open_source

    spec = DATA_SETS[STUDY_SETS[0]].searched
    files = open_source(str(data / spec), workspace=workspace).files
    return list(files[:: max(1, len(files) // IMAGES)][:IMAGES])


def starts_section() -> str:
    """Of docs/study.md; empty where nothing was measured."""
    contents = read_json(FILE)
    if not contents:
        return ""
    (content,) = contents
    return (
        "\n## Before the first step\n\nThe study's networks end in a ReLU (model2, rebuilt from "
        "another source, does not). Where it is 0 on every image no gradient comes back: a network "
        "that starts so never learns. Starts by the number of colours of the output that are above "
        f"0 anywhere on {content['images']} images of {content['dataset']} at "
        f"{content['image_size']} px, PyTorch's initialisation:\n\n"
        + starts_table(content["live_colours"])
    )


def starts_table(starts: Starts) -> str:
    """Counts of starts, a network a row."""
    header = ("network", "starts", "no colour: learns nothing", "one", "two", "all three")
    rows = []
    for arch, live in starts.items():
        counts = Counter(live)
        rows.append((arch, len(live), *(counts[colours] for colours in range(COLOURS + 1))))
    return table(header, rows, left=1)
