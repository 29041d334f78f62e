"""``/api/architectures`` and ``/api/checkpoints``: facts, without torch and without paths."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from math import inf, nan
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from indexer.study_results import StudyFolder
from models.pooling import STANDARD
from models.registry import get_architecture, list_models
from search_ui.api import add_api
from tests.checkpoint_descriptions import describe_checkpoint
from tests.fake_searcher import FakeSearcher, draw_pictures

NAME = "model3-1a2b3c4d"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the checkpoint that the fake datasets were made with; nothing in it yet."""
    return tmp_path / "checkpoints" / NAME


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    pictures = draw_pictures(tmp_path, kinds=1, of_each=2)
    app = FastAPI()
    searcher = FakeSearcher(tmp_path, pictures, names=("hills", "valleys"))
    add_api(app, searcher, uploads=tmp_path, study=StudyFolder(tmp_path / "none"))
    with TestClient(app) as client:
        yield client


def test_every_registered_architecture_is_told_at_every_size_asked_for(client: TestClient) -> None:
    rows = client.get("/api/architectures?image_size=224&image_size=64").json()
    assert [row["name"] for row in rows] == list_models()
    for row in rows:
        architecture = get_architecture(row["name"])
        assert row["encoder_parameters"] == architecture.encoder_parameters()
        for size in row["sizes"]:
            latent = architecture.encode_shape(size["image_size"])
            assert size["latent"] == (list(latent) if latent else None)
            vectors = {str(each): each.size(latent) for each in STANDARD} if latent else {}
            assert size["vector_sizes"] == vectors
    too_small = {row["name"] for row in rows if row["sizes"][1]["latent"] is None}
    assert too_small == {"model6"}


@pytest.mark.parametrize("name", list_models())
def test_the_layers_lead_to_the_latent_and_add_up(client: TestClient, name: str) -> None:
    layers = client.get(f"/api/architectures/{name}?image_size=128").json()
    architecture = get_architecture(name)
    encoder, decoder = layers["encoder"], layers["decoder"]
    assert encoder[-1]["shape"] == layers["latent"] == list(architecture.latent_shape(128))
    assert sum(step["parameters"] for step in encoder) == architecture.encoder_parameters()
    assert sum(step["parameters"] for step in decoder) == architecture.decoder_parameters()
    gflop = sum(step["gflop"] for step in encoder)
    assert gflop == pytest.approx(architecture.encoder_gflop(128))
    assert decoder[-1]["shape"][0] == 3
    for step in encoder:
        inside = [part["parameters"] for branch in step["branches"] for part in branch]
        assert not inside or sum(inside) == step["parameters"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("architectures/model9", 404, "No architecture 'model9'"),
        ("architectures/torchvision:resnet50", 404, "choose from model1"),
        ("architectures/model6?image_size=100", 400, "least image size that works is 125"),
        ("checkpoints/model3-00000000", 404, "No published dataset uses"),
        ("checkpoints/..", 404, ""),
        (f"checkpoints/{NAME}/reconstructions", 404, "no picture of reconstructions"),
    ],
)
def test_what_is_not_there_is_told_in_one_line(
    client: TestClient, path: str, status: int, words: str
) -> None:
    answer = client.get(f"/api/{path}")
    assert answer.status_code == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", ["image_size=0", "image_size=1025", "&".join(["image_size=9"] * 9)]
)
def test_sizes_outside_what_is_allowed_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/architectures?{query}").status_code == 422


def test_a_checkpoint_tells_how_it_was_trained_and_who_uses_it(
    client: TestClient, folder: Path
) -> None:
    describe_checkpoint(folder)
    [row] = client.get("/api/checkpoints").json()
    assert row["datasets"] == ["hills", "valleys"]
    assert row["training"]["history"] == []
    told = client.get(f"/api/checkpoints/{NAME}").json()
    assert (told["arch"], told["image_size"], told["latent"]) == ("model3", 64, [512, 2, 2])
    assert told["training"]["images"] == {"training": 34, "validation": 6}
    settings = told["training"]["settings"]
    assert (settings["scheduler"], settings["amp"], settings["processes"]) == ("none", "fp16", 4)
    assert told["seconds"] == 7.5
    assert [each["validation_loss"] for each in told["training"]["history"]] == [0.9, 0.5, 0.4]


def test_no_path_of_the_server_is_told(client: TestClient, folder: Path) -> None:
    describe_checkpoint(folder, weights="/srv/private/older")
    answer = client.get(f"/api/checkpoints/{NAME}")
    assert answer.json()["training"]["settings"]["weights"] == "older"
    assert "/srv" not in answer.text
    assert str(folder.parent) not in answer.text


def test_a_loss_that_is_no_number_is_null(client: TestClient, folder: Path) -> None:
    describe_checkpoint(folder, losses=[0.5, nan, inf])
    history = client.get(f"/api/checkpoints/{NAME}").json()["training"]["history"]
    assert [epoch["validation_loss"] for epoch in history] == [0.5, None, None]


@pytest.mark.parametrize("content", [None, "{", '{"format_version": 99}'])
def test_a_checkpoint_that_cannot_be_read_is_listed_as_such(
    client: TestClient, folder: Path, content: str | None
) -> None:
    if content is not None:
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(content)
    [row] = client.get("/api/checkpoints").json()
    assert (row["name"], row["readable"], row["arch"]) == (NAME, False, None)


def test_reconstructions_are_sent_as_a_picture_that_cannot_run(
    client: TestClient, folder: Path
) -> None:
    describe_checkpoint(folder)
    Image.new("RGB", (16, 8)).save(folder / "reconstructions.webp")
    assert client.get(f"/api/checkpoints/{NAME}").json()["reconstructions"]
    answer = client.get(f"/api/checkpoints/{NAME}/reconstructions")
    assert answer.headers["content-type"] == "image/webp"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.content == (folder / "reconstructions.webp").read_bytes()


def test_architectures_are_told_without_torch() -> None:
    script = (
        "import sys; from models.registry import get_architecture, list_models\n"
        "for name in list_models():\n"
        "    get_architecture(name).encoder_steps(224), get_architecture(name).decoder_steps(224)\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
