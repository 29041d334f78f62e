"""Errors of the index, below :class:`models.errors.SimilarityError`.

SimilarityError
`-- IndexerError
    |-- DatasetNotIndexedError    no index of that name; the text lists those that exist
    |-- CheckpointMismatchError   another checkpoint than the index was made with; both are named
    |-- CollectionBusyError       another process holds the collection; it is named
    |-- DataFolderError           the data folder cannot be made, read or written
    |-- VectorSizeError           a vector longer than the engines store
    |-- PointNotFoundError        an id that is not in the dataset
    |-- InvalidRequestError       a value outside what is allowed, such as k; the text says what is
    |-- NoLabelsError             labels are needed and there are none
    |-- FailedChecksError         verify found something wrong; the checks are named
    `-- StoreError                the engine failed in a way that is nobody's expected case
        |-- DamagedIndexError     the index on disk is not whole; sync rebuilds it
        `-- ServerError           the Qdrant server is not reached, does not fit, or refuses the key
"""

from __future__ import annotations

from models.errors import SimilarityError


class IndexerError(SimilarityError):
    """Base of the index's errors."""


class DatasetNotIndexedError(IndexerError):
    """No index of that dataset name."""


class CheckpointMismatchError(IndexerError):
    """The checkpoint is not the one the index was made with."""


class CollectionBusyError(IndexerError):
    """Another process holds the collection."""


class DataFolderError(IndexerError):
    """The data folder cannot be made, read or written."""


class VectorSizeError(IndexerError):
    """A vector longer than the engines store."""


class PointNotFoundError(IndexerError):
    """An id that is not in the dataset."""


class InvalidRequestError(IndexerError):
    """A value outside what is allowed, such as k or a dataset's name."""


class NoLabelsError(IndexerError):
    """Labels are needed and there are none."""


class FailedChecksError(IndexerError):
    """An index is not what it says it is."""


class StoreError(IndexerError):
    """The engine failed."""


class DamagedIndexError(StoreError):
    """The index on disk is not whole."""


class ServerError(StoreError):
    """The Qdrant server cannot be reached, does not fit, or refuses the key."""
