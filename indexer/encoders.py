"""The encoders that indexes were made with, loaded once each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.errors import CheckpointMismatchError
from indexer.layout import DataFolder
from indexer.types import DatasetInfo

if TYPE_CHECKING:
    from indexer.encoding import ImageEncoder

Load = Callable[[Path], "ImageEncoder"]


class Encoders:
    """Encoders by the index they belong to. Thread-safe; torch is imported by the first one.

    One is kept as long as the last question about some dataset was asked with it. Loading one keeps
    nobody waiting who asks for another.

    Args:
        folder: has a copy of every index's checkpoint.
        load: makes an encoder of a checkpoint folder; by default ``Encoder.load``.
    """

    def __init__(self, folder: DataFolder, load: Load | None = None) -> None:
        self._folder = folder
        self._load = load or _load
        self._loaded: dict[str, ImageEncoder] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._used: dict[str, str] = {}
        self._lock = threading.Lock()

    def of(self, info: DatasetInfo) -> ImageEncoder:
        """The encoder that made the index.

        Raises:
            CheckpointMismatchError: the copy of its checkpoint is of another one.
        """
        with self._lock:
            loading = self._loading.setdefault(info.fingerprint, threading.Lock())
        with loading:
            encoder = self._loaded.get(info.fingerprint)
            if encoder is None:
                encoder = self._load(self._folder.checkpoints / info.checkpoint)
                if encoder.fingerprint != info.fingerprint:
                    raise _mismatch(info, encoder.name)
            self._keep(info, encoder)
        return encoder

    def _keep(self, info: DatasetInfo, encoder: ImageEncoder) -> None:
        """Keep ``encoder``, and forget those that no dataset is asked with any more."""
        with self._lock:
            self._loaded[info.fingerprint] = encoder
            self._used[info.name] = info.fingerprint
            for fingerprint in self._loaded.keys() - self._used.values():
                del self._loaded[fingerprint]
                self._loading.pop(fingerprint, None)


def check_checkpoint(checkpoint: Path, info: DatasetInfo) -> None:
    """Refuse an index that was made with another checkpoint.

    Raises:
        CheckpointMismatchError: it was; both are named.
    """
    from models.checkpoint import read_info

    given = read_info(checkpoint)
    if given.fingerprint != info.fingerprint:
        raise _mismatch(info, given.name)


def _load(checkpoint: Path) -> ImageEncoder:
    from models.encoder import Encoder

    return Encoder.load(checkpoint)


def _mismatch(info: DatasetInfo, given: str) -> CheckpointMismatchError:
    return CheckpointMismatchError(
        f"dataset {info.name!r} was indexed with {info.checkpoint}, not with {given}; search "
        "without --checkpoint, or index it again with `python -m indexer sync`"
    )
