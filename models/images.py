"""Open one file as upright sRGB. The one decoder for training, index, query and thumbnails.

What becomes of every kind of file: docs/images.md. Pillow is imported inside the functions, so
that command lines can name the limit for free.
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
from models.formats import HEAD_BYTES, READ_FORMATS, is_raw_photo, kind_of, readable_formats

if TYPE_CHECKING:
    from PIL import Image

MAX_MEGAPIXELS = 200.0
"""Default cap on width*height/1e6 of an image: a larger one is refused before it is decoded."""

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
        image: upright, mode RGB, the colours of sRGB; may be smaller than the file's when
            ``at_least`` allowed it.
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
    """Decode ``file`` to an upright sRGB image.

    EXIF orientation is applied, alpha goes on white, palette, CMYK, 16-bit and grey become RGB, an
    embedded colour profile is applied, and of several frames or pages the first is taken.

    Args:
        file: a path, or the bytes of a file.
        at_least: the caller will shrink the image so that no side is above this many pixels: a
            JPEG, or an image with a colour profile, may then come back at a fraction of its size,
            no side below twice this.
        max_megapixels: refuse larger images, from the header, before decoding.

    Raises:
        UnreadableImageError: not an image, damaged, truncated, too large, or not permitted.
    """
    with _checked(file, max_megapixels) as image:
        return _decode(image, at_least)


def check_image(file: Path | bytes, *, max_megapixels: float = MAX_MEGAPIXELS) -> str:
    """Refuse from its header what :func:`open_image` would refuse from its header.

    Returns:
        The format, Pillow's name, such as "JPEG".

    Raises:
        UnreadableImageError: not an image, too large, or not permitted.
    """
    with _checked(file, max_megapixels) as image:
        return str(image.format)


@contextmanager
def _checked(file: Path | bytes, max_megapixels: float) -> Iterator[Image.Image]:
    """The image of ``file``, small enough, its header read and its pixels not yet.

    Whatever Pillow raises on it inside, too, becomes UnreadableImageError.
    """
    name = "image" if isinstance(file, bytes) else file
    _ignore_warnings_of_pillow()
    with closing(_open_file(file)) as stream:
        try:
            with _open_header(stream, name) as image:
                _check_size(image.size, name, max_megapixels)
                yield image
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
    if "MAX_TEXT" in str(error):  # Pillow's PngImagePlugin names its limit
        return "more than 1 MB of text in it"
    return "truncated image" if "truncated" in str(error).lower() else "damaged image"


def _ignore_warnings_of_pillow() -> None:
    """Damaged metadata, which Pillow warns of, is no reason to refuse an image or to talk.

    The rule names Pillow's modules and stays in force: setting and restoring it for each image
    would not be safe in the threads that decode.
    """
    rule = ("ignore", None, UserWarning, re.compile(r"PIL\."), 0)
    if rule not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def _decode(image: Image.Image, at_least: int | None) -> OpenedImage:
    """Decode and turn upright."""
    from models.colours import to_srgb

    size = image.size
    draft = image.draft("RGB", (2 * at_least, 2 * at_least)) if at_least else None
    image.load()
    if draft is None:
        size = image.size  # TIFF: Pillow turns it upright while loading
    orientation, taken_at = _exif_facts(image)
    width, height = reversed(size) if orientation in _SIDEWAYS else size
    upright = _turn_upright(to_srgb(image, at_least=at_least), orientation)
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
    from PIL import Image, UnidentifiedImageError
    from PIL.TiffImagePlugin import TiffImageFile

    try:
        with _pillow_limit.lifted():
            image = Image.open(stream, formats=readable_formats())
    except UnidentifiedImageError as error:
        stream.seek(0)
        raise UnreadableImageError(name, _refusal(kind_of(stream.read(HEAD_BYTES)))) from error
    if isinstance(image, TiffImageFile) and is_raw_photo(image.tag_v2):
        raise UnreadableImageError(name, _refusal("a camera's raw file"))
    return image


def _refusal(kind: str | None) -> str:
    """Why a file of this kind, as :func:`models.formats.kind_of` names it, was not identified."""
    if kind is None:
        return "not an image"
    if kind in readable_formats():
        return "damaged image"
    if kind in READ_FORMATS:
        return f"{READ_FORMATS[kind]}, which the Pillow of this machine was built without"
    return f"{kind}, which is not read; save it as JPEG or PNG"


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
