"""The description of an index, as it lies on disk and in a server's metadata."""

from __future__ import annotations

from dataclasses import replace

import pytest

from indexer.schema import IndexSpec
from indexer.store.pointer import Pointer, parse_pointer, pointer_content
from indexer.types import Distance
from models.pooling import Pooling
from models.sources import EVERY_IMAGE, SourceOptions

SPEC = IndexSpec(
    dataset="pets",
    arch="model1",
    fingerprint="a" * 64,
    image_size=32,
    distances=tuple(Distance),
    vector_sizes={Pooling.MAXPOOL: 2, Pooling.FLATTEN: 4},
    source="/pets",
    root="/pets",
)
POINTER = Pointer(SPEC, 3, 12, "2026-01-01T00:00:00+00:00", "qdrant-edge 0.9.0")


@pytest.mark.parametrize(
    "taken", [EVERY_IMAGE, SourceOptions(("*.gif", "!ä.gif")), SourceOptions(labels="/a.csv")]
)
def test_a_pointer_is_read_as_it_was_written(taken: SourceOptions) -> None:
    pointer = replace(POINTER, spec=replace(SPEC, source_options=taken))
    assert parse_pointer(pointer_content(pointer)) == pointer


def test_a_pointer_of_before_source_options_takes_every_image() -> None:
    content = pointer_content(POINTER)
    del content["spec"]["source_options"]
    assert parse_pointer(content) == POINTER


@pytest.mark.parametrize(
    "damage", ["*.gif", [], {"exclude": "*.gif", "labels": None}, {"exclude": ["*.gif"]}]
)
def test_damaged_source_options_are_not_taken_for_none(damage: object) -> None:
    content = pointer_content(POINTER)
    content["spec"]["source_options"] = damage
    with pytest.raises((ValueError, KeyError, TypeError)):
        parse_pointer(content)
