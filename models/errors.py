"""The root of the error tree, and the errors that models can raise.

SimilarityError
|-- UnreadableImageError        a file that cannot be read as an image
|-- SourceError                 a SOURCE that names no images
|   `-- EmptySourceError        a SOURCE that is there and holds none
|-- UnknownArchitectureError    an architecture name that stands for nothing usable
|-- ImageSizeError              an image size the architecture cannot encode
|-- WeightsError                pretrained weights that cannot be had or do not fit
|-- CheckpointError             a checkpoint that is absent, damaged or not one
|   `-- OutdatedCheckpointError weights of an architecture that has been changed since
|-- TrainingError               training that cannot start, resume or go on
|-- PoolingError                a pooling that an encoder cannot do
|-- WhiteningError              images that no whitening can be fitted to
|-- RuntimeUnusableError        what shall compute is not installed, or not for device or network
|-- DeviceMemoryError           more images at once than the device has memory for
`-- (indexer.errors)            everything about the index
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.sources import Source


class SimilarityError(Exception):
    """Base of every expected error: its text names the value, the reason and the way out.

    Command lines print it as one line and exit with 1; anything else that escapes is a bug.
    """


class UnreadableImageError(SimilarityError):
    """A file that cannot be read as an image.

    Args:
        path: the file, or a short name for bytes that came without one.
        reason: why, in a few words, without the path.
    """

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class SourceError(SimilarityError):
    """A SOURCE that does not exist, is not understood, or holds no images."""


class EmptySourceError(SourceError):
    """A SOURCE that is there and holds no images.

    Args:
        message: which, and what was looked for.
        source: the source, without files.
    """

    def __init__(self, message: str, source: Source) -> None:
        super().__init__(message)
        self.source = source


class UnknownArchitectureError(SimilarityError):
    """An architecture name that stands for nothing usable; the text lists those that exist."""


class ImageSizeError(SimilarityError):
    """An image size too small for the architecture; the text names the least size that works."""


class WeightsError(SimilarityError):
    """Pretrained weights that cannot be had, or that do not fit the architecture."""


class CheckpointError(SimilarityError):
    """A checkpoint folder that is absent, damaged, or of another format version."""


class OutdatedCheckpointError(CheckpointError):
    """Whole weights of an architecture that has been changed since."""


class TrainingError(SimilarityError):
    """Training that cannot start, resume or go on."""


class PoolingError(SimilarityError):
    """A pooling that an encoder cannot do, for nothing was fitted for it."""


class WhiteningError(SimilarityError):
    """Images that no whitening can be fitted to."""


class RuntimeUnusableError(SimilarityError):
    """What shall compute the encoder is not installed, or not for that device or network."""


class DeviceMemoryError(SimilarityError):
    """More images at once than the memory of the device has room for."""
