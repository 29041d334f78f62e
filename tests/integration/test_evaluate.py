"""scripts/evaluate.py over a real index: tables, JSON, and what it takes without labels."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.copy_evaluation import ORIGINALS, choose_originals, evaluate_copies, original_ranks
from indexer.errors import CheckpointMismatchError
from indexer.pipeline import sync
from indexer.settings import Settings
from indexer.store import open_store
from indexer.sync_options import SyncOptions
from indexer.types import Distance
from models.baselines import random_encoder
from models.checkpoint import save_checkpoint
from models.copies import COPIES
from models.encoder import Encoder
from models.initialisation import new_model
from models.pooling import STANDARD, Pooling
from models.preprocess import Preprocess
from models.recipes import RECIPES
from models.sources import open_source
from models.whitening import fit_whitening
from scripts import evaluate

RECIPE = RECIPES["retrieval"]


def index(
    folder: Path, data: Path, checkpoint: Path, *, poolings: Sequence[Pooling] = STANDARD
) -> None:
    """Everything below ``folder`` through an untrained model1 at 32 px."""
    if not checkpoint.exists():
        model = new_model("model1", RECIPE, seed=1)
        whitening = fit_whitening(torch.rand(9, 256, generator=torch.Generator().manual_seed(0)))
        save_checkpoint(
            checkpoint, model, Preprocess(32, RECIPE.mean, RECIPE.std), whitening=whitening
        )
    with closing(open_store(Settings(data))) as store:
        source = open_source(str(folder), workspace=data / "sources")
        encoder = Encoder.load(checkpoint)
        sync(
            source,
            encoder,
            store,
            checkpoint=checkpoint,
            data_dir=data,
            options=SyncOptions(poolings=tuple(poolings)),
            progress=False,
        )


@pytest.fixture
def indexed(photos: Path, data: Path, tmp_path: Path) -> Path:
    index(photos, data, tmp_path / "checkpoint")
    return data


@pytest.fixture
def unlabelled(photos: Path, data: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "flat"
    folder.mkdir()
    for path in photos.rglob("*.png"):
        shutil.copy(path, folder)
    index(folder, data, tmp_path / "checkpoint")
    return data


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert evaluate.main(arguments) == 0
    return capsys.readouterr().out


def test_the_table_has_every_pair_and_baseline(
    indexed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(capsys, "photos", "--data-dir", str(indexed), "--k", "3", "--per-class")
    assert max(map(len, out.splitlines())) <= 120
    for words in ("P@1", "precision@3", "recall@3", "nDCG@3", "mAP", "12 queries"):
        assert words in out
    for name in ("kaiming start", "pytorch start", "colour layout + histogram", "raw pixels"):
        assert name in out
    assert "<- best" in out
    assert "take " in out.lower()
    assert {"cold", "warm"} <= {line.split()[0] for line in out.splitlines() if line}


def test_json_tells_the_same(indexed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "photos", "--data-dir", str(indexed), "--json", "--per-class")
    content = json.loads(out)
    assert len(content["rows"]) == 4 + 2 * 4 + 2 + 2
    for row in content["rows"]:
        scores = row["scores"]["precision_at_k"]
        assert 0 <= scores["low"] <= scores["value"] <= scores["high"] <= 1
        assert set(row["by_label"]) == {"cold", "warm"}
    assert content["recommendation"]["difference"]["verdict"] in ("better", "no difference")
    assert content["recommendation"]["above_baseline"]["verdict"]
    assert content["recommendation"]["reason"]


def test_without_labels_copies_judge(unlabelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.loads(run(capsys, "flat", "--data-dir", str(unlabelled), "--json"))
    assert (content["images"], content["originals"]) == (12, 12)
    assert len(content["rows"]) == 16
    for row in content["rows"]:
        assert list(row["by_kind"]) == list(COPIES)
        kinds = [scores["recall_at_1"]["value"] for scores in row["by_kind"].values()]
        assert row["overall"]["recall_at_1"]["value"] == pytest.approx(np.mean(kinds))
    pixels = content["rows"][-1]["by_kind"]
    assert pixels["jpeg10"]["recall_at_1"]["value"] > 0.5


@pytest.mark.parametrize("way", [(), ("--copies",)])
def test_every_stored_pair_is_judged_beside_random_weights_of_what_needs_no_fitting(
    photos: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    way: tuple[str, ...],
) -> None:
    index(photos, data, tmp_path / "checkpoint", poolings=list(Pooling))
    arguments = ("photos", "--data-dir", str(data), *way)
    rows = json.loads(run(capsys, *arguments, "--json"))["rows"]
    judged: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        judged.setdefault(row["representation"], []).append((row["pooling"], row["distance"]))
    model, *others = judged
    assert model.startswith("model1-")
    assert judged[model] == [(p, d) for p in Pooling for d in Distance]
    assert [name for name in others if "random weights" in name] == others[:2]
    for name in others[:2]:
        assert judged[name] == [(p, d) for p in Pooling if not p.is_fitted for d in Distance]
    assert max(map(len, run(capsys, *arguments).splitlines())) <= 120


@pytest.mark.parametrize("poolings", [list(STANDARD), list(Pooling)])
def test_every_image_finds_itself_under_every_stored_pair(
    photos: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    poolings: list[Pooling],
) -> None:
    index(photos, data, tmp_path / "checkpoint", poolings=tuple(poolings))
    rows = json.loads(run(capsys, "photos", "--data-dir", str(data), "--self", "--json"))
    assert [(row["pooling"], row["distance"]) for row in rows] == [
        (pooling, distance) for pooling in poolings for distance in Distance
    ]
    assert all(row["found"] == row["queries"] == 12 for row in rows)


def test_copies_can_be_asked_for_with_labels(
    indexed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run(capsys, "photos", "--data-dir", str(indexed), "--copies")
    assert max(map(len, out.splitlines())) <= 120
    assert all(kind in out.splitlines()[1] for kind in (*COPIES, "all", "MRR"))


def test_copies_need_the_encoder_of_the_index(indexed: Path) -> None:
    other = random_encoder("model1", RECIPE, image_size=32, seed=9)
    with (
        closing(open_store(Settings(indexed))) as store,
        pytest.raises(CheckpointMismatchError, match="made with model1-"),
    ):
        evaluate_copies(store, "photos", other, progress=False)


def test_originals_ask_and_each_file_name_is_judged(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "_others"):
        pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((40, 40), Image.Resampling.NEAREST)
        (tmp_path / "edits" / name).mkdir(parents=True)
        image.save(tmp_path / "edits" / name / "original.png")
        image.save(tmp_path / "edits" / name / "same.png")
        image.rotate(90).save(tmp_path / "edits" / name / "turned.png")
    index(tmp_path / "edits", data, tmp_path / "checkpoint")
    arguments = ("edits", "--data-dir", str(data), "--k", "1", "--originals", "original")
    content = json.loads(run(capsys, *arguments, "--json"))
    for row in content["rows"]:
        assert row["scores"]["queries"] == 3
        assert row["recall_by_stem"]["same"]["value"] == 1.0
        assert row["recall_by_stem"]["turned"]["value"] == 0.0
    assert "recall@1 by file name" in run(capsys, *arguments)
    assert evaluate.main([*arguments[:-1], "nothing"]) == 1
    assert "no file named 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("distance", Distance)
def test_ranks_of_originals_equal_counting(seed: int, distance: Distance) -> None:
    rng = np.random.default_rng(seed)
    collection = rng.normal(size=(30, 5)).astype(np.float32)
    originals = rng.integers(0, 30, 20)
    copies = collection[originals] + rng.normal(size=(20, 5)).astype(np.float32)

    def apart(copy: np.ndarray, image: np.ndarray) -> float:
        if distance is Distance.EUCLID:
            return float(np.linalg.norm(copy - image))
        return -float(copy @ image / np.linalg.norm(copy) / np.linalg.norm(image))

    expected = [
        1 + sum(apart(copy, image) < apart(copy, collection[own]) for image in collection)
        for copy, own in zip(copies, originals, strict=True)
    ]
    assert original_ranks(collection, copies, originals, distance).tolist() == expected


def test_an_encoder_that_says_the_same_of_all_finds_nothing() -> None:
    same = np.ones((10, 3), dtype=np.float32)
    ranks = original_ranks(same, same, np.arange(10), Distance.EUCLID)
    assert ranks.tolist() == list(range(1, 11))


def test_the_choice_of_originals_is_stable_and_bounded() -> None:
    assert choose_originals(7).tolist() == list(range(7))
    chosen = choose_originals(5_000)
    assert len(set(chosen.tolist())) == ORIGINALS
    assert chosen.tolist() == sorted(choose_originals(5_000).tolist())
