"""Fixtures that several kinds of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image

from indexer import settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files stay whole where several processes test, and one of them has all browsers.

    A browser that paints by software keeps a core busy: two of them on two cores are late for
    everything that tests wait for.
    """
    for item in items:
        group = "browser" if item.get_closest_marker("e2e") else item.path.as_posix()
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests do not reach them."""
    for key, name in vars(settings).items():
        if key.endswith("_VARIABLE"):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that is not there yet.

    It is to be in memory where the system offers that: the engine syncs every file it makes, and a
    slow disk would make most of the tests' time.
    """
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder) / "data"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve images in two labelled folders, each with a colour of its own."""
    folder = tmp_path / "photos"
    for number in range(12):
        label, colour = (("warm", (250, 20 * number, 10)), ("cold", (10, 20 * number, 250)))[
            number % 2
        ]
        path = folder / label / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", (40, 30), colour)
        image.paste((255, 255, 255), (number, 5, number + 10, 15))
        image.save(path)
    return folder
