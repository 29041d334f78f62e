"""Open one file as upright RGB. The one decoder for training, index, query and thumbnails.

Pillow is imported inside the functions, so that command lines can name the suffixes for free.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from models.errors import UnreadableImageError

if TYPE_CHECKING:
    from PIL import Image

MAX_MEGAPIXELS = 200.0
"""Default cap on width*height/1e6 of an image: a larger one is refused before it is decoded."""

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
    )
)
"""Suffixes (lower case) of the files that sources list as images."""

# What photographs and web pages come in. Pillow's other decoders are old or rarely used, and every
# one more is one more way for a hostile file to do harm. MPO is opened by way of JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")

# What Pillow's decoders raise on damaged files, found by fuzzing and by reading them: they expect
# well-formed files, so a flipped byte may end as nearly any error of Python's own. Warnings are
# listed because a program may run with warnings as errors. Used around calls to Pillow only.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
)

_EXIF_ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_EXIF_DATE_TIME_ORIGINAL = 0x9003
_SIDEWAYS = (5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """A decoded image and the facts of its file.

    Attributes:
        image: upright, mode RGB; may be smaller than the file's when ``at_least`` allowed it.
        width, height: of the upright image at the file's full size, in pixels.
        format: Pillow's name, such as "JPEG".
        taken_at: EXIF DateTimeOriginal as ISO 8601 ("2024-05-01T12:30:00"), or None.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    taken_at: str | None


def open_image(
    file: Path | bytes, *, at_least: int | None = None, max_megapixels: float = MAX_MEGAPIXELS
) -> OpenedImage:
    """Decode ``file`` to an upright RGB image.

    EXIF orientation is applied, alpha goes on white, palette, CMYK, 16-bit and grey become RGB,
    and of an animation the first frame is taken.

    Args:
        file: a path, or the bytes of a file.
        at_least: the caller will shrink the image so that no side is above this many pixels: a
            JPEG may then be decoded at a fraction of its size, no side below twice this.
        max_megapixels: refuse larger images, from the header, before decoding.

    Raises:
        UnreadableImageError: not an image, damaged, truncated, too large, or not permitted.
    """
    name = "image" if isinstance(file, bytes) else file
    _ignore_warnings_of_pillow()
    with closing(_open_file(file)) as stream:
        try:
            return _decode(stream, name, at_least, max_megapixels)
        except _DAMAGE as error:
            raise UnreadableImageError(name, _reason(error)) from error


def _open_file(file: Path | bytes) -> IO[bytes]:
    """A readable stream, not empty."""
    if isinstance(file, bytes):
        if not file:
            raise UnreadableImageError("image", "empty file")
        return io.BytesIO(file)
    try:
        status = file.stat()
        # Asked before opening: opening a named pipe would wait for its other end for ever.
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise UnreadableImageError(file, f"{kind}, not an image file")
        if status.st_size == 0:
            raise UnreadableImageError(file, "empty file")
        return file.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise UnreadableImageError(file, _reason(error)) from error


def _reason(error: BaseException) -> str:
    """A few words for a person."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    return "truncated image" if "truncated" in str(error).lower() else "damaged image"


def _ignore_warnings_of_pillow() -> None:
    """Damaged metadata, which Pillow warns of, is no reason to refuse an image or to talk.

    The rule names Pillow's modules and stays in force: setting and restoring it for each image
    would not be safe in the threads that decode.
    """
    rule = ("ignore", None, UserWarning, re.compile(r"PIL\."), 0)
    if rule not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def _decode(
    stream: IO[bytes], name: object, at_least: int | None, max_megapixels: float
) -> OpenedImage:
    """Read the header, refuse what is too large, then decode and turn upright."""
    with _open_header(stream, name) as image:
        size = image.size
        _check_size(size, name, max_megapixels)
        draft = image.draft("RGB", (2 * at_least, 2 * at_least)) if at_least else None
        image.load()
        if draft is None:
            size = image.size  # TIFF: Pillow turns it upright while loading
        orientation, taken_at = _exif_facts(image)
        width, height = reversed(size) if orientation in _SIDEWAYS else size
        upright = _turn_upright(_to_rgb(image), orientation)
        return OpenedImage(upright, width, height, str(image.format), taken_at)


class _PillowLimit:
    """Lifts Pillow's own limit on pixels, in favour of ``max_megapixels``.

    Pillow's limit is one global for the process, and images are opened in several threads: the
    first thread in lifts it, the last one out restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._saved: int | None = None

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """No limit inside; only headers are read there."""
        from PIL import Image

        with self._lock:
            if self._users == 0:
                self._saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if self._users == 0:
                    Image.MAX_IMAGE_PIXELS = self._saved


_pillow_limit = _PillowLimit()


def _open_header(stream: IO[bytes], name: object) -> Image.Image:
    """Let Pillow find the format and read the size."""
    from PIL import Image, UnidentifiedImageError, features

    formats = _FORMATS if features.check("avif") else _FORMATS[:-1]
    try:
        with _pillow_limit.lifted():
            return Image.open(stream, formats=formats)
    except UnidentifiedImageError as error:
        raise UnreadableImageError(name, "not an image") from error


def _check_size(size: tuple[int, int], name: object, max_megapixels: float) -> None:
    width, height = size
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise UnreadableImageError(
            name,
            f"too large: {width} x {height} px is {megapixels:.4g} megapixels, "
            f"the limit is {max_megapixels:.4g}",
        )


def _exif_facts(image: Image.Image) -> tuple[int, str | None]:
    """(orientation 1..8, time taken); unreadable metadata counts as absent."""
    try:
        exif = image.getexif()
        orientation = exif.get(_EXIF_ORIENTATION, 1)
        taken = exif.get_ifd(_EXIF_IFD).get(_EXIF_DATE_TIME_ORIGINAL)
    except _DAMAGE:
        return 1, None
    return (orientation if orientation in range(1, 9) else 1), _iso_time(taken)


def _iso_time(text: object) -> str | None:
    """EXIF "2024:05:01 12:30:00" -> "2024-05-01T12:30:00"; None for anything else."""
    try:
        return datetime.strptime(str(text).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return None


def _turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Undo EXIF orientation (1..8)."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _to_rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow's -> RGB, transparency on white."""
    from PIL import Image

    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _deep_grey_to_8_bit(image).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(layer, mask=layer)
        return paper
    # A copy even of RGB: the caller's image must outlive the file.
    return image.convert("RGB")


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    """CIE Lab through colour management: Pillow's ``convert`` cannot do it."""
    from PIL import ImageCms

    lab, rgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.applyTransform(image, ImageCms.buildTransform(lab, rgb, "LAB", "RGB"))
    if converted is None:
        raise ValueError("no colour transform")
    return converted


def _deep_grey_to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey -> 8-bit grey, scaled and not cut off.

    Integers count as 16-bit (0..65535) and floats as 0..1, as these files are usually written;
    values outside are stretched from their own least to their greatest.
    """
    import numpy as np
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0.0, neginf=0.0)
    low, high = 0.0, (1.0 if image.mode == "F" else 65535.0)
    if values.min() < low or values.max() > high:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) * (255.0 / ((high - low) or 1.0))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
