"""What commands set for their process: only a process of its own can show it."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
from indexer.process import {begin}

{begin}()
def use():
    blocks = [bytearray(2 * 2**20) for _ in range(8)]
    del blocks
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
before = faults()
for _ in range(20):
    use()
print(faults() - before)
"""


def printed(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as Linux does")
def test_memory_that_a_computing_command_frees_is_there_when_it_is_needed_again() -> None:
    pages = 20 * 8 * 2 * 2**20 // 4096
    assert int(printed(FAULTS.format(begin="begin_computing"))) < pages / 20
    assert int(printed(FAULTS.format(begin="begin_serving"))) > pages / 2  # the test can tell


@pytest.mark.parametrize("begin", ["begin_computing", "begin_serving"])
@pytest.mark.parametrize(("given", "expected"), [("", "passive"), ("active", "active")])
def test_idle_threads_sleep_unless_the_user_says_otherwise(
    begin: str, given: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if given:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
    program = f"import os, indexer.process as p; p.{begin}(); print(os.environ['OMP_WAIT_POLICY'])"
    assert printed(program) == expected
