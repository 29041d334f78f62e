"""``torchvision:NAME``: a labelled data set of torchvision, exported as image files.

Data sets of files keep their files, by hard link where the disk allows it; arrays become PNG. What
torchvision downloaded stays in the workspace, so that another split needs no second download.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from models.errors import SourceError
from models.sources.source import default_name
from models.sources.workspace import build, generated_folder

PREFIX = "torchvision"

_EXPORT_VERSION = "1"
"""Another one makes folders exported before be exported anew."""


@dataclass(frozen=True, slots=True)
class _DataSet:
    """How torchvision names the parts of a data set.

    Attributes:
        splits: name -> arguments that choose it; the first is what is meant when none is named.
        files: the attribute with the paths of all images, for the classes that hide them.
    """

    splits: Mapping[str, Mapping[str, object]]
    files: str | None = None


def _splits(*names: str) -> dict[str, Mapping[str, object]]:
    return {name: {"split": name} for name in names}


_TRAIN_OR_TEST: dict[str, Mapping[str, object]] = {
    "train": {"train": True},
    "test": {"train": False},
}
_WHOLE: dict[str, Mapping[str, object]] = {"all": {}}

_DATA_SETS = {
    "CIFAR10": _DataSet(_TRAIN_OR_TEST),
    "CIFAR100": _DataSet(_TRAIN_OR_TEST),
    "Caltech101": _DataSet(_WHOLE),
    "Caltech256": _DataSet(_WHOLE),
    "Country211": _DataSet(_splits("train", "valid", "test")),
    "DTD": _DataSet(_splits("train", "val", "test")),
    "EuroSAT": _DataSet(_WHOLE),
    "FGVCAircraft": _DataSet(_splits("trainval", "train", "val", "test")),
    "FashionMNIST": _DataSet(_TRAIN_OR_TEST),
    "Flowers102": _DataSet(_splits("train", "val", "test")),
    "Food101": _DataSet(_splits("train", "test")),
    "GTSRB": _DataSet(_splits("train", "test")),
    "Imagenette": _DataSet(_splits("train", "val")),
    "KMNIST": _DataSet(_TRAIN_OR_TEST),
    "MNIST": _DataSet(_TRAIN_OR_TEST),
    "OxfordIIITPet": _DataSet(_splits("trainval", "test"), files="_images"),
    "STL10": _DataSet(_splits("train", "test", "unlabeled")),
    "SUN397": _DataSet(_WHOLE),
    "SVHN": _DataSet(_splits("train", "test", "extra")),
}
"""The classes of torchvision that give one image and one label each."""

NAMES = tuple(_DATA_SETS)
"""What NAME may be."""


def find(spec: str, workspace: Path) -> tuple[str, Path]:
    """(default name, folder) of ``torchvision:NAME`` or ``torchvision:NAME:SPLIT``.

    Raises:
        SourceError: an unknown name or split, or a download that failed.
    """
    name, split = _parse(spec)
    stem = f"{name}-{split}" if spec.count(":") == 2 else name
    target = workspace / f"{PREFIX}-{name}-{split}"
    downloads = workspace / "downloads" / f"{PREFIX}-{name}"
    export = partial(_export, spec, name, split, downloads)
    return default_name(stem), generated_folder(target, _EXPORT_VERSION, export)


def _parse(spec: str) -> tuple[str, str]:
    """(name, split), in torchvision's spelling."""
    _, name, *rest = spec.split(":")
    spelling = {known.casefold(): known for known in NAMES}.get(name.casefold())
    if spelling is None or len(rest) > 1:
        raise SourceError(f"{spec!r}: give {PREFIX}:NAME with a NAME of {', '.join(NAMES)}")
    splits = list(_DATA_SETS[spelling].splits)
    split = rest[0] if rest else splits[0]
    if split not in splits:
        raise SourceError(f"{spec!r}: {spelling} has no such part; give one of {', '.join(splits)}")
    return spelling, split


def _export(spec: str, name: str, split: str, downloads: Path, folder: Path) -> None:
    """Write every image to ``<label>/<index>`` below ``folder``."""
    from tqdm import tqdm

    entry = _DATA_SETS[name]
    open_ = partial(_open_downloaded, spec, name, entry.splits[split])
    if not downloads.is_dir():
        # Beside its place until it is whole: torchvision takes a folder that is there for complete.
        build(downloads, open_)
    data = open_(downloads)
    files = getattr(data, entry.files) if entry.files else None
    labels = _label_names(data)
    digits = len(str(len(data)))
    for index in tqdm(range(len(data)), desc=f"exporting {name}", unit="img"):
        sample, target = data[index]
        label = None if target is None or target < 0 else labels(int(target))
        place = folder / label if label else folder
        place.mkdir(exist_ok=True)
        _write(sample if files is None else files[index], place / f"{index:0{digits}d}")


def _open_downloaded(spec: str, name: str, split: Mapping[str, object], root: Path) -> Any:
    """The data set of torchvision, whose samples are paths where it lets them be."""
    from models.vision import torchvision

    kind = getattr(torchvision.datasets, name)
    # With a loader that does nothing, a sample is the path of its file.
    loader = {"loader": Path} if "loader" in inspect.signature(kind).parameters else {}
    try:
        with redirect_stdout(sys.stderr):  # results alone go to stdout
            return kind(root=str(root), download=True, **split, **loader)
    except (OSError, RuntimeError, ValueError, EOFError, ImportError) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        raise SourceError(
            f"cannot download {spec!r}{_host(kind)}: {reason}; it needs a network, once"
        ) from error


def _host(kind: type) -> str:
    """Where the data set comes from, as far as its class says."""
    for value in vars(kind).values():
        if isinstance(value, str) and value.startswith("http"):
            return f" from {urlparse(value).netloc}"
    return ""


def _label_names(data: Any) -> Callable[[int], str]:
    """The names of classes as names of folders; the number where a data set has no names."""
    names = getattr(data, "classes", None) or getattr(data, "categories", None)

    def label(target: int) -> str:
        name = names[target] if names else str(target)
        first = name if isinstance(name, str) else name[0]  # Imagenette: (name, other names)
        return re.sub(r"[/\\\0]+", "-", first).strip("-. ") or str(target)

    return label


def _write(sample: Any, stem: Path) -> None:
    """Place one image: a file as it is, pixels as PNG."""
    path = sample if isinstance(sample, str | Path) else getattr(sample, "filename", "")
    if not path:
        sample.save(stem.with_suffix(".png"))
        return
    if not isinstance(sample, str | Path):
        sample.close()  # Pillow opened the file and has not read it
    original = Path(path)
    target = stem.with_suffix(original.suffix.lower())
    try:
        os.link(original, target)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(original, target)
