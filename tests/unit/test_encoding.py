import threading
import time
from pathlib import Path

import pytest
import torch

from indexer.encoding import in_parallel
from models.sources import ImageFile

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
