"""``python -m search_ui`` from the outside."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

COMMAND = (sys.executable, "-W", "ignore", "-m", "search_ui")
PATIENCE_SECONDS = 60


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )


def test_a_port_in_use_is_told_at_once_in_one_line(taken: int, tmp_path: Path) -> None:
    start = time.perf_counter()
    ended = run(*COMMAND, "--port", str(taken), "--data-dir", str(tmp_path))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"error: cannot listen on 127.0.0.1:{taken}: ")
    assert ended.stderr.count("\n") == 1
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--host", "not a host"]])
def test_an_address_that_cannot_be_is_told_in_one_line(arguments: list[str]) -> None:
    ended = run(*COMMAND, *arguments)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--auth"], {}),
        ([], {"IMAGE_SIMILARITY_USER": "ann"}),
        ([], {"IMAGE_SIMILARITY_PASSWORD": "hunter2"}),
    ],
)
def test_half_a_password_is_told_in_one_line(
    arguments: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ended = run(*COMMAND, "--port", "0", *arguments)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: IMAGE_SIMILARITY_")
    assert ended.stderr.count("\n") == 1
    assert "hunter2" not in ended.stderr


def test_help_and_errors_load_neither_gradio_nor_torch() -> None:
    code = (
        "import sys, contextlib\n"
        "from search_ui.__main__ import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "heavy = {'gradio', 'fastapi', 'torch', 'qdrant_client', 'qdrant_edge'}\n"
        "sys.exit(f'loaded: {heavy}' if heavy & set(sys.modules) else 0)"
    )
    ended = run(sys.executable, "-c", code)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_is_ready_and_stops_cleanly(tmp_path: Path, stop: signal.Signals) -> None:
    command = [*COMMAND, "--port", "0", "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    ) as process:
        assert process.stderr is not None
        ready = next(line for line in process.stderr if "ready" in line)
        found = re.search(r"http://\S+", ready)
        assert found is not None
        assert ready == f"Image similarity is ready: {found[0]}  (Ctrl+C stops it)\n"
        assert httpx.get(f"{found[0]}/healthz", trust_env=False).text == "ok"
        process.send_signal(stop)
        rest = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert list(tmp_path.glob("image-similarity-*")) == []
