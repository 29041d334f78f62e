"""The three packages have plain names: make sure the ones under test are this repository's."""

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["models", "indexer", "search_ui"])
def test_the_package_comes_from_this_repository(name: str) -> None:
    assert Path(import_module(name).__file__ or "").parent == ROOT / name
