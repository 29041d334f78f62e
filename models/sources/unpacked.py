"""Archives as sources: unpacked once for each state of the file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from models.sources.listing import is_wanted
from models.sources.source import default_name
from models.sources.workspace import build


def unpacked_folder(archive: Path, workspace: Path) -> tuple[str, Path]:
    """(default name, folder with the images) of ``archive``."""
    from models.archives import archive_stem, unpack_images

    name = default_name(archive_stem(archive.name))
    status = archive.stat()
    state = f"{archive.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:12]
    target = workspace / f"{name}-{digest}"
    if not target.is_dir():
        build(target, lambda folder: unpack_images(archive, folder, wanted=is_wanted))
    return name, target
