"""The trees of errors, as they are drawn, are those that there are."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

import indexer.errors
import models.errors
from models.errors import SimilarityError

LINE = re.compile(r"^(?P<indent>[|` -]*)(?P<name>\w+Error)\b")


def drawn(module: ModuleType) -> dict[str, str | None]:
    """The parent of each error in the module's docstring."""
    parents: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in (module.__doc__ or "").splitlines():
        if not (found := LINE.match(line)):
            continue
        depth = len(found["indent"])
        path = [one for one in path if one[0] < depth]
        parents[found["name"]] = path[-1][1] if path else None
        path.append((depth, found["name"]))
    return parents


def defined(module: ModuleType) -> dict[str, str | None]:
    errors = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, SimilarityError)
    ]
    parents = {one.__name__: one.__base__.__name__ for one in errors if one.__base__}
    return parents | {"SimilarityError": None}


@pytest.mark.parametrize("module", [models.errors, indexer.errors], ids=lambda one: one.__name__)
def test_the_drawing_shows_every_error_below_its_base(module: ModuleType) -> None:
    assert drawn(module) == defined(module)
