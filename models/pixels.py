"""Every image of a training set, decoded once: a uint8 tensor that all epochs read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from models.errors import UnreadableImageError
from models.images import open_image
from models.preprocess import Preprocess
from models.progress import ProgressFile
from models.sources import ImageFile


@dataclass(frozen=True, slots=True)
class LoadedPixels:
    """Decoded images.

    Attributes:
        pixels: uint8 (N, 3, S, S); lives in an unnamed temporary file, so that the operating
            system decides how much of it stays in memory.
        files: the N files, in the same order.
        unreadable: those that could not be decoded, with the reason.
    """

    pixels: Tensor
    files: tuple[ImageFile, ...]
    unreadable: tuple[UnreadableImageError, ...]


def load_pixels(
    files: Sequence[ImageFile],
    preprocess: Preprocess,
    *,
    progress: bool,
    told: ProgressFile | None = None,
) -> LoadedPixels:
    """Decode ``files``; unreadable ones are left out and reported."""
    told = told or ProgressFile()
    side = preprocess.image_size
    with tempfile.TemporaryFile() as backing:
        shape = (max(len(files), 1), 3, side, side)
        memory = np.memmap(backing, dtype=np.uint8, mode="w+", shape=shape)
    kept: list[ImageFile] = []
    unreadable: list[UnreadableImageError] = []
    outcomes = told.track(_decode(files, preprocess), "reading", total=len(files))
    shown = tqdm(outcomes, total=len(files), desc="Reading", unit="image", disable=not progress)
    for file, outcome in zip(files, shown, strict=True):
        if isinstance(outcome, UnreadableImageError):
            unreadable.append(outcome)
        else:
            memory[len(kept)] = outcome.numpy()
            kept.append(file)
    return LoadedPixels(torch.from_numpy(memory)[: len(kept)], tuple(kept), tuple(unreadable))


def _decode(
    files: Sequence[ImageFile], preprocess: Preprocess
) -> Iterator[Tensor | UnreadableImageError]:
    """In order, a bounded number ahead, in as many threads as cores (decoding frees the GIL)."""

    def decode(file: ImageFile) -> Tensor | UnreadableImageError:
        try:
            opened = open_image(file.path, at_least=preprocess.image_size)
        except UnreadableImageError as error:
            return error
        return preprocess.pixels(opened.image)

    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(files), 16 * workers):
            yield from pool.map(decode, files[start : start + 16 * workers])
