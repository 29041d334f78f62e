"""Settings: the only reader of the environment. Flag before environment before default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import InvalidRequestError

DATA_VARIABLE = "IMAGE_SIMILARITY_DATA"
HOST_VARIABLE = "IMAGE_SIMILARITY_HOST"
PORT_VARIABLE = "IMAGE_SIMILARITY_PORT"


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set from outside, resolved once at an entry point and passed down.

    Attributes:
        data_dir: folder of the indexes.
        host, port: where the page listens.
    """

    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = 7860

    @classmethod
    def resolve(
        cls,
        *,
        data_dir: Path | None = None,
        host: str | None = None,
        port: int | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Settings from flags (``None``: not given), then the environment, then defaults.

        Raises:
            InvalidRequestError: a variable with a value that is not understood.
        """
        default = cls()
        named = environment.get(DATA_VARIABLE)
        return cls(
            data_dir=data_dir or (Path(named) if named else default.data_dir),
            host=host or environment.get(HOST_VARIABLE) or default.host,
            port=port if port is not None else _port(environment, default.port),
        )


def _port(environment: Mapping[str, str], default: int) -> int:
    text = environment.get(PORT_VARIABLE)
    if not text:
        return default
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise InvalidRequestError(f"{PORT_VARIABLE}={text!r} is not a port: give 1 to 65535")
    return int(text)


def calm_threads() -> None:
    """Let idle OpenMP threads sleep; call before torch is imported.

    Spinning ones triple the time of an encode on a machine whose cores are shared.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
