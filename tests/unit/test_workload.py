"""How much is worked on at once."""

import os

import pytest

from indexer.workload import GPU_BATCH_SIZE, MOST_WORKERS, Workload, usable_cores


def test_a_cpu_gets_one_worker_per_core_that_encodes_what_it_has_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("indexer.workload.usable_cores", lambda: 5)
    assert Workload.on("cpu") == Workload(workers=5, batch_size=1)
    monkeypatch.setattr("indexer.workload.usable_cores", lambda: 1000)
    assert Workload.on("cpu").workers == MOST_WORKERS


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_gpu_gets_batches_and_the_next_one_is_read_meanwhile(device: str) -> None:
    workload = Workload.on(device)
    assert workload.batch_size == GPU_BATCH_SIZE
    assert workload.ahead >= GPU_BATCH_SIZE


def test_what_the_user_says_holds_on_any_device() -> None:
    assert Workload.on("cpu", workers=3, batch_size=7) == Workload(3, 7)
    assert Workload.on("cuda", workers=40, batch_size=1) == Workload(40, 1)


def test_cores_that_the_process_may_not_use_do_not_count() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system does not confine processes to cores")
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
