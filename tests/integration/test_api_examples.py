"""The examples of docs/api.md, run as they stand there."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.settings import Credentials, Serving
from tests.examples import SERVER, Example, examples
from tests.fake_searcher import FakeSearcher, draw_hills, draw_pictures
from tests.page_server import served

EXAMPLES = examples("api.md")


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    return FakeSearcher(folder, draw_pictures(folder, kinds=2), names=("cats",))


@pytest.fixture(scope="module")
def url(searcher: FakeSearcher) -> Iterator[str]:
    with served(searcher) as url:
        yield url


@pytest.fixture(scope="module")
def locked(searcher: FakeSearcher) -> Iterator[str]:
    """Like ``url``, with the password of the examples."""
    with served(searcher, serving=Serving(credentials=Credentials("ann", "secret"))) as url:
        yield url


@pytest.fixture(autouse=True)
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture that examples search with lies where they are run."""
    draw_hills(0.02, 5).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)


def test_there_is_an_example_of_every_kind() -> None:
    assert {example.language for example in EXAMPLES} == {"bash", "python"}
    assert any("gradio_client" in example.code for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_an_example_is_answered(example: Example, url: str, locked: str) -> None:
    assert SERVER in example.code
    if example.section == "With a password":
        url = locked
    code = example.code.replace(SERVER, url)
    told = run_shell(code) if example.language == "bash" else run_python(code)
    assert told.strip()


def run_shell(code: str) -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(
        ["bash", "-euc", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_python(code: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as told:
        exec(compile(code, "docs/api.md", "exec"), {})
    return told.getvalue()
