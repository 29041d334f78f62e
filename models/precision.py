"""Mixed precision: convolutions in 16 bits where that is faster, everything that adds up in 32."""

from __future__ import annotations

from dataclasses import dataclass

import torch

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Precision:
    """In how many bits a network computes while it is trained.

    Attributes:
        name: ``off``, ``bf16`` or ``fp16``.
        device: where.
    """

    name: str
    device: torch.device

    @classmethod
    def choose(cls, name: str, device: torch.device) -> Precision:
        """``name`` is one of :data:`models.recipes.PRECISIONS`.

        ``auto`` is off but on CUDA: on a CPU without instructions for it, bf16 takes many times as
        long as fp32.
        """
        if name == "auto" and device.type == "cuda":
            # Without emulation: a card that merely can is slower than with fp16.
            name = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return cls("off" if name == "auto" else name, device)

    def autocast(self, *, enabled: bool = True) -> torch.autocast:
        """Context for the forward pass."""
        mixed = enabled and self.name != "off"
        return torch.autocast(self.device.type, DTYPES.get(self.name), enabled=mixed)

    def scaler(self) -> torch.amp.GradScaler:
        """For the backward pass: fp16 has no numbers as small as gradients become."""
        return torch.amp.GradScaler(self.device.type, enabled=self.name == "fp16")
