"""Several processes that train one model together, one a GPU, started by torchrun; or one alone.

They take the same steps: each computes its share of a step's images, and gradients are averaged, so
that N processes with a batch of B do what one with a batch of N x B does. Whatever is written is
written by the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from models.device import choose_device
from models.errors import TrainingError
from models.training_share import Share

PATIENCE = timedelta(days=1)
"""How long a process waits for the others, which may be fitting words or writing. One that fails
needs no such limit: torchrun ends the rest."""


class Team:
    """What the processes of one training do together; one alone has nobody to wait for.

    Args:
        rank: of this process, from 0.
        size: number of processes.
        local_rank: of this process among those of its machine: the number of its GPU.
        store: where processes of several leave notes for each other.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        *,
        local_rank: int = 0,
        store: Store | None = None,
    ) -> None:
        self.rank, self.size = rank, size
        self._local_rank, self._store = local_rank, store

    @classmethod
    def launched(cls) -> Team:
        """What torchrun made this process part of; a process alone without torchrun."""
        if not cls.launched_by_torchrun():
            return cls()
        store, rank, size = next(rendezvous("env://"))
        return cls(rank, size, local_rank=int(os.environ["LOCAL_RANK"]), store=store)

    @staticmethod
    def launched_by_torchrun() -> bool:
        """Whether this process is one of several that torchrun started."""
        return dist.is_torchelastic_launched() and os.environ["WORLD_SIZE"] != "1"

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and tells."""
        return self.rank == 0

    def device(self, name: str) -> torch.device:
        """Where this process computes; ``name`` as :func:`models.device.choose_device` takes it.

        Raises:
            SimilarityError: no such device here.
            TrainingError: there is not one for each process.
        """
        if self.size == 1:
            return choose_device(name)
        if name not in ("auto", "cpu", "cuda"):
            raise TrainingError(
                f"device {name!r} for {self.size} processes: each takes a GPU of its own; "
                "leave --device out"
            )
        device = choose_device(name)
        if device.type == "cpu":
            return device
        if self._local_rank >= torch.cuda.device_count():
            raise TrainingError(
                f"more processes than the {torch.cuda.device_count()} GPUs here: "
                "give torchrun --nproc-per-node gpu"
            )
        return torch.device("cuda", self._local_rank)

    @contextmanager
    def connected(self, device: torch.device) -> Iterator[None]:
        """Hold the connections between the processes.

        Raises:
            TrainingError: another process has ended.
        """
        if self.size == 1:
            yield
            return
        backend = "gloo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
            backend = "cpu:gloo,cuda:nccl"
        try:
            dist.init_process_group(
                backend, store=self._store, rank=self.rank, world_size=self.size, timeout=PATIENCE
            )
            yield
        except RuntimeError as error:
            if not _is_lost_connection(error):
                raise
            raise TrainingError(
                "another process of this training has ended; go on with --resume"
            ) from error
        # After a failure the others are not there to take leave of.
        dist.destroy_process_group()

    def is_first_to_fail(self) -> bool:
        """Whether no other process has said yet that it failed: one line for all is enough."""
        if self._store is None:
            return True
        try:
            return bool(self._store.add("failed", 1) == 1)
        except RuntimeError:  # torchrun is ending, and with it the store
            return False

    def share(self, images: int) -> Share:
        """This process's of a step of so many images."""
        return Share(self.rank, self.size, images)

    def wait(self) -> None:
        """Until all processes are here."""
        self.add_up(torch.zeros(()))

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """What the first process prepares, such as unpacked files, the others find prepared."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def first_says(self, value: float) -> float:
        """What the first process's ``value`` is."""
        if self.size == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(told, src=0)
        return float(told)

    def add_up(self, values: Tensor) -> Tensor:
        """Sums over all processes; ``values`` is changed."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def any_of(self, flags: Tensor) -> Tensor:
        """Which of ``flags``, bool, are true in some process."""
        return self.add_up(flags.int()) > 0

    def gather(self, rows: Tensor, share: Share) -> Tensor:
        """Rows of all processes, in their order; gradients flow into this one's alone.

        Args:
            rows: one for each image that counts in ``share``. Shape: (share.count, D).
            share: of a step.

        Returns:
            Shape: (share.images, D).
        """
        if self.size == 1:
            return rows
        shares = [Share(rank, self.size, share.images) for rank in range(self.size)]
        padded = F.pad(rows.detach(), (0, 0, 0, shares[0].count - len(rows)))
        parts = [torch.empty_like(padded) for _ in shares]
        dist.all_gather(parts, padded)
        found = [part[: each.count] for each, part in zip(shares, parts, strict=True)]
        found[self.rank] = rows
        return torch.cat(found)

    def prepare(self, module: nn.Module) -> nn.Module:
        """``module`` for training steps: of one value everywhere, the first process's, for good.

        On GPUs the statistics of batch norms are those of all images of a step. On CPUs torch has
        no such layer: there each process takes its own, and the first's are kept.
        """
        if self.size == 1:
            return module
        if next(module.parameters()).is_cuda:
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(module)

    def copy_buffers(self, module: nn.Module) -> None:
        """Give ``module`` the first process's running statistics."""
        if self.size > 1:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)


def _is_lost_connection(error: RuntimeError) -> bool:
    """Whether ``error`` is what gloo or NCCL say when another process is gone."""
    return isinstance(error, dist.DistError) or "gloo" in str(error)
