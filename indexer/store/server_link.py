"""A link to a Qdrant server: connecting, trying again, and its errors in our words.

The only module that knows how the client fails. gRPC carries vectors in a third of the bytes of
JSON, and is used where its port can be reached.
"""

from __future__ import annotations

import logging
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import urlsplit

import grpc
import httpx
from qdrant_client import QdrantClient
from qdrant_client import grpc as messages
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from indexer.errors import IndexerError, ServerError, StoreError
from indexer.settings import KEY_VARIABLE, URL_VARIABLE

CLIENT_VERSION = version("qdrant-client")

TIMEOUT_SECONDS = 60
"""How long one request may take; a batch of a few megabytes on a busy server takes some."""

ATTEMPTS = 5
"""Tries of one request; with the pauses between them they span about eight seconds."""

REST_BATCH_BYTES = 8_000_000
"""Most bytes of one REST request; a server refuses 32 MB."""

GRPC_BATCH_BYTES = 16_000_000
"""Most bytes of one gRPC request: there is no limit, but a larger one only costs memory."""

_PROBE_SECONDS = 3
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_TRANSIENT_STATUS = {408, 429, 502, 503, 504}
_TRANSIENT_CODES = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
}
_UNKNOWN = grpc.StatusCode.UNKNOWN
_HTTP_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
}
_logger = logging.getLogger(__name__)
T = TypeVar("T")


class CollectionGoneError(IndexerError):
    """A collection is not, or no longer, there."""


@dataclass(frozen=True)
class Link:
    """A client and what is known of its other end. Safe to use from several threads.

    Attributes:
        client: of qdrant-client.
        url: how the server is called in messages.
        engine: name and version of what answers.
        batch_bytes: most bytes of vectors to send in one request.
        float_bytes: about as many bytes a number takes on the way.
        secret: what must not be seen in any message.
    """

    client: QdrantClient
    url: str
    engine: str
    batch_bytes: int = REST_BATCH_BYTES
    float_bytes: int = 12
    secret: str = field(default="", repr=False)

    def call(self, doing: str, ask: Callable[[QdrantClient], T]) -> T:
        """``ask`` the client, again if it fails in passing: it must do no harm done twice.

        Raises:
            ServerError: the server cannot be reached, or refuses the key.
            CollectionGoneError: it knows no such collection.
            StoreError: anything else that went wrong there.
        """
        again = Retrying(
            retry=retry_if_exception(is_transient),
            wait=wait_random_exponential(multiplier=0.25, max=4),
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        with self.errors(doing):
            return again(ask, self.client)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Translate the client's errors; one line each."""
        try:
            yield
        except (ApiException, QdrantException, grpc.RpcError, httpx.HTTPError, ValueError) as error:
            raise _translated(error, doing, self.url, self.secret) from error

    def batch(self, floats: int) -> int:
        """How many points of ``floats`` numbers each go into one request."""
        return max(1, self.batch_bytes // (floats * self.float_bytes + 1_000))

    def close(self) -> None:
        """End the connection."""
        self.client.close()


def connect(url: str, api_key: str | None) -> Link:
    """A link to the server at ``url``, once that has answered, fits and takes the key.

    Raises:
        ServerError: it cannot be reached, is too old or too new, or refuses the key.
    """
    parts = urlsplit(url)
    if api_key and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        _logger.warning("the API key travels to %s unencrypted: use https://", url)
    client = _client(url, api_key, prefer_grpc=True)
    link = Link(client, url, engine="", secret=api_key or "")
    try:
        with link.errors("connecting"):  # over REST, whatever the client prefers
            found = client.http.service_api.root()
            _check_version(url, found.title, found.version)
            client.http.aliases_api.get_collections_aliases()  # the greeting asks for no key
    except BaseException:
        client.close()
        raise
    engine = f"qdrant {found.version}"
    if _grpc_answers(client, found.version):
        return replace(link, engine=engine, batch_bytes=GRPC_BATCH_BYTES, float_bytes=4)
    client.close()
    _logger.info("%s: no gRPC on the next port, using REST", url)
    return replace(link, client=_client(url, api_key, prefer_grpc=False), engine=engine)


def is_transient(error: BaseException) -> bool:
    """Whether the same request may well succeed in a moment."""
    if isinstance(error, ResponseHandlingException):
        error = error.source
        return isinstance(error, httpx.TransportError) and not _is_tls(error)
    if isinstance(error, UnexpectedResponse):
        return error.status_code in _TRANSIENT_STATUS
    if isinstance(error, grpc.RpcError):
        return _code(error) in _TRANSIENT_CODES
    return isinstance(error, ResourceExhaustedResponse)


def _client(url: str, api_key: str | None, *, prefer_grpc: bool) -> QdrantClient:
    port = urlsplit(url).port or (443 if url.startswith("https:") else 6333)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on keys without TLS: said in `connect`
        return QdrantClient(
            url,
            port=port,
            grpc_port=port + 1,  # as 6333 and 6334
            api_key=api_key,
            prefer_grpc=prefer_grpc,
            timeout=TIMEOUT_SECONDS,
            check_compatibility=False,  # done in `_check_version`, as an error
            verify=url.startswith("https:"),  # else certificates are read that nobody needs
        )


def _grpc_answers(client: QdrantClient, wanted: str) -> bool:
    """Whether a server of the ``wanted`` version answers, that takes the key too."""
    try:
        client.grpc_collections.List(messages.ListCollectionsRequest(), timeout=_PROBE_SECONDS)
        return client.info().version == wanted
    except grpc.RpcError:
        return False


def _check_version(url: str, title: str, found: str) -> None:
    """Qdrant's own rule: the same major version, and minor versions at most one apart."""
    try:
        major, minor = (int(part) for part in found.split(".")[:2])
        our_major, our_minor = (int(part) for part in CLIENT_VERSION.split(".")[:2])
    except ValueError as error:
        raise ServerError(
            f"{url} answers, but not like a Qdrant server (it calls itself {title!r} {found!r})"
        ) from error
    if major != our_major or abs(minor - our_minor) > 1:
        raise ServerError(
            f"the Qdrant server {url} is version {found}, which does not fit qdrant-client "
            f"{CLIENT_VERSION}: they may be one minor version apart, run qdrant/qdrant:v"
            f"{our_major}.{our_minor}.x"
        )


def _translated(error: Exception, doing: str, url: str, secret: str) -> IndexerError:
    status, reason = _status(error), _reason(error)
    if secret:
        reason = reason.replace(secret, "...")
    if status in {401, 403}:
        return ServerError(
            f"the Qdrant server {url} refuses "
            + (f"the API key for {doing}" if secret else "requests without an API key")
            + f": set {KEY_VARIABLE}"
        )
    if status == 404:
        return CollectionGoneError(f"{url} has no such collection ({doing}): {reason}")
    if _is_tls(error):
        return ServerError(
            f"no secure connection to {url} ({reason}): make its certificate known with "
            "SSL_CERT_FILE, or use http:// where the server has no TLS"
        )
    if is_transient(error):
        return ServerError(
            f"the Qdrant server {url} cannot be reached ({reason}): start it with `docker compose "
            f"up -d qdrant`, or name another with {URL_VARIABLE} or --qdrant-url"
        )
    return StoreError(f"the Qdrant server {url} failed while {doing}: {reason}")


def _status(error: Exception) -> int | None:
    """The HTTP status, or that which the gRPC code or the in-memory mode's text stands for."""
    if isinstance(error, UnexpectedResponse):
        return error.status_code
    if isinstance(error, grpc.RpcError):
        return _HTTP_STATUS.get(_code(error))
    if type(error) is ValueError and "not found" in str(error):
        return 404
    return None


def _code(error: Any) -> grpc.StatusCode:
    """Every error of a call is a ``grpc.Call`` too, which the type does not say."""
    code: grpc.StatusCode = error.code() if isinstance(error, grpc.Call) else _UNKNOWN
    return code


def _reason(error: Any) -> str:
    """Why, in one line."""
    if isinstance(error, UnexpectedResponse):
        text = error.content.decode(errors="replace")
        text = f"{error.status_code} {error.reason_phrase}: {text}"
    elif isinstance(error, grpc.Call):
        text = f"{error.code().name}: {error.details()}"
    else:
        text = str(getattr(error, "source", error)) or type(error).__name__
    return " ".join(text.split())[:300]


def _is_tls(error: BaseException | None) -> bool:
    """Whether a failed handshake is at the bottom of ``error``."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = getattr(error, "source", None) or error.__cause__ or error.__context__
    return False
