"""Every kind of image file and defect, made on the spot, and what is to become of each.

The one list behind tests/unit/test_odd_images.py and the table of docs/images.md.
"""

from __future__ import annotations

import functools
import io
import itertools
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from models.formats import readable_formats

Colour = tuple[int, int, int]
WIDTH, HEIGHT = 96, 72
ORIENTATION = 0x0112
WHITE, BLACK, RED, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)


@dataclass(frozen=True, slots=True)
class Pixels:
    """The whole picture, on average no further off than so many levels of 255.

    Attributes:
        off: 0 means equal in every pixel.
        grey: compare with the picture in grey.
    """

    off: float = 0
    grey: bool = False

    def __str__(self) -> str:
        name = "the picture in grey" if self.grey else "the picture"
        return f"{name}, {f'at most {self.off:g} levels off' if self.off else 'exactly'}"

    def check(self, image: Image.Image) -> None:
        expected = picture().convert("L").convert("RGB") if self.grey else picture()
        assert image.size == expected.size
        off = np.abs(levels(image) - levels(expected)).mean()
        assert off <= self.off


@dataclass(frozen=True, slots=True)
class Points:
    """A few pixels and their colours, each channel to within so many levels."""

    colours: tuple[tuple[int, int, Colour], ...]
    off: int = 0

    def __str__(self) -> str:
        points = ", ".join(f"({x}, {y}) is {colour}" for x, y, colour in self.colours)
        return points + (f", ±{self.off}" if self.off else "")

    def check(self, image: Image.Image) -> None:
        for x, y, colour in self.colours:
            found = np.array(image.getpixel((x, y)), np.int16)
            assert np.abs(found - np.array(colour)).max() <= self.off, (x, y, found)


READ, FIRST_FRAME, FIRST_PAGE = "read", "read: first frame", "read: first page"


@dataclass(frozen=True, slots=True)
class OddImage:
    """One row of the table.

    Attributes:
        group: heading that the row stands under.
        name: what kind of file.
        make: makes its bytes.
        expected: how it is read: the pixels; or why it is refused: the reason.
        outcome: what the table says of one that is read.
        suffix: of the file's name.
    """

    group: str
    name: str
    make: Callable[[], bytes]
    expected: Pixels | Points | str
    outcome: str = READ
    suffix: str = ""

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"

    @property
    def row(self) -> str:
        """Its line of docs/images.md."""
        if isinstance(self.expected, str):
            return f"| {self.name} | refused: {self.expected} | |"
        return f"| {self.name} | {self.outcome} | {self.expected} |"


def tables() -> str:
    """All rows as Markdown, a table under every heading."""
    parts = []
    for group, cases in itertools.groupby(CASES, key=lambda case: case.group):
        head = [f"### {group}\n", "| file | what happens | pixels |", "|---|---|---|"]
        parts.append("\n".join([*head, *(case.row for case in cases)]) + "\n")
    return "\n".join(parts)


# --- what the files show


def picture(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Smooth colours with no symmetry."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def few_colours() -> Image.Image:
    """The left half red, the right half blue."""
    image = Image.new("RGB", (8, 4), RED)
    image.paste(BLUE, (4, 0, 8, 4))
    return image


HALVES = Points(((0, 0, RED), (7, 3, BLUE)))
HALVES_LOSSY = Points(((0, 0, RED), (7, 3, BLUE)), off=12)
CLEAR_LEFT = Points(((0, 0, WHITE), (7, 3, BLUE)))


def clear_left(mode: str = "RGBA") -> Image.Image:
    """Like :func:`few_colours`, its left half transparent."""
    image = few_colours().convert("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, 4, 4))
    return image if mode == "RGBA" else image.convert(mode)


def levels(image: Image.Image) -> NDArray[np.int16]:
    """Its values as numbers that can be subtracted."""
    return np.asarray(image, dtype=np.int16)


# --- files


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    """The bytes of a file that Pillow writes."""
    readable_formats()  # lets Pillow write HEIF
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def wrote(image: Callable[[], Image.Image], format: str, **options: object) -> Callable[[], bytes]:
    """Makes :func:`saved`, when it is wanted."""
    return lambda: saved(image(), format, **options)


def frames(format: str, **options: object) -> Callable[[], bytes]:
    """A red frame, then a blue one."""
    first, second = (Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE))
    return lambda: saved(first, format, save_all=True, append_images=[second], **options)


FIRST_IS_RED = Points(((4, 4, RED),))

UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(orientation: int, image: Image.Image | None = None) -> Image.Image:
    """What a camera stores when it was held so that EXIF orientation has to undo it."""
    image = image or picture()
    return image.transpose(UNDO[orientation]) if orientation in UNDO else image


def exif(orientation: int) -> Image.Exif:
    """Nothing but the orientation."""
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def with_orientation(orientation: int, format: str, **options: object) -> Callable[[], bytes]:
    """The picture stored sideways, to be turned upright by its orientation."""
    # As bytes: pillow-heif writes irot and imir for those, and not for an Exif object.
    tags = exif(orientation).tobytes()
    return lambda: saved(turned(orientation), format, exif=tags, **options)


def cut(make: Callable[[], bytes], share: float) -> Callable[[], bytes]:
    """The first part of a file."""
    return lambda: make()[: int(len(make()) * share)]


def shortened(make: Callable[[], bytes], count: int) -> Callable[[], bytes]:
    """A file without its last bytes."""
    return lambda: make()[:-count]


def replaced(make: Callable[[], bytes], old: bytes, new: bytes) -> Callable[[], bytes]:
    """A file with some bytes of it changed."""

    def change() -> bytes:
        whole = make()
        assert old in whole
        return whole.replace(old, new)

    return change


jpeg = wrote(picture, "JPEG", quality=95)
progressive = wrote(picture, "JPEG", quality=95, progressive=True)
png = wrote(picture, "PNG")


def zero_tail(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """A file whose second half is zeros, as broken downloads leave them."""
    return lambda: make()[: len(make()) // 2] + bytes(len(make()) // 2)


def cmyk() -> Image.Image:
    """The picture in ink, without black."""
    return picture().convert("CMYK")


def ycck() -> bytes:
    """A JPEG in YCCK: Pillow writes CMYK, so its planes are made YCC and its marker says so."""
    *colours, black = cmyk().split()
    planes = Image.merge("RGB", colours).convert("YCbCr").split()
    inverted = [plane.point(lambda level: 255 - level) for plane in planes]
    data = saved(Image.merge("CMYK", [*inverted, black]), "JPEG", quality=95, subsampling=0)
    start = data.index(b"Adobe")
    assert data[start + 11] == 0
    return data[: start + 11] + b"\2" + data[start + 12 :]


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    checksum = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + checksum


def png_file(width: int, height: int, depth: int, interlaced: int, rows: bytes) -> bytes:
    """A PNG of RGB ``rows``, each after its filter byte."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, interlaced)
    data = chunk(b"IDAT", zlib.compress(rows) if rows else b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def deep_png() -> bytes:
    """16 bits for each of red, green and blue; the lower eight are noise."""
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3))
    values = (np.asarray(picture(), np.uint16) << 8 | noise).astype(">u2")
    return png_file(WIDTH, HEIGHT, 16, 0, b"".join(b"\0" + row.tobytes() for row in values))


def interlaced_png() -> bytes:
    """Adam7 (PNG specification, third edition, section 8)."""
    values = np.asarray(picture())
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = [
        b"\0" + row.tobytes()
        for x, y, across, down in (*passes, (0, 1, 1, 2))
        for row in values[y::down, x::across]
    ]
    return png_file(WIDTH, HEIGHT, 8, 1, b"".join(rows))


def bad_crc(kind: bytes) -> Callable[[], bytes]:
    """A PNG with a wrong checksum in the first chunk of a kind."""

    def damage() -> bytes:
        data = bytearray(png())
        start = data.index(kind)
        data[start + 4 + int.from_bytes(data[start - 4 : start], "big")] ^= 0xFF
        return bytes(data)

    return damage


def wordy_png(megabytes: int) -> bytes:
    """A PNG with a compressed text that unfolds to so much."""
    info = PngInfo()
    info.add_text("workflow", "x" * (megabytes << 20), zip=True)
    return saved(picture(), "PNG", pnginfo=info)


def deep_grey(dtype: str) -> Image.Image:
    """Black, 100 of 255, white, in 16 bits or as floats from 0 to 1."""
    values = np.array([[0, 100 / 255, 1]])
    return Image.fromarray((values * (65535 if dtype == "uint16" else 1)).astype(dtype))


DEEP_GREY = Points(((0, 0, BLACK), (1, 0, (100, 100, 100)), (2, 0, WHITE)))


def tiled_tiff() -> bytes:
    """One page in tiles of 16 x 16: what scanners of slides write, and Pillow does not."""
    tile = 16
    image = Image.new("RGB", (2 * tile, tile), RED)
    image.paste(BLUE, (tile, 0, 2 * tile, tile))
    tiles = [image.crop((x, 0, x + tile, tile)).tobytes() for x in (0, tile)]
    size, start = len(tiles[0]), 8
    offsets, counts = (start, start + size), (size, size)
    bits = start + 2 * size
    arrays = struct.pack("<3H2x2I2I", 8, 8, 8, *offsets, *counts)
    tags = [
        (256, 4, 1, image.width),
        (257, 4, 1, image.height),
        (258, 3, 3, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (277, 3, 1, 3),
        (322, 4, 1, tile),
        (323, 4, 1, tile),
        (324, 4, 2, bits + 8),
        (325, 4, 2, bits + 16),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = struct.pack("<2sHI", b"II", 42, bits + len(arrays))
    return header + b"".join(tiles) + arrays + directory + bytes(4)


def raw_tiff(**tags: int) -> bytes:
    """A TIFF whose first page has these tags besides, as raw files of cameras have."""
    numbers = {"dng_version": 50706, "new_subfile_type": 254, "sub_ifds": 330}
    return saved(picture(), "TIFF", tiffinfo={numbers[name]: tags[name] for name in tags})


# --- colour profiles

DISPLAY_P3 = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
"""Primaries of Display P3, adapted to D50, as Apple's profile has them."""


def srgb_profile() -> bytes:
    """The profile that most cameras embed, more or less."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@functools.cache
def p3_profile() -> bytes:
    """sRGB's profile with other primaries."""
    profile = bytearray(srgb_profile())
    for index in range(int.from_bytes(profile[128:132], "big")):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if name in DISPLAY_P3:
            numbers = [round(value * 65536) for value in DISPLAY_P3[name]]
            struct.pack_into(">3i", profile, offset + 8, *numbers)
    return bytes(profile)


def profile_of(space: bytes, kind: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A version 2 profile of these tags (ICC.1:2001-04)."""
    body, table = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    white = struct.pack(">3i", 63190, 65536, 54061)
    header = struct.pack(
        ">I4sI4s4s4s12s4s", start + len(body), b"lcms", 0x02400000, kind, space, connection,
        bytes(12), b"acsp",
    )  # fmt: skip
    header = (header + bytes(28) + white).ljust(128, b"\0")
    return header + struct.pack(">I", len(tags)) + table + body


def grey_profile() -> bytes:
    """Grey of gamma 1: half the light is half the level."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 256)
    return profile_of(b"GRAY", b"mntr", b"XYZ ", {b"wtpt": white, b"kTRC": curve})


def ink_profile() -> bytes:
    """Full black makes black, and any other ink a grey of lightness 50; the paper is white."""
    grid = [(0 if black else 128 if any(ink) else 255, 128, 128)
            for *ink, black in itertools.product((0, 1), repeat=4)]  # fmt: skip
    ramp = bytes(range(256))
    matrix = struct.pack(">9i", *[65536, 0, 0, 0, 65536, 0, 0, 0, 65536])
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + ramp * 4
    table += bytes(itertools.chain.from_iterable(grid)) + ramp * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    return profile_of(b"CMYK", b"prtr", b"Lab ", {b"wtpt": white, b"A2B0": table})


def as_p3(colour: Colour) -> Colour:
    """The same colour in the numbers of Display P3: sRGB's curve, then matrices (IEC 61966-2-1)."""
    srgb = np.array(
        [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    )
    p3 = np.array([DISPLAY_P3[name] for name in (b"rXYZ", b"gXYZ", b"bXYZ")]).T
    encoded = np.array(colour) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    there = np.linalg.solve(p3, srgb @ linear)
    back = np.where(there <= 0.0031308, there * 12.92, 1.055 * there ** (1 / 2.4) - 0.055)
    red, green, blue = (round(255 * float(value)) for value in back)
    return red, green, blue


SKIN = (200, 120, 80)


def plain(colour: Colour) -> Image.Image:
    """Nothing but one colour."""
    return Image.new("RGB", (16, 16), colour)


def skin_in_p3(format: str, **options: object) -> Callable[[], bytes]:
    """One colour, stored in the numbers of Display P3."""
    return wrote(lambda: plain(as_p3(SKIN)), format, icc_profile=p3_profile(), **options)


def skin(off: int) -> Points:
    """That colour in sRGB."""
    return Points(((8, 8, SKIN),), off=off)


# --- HEIC and AVIF


def heic(orientation: int = 1, **options: object) -> Callable[[], bytes]:
    """The picture as a telephone stores it: stored sideways, with irot and imir to undo it."""
    return with_orientation(orientation, "HEIF", quality=95, **options)


def heic_with_false_exif() -> bytes:
    """A HEIC without irot whose EXIF claims that it lies on its side."""
    upright, sideways = (exif(number).tobytes()[6:] for number in (1, 6))
    return replaced(heic(1), upright, sideways)()


def ten_bit_heic() -> bytes:
    """Ten bits a channel, as telephones with HDR write."""
    import pillow_heif

    values = np.asarray(picture(), np.uint16) * 257
    stream = io.BytesIO()
    pillow_heif.encode("RGB;16", (WIDTH, HEIGHT), values.tobytes(), stream, quality=95)
    return stream.getvalue()


def other_brand(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """With the general brand of HEIF containers in place of its own."""
    return lambda: make()[:8] + b"mif1" + make()[12:]


avif = wrote(picture, "AVIF", quality=95)

DAMAGED, TRUNCATED = "damaged image", "truncated image"


def not_read(kind: str) -> str:
    """The reason for a format that is known and not read."""
    return f"{kind}, which is not read; save it as JPEG or PNG"


def _cases() -> Iterator[OddImage]:
    lossy = Pixels(off=4)
    for number in range(1, 9):
        name = f"EXIF orientation {number}"
        yield OddImage(
            "Orientation", f"JPEG, {name}", with_orientation(number, "JPEG", quality=95), lossy
        )
    for number in range(1, 9):
        name = f"EXIF orientation {number}"
        yield OddImage("Orientation", f"PNG, {name}", with_orientation(number, "PNG"), Pixels())
    yield OddImage("Orientation", "TIFF, orientation tag 6", with_orientation(6, "TIFF"), Pixels())
    yield OddImage(
        "Orientation", "WebP, EXIF orientation 5", with_orientation(5, "WEBP", quality=95), lossy
    )
    yield OddImage("Orientation", "orientation 77, which is none", wrote(
        picture, "PNG", exif=exif(77)), Pixels())  # fmt: skip
    yield from _jpeg_cases(lossy)
    yield from _png_cases()
    yield from _animation_cases()
    yield from _tiff_cases()
    yield from _heif_cases(lossy)
    yield from _profile_cases()
    yield from _other_cases()


def _jpeg_cases(lossy: Pixels) -> Iterator[OddImage]:
    case = functools.partial(OddImage, "JPEG")
    yield case("baseline", jpeg, lossy)
    yield case("progressive", progressive, lossy)
    yield case("grey", wrote(lambda: picture().convert("L"), "JPEG"), Pixels(off=2, grey=True))
    yield case("CMYK, Adobe", wrote(cmyk, "JPEG", quality=95), lossy)
    yield case("YCCK, Adobe", ycck, lossy)
    yield case("MPO: two images in one", frames("MPO"), Points(((4, 4, RED),), off=3), FIRST_FRAME)
    yield case("named .png", jpeg, lossy, suffix=".png")
    yield case("with other bytes after its end", lambda: jpeg() + b"\0tail" * 99, lossy)
    yield case("with damaged EXIF", wrote(
        picture, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), lossy)  # fmt: skip
    yield case("without its last 2 bytes", shortened(jpeg, 2), TRUNCATED)
    for percent in (90, 50, 10):
        yield case(f"cut off at {percent} %", cut(jpeg, percent / 100), TRUNCATED)
    yield case("progressive, cut off at 90 %", cut(progressive, 0.9), TRUNCATED)
    yield case("second half zeros, of a broken download", zero_tail(jpeg), TRUNCATED)
    yield case("0 bytes", lambda: b"", "empty file")


def _png_cases() -> Iterator[OddImage]:
    case = functools.partial(OddImage, "PNG")
    yield case("RGB", png, Pixels())
    yield case("interlaced", interlaced_png, Pixels())
    yield case("16-bit RGB", deep_png, Pixels())
    yield case("16-bit grey", wrote(lambda: deep_grey("uint16"), "PNG"), DEEP_GREY)
    yield case("8-bit grey", wrote(lambda: picture().convert("L"), "PNG"), Pixels(grey=True))
    yield case("1-bit", wrote(
        lambda: few_colours().getchannel("R").convert("1"), "PNG"),
        Points(((0, 0, WHITE), (7, 3, BLACK))))  # fmt: skip
    yield case("palette", wrote(lambda: few_colours().quantize(4), "PNG"), HALVES)
    yield case("palette with transparency", wrote(
        lambda: clear_left().quantize(8), "PNG"), CLEAR_LEFT)  # fmt: skip
    yield case("RGB with a transparent colour", wrote(
        few_colours, "PNG", transparency=RED), CLEAR_LEFT)  # fmt: skip
    yield case("RGBA", wrote(clear_left, "PNG"), CLEAR_LEFT)
    yield case("RGBA, half transparent black", wrote(
        lambda: Image.new("RGBA", (1, 1), (0, 0, 0, 128)), "PNG"),
        Points(((0, 0, (127, 127, 127)),)))  # fmt: skip
    yield case("grey with transparency", wrote(lambda: clear_left("LA"), "PNG"), Points(
        ((0, 0, WHITE), (7, 3, (29, 29, 29)))))  # fmt: skip
    yield case("APNG", frames("PNG"), FIRST_IS_RED, FIRST_FRAME)
    yield case("a compressed text of 1 MB in it", lambda: wordy_png(1), Pixels())
    yield case(
        "a compressed text of 2 MB in it", lambda: wordy_png(2), "more than 1 MB of text in it"
    )
    yield case("the checksum of its pixels is wrong", bad_crc(b"IDAT"), Pixels())
    yield case("the checksum of its header is wrong", bad_crc(b"IHDR"), DAMAGED)
    yield case("without its last chunk: no pixel is missing", shortened(png, 12), Pixels())
    yield case("cut off at 50 %", cut(png, 0.5), TRUNCATED)
    yield case(
        "20,000 x 20,000 pixels claimed in 69 bytes",
        lambda: png_file(20_000, 20_000, 8, 0, b""),
        "too large: 20000 x 20000 px is 400 megapixels, the limit is 200",
    )


def _animation_cases() -> Iterator[OddImage]:
    case = functools.partial(OddImage, "GIF and WebP")
    few = lambda: few_colours().quantize(4)  # noqa: E731
    yield case("GIF", wrote(few, "GIF"), HALVES)
    yield case("GIF, animated", frames("GIF"), FIRST_IS_RED, FIRST_FRAME)
    yield case("GIF, transparent", wrote(
        lambda: few_colours().quantize(4), "GIF", transparency=few_colours().quantize(4).getpixel(
        (0, 0))), CLEAR_LEFT)  # fmt: skip
    yield case("GIF, cut off at 50 %", cut(wrote(picture, "GIF"), 0.5), TRUNCATED)
    yield case("WebP, lossy", wrote(picture, "WEBP", quality=95), Pixels(off=2))
    yield case("WebP, lossless", wrote(picture, "WEBP", lossless=True), Pixels())
    yield case("WebP, transparent", wrote(clear_left, "WEBP", lossless=True), CLEAR_LEFT)
    yield case("WebP, animated", frames("WEBP", lossless=True), FIRST_IS_RED, FIRST_FRAME)
    yield case("WebP, cut off at 50 %", cut(wrote(picture, "WEBP"), 0.5), DAMAGED)


def _tiff_cases() -> Iterator[OddImage]:
    case = functools.partial(OddImage, "TIFF")
    yield case("not compressed", wrote(picture, "TIFF"), Pixels())
    for name, compression in (("LZW", "tiff_lzw"), ("Deflate", "tiff_adobe_deflate")):
        yield case(name, wrote(picture, "TIFF", compression=compression), Pixels())
    yield case("JPEG inside", wrote(picture, "TIFF", compression="jpeg", quality=95), Pixels(off=2))
    yield case("fax, group 4", wrote(
        lambda: few_colours().getchannel("R").convert("1"), "TIFF", compression="group4"),
        Points(((0, 0, WHITE), (7, 3, BLACK))))  # fmt: skip
    yield case("tiled", tiled_tiff, Points(((0, 0, RED), (31, 15, BLUE))))
    yield case("several pages", frames("TIFF"), FIRST_IS_RED, FIRST_PAGE)
    yield case("transparent", wrote(clear_left, "TIFF"), CLEAR_LEFT)
    yield case("CMYK", wrote(cmyk, "TIFF"), Pixels())
    yield case("Lab", wrote(lambda: Image.new("LAB", (8, 8), (255, 128, 128)), "TIFF"), Points(
        ((4, 4, WHITE),), off=2))  # fmt: skip
    yield case("16-bit grey", wrote(lambda: deep_grey("uint16"), "TIFF"), DEEP_GREY)
    yield case("float grey, 0 to 1", wrote(lambda: deep_grey("float32"), "TIFF"), DEEP_GREY)
    yield case("float grey, -3 to 3", wrote(
        lambda: Image.fromarray(np.array([[-3, 0, 3]], np.float32)), "TIFF"),
        Points(((0, 0, BLACK), (1, 0, (128,) * 3), (2, 0, WHITE))))  # fmt: skip
    yield case("cut off at 50 %", cut(wrote(picture, "TIFF"), 0.5), TRUNCATED)


def _heif_cases(lossy: Pixels) -> Iterator[OddImage]:
    case = functools.partial(OddImage, "HEIC and AVIF")
    yield case("HEIC", heic(), lossy)
    for number in (2, 3, 6, 8):
        yield case(f"HEIC, stored for orientation {number}", heic(number), lossy)
    yield case("HEIC, turned by EXIF alone: EXIF does not count", heic_with_false_exif, lossy)
    yield case("HEIC, 10 bits", ten_bit_heic, lossy)
    yield case("HEIC, transparent", wrote(
        lambda: clear_left().resize((64, 32), 0), "HEIF", quality=-1, chroma=444),
        Points(((4, 4, WHITE), (60, 28, BLUE)), off=3))  # fmt: skip
    yield case("HEIC, in tiles", heic(tile_size=64), lossy)
    yield case("HEIC, a thumbnail in it", heic(thumbnails=[48]), lossy)
    yield case("HEIC, several images", frames("HEIF", quality=95), Points(
        ((4, 4, RED),), off=6), "read: the primary one")  # fmt: skip
    yield case("HEIC, brand mif1", other_brand(heic()), lossy)
    yield case("HEIC, named .jpg", heic(), lossy, suffix=".jpg")
    yield case("HEIC, cut off at 50 %", cut(heic(), 0.5), DAMAGED)
    yield case("AVIF", avif, lossy)
    yield case("AVIF, orientation 6", with_orientation(6, "AVIF", quality=95), lossy)
    yield case("AVIF, transparent", wrote(clear_left, "AVIF", quality=100), Points(
        CLEAR_LEFT.colours, off=3))  # fmt: skip
    yield case("AVIF, animated", frames("AVIF", quality=95), Points(((4, 4, RED),), off=6),
        FIRST_FRAME)  # fmt: skip
    yield case("AVIF, brand mif1", other_brand(avif), lossy)
    yield case("AVIF, cut off at 90 %", cut(avif, 0.9), TRUNCATED)


def _profile_cases() -> Iterator[OddImage]:
    case = functools.partial(OddImage, "Colour profiles")
    yield case("JPEG, Display P3", skin_in_p3("JPEG", quality=95), skin(3))
    yield case("PNG, Display P3", skin_in_p3("PNG"), skin(2))
    yield case("PNG, Display P3, palette", wrote(
        lambda: plain(as_p3(SKIN)).quantize(2), "PNG", icc_profile=p3_profile()),
        skin(2))  # fmt: skip
    yield case("WebP, Display P3", skin_in_p3("WEBP", lossless=True), skin(2))
    yield case("TIFF, Display P3", skin_in_p3("TIFF"), skin(2))
    yield case("HEIC, Display P3", skin_in_p3("HEIF", quality=95), skin(4))
    yield case("AVIF, Display P3", skin_in_p3("AVIF", quality=95), skin(4))
    yield case("sRGB", wrote(picture, "PNG", icc_profile=srgb_profile()), Pixels())
    yield case("grey, gamma 1", wrote(
        lambda: plain((55, 55, 55)).convert("L"), "PNG", icc_profile=grey_profile()),
        Points(((8, 8, (128, 128, 128)),), off=2))  # fmt: skip
    yield case("CMYK, of an ink that makes grey of lightness 50", wrote(
        lambda: Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "TIFF", icc_profile=ink_profile()),
        Points(((8, 8, (119, 119, 119)),), off=2))  # fmt: skip
    yield case("a profile for CMYK in an RGB image: ignored", wrote(
        picture, "PNG", icc_profile=ink_profile()), Pixels())  # fmt: skip
    yield case("a damaged profile: ignored", wrote(
        picture, "PNG", icc_profile=p3_profile()[:200]), Pixels())  # fmt: skip


def _other_cases() -> Iterator[OddImage]:
    case = functools.partial(OddImage, "Other formats")
    yield case("BMP", wrote(picture, "BMP"), Pixels())
    yield case("PPM", wrote(picture, "PPM"), Pixels())
    yield case("PGM", wrote(lambda: picture().convert("L"), "PPM"), Pixels(grey=True))
    yield case("JPEG 2000", wrote(picture, "JPEG2000"), not_read("a JPEG 2000 image"))
    yield case("JPEG XL", lambda: b"\xff\x0a" + bytes(64), not_read("a JPEG XL image"))
    yield case("ICO", wrote(picture, "ICO"), not_read("an icon"))
    yield case("PSD", lambda: b"8BPS\0\1" + bytes(64), not_read("a Photoshop document"))
    raw = not_read("a camera's raw file")
    yield case("CR2", lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(64), raw)
    yield case("CR3", lambda: b"\0\0\0\x18ftypcrx \0\0\0\1" + bytes(64), raw)
    yield case("DNG", lambda: raw_tiff(dng_version=1), raw)
    yield case("NEF, ARW", lambda: raw_tiff(new_subfile_type=1, sub_ifds=8), raw)
    yield case("PDF", lambda: b"%PDF-1.7\n" + bytes(64), not_read("a PDF document"))
    yield case("EPS", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", not_read("a PostScript drawing"))
    svg = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'
    yield case("SVG", lambda: svg, not_read("an SVG drawing"))
    yield case("a video", lambda: b"\0\0\0\x20ftypisom" + bytes(64), not_read("a video"))
    yield case("a web page named .jpg", lambda: b"<!DOCTYPE html><title>404</title>",
        not_read("a web page"), suffix=".jpg")  # fmt: skip
    yield case("a text named .jpg", lambda: b"dear diary", "not an image", suffix=".jpg")
    yield case("TGA, and whatever else Pillow could read", wrote(picture, "TGA"), "not an image")


CASES = tuple(_cases())
"""In the order of the table."""
