"""What every back end refuses to write or to ask, because the engines would take it silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexer.errors import DatasetNotIndexedError, StoreError, VectorSizeError
from indexer.schema import MAX_VECTOR_SIZE, IndexSpec
from indexer.types import Distance, Point
from models.pooling import Pooling

if TYPE_CHECKING:
    from indexer.types import Vector


def not_indexed(dataset: str, place: str, names: Sequence[str]) -> DatasetNotIndexedError:
    """The error for a dataset that is not in ``place``, where ``names`` are."""
    known = (
        f"indexed: {', '.join(names)}"
        if names
        else "nothing is indexed there yet: make an index with `python -m indexer sync SOURCE`"
    )
    return DatasetNotIndexedError(f"no index of dataset {dataset!r} {place}; {known}")


def check_distance(spec: IndexSpec, distance: Distance) -> None:
    """Refuse to ask an index for a distance that it has no collection of.

    Raises:
        DatasetNotIndexedError: it has none; those it has are named.
    """
    if distance not in spec.distances:
        raise DatasetNotIndexedError(
            f"dataset {spec.dataset!r} has no {distance} collection, only "
            f"{', '.join(spec.distances)}; add it with `python -m indexer sync --distance`"
        )


def check_sizes(spec: IndexSpec) -> None:
    """Refuse vectors that engines do not store.

    Raises:
        VectorSizeError: a vector size above MAX_VECTOR_SIZE.
    """
    for pooling, size in spec.vector_sizes.items():
        if size > MAX_VECTOR_SIZE:
            raise VectorSizeError(
                f"{pooling} vectors of {spec.checkpoint} at {spec.image_size} px have {size} "
                f"values; engines store at most {MAX_VECTOR_SIZE}: use a smaller image size"
            )


def check_vectors(point: Point, sizes: Mapping[Pooling, int]) -> None:
    """Refuse what the engine would store without a word.

    Raises:
        StoreError: a vector is missing, of the wrong size, not finite or all zero.
    """
    for name, size in sizes.items():
        if name not in point.vectors:
            raise StoreError(f"point {point.id} has no {name} vector")
        check_vector(point.vectors[name], size, f"{name} vector of point {point.id}")


def check_vector(vector: Vector, size: int, what: str) -> None:
    """Refuse a vector that is of the wrong size, not finite or all zero."""
    if vector.shape != (size,):
        raise StoreError(f"the {what} has shape {vector.shape} where ({size},) is stored")
    if not np.isfinite(vector).all():
        raise StoreError(f"the {what} has values that are not finite")
    if not vector.any():
        raise StoreError(f"the {what} is all zero: it has no direction to compare")
