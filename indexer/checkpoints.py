"""The checkpoints that published indexes were made with, as their copies in the data folder say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.types import DatasetInfo
from models.checkpoint import RECONSTRUCTIONS_FILE, WEIGHTS_FILE, CheckpointInfo, read_info
from models.errors import CheckpointError
from models.pooling import Pooling


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """One checkpoint and who uses it.

    Attributes:
        name: ``<arch>-<fingerprint8>``.
        datasets: the published ones that were indexed with it, by name.
        vector_sizes: number of values of each of the poolings that those keep.
        info: what its ``model.json`` says; None where that is missing or damaged.
        bytes: of the weights.
        reconstructions: the picture of originals over reconstructions, where training left one.
    """

    name: str
    datasets: tuple[str, ...]
    vector_sizes: Mapping[Pooling, int]
    info: CheckpointInfo | None
    bytes: int
    reconstructions: Path | None


def published_checkpoints(
    folder: Path, datasets: Iterable[DatasetInfo]
) -> list[PublishedCheckpoint]:
    """Those of ``datasets``, by name.

    Args:
        folder: of the copies, one folder each.
        datasets: the published ones. Nothing else in ``folder`` is looked at.
    """
    users: dict[str, list[DatasetInfo]] = {}
    for info in datasets:
        users.setdefault(info.checkpoint, []).append(info)
    return [_published(folder / name, infos) for name, infos in sorted(users.items())]


def _published(folder: Path, users: list[DatasetInfo]) -> PublishedCheckpoint:
    sizes: dict[Pooling, int] = {}
    for user in users:
        sizes |= user.vector_sizes
    weights, sheet = folder / WEIGHTS_FILE, folder / RECONSTRUCTIONS_FILE
    return PublishedCheckpoint(
        name=folder.name,
        datasets=tuple(sorted(user.name for user in users)),
        vector_sizes=sizes,
        info=_info(folder),
        bytes=weights.stat().st_size if weights.is_file() else 0,
        reconstructions=sheet if sheet.is_file() else None,
    )


def _info(folder: Path) -> CheckpointInfo | None:
    try:
        return read_info(folder)
    except CheckpointError:
        return None
