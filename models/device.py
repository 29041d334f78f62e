"""Which device to compute on."""

from __future__ import annotations

import torch

from models.errors import SimilarityError


def choose_device(name: str) -> torch.device:
    """The device called ``name``; ``auto`` is a CUDA GPU when there is one, else the CPU.

    An Apple GPU has to be asked for by name (``mps``): it lacks some of the operations used here.

    Raises:
        SimilarityError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise SimilarityError(
            f"device {name!r} cannot be used: {reason}; try auto or cpu"
        ) from error
    return device
