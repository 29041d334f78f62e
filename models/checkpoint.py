"""Checkpoints: ``model.safetensors`` + ``model.json`` in a folder; they alone rebuild the model."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import CheckpointError, OutdatedCheckpointError, SimilarityError
from models.layers import Activation
from models.pooling import LatentShape, Pooling
from models.preprocess import Preprocess
from models.registry import get_architecture

if TYPE_CHECKING:
    from torch import Tensor

    from models.autoencoder import ConvAutoencoder
    from models.whitening import Whitening

WEIGHTS_FILE = "model.safetensors"
INFO_FILE = "model.json"
RECONSTRUCTIONS_FILE = "reconstructions.webp"
"""Originals over reconstructions (models/reconstructions.py); not every checkpoint has it."""
DEFAULT_CHECKPOINT = Path(__file__).parent / "default_checkpoint"
"""What encodes images until somebody trains on them. Fitted to procedural images alone, by
``python scripts/train.py procedural --recipe general --out models/default_checkpoint --whiten 0``.
"""
FORMAT_VERSION = 1
WHITENING_FORMAT_VERSION = 2
"""With a whitening beside the weights, which a reader of format 1 would take for damage."""
_WHITENING_MEAN, _WHITENING_PROJECTION = "whitening.mean", "whitening.projection"
_UNFITTED = tuple(pooling for pooling in Pooling if not pooling.is_fitted)


def checkpoint_name(arch: str, fingerprint: str) -> str:
    """``<arch>-<first 8 digits of the fingerprint>``, as folders and collections are named.

    A ``:`` becomes ``-``: a Qdrant server refuses it in the name of a collection, and Windows in
    that of a folder.
    """
    return f"{arch.replace(':', '-')}-{fingerprint[:8]}"


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What ``model.json`` says.

    Attributes:
        arch: name of the architecture.
        output: activation of the reconstruction.
        preprocess: how images become the model's input.
        fingerprint: 64 hex digits over weights, whitening and preprocessing.
        poolings: those that can be had from this checkpoint.
        training: how it was made: settings, history, numbers of images. For people and plots;
            nothing is rebuilt from it.
    """

    arch: str
    output: Activation
    preprocess: Preprocess
    fingerprint: str
    poolings: tuple[Pooling, ...] = _UNFITTED
    training: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As :func:`checkpoint_name` makes it."""
        return checkpoint_name(self.arch, self.fingerprint)

    @property
    def latent_shape(self) -> LatentShape:
        """(C, H, W) of one image."""
        return get_architecture(self.arch).latent_shape(self.preprocess.image_size)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedCheckpoint:
    """A checkpoint in memory.

    Attributes:
        model: the autoencoder, on the CPU in evaluation mode.
        whitening: what ``whitened`` vectors are made with, where the checkpoint has it.
        info: what ``model.json`` says.
    """

    model: ConvAutoencoder
    whitening: Whitening | None
    info: CheckpointInfo


def stored_tensors(model: ConvAutoencoder, whitening: Whitening | None) -> dict[str, Tensor]:
    """What ``model.safetensors`` holds, by name."""
    tensors: dict[str, Tensor] = dict(model.state_dict())
    if whitening is not None:
        tensors[_WHITENING_MEAN] = whitening.mean
        tensors[_WHITENING_PROJECTION] = whitening.projection
    return tensors


def fingerprint_of(weights: Mapping[str, Tensor], arch: str, preprocess: Preprocess) -> str:
    """SHA-256 over everything that decides a vector: architecture, preprocessing, weights."""
    digest = hashlib.sha256()
    facts = {"arch": arch, "preprocess": preprocess.as_json()}
    digest.update(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def save_checkpoint(
    folder: Path,
    model: ConvAutoencoder,
    preprocess: Preprocess,
    *,
    whitening: Whitening | None = None,
    training: Mapping[str, object] | None = None,
) -> CheckpointInfo:
    """Write both files into ``folder``, each replaced in one step, the one after the other.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    from safetensors.torch import save

    stored = stored_tensors(model, whitening)
    tensors = {name: tensor.cpu().contiguous() for name, tensor in stored.items()}
    arch = model.architecture.name
    info = CheckpointInfo(
        arch=arch,
        output=model.output,
        preprocess=preprocess,
        fingerprint=fingerprint_of(tensors, arch, preprocess),
        poolings=_UNFITTED if whitening is None else tuple(Pooling),
        training=dict(training or {}),
    )
    weights, description = folder / f"{WEIGHTS_FILE}.new", folder / f"{INFO_FILE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        weights.write_bytes(save(tensors))
        description.write_text(json.dumps(_as_json(info), indent=2) + "\n")
        weights.replace(folder / WEIGHTS_FILE)
        description.replace(folder / INFO_FILE)
    except OSError as error:
        raise CheckpointError(f"cannot write the checkpoint {folder}: {error}") from error
    return info


def _as_json(info: CheckpointInfo) -> dict[str, object]:
    fitted = any(pooling.is_fitted for pooling in info.poolings)
    return {
        "format_version": WHITENING_FORMAT_VERSION if fitted else FORMAT_VERSION,
        "arch": info.arch,
        "output": info.output,
        "preprocess": info.preprocess.as_json(),
        "latent_shape": list(info.latent_shape),
        "fingerprint": info.fingerprint,
        "poolings": list(info.poolings),
        "training": dict(info.training),
    }


def read_info(folder: Path) -> CheckpointInfo:
    """Read ``model.json`` of the checkpoint ``folder``, without the weights.

    Raises:
        CheckpointError: no checkpoint there, a damaged one, or one of another format version.
    """
    path = folder / INFO_FILE
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} holds no checkpoint ({INFO_FILE} is missing); "
            f"make one with: python scripts/train.py SOURCE --out {folder}"
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"{INFO_FILE} cannot be read") from error
    try:
        if content["format_version"] not in (FORMAT_VERSION, WHITENING_FORMAT_VERSION):
            raise CheckpointError(
                f"{folder} has checkpoint format {content['format_version']!r}, this program reads "
                f"{FORMAT_VERSION} and {WHITENING_FORMAT_VERSION}; train it again"
            )
        return CheckpointInfo(
            arch=get_architecture(str(content["arch"])).name,
            output=content["output"],
            preprocess=Preprocess.from_json(content["preprocess"]),
            fingerprint=str(content["fingerprint"]),
            poolings=tuple(each for each in Pooling if each in content.get("poolings", _UNFITTED)),
            training=content.get("training", {}),
        )
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, SimilarityError) as error:
        raise _damaged(folder, f"{INFO_FILE}: {error}") from error


def load_checkpoint(folder: Path) -> LoadedCheckpoint:
    """Rebuild what :func:`save_checkpoint` was given.

    Raises:
        CheckpointError: no checkpoint there, or a damaged one; the weights are checked against the
            fingerprint.
        OutdatedCheckpointError: of an earlier version of the architecture.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from models.autoencoder import ConvAutoencoder
    from models.blocks import UnallocatedParameters

    info = read_info(folder)
    try:
        tensors = load_file(folder / WEIGHTS_FILE)
    except (OSError, SafetensorError) as error:
        raise _damaged(folder, f"{WEIGHTS_FILE} cannot be read") from error
    if fingerprint_of(tensors, info.arch, info.preprocess) != info.fingerprint:
        raise _damaged(folder, f"{WEIGHTS_FILE} is not the one that {INFO_FILE} describes")
    with UnallocatedParameters():  # no time lost on initial values that are replaced at once
        model = ConvAutoencoder(get_architecture(info.arch), output=info.output)
    try:
        whitening = _take_whitening(tensors, info)
        model.load_state_dict(tensors, assign=True)
    except (KeyError, ValueError) as error:
        raise _damaged(folder, f"{WEIGHTS_FILE} does not fit {INFO_FILE}") from error
    except RuntimeError as error:  # they are whole, as the fingerprint says
        raise OutdatedCheckpointError(
            f"the weights in {folder} do not fit this version's {info.arch}; take another "
            f"checkpoint, or train one with: python scripts/train.py SOURCE --out DIR; "
            f"then encode the images again with: python -m indexer sync SOURCE --checkpoint DIR"
        ) from error
    return LoadedCheckpoint(model.eval(), whitening, info)


def _take_whitening(tensors: dict[str, Tensor], info: CheckpointInfo) -> Whitening | None:
    """The whitening among ``tensors``, which it is taken out of."""
    from models.whitening import Whitening

    if Pooling.WHITENED not in info.poolings:
        return None
    return Whitening(tensors.pop(_WHITENING_MEAN), tensors.pop(_WHITENING_PROJECTION))


def copy_checkpoint(source: Path, target: Path) -> None:
    """Copy a checkpoint so that ``target`` either holds all of it or does not exist.

    Raises:
        CheckpointError: ``source`` is not a checkpoint, or ``target`` cannot be written.
    """
    read_info(source)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.mkdir(parents=True, exist_ok=True)
        for name in (WEIGHTS_FILE, INFO_FILE):
            shutil.copyfile(source / name, beside / name)
        with suppress(FileNotFoundError):
            shutil.copyfile(source / RECONSTRUCTIONS_FILE, beside / RECONSTRUCTIONS_FILE)
        if not target.exists():
            beside.rename(target)
    except OSError as error:
        raise CheckpointError(f"cannot copy {source} to {target}: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _damaged(folder: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"the checkpoint {folder} is damaged: {reason}; "
        f"restore it or train again with: python scripts/train.py SOURCE --out {folder}"
    )
