"""Files to points: in order, several at a time, and the same whatever the workload."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.encoding import GPU_BATCH, FileEncoder, Workload, in_parallel
from indexer.types import FailedFile, Point
from models.encoder import Encoder
from models.initialisation import new_model
from models.pooling import STANDARD
from models.preprocess import Preprocess
from models.recipes import RECIPES
from models.sources import ImageFile, open_source
from tests.fake_encoder import FakeEncoder

FILES = [ImageFile(Path(f"{n}.png"), f"{n}.png", None, n, n) for n in range(200)]


def test_results_come_in_the_order_of_the_files() -> None:
    def work(file: ImageFile) -> int:
        time.sleep(0.001 * (file.bytes % 3))
        return file.bytes

    assert list(in_parallel(work, FILES[:40])) == list(range(40))


def test_only_a_few_results_wait_for_a_slow_reader() -> None:
    done = []
    results = in_parallel(done.append, FILES)
    next(results)
    time.sleep(0.05)
    assert len(done) <= 32
    assert len(list(results)) == len(FILES) - 1


def test_an_error_stops_the_work_and_gives_torch_its_threads_back() -> None:
    started = []

    def work(file: ImageFile) -> None:
        started.append(file)
        assert torch.get_num_threads() == 1
        if file.bytes == 3:
            raise ZeroDivisionError

    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(work, FILES))
    assert len(started) < len(FILES)
    assert torch.get_num_threads() == before
    assert not [one for one in threading.enumerate() if one.name.startswith("encode")]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageFile, ...]:
    """Twelve pictures; the fourth is no image, and the seventh is black."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(1, 255, (40, 30, 3), dtype=np.uint8) * (number != 6)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    (folder / "03.png").write_text("no image")
    return open_source(str(folder), workspace=folder).files


WORKLOADS = [Workload(1, 1), Workload(3, 1), Workload(1, 5), Workload(3, 5), Workload(2, 100)]


@pytest.mark.parametrize("workload", WORKLOADS, ids=str)
def test_points_do_not_depend_on_the_workload(
    pictures: tuple[ImageFile, ...], tmp_path: Path, workload: Workload
) -> None:
    work = FileEncoder("pets", FakeEncoder(), STANDARD, tmp_path)
    expected = [work.point(file) for file in pictures]
    outcomes = list(work(pictures, workload))
    paths = [o.path if isinstance(o, FailedFile) else o.payload["path"] for o in outcomes]
    assert paths == [file.relative_path for file in pictures]
    failed = {o.path: o.reason for o in outcomes if isinstance(o, FailedFile)}
    assert failed == {"03.png": "not an image", "06.png": "its maxpool vector is all zero"}
    for outcome, single in zip(outcomes, expected, strict=True):
        if isinstance(outcome, Point) and isinstance(single, Point):
            assert (outcome.id, outcome.payload) == (single.id, single.payload)
            for pooling in STANDARD:
                assert np.array_equal(outcome.vectors[pooling], single.vectors[pooling])


def test_an_encoder_gets_as_many_images_at_once_as_the_workload_says(
    pictures: tuple[ImageFile, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, batches = FakeEncoder(), []
    whole = encoder.vectors

    def counted(pixels: torch.Tensor, poolings: object) -> object:
        batches.append(len(pixels))
        return whole(pixels, poolings)  # type: ignore[arg-type]

    monkeypatch.setattr(encoder, "vectors", counted)
    work = FileEncoder("pets", encoder, STANDARD, tmp_path)
    list(work(pictures, Workload(2, 5)))
    assert batches == [4, 5, 2]  # one of the first five cannot be read
    batches.clear()
    list(work(pictures, Workload()))
    assert set(batches) == {1}
    encoder.device_type = "cuda"
    batches.clear()
    list(work(pictures, Workload()))
    assert batches == [11]
    assert Workload().batch(encoder) == GPU_BATCH


def test_batches_of_a_network_give_the_vectors_of_single_images(
    pictures: tuple[ImageFile, ...], tmp_path: Path
) -> None:
    recipe = RECIPES["retrieval"]
    encoder = Encoder(
        new_model("model1", recipe, seed=0), Preprocess(32, recipe.mean, recipe.std), device="cpu"
    )
    work = FileEncoder("pets", encoder, STANDARD, tmp_path)
    single, batched = (list(work(pictures, Workload(2, size))) for size in (1, 8))
    for one, other in zip(single, batched, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Point) and isinstance(other, Point):
            for pooling in STANDARD:
                assert other.vectors[pooling] == pytest.approx(one.vectors[pooling], abs=1e-5)
