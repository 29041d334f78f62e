"""Files to points: in order, a few at a time, and the same whatever the workload."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from indexer.encoding import FileEncoder, in_parallel
from indexer.types import FailedFile, Point
from indexer.workload import Workload
from models.baselines import random_encoder
from models.pooling import STANDARD, Pooling
from models.recipes import RECIPES
from models.sources import ImageFile
from tests.fake_encoder import FakeEncoder

FILES = [ImageFile(Path(f"{n}.png"), f"{n}.png", None, n, n) for n in range(200)]
TWO = Workload(workers=2)


def test_results_come_in_the_order_of_the_files() -> None:
    def work(file: ImageFile) -> int:
        time.sleep(0.001 * (file.bytes % 3))
        return file.bytes

    assert list(in_parallel(work, FILES[:40], TWO)) == list(range(40))


def test_only_a_few_results_wait_for_a_slow_reader() -> None:
    done = []
    results = in_parallel(done.append, FILES, TWO)
    next(results)
    time.sleep(0.05)
    assert len(done) <= TWO.ahead
    assert len(list(results)) == len(FILES) - 1


def test_no_more_workers_than_asked_for_are_busy_at_once() -> None:
    busy, most, lock = 0, 0, threading.Lock()

    def work(_: ImageFile) -> None:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.001)
        with lock:
            busy -= 1

    list(in_parallel(work, FILES, Workload(workers=3)))
    assert most == 3


def test_an_error_stops_the_work_and_gives_torch_its_threads_back() -> None:
    started = []

    def work(file: ImageFile) -> None:
        started.append(file)
        assert torch.get_num_threads() == 1
        if file.bytes == 3:
            raise ZeroDivisionError

    with torch_on_two_threads(), pytest.raises(ZeroDivisionError):
        list(in_parallel(work, FILES, TWO))
    assert len(started) < len(FILES)
    assert encoding_threads() == []


# --- by batch


@pytest.fixture
def files(tmp_path: Path) -> list[ImageFile]:
    """Eleven images of several sizes and formats; the fifth is none."""
    found = []
    for number in range(11):
        path = tmp_path / "images" / f"{number:02}.{'png' if number % 2 else 'jpg'}"
        path.parent.mkdir(exist_ok=True)
        fractal = Image.effect_mandelbrot((40 + 30 * number, 50), (-2, -1.5, 1, 1 + number / 9), 40)
        fractal.convert("RGB").save(path)
        if number == 4:
            path.write_bytes(b"no image")
        found.append(ImageFile(path, path.name, None, path.stat().st_size, number))
    return found


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., FileEncoder]:
    def work(encoder: object) -> FileEncoder:
        return FileEncoder("photos", encoder, STANDARD, tmp_path / "thumbs")

    return work


@pytest.mark.parametrize("batch_size", [2, 4, 11, 64])
def test_batches_give_the_points_that_single_images_give(
    files: list[ImageFile], work: Callable[..., FileEncoder], batch_size: int
) -> None:
    encoder = random_encoder("model1", RECIPES["study"], image_size=48)
    singly = list(work(encoder)(files, TWO))
    batched = list(work(encoder)(files, Workload(2, batch_size)))
    assert [type(one) for one in batched] == [Point] * 4 + [FailedFile] + [Point] * 6
    assert batched[4] == singly[4]
    for one, other in zip(singly, batched, strict=True):
        if isinstance(one, Point):
            assert one.id == other.id
            assert one.payload["path"] == other.payload["path"]
            for pooling in STANDARD:
                apart = np.linalg.norm(one.vectors[pooling] - other.vectors[pooling])
                assert apart <= 1e-6 * np.linalg.norm(one.vectors[pooling])


class WatchedEncoder(FakeEncoder):
    """Notes how many images it gets at once, and calls ``watch`` before it encodes them."""

    def __init__(self, watch: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.watch = watch

    def vectors(
        self, pixels: torch.Tensor, poolings: Iterable[Pooling]
    ) -> Mapping[Pooling, np.ndarray]:
        self.sizes.append(len(pixels))
        self.watch()
        return super().vectors(pixels, poolings)


def test_an_unreadable_file_leaves_only_its_own_place_in_a_batch(
    files: list[ImageFile], work: Callable[..., FileEncoder]
) -> None:
    encoder = WatchedEncoder()
    outcomes = list(work(encoder)(files, Workload(2, 4)))
    assert encoder.sizes == [4, 3, 3]
    assert [one.payload["path"] for one in outcomes if isinstance(one, Point)] == [
        file.relative_path for file in files if file is not files[4]
    ]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_an_image_without_a_direction_fails_until_its_file_changes(
    tmp_path: Path, work: Callable[..., FileEncoder], batch_size: int
) -> None:
    path = tmp_path / "black.png"
    Image.new("RGB", (40, 30)).save(path)
    black = ImageFile(path, path.name, None, path.stat().st_size, 0)
    (failed,) = work(FakeEncoder())([black], Workload(2, batch_size))
    assert failed == FailedFile("black.png", "its maxpool vector is all zero", lasting=True)


def test_a_batch_without_a_readable_file_is_not_encoded(
    files: list[ImageFile], work: Callable[..., FileEncoder]
) -> None:
    encoder = WatchedEncoder()
    (failed, also) = work(encoder)([files[4], files[4]], Workload(2, 2))
    assert isinstance(failed, FailedFile)
    assert isinstance(also, FailedFile)
    assert encoder.sizes == []


def test_the_next_batch_is_read_while_one_is_encoded(
    files: list[ImageFile], work: Callable[..., FileEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, lock, enough = [], threading.Lock(), threading.Event()
    reading = FileEncoder.read

    def noted(self: FileEncoder, file: ImageFile) -> object:
        with lock:
            read.append(file)
            if len(read) == 8:
                enough.set()
        return reading(self, file)

    monkeypatch.setattr(FileEncoder, "read", noted)
    waited = []
    encoder = WatchedEncoder(lambda: waited.append(enough.wait(timeout=10)))
    list(work(encoder)(files, Workload(2, 4)))
    assert waited[0], "the first batch of four was being encoded until the second one was read"


def test_a_failing_encoder_stops_the_reading_and_gives_torch_its_threads_back(
    files: list[ImageFile], work: Callable[..., FileEncoder]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    many = [file for _ in range(30) for file in files]
    encoder = WatchedEncoder(fail)
    with torch_on_two_threads(), pytest.raises(ZeroDivisionError):
        list(work(encoder)(many, Workload(2, 4)))
    assert len(encoder.sizes) < 10
    assert encoding_threads() == []


def test_a_reader_that_stops_early_leaves_no_thread_behind(
    files: list[ImageFile], work: Callable[..., FileEncoder]
) -> None:
    with torch_on_two_threads():
        points = work(FakeEncoder())(files, Workload(2, 2))
        next(points)
        points.close()
    assert encoding_threads() == []


class torch_on_two_threads:  # noqa: N801 - reads as a statement
    """Inside, torch uses two threads; it must do so again at the end."""

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(2)

    def __exit__(self, *_: object) -> None:
        after = torch.get_num_threads()
        torch.set_num_threads(self._before)
        assert after == 2


def encoding_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("encode")]
