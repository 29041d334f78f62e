"""``kaggle:OWNER/NAME``: a public data set of kaggle.com, through kagglehub.

kagglehub keeps what it downloads in its own cache, with one folder for each version, and asks for
nothing but a network: public data sets need no account. What it returns is the root.
"""

from __future__ import annotations

import importlib
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

from models.errors import SourceError
from models.sources.source import default_name

PREFIX = "kaggle"

_COPIES = {"ikarus777/best-artworks-of-all-time": ("/resized/",)}
"""Data sets that hold every image twice: the folders with the second copies, which lack labels."""


def find(spec: str) -> tuple[str, Path]:
    """(default name, root) of ``kaggle:OWNER/NAME``; downloads it the first time.

    Raises:
        SourceError: not such a name, no kagglehub, or a download that failed.
    """
    handle = _handle(spec)
    try:
        kagglehub = importlib.import_module("kagglehub")
    except ImportError as error:
        raise SourceError(
            f"{spec!r} needs kagglehub, which is not installed: "
            "`pip install kagglehub`, or install this project with its extra [kaggle]"
        ) from error
    try:
        with redirect_stdout(sys.stderr):  # results alone go to stdout
            root = kagglehub.dataset_download(handle)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(
            f"cannot download {spec!r}: {reason}; check the name and the network, "
            "or download it yourself and give the folder"
        ) from error
    return default_name(handle.split("/")[1]), Path(root)


def copies(spec: str) -> tuple[str, ...]:
    """Patterns that leave out what a data set holds a second time."""
    return _COPIES.get(_handle(spec).partition("/versions/")[0].casefold(), ())


def _handle(spec: str) -> str:
    handle = spec.partition(":")[2]
    if not re.fullmatch(r"[\w-]+/[\w.-]+(/versions/\d+)?", handle, flags=re.ASCII):
        raise SourceError(
            f"{spec!r}: give {PREFIX}:OWNER/NAME, as in the address of the data set's page"
        )
    return handle
