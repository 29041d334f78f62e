"""The only door to torchvision: ``from models.vision import torchvision``.

Importing this module imports torchvision (seconds), so only training and dataset code does it, and
late.

A torchvision built for another torch (a CUDA wheel beside a CPU torch) cannot load its compiled
operators, and since it describes two of them, ``nms`` and ``qnms``, without asking whether they
are there, its import fails as a whole: https://github.com/pytorch/vision/issues/8985. Declaring the
two schemas is enough for transforms, datasets and models to work; the compiled operators
themselves (nms, decode_jpeg) stay unavailable. A torchvision that fits imports at the first try
and is left untouched.
"""

from __future__ import annotations

import sys
import warnings

import torch

__all__ = ["torchvision"]

_MISSING_OPERATORS = "operator torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def _declare_operators() -> torch.library.Library:
    """Declare what the compiled part would have declared; gone when the result is dropped."""
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(operator + _SCHEMA)  # type: ignore[no-untyped-call]
    return library


def _forget_failed_import() -> None:
    """Drop the half-initialised modules, or a second import would find those."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


try:
    import torchvision
except RuntimeError as error:
    if _MISSING_OPERATORS not in str(error):
        raise
    _forget_failed_import()
    _declared = _declare_operators()
    with warnings.catch_warnings():
        # Known at this point, and images are decoded by Pillow (models/images.py) anyway.
        warnings.filterwarnings("ignore", message="Failed to load image Python extension")
        import torchvision
