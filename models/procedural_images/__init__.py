"""Pictures to train on that nobody owns: noise, patterns and things, drawn by the program itself.

They show nothing, yet have what early vision is about: edges, textures, colours that go together,
things before a ground. Networks and visual words fitted to such pictures work on photographs
(the papers are named in the modules), and what is fitted to them carries no one's rights.

plane.py has coordinates, noise.py, cells.py and shaders.py patterns, fields.py the list of them,
textures.py their colours, outlines.py shapes, scene.py the picture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from models.procedural_images.scene import Scene

__all__ = ["MOST_PICTURES", "VERSION", "draw", "generate"]

VERSION = "1"
"""Goes up with every change that alters a picture: generated folders are then made anew."""

MOST_PICTURES = 1_000_000
"""File names have six digits."""


def draw(index: int, *, size: int = 128, seed: int = 0) -> Image.Image:
    """The picture with number ``index``, RGB; the same on every call.

    Args:
        index: any number from 0 on.
        size: side in pixels. Noise, grain and borders are made in pixels and patterns in sides, so
            that another size is another kind of picture, not the same one larger.
        seed: another seed, other pictures.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, index)))
    return Image.fromarray(Scene.sample(rng).render(size, rng))


def generate(
    folder: Path, count: int, *, size: int = 128, seed: int = 0, progress: bool = True
) -> None:
    """Write ``<folder>/000000.png`` and so on, in as many threads as cores.

    Args:
        folder: made when needed; pictures of the same name are replaced, so that what an
            interrupted call left is completed by the next.
        count: how many, up to :data:`MOST_PICTURES`.
        size: side in pixels.
        seed: another seed, other pictures.
        progress: show a bar on stderr.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def write(index: int) -> None:
        draw(index, size=size, seed=seed).save(folder / f"{index:06d}.png")

    with tqdm(total=count, desc="drawing", unit="img", disable=not progress) as bar:
        for _ in _in_threads(write, count):
            bar.update()


def _in_threads(work: Callable[[int], None], count: int) -> Iterator[None]:
    """Do ``work`` for 0 to ``count`` - 1, a bounded number ahead: an interrupt ends it soon."""
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, count, 16 * workers):
            yield from pool.map(work, range(start, min(start + 16 * workers, count)))
