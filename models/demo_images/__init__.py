"""Pictures to try the engine on: ten kinds of small illustrations, drawn by the program itself.

They need no download and no licence, and they are the same on every run. Every kind appears in
every palette, in many places, sizes and turns, so that finding the like of a picture takes more
than comparing colours.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.demo_images.animals import butterfly, fish, shell
from models.demo_images.places import balloon, city, mountain
from models.demo_images.plants import citrus, flower, leaf, mushroom
from models.demo_images.scene import Scene

__all__ = ["KINDS", "VERSION", "draw", "generate"]

VERSION = "1"
"""Goes up with every change that alters a picture: generated folders are then made anew."""

KINDS: Mapping[str, Callable[[Scene], None]] = MappingProxyType(
    {
        painter.__name__: painter
        for painter in (
            balloon,
            butterfly,
            citrus,
            city,
            fish,
            flower,
            leaf,
            mountain,
            mushroom,
            shell,
        )
    }
)
"""What can be drawn: name (and folder, and label) -> painter."""

_JPEG_QUALITY = 90


def draw(kind: str, index: int, *, size: int = 192, seed: int = 0) -> Image.Image:
    """The picture with number ``index`` of a kind; the same on every call.

    Args:
        kind: one of :data:`KINDS`.
        index: any number from 0 on.
        size: side in pixels.
        seed: another seed, other pictures.

    Raises:
        KeyError: no such kind.
    """
    # The kind's checksum, not its place in the list: a new kind leaves the others as they are.
    entropy = np.random.SeedSequence((seed, zlib.crc32(kind.encode()), index))
    scene = Scene.start(size, np.random.default_rng(entropy))
    KINDS[kind](scene)
    return scene.finished()


def generate(
    folder: Path, *, per_kind: int = 64, size: int = 192, seed: int = 0, progress: bool = True
) -> None:
    """Write ``<folder>/<kind>/<kind>-000.jpg`` and so on.

    Args:
        folder: made when needed; pictures of the same name are replaced.
        per_kind: how many pictures of each kind.
        size: side in pixels.
        seed: another seed, other pictures.
        progress: show a bar on stderr.
    """
    with tqdm(total=per_kind * len(KINDS), desc="drawing", unit="img", disable=not progress) as bar:
        for kind in KINDS:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for index in range(per_kind):
                picture = draw(kind, index, size=size, seed=seed)
                picture.save(folder / kind / f"{kind}-{index:03d}.jpg", quality=_JPEG_QUALITY)
                bar.update()
