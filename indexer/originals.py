"""The files behind stored images: originals inside the source's root, and their thumbnails."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indexer.errors import PointNotFoundError
from indexer.layout import DataFolder
from indexer.payloads import details_of
from indexer.thumbnails import THUMBNAIL_SIDE, is_thumbnail, thumbnail_path, write_thumbnail
from indexer.types import DatasetInfo, Record
from models.errors import UnreadableImageError
from models.images import MAX_MEGAPIXELS, open_image


@dataclass(frozen=True, slots=True)
class Originals:
    """Finds files of stored images; thumbnails are in ``folder``."""

    folder: DataFolder

    def file(self, info: DatasetInfo, record: Record) -> Path:
        """The image's file; never one outside the dataset's root, wherever its path may lead.

        Raises:
            PointNotFoundError: it is gone.
        """
        root = Path(info.root).resolve()
        path = (root / str(record.payload["path"])).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise PointNotFoundError(
                f"the file {record.payload['path']!r} of dataset {info.name!r} is not in its "
                "folder any more; `python -m indexer sync` brings the index in line with it"
            )
        return path

    def thumbnail(self, info: DatasetInfo, record: Record) -> Path:
        """The image's thumbnail; one that is missing is made again from the original.

        Raises:
            PointNotFoundError: thumbnail and file are gone.
        """
        sha256 = str(record.payload["sha256"])
        path = thumbnail_path(self.folder.thumbnails, sha256)
        if is_thumbnail(path):
            return path
        original = self.file(info, record)
        try:
            with self.folder.errors("written"):
                opened = open_image(
                    original, at_least=THUMBNAIL_SIDE, max_megapixels=megapixels_of(record)
                )
                return write_thumbnail(opened.image, self.folder.thumbnails, sha256)
        except UnreadableImageError as error:
            raise PointNotFoundError(f"the thumbnail of {record.id} is gone: {error}") from error


def megapixels_of(record: Record) -> float:
    """Limit for opening a stored image: what was small enough for whoever indexed it is so here."""
    details = details_of(record)
    return max(details.width * details.height / 1e6, MAX_MEGAPIXELS)
