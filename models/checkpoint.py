"""Checkpoints: ``model.safetensors`` + ``model.json`` in a folder; they alone rebuild the model."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import CheckpointError, SimilarityError
from models.layers import Activation
from models.pooling import LatentShape
from models.preprocess import Preprocess
from models.registry import get_architecture

if TYPE_CHECKING:
    from torch import Tensor

    from models.autoencoder import ConvAutoencoder

WEIGHTS_FILE = "model.safetensors"
INFO_FILE = "model.json"
FORMAT_VERSION = 1


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
        fingerprint: 64 hex digits over weights and preprocessing.
        training: how it was made: settings, history, numbers of images. For people and plots;
            nothing is rebuilt from it.
    """

    arch: str
    output: Activation
    preprocess: Preprocess
    fingerprint: str
    training: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As :func:`checkpoint_name` makes it."""
        return checkpoint_name(self.arch, self.fingerprint)

    @property
    def latent_shape(self) -> LatentShape:
        """(C, H, W) of one image."""
        return get_architecture(self.arch).latent_shape(self.preprocess.image_size)


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
    training: Mapping[str, object] | None = None,
) -> CheckpointInfo:
    """Write both files into ``folder``, each replaced in one step.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    from safetensors.torch import save

    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    arch = model.architecture.name
    fingerprint = fingerprint_of(weights, arch, preprocess)
    info = CheckpointInfo(arch, model.output, preprocess, fingerprint, dict(training or {}))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f"{WEIGHTS_FILE}.new"
        beside.write_bytes(save(weights))
        beside.replace(folder / WEIGHTS_FILE)
        _write_info(folder, info)
    except OSError as error:
        raise CheckpointError(f"cannot write the checkpoint {folder}: {error}") from error
    return info


def describe_training(folder: Path, training: Mapping[str, object]) -> CheckpointInfo:
    """Replace what ``model.json`` says of the training; weights and fingerprint stay.

    Raises:
        CheckpointError: no checkpoint in ``folder``, or it cannot be written.
    """
    info = replace(read_info(folder), training=dict(training))
    try:
        _write_info(folder, info)
    except OSError as error:
        raise CheckpointError(f"cannot write the checkpoint {folder}: {error}") from error
    return info


def _write_info(folder: Path, info: CheckpointInfo) -> None:
    beside = folder / f"{INFO_FILE}.new"
    beside.write_text(json.dumps(_as_json(info), indent=2) + "\n")
    beside.replace(folder / INFO_FILE)


def _as_json(info: CheckpointInfo) -> dict[str, object]:
    return {
        "format_version": FORMAT_VERSION,
        "arch": info.arch,
        "output": info.output,
        "preprocess": info.preprocess.as_json(),
        "latent_shape": list(info.latent_shape),
        "fingerprint": info.fingerprint,
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
        if content["format_version"] != FORMAT_VERSION:
            raise CheckpointError(
                f"{folder} has checkpoint format {content['format_version']!r}, "
                f"this program reads {FORMAT_VERSION}; train it again"
            )
        return CheckpointInfo(
            arch=get_architecture(str(content["arch"])).name,
            output=content["output"],
            preprocess=Preprocess.from_json(content["preprocess"]),
            fingerprint=str(content["fingerprint"]),
            training=content.get("training", {}),
        )
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, SimilarityError) as error:
        raise _damaged(folder, f"{INFO_FILE}: {error}") from error


def load_checkpoint(folder: Path) -> tuple[ConvAutoencoder, CheckpointInfo]:
    """Rebuild the autoencoder, on the CPU in evaluation mode.

    Raises:
        CheckpointError: no checkpoint there, or a damaged one; the weights are checked against the
            fingerprint.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from models.autoencoder import ConvAutoencoder
    from models.blocks import UnallocatedParameters

    info = read_info(folder)
    try:
        weights = load_file(folder / WEIGHTS_FILE)
    except (OSError, SafetensorError) as error:
        raise _damaged(folder, f"{WEIGHTS_FILE} cannot be read") from error
    if fingerprint_of(weights, info.arch, info.preprocess) != info.fingerprint:
        raise _damaged(folder, f"{WEIGHTS_FILE} is not the one that {INFO_FILE} describes")
    with UnallocatedParameters():  # no time lost on initial values that are replaced at once
        model = ConvAutoencoder(get_architecture(info.arch), output=info.output)
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise _damaged(folder, f"{WEIGHTS_FILE} does not fit {info.arch}") from error
    return model.eval(), info


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
