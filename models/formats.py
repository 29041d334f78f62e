"""Which files are images: their suffixes, the formats that are read, and what the others are.

Pillow is imported inside the functions, so that command lines can name the suffixes for free.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

IMAGE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        "jpg",
        "jpeg",
        "jpe",
        "jfif",
        "mpo",
        "png",
        "apng",
        "webp",
        "gif",
        "bmp",
        "tif",
        "tiff",
        "ppm",
        "pgm",
        "pbm",
        "pnm",
        "avif",
        "heic",
        "heics",
        "heif",
        "heifs",
        "hif",
    )
)
"""Suffixes (lower case) of the files that sources list as images; their content may be another."""

READ_FORMATS = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "GIF": "GIF",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "PPM": "PPM",
    "AVIF": "AVIF",
    "HEIF": "HEIC",
}
"""Pillow's name and the usual name of every format that is read.

What photographs and web pages come in. Pillow's other decoders are old or rarely used, and every
one more is one more way for a hostile file to do harm. MPO is opened by way of JPEG.
"""

HEAD_BYTES = 1024
"""How much of a file :func:`kind_of` looks at."""

_SIGNATURES = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF.{4}WEBP", "WEBP"),
    (rb"GIF8[79]a", "GIF"),
    (rb".{4}ftypavi[fs]", "AVIF"),
    (rb".{4}ftyp(he[iv][cxms]|mif1|msf1)", "HEIF"),
    (rb"II\*\0.{4}CR", "a camera's raw file"),
    (rb".{4}ftypcrx ", "a camera's raw file"),
    (rb"FUJIFILMCCD-RAW|II[UR][\0OS]|MMOR", "a camera's raw file"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"8BPS", "a Photoshop document"),
    (rb"%PDF-", "a PDF document"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "a PostScript drawing"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL image"),
    (rb"\0\0\x01\0", "an icon"),
    (rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI ", "a video"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml.*|<!--.*|<!doctype svg.*)?<svg[\s>]", "an SVG drawing"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head)", "a web page"),
)
_KINDS = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE if b"<" in pattern else re.DOTALL), kind)
    for pattern, kind in _SIGNATURES
)

_DNG_VERSION = 50706
_NEW_SUBFILE_TYPE = 254
_SUB_IFDS = 330


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that this machine can read, HEIF among them from now on.

    Registering with Pillow can be repeated without harm, so threads may come here together.
    """
    from PIL import features
    from pillow_heif import register_heif_opener

    # Nothing but the picture itself is wanted. An embedded thumbnail may show an earlier state of
    # it, and Pillow's draft() would decode that instead.
    register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return tuple(name for name in READ_FORMATS if name != "AVIF" or features.check("avif"))


def kind_of(head: bytes) -> str | None:
    """What a file seems to be, from its first HEAD_BYTES.

    Returns:
        A key of :data:`READ_FORMATS`, a few words on a kind that is not read, or None. BMP and PPM
        have too short a signature to be told from text.
    """
    return next((kind for pattern, kind in _KINDS if pattern.match(head)), None)


def is_raw_photo(tags: Mapping[int, Any]) -> bool:
    """Whether a TIFF with these tags of its first page is a camera's raw file.

    DNG, NEF and ARW are TIFF files whose first page is a thumbnail: reading that would be reading
    the wrong picture. Sources: DNG 1.7 specification, chapter 4; TIFF 6.0, NewSubfileType bit 0.
    """
    return _DNG_VERSION in tags or (bool(tags.get(_NEW_SUBFILE_TYPE, 0) & 1) and _SUB_IFDS in tags)
