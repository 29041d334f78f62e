"""Settings: the only reader of the environment. Flag before environment before default."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from indexer.errors import InvalidRequestError

DATA_VARIABLE = "IMAGE_SIMILARITY_DATA"
HOST_VARIABLE = "IMAGE_SIMILARITY_HOST"
PORT_VARIABLE = "IMAGE_SIMILARITY_PORT"
FOLDERS_VARIABLE = "IMAGE_FOLDERS"
BUILD_VARIABLE = "IMAGE_SIMILARITY_BUILD"
ARCHIVE_VARIABLE = "IMAGE_SIMILARITY_MAX_ARCHIVE_MB"
STUDY_VARIABLE = "IMAGE_SIMILARITY_STUDY"
URL_VARIABLE = "QDRANT_URL"
KEY_VARIABLE = "QDRANT_API_KEY"
ROOT_VARIABLE = "IMAGE_SIMILARITY_ROOT_PATH"
HOSTS_VARIABLE = "IMAGE_SIMILARITY_ALLOWED_HOSTS"
PROXIES_VARIABLE = "IMAGE_SIMILARITY_TRUSTED_PROXIES"
USER_VARIABLE = "IMAGE_SIMILARITY_USER"
PASSWORD_VARIABLE = "IMAGE_SIMILARITY_PASSWORD"
SEARCHES_VARIABLE = "IMAGE_SIMILARITY_SEARCHES_PER_MINUTE"
UPLOADS_VARIABLE = "IMAGE_SIMILARITY_UPLOADS_PER_MINUTE"
JOBS_VARIABLE = "IMAGE_SIMILARITY_JOBS_PER_HOUR"
WRONG_PASSWORDS_VARIABLE = "IMAGE_SIMILARITY_WRONG_PASSWORDS_PER_MINUTE"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What visitors have to give; from the environment only, as every secret."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rates:
    """How often one address may ask; 0: as often as it likes.

    The defaults are above what a full office behind one address does, and below what a program in
    an endless loop does. Of passwords it is what people who try their own few stay below.
    """

    searches_per_minute: int = 1_200
    uploads_per_minute: int = 120
    jobs_per_hour: int = 60
    wrong_passwords_per_minute: int = 10


@dataclass(frozen=True, slots=True)
class Serving:
    """How the page is offered to the network.

    Attributes:
        root_path: what stands before every path at the proxy, such as "/images"; "" for nothing.
        allowed_hosts: names, beside those of loopback, that the server answers to.
        trusted_proxies: addresses and networks of proxies that say truly whom they ask for.
        credentials: what visitors have to give; None: nothing.
        rates: how often one address may ask.
    """

    root_path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    credentials: Credentials | None = None
    rates: Rates = Rates()


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set from outside, resolved once at an entry point and passed down.

    Attributes:
        data_dir: folder of the indexes.
        host, port: where the page listens.
        qdrant_url: of the Qdrant server that holds the indexes; None: embedded in ``data_dir``.
        qdrant_api_key: the server's key. From the environment only: a command line can be read by
            everyone on the machine.
        image_folders: folders that datasets may be built of from the page, with all below them;
            absolute.
        allow_build: whether the page may build datasets at all.
        max_archive_mb: largest archive that the page takes, in 10^6 bytes.
        study_dir: folder of what ``scripts/study.py`` measured, for the page to show.
        serving: how the page is offered to the network.
    """

    data_dir: Path = Path("data")
    host: str = "127.0.0.1"
    port: int = 7860
    qdrant_url: str | None = None
    qdrant_api_key: str | None = field(default=None, repr=False)
    image_folders: tuple[Path, ...] = ()
    allow_build: bool = True
    max_archive_mb: int = 2_000
    study_dir: Path = Path("docs/results/study")
    serving: Serving = Serving()

    @property
    def place(self) -> str:
        """Where the indexes are, for messages: "in data", "on http://..."."""
        return f"on {self.qdrant_url}" if self.qdrant_url else f"in {self.data_dir}"

    @classmethod
    def resolve(
        cls,
        *,
        data_dir: Path | None = None,
        host: str | None = None,
        port: int | None = None,
        qdrant_url: str | None = None,
        image_folders: Sequence[Path] = (),
        allow_build: bool | None = None,
        max_archive_mb: int | None = None,
        root_path: str | None = None,
        allowed_hosts: Sequence[str] = (),
        trusted_proxies: Sequence[str] = (),
        need_password: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> Settings:
        """Settings from flags (``None`` or empty: not given), then the environment, then defaults.

        Raises:
            InvalidRequestError: a variable, or the server's URL, is not understood.
        """
        default = cls()
        named = environment.get(DATA_VARIABLE)
        study = environment.get(STUDY_VARIABLE)
        return cls(
            data_dir=data_dir or (Path(named) if named else default.data_dir),
            host=host or environment.get(HOST_VARIABLE) or default.host,
            port=port if port is not None else _port(environment, default.port),
            qdrant_url=_url(qdrant_url or environment.get(URL_VARIABLE)),
            qdrant_api_key=environment.get(KEY_VARIABLE) or None,
            image_folders=_folders(image_folders, environment),
            allow_build=_switch(environment) if allow_build is None else allow_build,
            max_archive_mb=_megabytes(max_archive_mb, environment, default.max_archive_mb),
            study_dir=Path(study) if study else default.study_dir,
            serving=Serving(
                root_path=_root_path(root_path or environment.get(ROOT_VARIABLE) or ""),
                allowed_hosts=tuple(
                    map(_host, allowed_hosts or _list(environment, HOSTS_VARIABLE))
                ),
                trusted_proxies=tuple(
                    map(_network, trusted_proxies or _list(environment, PROXIES_VARIABLE))
                ),
                credentials=_credentials(environment, needed=need_password),
                rates=_rates(environment),
            ),
        )


def _port(environment: Mapping[str, str], default: int) -> int:
    text = environment.get(PORT_VARIABLE)
    if not text:
        return default
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise InvalidRequestError(f"{PORT_VARIABLE}={text!r} is not a port: give 1 to 65535")
    return int(text)


def _folders(flags: Sequence[Path], environment: Mapping[str, str]) -> tuple[Path, ...]:
    named = environment.get(FOLDERS_VARIABLE, "").split(os.pathsep)
    folders = flags or [Path(text) for text in named if text]
    return tuple(folder.expanduser().absolute() for folder in folders)


def _switch(environment: Mapping[str, str]) -> bool:
    text = environment.get(BUILD_VARIABLE) or "1"
    if text not in {"0", "1"}:
        raise InvalidRequestError(f"{BUILD_VARIABLE}={text!r}: give 1 (allowed) or 0")
    return text == "1"


def _megabytes(flag: int | None, environment: Mapping[str, str], default: int) -> int:
    text = str(flag) if flag is not None else environment.get(ARCHIVE_VARIABLE) or str(default)
    if not text.isdecimal() or int(text) < 1:
        name = "--max-archive-mb" if flag is not None else ARCHIVE_VARIABLE
        raise InvalidRequestError(f"{name}={text}: give a number of megabytes from 1 on")
    return int(text)


def _list(environment: Mapping[str, str], variable: str) -> list[str]:
    return [text.strip() for text in environment.get(variable, "").split(",") if text.strip()]


def _root_path(text: str) -> str:
    path = text.rstrip("/")
    if path and not re.fullmatch(r"(/[\w.~-]*\w[\w.~-]*)+", path, re.ASCII):
        raise InvalidRequestError(
            f"--root-path {text!r} is no path at a proxy: give one such as /images"
        )
    return path


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w.-]+|\[[0-9a-f:.]+\]", text, re.ASCII | re.IGNORECASE):
        raise InvalidRequestError(
            f"--allowed-host {text!r} is no host name: give one such as pictures.example.org, "
            "without a port"
        )
    return text.lower()


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise InvalidRequestError(
            f"--trusted-proxy {text!r}: {error}; give an address or a network such as 10.0.0.0/8"
        ) from None


def _credentials(environment: Mapping[str, str], *, needed: bool) -> Credentials | None:
    user, password = environment.get(USER_VARIABLE, ""), environment.get(PASSWORD_VARIABLE, "")
    if not user and not password and not needed:
        return None
    for name, value in ((USER_VARIABLE, user), (PASSWORD_VARIABLE, password)):
        if not value:
            raise InvalidRequestError(
                f"{name} is not set: a password takes both {USER_VARIABLE} and {PASSWORD_VARIABLE}"
            )
    if ":" in user:
        raise InvalidRequestError(f"{USER_VARIABLE} must hold no colon: it would end the name")
    return Credentials(user, password)


def _rates(environment: Mapping[str, str]) -> Rates:
    default = Rates()

    def read(variable: str, otherwise: int) -> int:
        text = environment.get(variable) or str(otherwise)
        if not (text.isascii() and text.isdecimal()):
            raise InvalidRequestError(f"{variable}={text!r}: give a number, 0 for no limit")
        return int(text)

    return Rates(
        read(SEARCHES_VARIABLE, default.searches_per_minute),
        read(UPLOADS_VARIABLE, default.uploads_per_minute),
        read(JOBS_VARIABLE, default.jobs_per_hour),
        read(WRONG_PASSWORDS_VARIABLE, default.wrong_passwords_per_minute),
    )


def _url(text: str | None) -> str | None:
    """``text`` as a server's URL; it is shown in messages, so it must carry no password."""
    if not text:
        return None
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise InvalidRequestError(
            f"the server's URL must carry no user or password: give the key in {KEY_VARIABLE}"
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidRequestError(
            f"{text!r} is not a server's URL: give one such as http://127.0.0.1:6333"
        )
    return text.rstrip("/")
