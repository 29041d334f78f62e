"""Every block of docs/queries.md runs, and answers what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from indexer.cli import main
from indexer.schema import NAMESPACE, point_id
from tests.back_ends import NO_EFFECT_IN_MEMORY
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.qdrant_stand_in import stand_in

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
TEXT = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()
LABELS = ("calico", "plain", "tabby")
OF_EACH = 4
CHECKS = """
import json
print(json.dumps({
    "hits": [hit.payload["path"] for hit in hits],
    "ascending": [hit.score for hit in near],
    "labels": sorted({hit.payload["label"] for hit in near}),
    "liked": [hit.id for hit in liked],
    "image": image.id,
    "about": about,
}))
"""


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert found
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment in which ``cats`` is indexed on a server."""
    folder = tmp_path_factory.mktemp("cats")
    random = np.random.default_rng(0)
    for label in LABELS:
        (folder / "cats" / label).mkdir(parents=True)
        for number in range(OF_EACH):
            pixels = random.integers(0, 255, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "cats" / label / f"{number:02}.png")
    checkpoint = make_checkpoint(folder / "checkpoint", "first")
    with stand_in(key="a-key") as one, pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.encoder.Encoder", FakeEncoder)
        patch.setenv("QDRANT_API_KEY", "a-key")
        place = ("--qdrant-url", one.url, "--data-dir", str(folder / "data"))
        assert main(["sync", str(folder / "cats"), "--checkpoint", str(checkpoint), *place]) == 0
        yield {**os.environ, "QDRANT_URL": one.url}


def run(command: list[str], server: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=server, cwd=folder, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_blocks_find_neighbours_filter_recommend_and_export(
    server: dict[str, str], tmp_path: Path
) -> None:
    code = "\n".join([*blocks("python"), CHECKS])
    answers = json.loads(
        run([sys.executable, "-W", "ignore", "-c", code], server, tmp_path).splitlines()[-1]
    )
    assert answers["image"] == str(point_id("cats", "tabby/01.png"))
    assert len(answers["hits"]) == 8
    assert "tabby/01.png" not in answers["hits"]
    assert answers["ascending"] == sorted(answers["ascending"])
    assert answers["labels"] == ["calico", "tabby"]
    assert len(answers["liked"]) == 8
    assert str(point_id("cats", "tabby/02.png")) not in answers["liked"]
    assert answers["about"]["images"] == len(LABELS) * OF_EACH

    table = pq.read_table(tmp_path / "cats.parquet").to_pylist()
    assert len(table) == len(LABELS) * OF_EACH
    for name in ("maxpool", "flatten"):
        rows = np.load(tmp_path / f"cats-{name}.npy")
        lengths = [row[f"norm_{name}"] for row in table]
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), lengths, rtol=1e-5)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_blocks_search_and_count(server: dict[str, str], tmp_path: Path) -> None:
    environment = {**server, "IMAGE": str(point_id("cats", "tabby/01.png"))}
    search, count = (
        json.loads(run(["bash", "-c", block], environment, tmp_path))["result"]
        for block in blocks("bash")
    )
    assert [hit["payload"]["path"].split("/")[0] for hit in search["points"]] == ["tabby"] * 3
    assert count["count"] == OF_EACH


def test_the_namespace_of_the_ids_is_the_one_that_is_written_down() -> None:
    assert str(NAMESPACE) in TEXT
