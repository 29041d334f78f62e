"""Names, ids and payload of what is stored: the part other tools rely on (docs/collections.md)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID, uuid5

from indexer.errors import InvalidRequestError
from indexer.types import DatasetInfo, Distance
from models.checkpoint import checkpoint_name
from models.pooling import Pooling
from models.registry import get_architecture
from models.sources import EVERY_IMAGE, SourceOptions

SCHEMA_VERSION = 1

MAX_VECTOR_SIZE = 65_536
"""Largest vector a Qdrant server takes; embedded collections keep to it so that they can move."""

_LARGEST_ASKED = 4096
"""Where the search for an architecture's largest image size gives up, in pixels."""

NAMESPACE = UUID("6f3c2c1e-8d52-5b0a-9d0e-3a6b7f1c9a10")
"""Namespace of the point ids; never change it: every stored id depends on it."""

PAYLOAD_INDEXES: Mapping[str, str] = {
    "path": "keyword",
    "label": "keyword",
    "dataset": "keyword",
    "sha256": "keyword",
    "width": "integer",
    "height": "integer",
    "format": "keyword",
    "bytes": "integer",
    "group": "integer",
}
"""Payload fields that get an index at creation, and Qdrant's type of it."""


# A command would take what begins with "-" for an option.
_DATASET = re.compile(r"(?!-)[a-z0-9_-]{1,64}")


def check_dataset(name: str) -> str:
    """``name``, when it can name a dataset.

    Raises:
        InvalidRequestError: it cannot.
    """
    if not _DATASET.fullmatch(name) or "__" in name:  # "__" separates the parts of a collection
        raise InvalidRequestError(
            f"{name!r} cannot name a dataset: use 1 to 64 of a-z, 0-9, - and single _, "
            "and no - in front"
        )
    return name


def check_poolings(dataset: str, stored: Collection[Pooling], asked: Iterable[Pooling]) -> None:
    """Refuse to ask ``dataset`` for vectors that it does not have.

    Raises:
        InvalidRequestError: one of ``asked`` is not in ``stored``, which are named.
    """
    for pooling in asked:
        if pooling not in stored:
            raise InvalidRequestError(
                f"dataset {dataset!r} has no {pooling} vectors, only {', '.join(stored)}; "
                f"add them with `python -m indexer sync --pooling {pooling}`"
            )


def largest_image_size(arch: str) -> int:
    """The largest image size, in pixels, whose ``flatten`` vectors an index takes.

    Raises:
        UnknownArchitectureError: there is no architecture ``arch``.
    """
    architecture = get_architecture(arch)
    sizes = range(architecture.least_image_size, _LARGEST_ASKED)

    def vector_size(image_size: int) -> int:
        return Pooling.FLATTEN.size(architecture.latent_shape(image_size))

    return sizes[bisect_right(sizes, MAX_VECTOR_SIZE, key=vector_size) - 1]


def point_id(dataset: str, relative_path: str) -> UUID:
    """UUIDv5 of dataset and relative path: the same image is the same point in every sync."""
    return uuid5(NAMESPACE, f"{dataset}/{relative_path}")


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """One index = one dataset encoded with one checkpoint; a collection per distance.

    Attributes:
        dataset: ``[a-z0-9_-]+``.
        arch, fingerprint, image_size: of the checkpoint.
        distances: a collection is kept for each.
        vector_sizes: number of values of each named vector.
        source: SOURCE string of the last sync.
        root: folder that the images' relative paths start from.
        source_options: what the last sync took of ``source``; the next one does the same unless
            told otherwise.
    """

    dataset: str
    arch: str
    fingerprint: str
    image_size: int
    distances: tuple[Distance, ...]
    vector_sizes: Mapping[Pooling, int]
    source: str
    root: str
    source_options: SourceOptions = EVERY_IMAGE

    @classmethod
    def of(cls, info: DatasetInfo) -> Self:
        """What a published index was written by."""
        return cls(
            dataset=info.name,
            arch=info.arch,
            fingerprint=info.fingerprint,
            image_size=info.image_size,
            distances=info.distances,
            vector_sizes=info.vector_sizes,
            source=info.source,
            root=info.root,
            source_options=info.source_options,
        )

    def can_start_from(self, published: IndexSpec) -> bool:
        """Whether the points of ``published`` serve this index: same vectors, no further distance.

        Otherwise its images are encoded anew.
        """
        return (
            self.fingerprint == published.fingerprint
            and dict(self.vector_sizes) == dict(published.vector_sizes)
            and set(self.distances) <= set(published.distances)
        )

    @property
    def checkpoint(self) -> str:
        """Name of the checkpoint, as :func:`models.checkpoint.checkpoint_name` makes it."""
        return checkpoint_name(self.arch, self.fingerprint)

    def collection(self, distance: Distance) -> str:
        """Physical name of the collection for ``distance``."""
        return f"{self.dataset}__{self.checkpoint}__{distance}"

    @property
    def collections(self) -> tuple[str, ...]:
        """Physical names, in the order of ``distances``."""
        return tuple(self.collection(distance) for distance in self.distances)

    def alias(self, distance: Distance) -> str:
        """Stable name of the collection for ``distance``, whatever the checkpoint."""
        return f"{self.dataset}__{distance}"


def dataset_of(collection: str) -> str:
    """The dataset that a collection's physical name belongs to."""
    return collection.rsplit("__", 2)[0]
