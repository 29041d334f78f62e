"""The pointer: one small file per dataset that says which generation readers see.

It is the index's only switch. One pointer names the generation of all the dataset's collections,
so a reader can never meet the cosine collection of one state with the euclid one of another; it is
replaced in one atomic step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from indexer.errors import DamagedIndexError
from indexer.layout import write_atomically
from indexer.schema import IndexSpec
from indexer.types import DatasetInfo, Distance
from models.pooling import Pooling
from models.sources import EVERY_IMAGE, SourceOptions

_ORDER = list(Pooling).index

FORMAT = 1
"""Version of the file's layout."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is published of one dataset.

    Attributes:
        spec: what the index is.
        generation: number of the generation, the same for each of its collections.
        images: number of points in each collection.
        synced_at: end of the last sync, ISO 8601 UTC.
        engine: name and version of the engine that wrote the generation.
    """

    spec: IndexSpec
    generation: int
    images: int
    synced_at: str
    engine: str

    def info(self) -> DatasetInfo:
        """The same, for readers."""
        spec = self.spec
        return DatasetInfo(
            name=spec.dataset,
            images=self.images,
            checkpoint=spec.checkpoint,
            arch=spec.arch,
            fingerprint=spec.fingerprint,
            image_size=spec.image_size,
            distances=spec.distances,
            vector_sizes=spec.vector_sizes,
            collections=spec.collections,
            source=spec.source,
            root=spec.root,
            synced_at=self.synced_at,
            engine=self.engine,
            generation=self.generation,
            source_options=spec.source_options,
        )


def read_pointer(path: Path) -> Pointer | None:
    """The pointer in ``path``, or None when there is none.

    Raises:
        DamagedIndexError: the file is damaged or of another version.
    """
    try:
        return parse_pointer(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedIndexError(
            f"the index description {path} is damaged ({error}); "
            "`python -m indexer sync` rebuilds the index"
        ) from error


def write_pointer(path: Path, pointer: Pointer) -> None:
    """Publish: readers see ``pointer`` from now on."""
    write_atomically(path, json.dumps(pointer_content(pointer), indent=2).encode())


def pointer_content(pointer: Pointer) -> dict[str, object]:
    """``pointer`` as plain JSON values."""
    content: dict[str, object] = json.loads(json.dumps(asdict(pointer)))
    return {"format": FORMAT, **content}


def parse_pointer(content: Any) -> Pointer:
    """What :func:`pointer_content` made.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: ``content`` is something else.
    """
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']!r} where {FORMAT} is understood")
    return Pointer(
        spec=_spec(content["spec"]),
        generation=int(content["generation"]),
        images=int(content["images"]),
        synced_at=str(content["synced_at"]),
        engine=str(content["engine"]),
    )


def _spec(content: Mapping[str, object]) -> IndexSpec:
    distances, sizes = content["distances"], content["vector_sizes"]
    if not isinstance(distances, list) or not isinstance(sizes, dict):
        raise TypeError("distances or vector_sizes")
    return IndexSpec(
        dataset=str(content["dataset"]),
        arch=str(content["arch"]),
        fingerprint=str(content["fingerprint"]),
        image_size=int(str(content["image_size"])),
        distances=tuple(Distance(distance) for distance in distances),
        # In the order of Pooling: a server does not keep the order of keys.
        vector_sizes={
            pooling: int(sizes[pooling]) for pooling in sorted(map(Pooling, sizes), key=_ORDER)
        },
        source=str(content["source"]),
        root=str(content["root"]),
        source_options=_source_options(content.get("source_options")),
    )


def _source_options(content: object) -> SourceOptions:
    """As they were kept; an index of before they were has none."""
    if content is None:
        return EVERY_IMAGE
    if not isinstance(content, dict) or not isinstance(content["exclude"], list):
        raise TypeError("source_options")
    labels = content["labels"]
    return SourceOptions(
        exclude=tuple(map(str, content["exclude"])),
        labels=None if labels is None else str(labels),
    )
