"""Pretrained weights: which of a state dict belong to an encoder, and whether they fit it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from models.errors import WeightsError
from models.preprocess import Channels

if TYPE_CHECKING:
    from torch import Tensor

NO_WEIGHTS = "none"
"""Start at random."""
IMAGENET = "imagenet"
"""Start from the weights that torchvision keeps on its server."""
DEFAULT = "default"
"""Start from the checkpoint that comes with the program."""
UNLOADABLE = (EOFError, UnpicklingError, RuntimeError, LookupError, TypeError, ValueError)
"""What torch raises for a damaged file, or for one that is no file of its own."""
SHOWN_KEYS = 3
"""So many keys that do not fit are named."""


@dataclass(frozen=True, slots=True)
class Pretrained:
    """What an encoder can start from.

    Attributes:
        weights: state dict of the encoder, complete.
        mean, std: per channel, in the [0, 1] range: the normalisation they were trained with.
    """

    weights: Mapping[str, Tensor]
    mean: Channels
    std: Channels


def checkpoint_folder(weights: str) -> Path | None:
    """The checkpoint folder that ``weights`` names; None where it names something else."""
    from models.checkpoint import DEFAULT_CHECKPOINT

    folder = DEFAULT_CHECKPOINT if weights == DEFAULT else Path(weights)
    return folder if folder.is_dir() else None


def read_state_dict(file: Path) -> dict[str, Tensor]:
    """The state dict in ``file``: safetensors by its suffix, else what ``torch.save`` wrote.

    No code of the file runs: only tensors and plain containers are read.

    Raises:
        WeightsError: it cannot be read, or holds something else.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"cannot read {file}: {error.strerror or error}") from error
    except (SafetensorError, *UNLOADABLE) as error:
        raise WeightsError(
            f"{file} cannot be read as weights: give a state dict, saved by torch.save (tensors "
            f"only, as weights_only=True reads them) or as .safetensors"
        ) from error
    if not isinstance(content, Mapping) or not all(map(torch.is_tensor, content.values())):
        raise WeightsError(
            f"{file} holds no state dict (names and tensors); save model.state_dict() alone"
        )
    return dict(content)


def fit_encoder(
    state: Mapping[str, Tensor],
    encoder: Mapping[str, Tensor],
    network: Mapping[str, Tensor],
    *,
    origin: str,
) -> dict[str, Tensor]:
    """The part of ``state`` that is the encoder's.

    Args:
        state: what there is; a classifier may be among it, or not, or have other classes.
        encoder: state dict with the encoder's names and shapes; its values are not looked at.
        network: the same of the whole network.
        origin: what ``state`` is, for errors.

    Raises:
        WeightsError: a name is missing or unknown, or a shape is another.
    """
    found = dict(state)
    for name in encoder:
        # Files from before PyTorch 0.4.1 lack these counts, and nothing here reads them.
        if name.endswith(".num_batches_tracked") and name not in found:
            found[name] = encoder[name].new_zeros((), device="cpu")
    problems = {
        "missing": [name for name in encoder if name not in found],
        "unexpected": [name for name in found if name not in network],
        "of another shape": [
            name for name in encoder if name in found and found[name].shape != encoder[name].shape
        ],
    }
    if any(problems.values()):
        faults = [f"{_some(names)} {fault}" for fault, names in problems.items() if names]
        raise WeightsError(f"{origin}: {'; '.join(faults)}")
    return {name: found[name] for name in encoder}


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - SHOWN_KEYS
    return ", ".join(names[:SHOWN_KEYS]) + (f" and {more} more" if more > 0 else "")
