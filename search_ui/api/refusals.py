"""How refusals are described: one line of text, whatever went wrong."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from models.errors import UnreadableImageError


class Refusal(BaseModel):
    """What is wrong, and what to do about it."""

    model_config = ConfigDict(frozen=True)

    detail: str = Field(description="One line.", examples=["No dataset 'cats'."])


_MEANINGS = {
    400: "It cannot be done as it was asked.",
    401: "User and password are wanted, or wrong.",
    403: "The operator does not allow it.",
    404: "There is none of that name.",
    409: "Another job runs; or this one is over.",
    411: "The length of the content was not said.",
    413: "It is larger than what is taken.",
    415: "It is of another type than what is taken.",
    422: "A value is not as described; the line says which.",
    429: "Too often; `Retry-After` says after how many seconds to ask again.",
    503: "The index cannot be read at the moment; ask again.",
}


# Folders of an absolute path, and not those of an address.
_FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/:;,'\"]+/)+")


def without_folders(message: str) -> str:
    """``message`` with no more of the server's paths than the names of files."""
    return _FOLDERS.sub("", message)


def told(error: Exception) -> str:
    """The message of an expected error; file paths of the server stay on the server."""
    message = error.reason if isinstance(error, UnreadableImageError) else str(error)
    message = without_folders(message)
    return message[:1].upper() + message[1:]


def refusals(*codes: int) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route that refuses with ``codes``."""
    return {code: {"model": Refusal, "description": _MEANINGS[code]} for code in codes}
