"""Perceptual hash: 64 bits that stay nearly the same when an image is resized or compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIDE = 32
_KEPT = 8


def _dct_basis() -> NDArray[np.float64]:
    """The first rows of the DCT-II of length 32."""
    frequency, sample = np.ogrid[:_KEPT, :_SIDE]
    basis: NDArray[np.float64] = 2 * np.cos(np.pi * frequency * (2 * sample + 1) / (2 * _SIDE))
    return basis


_BASIS = _dct_basis()


def perceptual_hash(image: Image.Image) -> str:
    """16 hex digits, as the ``ImageHash`` library's ``phash`` gives them, to within a bit or two.

    A bit says whether one of the 64 lowest frequencies of the 32x32 grey image is above their
    median; the number of differing bits of two hashes says how different the images look.
    """
    # Averaging down to four times the size first saves most of the time with large images.
    grey = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=4.0)
    # Rounded, so that frequencies an image does not have are zero and not the noise of a sum.
    low = np.round(_BASIS @ np.asarray(grey, np.float64) @ _BASIS.T, 6)
    bits = (low > np.median(low)).flatten()
    return np.packbits(bits).tobytes().hex()
