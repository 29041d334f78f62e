"""What networks let through before their training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from models.initialisation import new_model
from models.pixels import load_pixels
from models.preprocess import Preprocess
from models.recipes import get_recipe
from models.sources import open_source
from scripts.studies import results
from scripts.studies.grids import STUDY_ARCHS, STUDY_SETS, TABLE_SEEDS
from scripts.studies.starts import (
    FILE,
    IMAGES,
    live_colours,
    looked_at,
    measure_starts,
    starts_section,
    starts_table,
)


class Painter(nn.Module):
    """Adds to each colour what it is told, and takes the positive part."""

    def __init__(self, *shifts: float) -> None:
        super().__init__()
        self.shifts = torch.tensor(shifts).view(1, 3, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(images + self.shifts)


@pytest.mark.parametrize(
    ("shifts", "live"), [((0, 0, 0), 3), ((0, -9, 0), 2), ((-9, -9, 0), 1), ((-9, -9, -9), 0)]
)
def test_a_colour_lives_where_it_is_above_nothing_on_any_image(
    shifts: tuple[float, ...], live: int
) -> None:
    images = torch.zeros(2, 3, 4, 4)
    images[1, :, 2, 3] = 1
    assert live_colours(Painter(*shifts), images) == live


def test_a_start_without_a_colour_gets_no_gradient(photos: Path) -> None:
    files = open_source(str(photos), workspace=photos).files
    preprocess = Preprocess(128)
    images = preprocess.normalize(load_pixels(files, preprocess, progress=False).pixels)
    for seed, live in ((0, False), (TABLE_SEEDS["model6"], True)):
        model = new_model("model6", get_recipe("study"), seed=seed)
        (model(images) - images).square().mean().backward()
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        assert any(bool(gradient.any()) for gradient in gradients) is live
        assert bool(live_colours(model, images)) is live


def test_every_network_is_started_as_often_as_asked_for(photos: Path) -> None:
    files = open_source(str(photos), workspace=photos).files
    content = measure_starts(files, seeds=1)
    assert set(content["live_colours"]) == set(STUDY_ARCHS)
    assert content["live_colours"]["model2"] == [3]
    assert content["images"] == len(files)


def test_images_are_spread_over_the_set(tmp_path: Path) -> None:
    for number in range(3 * IMAGES):
        file = tmp_path / STUDY_SETS[0] / f"{number:02}.png"
        file.parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(file)
    found = [file.path.stem for file in looked_at(tmp_path, tmp_path)]
    assert found == [f"{number:02}" for number in range(0, 3 * IMAGES, 3)]


def test_the_table_counts_starts_by_their_colours() -> None:
    lines = starts_table({"model1": [0, 3, 3, 1], "model2": [2]}).splitlines()
    assert lines[2:] == ["| model1 | 4 | 1 | 1 | 0 | 2 |", "| model2 | 1 | 0 | 0 | 1 | 0 |"]


def test_without_a_measurement_there_is_no_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.studies.starts.read_json", lambda _: [])
    assert starts_section() == ""


def test_seeds_of_the_table_are_those_that_the_measurement_asks_for() -> None:
    live = json.loads((results.RESULTS / FILE).read_text())["live_colours"]
    for arch in STUDY_ARCHS:
        seed = TABLE_SEEDS.get(arch, 0)
        assert live[arch][seed] > 0
        assert not any(live[arch][earlier] for earlier in range(seed))
