"""How collections are laid out on a server. Importing this costs nothing: no Qdrant library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Quantization(StrEnum):
    """How vectors that have a graph are kept in memory beside their full values on disk."""

    NONE = "none"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How collections are laid out on a server; None: as they are, or as the server does.

    Attributes:
        shards: parts of a collection, spread over the nodes of a cluster.
        replicas: copies of every shard, each on a node of its own.
        on_disk: leave all vectors on disk, not only the long ones.
        quantization: of the vectors that have a graph.
    """

    shards: int | None = None
    replicas: int | None = None
    on_disk: bool | None = None
    quantization: Quantization | None = None

    def over(self, base: ServerOptions) -> ServerOptions:
        """These, and those of ``base`` where nothing is said."""
        return ServerOptions(
            shards=base.shards if self.shards is None else self.shards,
            replicas=base.replicas if self.replicas is None else self.replicas,
            on_disk=base.on_disk if self.on_disk is None else self.on_disk,
            quantization=base.quantization if self.quantization is None else self.quantization,
        )

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> ServerOptions:
        """From what ``dataclasses.asdict`` made, by way of JSON."""
        quantization = content.get("quantization")
        return cls(
            shards=content.get("shards"),
            replicas=content.get("replicas"),
            on_disk=content.get("on_disk"),
            quantization=None if quantization is None else Quantization(quantization),
        )
