"""Image files of every kind, made on the spot, with Pillow or byte by byte."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from models.formats import readable_formats

Colour = tuple[int, int, int]
WIDTH, HEIGHT = 96, 72
ORIENTATION = 0x0112
WHITE, BLACK, RED, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)


def picture(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Smooth colours with no symmetry."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def few_colours() -> Image.Image:
    """The left half red, the right half blue."""
    image = Image.new("RGB", (8, 4), RED)
    image.paste(BLUE, (4, 0, 8, 4))
    return image


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
    """0, 100 and 204 of 255, in 16 bits or as floats from 0 to 1."""
    values = np.array([[0, 100 / 255, 204 / 255]])
    return Image.fromarray((values * (65535 if dtype == "uint16" else 1)).astype(dtype))


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


def p3_profile() -> bytes:
    """sRGB's profile with other primaries."""
    return with_primaries(DISPLAY_P3)


def almost_srgb_profile() -> bytes:
    """What another program's rounding makes of sRGB."""
    return with_primaries({b"rXYZ": (0.43687, 0.22249, 0.01392)})


def with_primaries(primaries: dict[bytes, tuple[float, float, float]]) -> bytes:
    """sRGB's profile, some of its primaries replaced."""
    profile = bytearray(srgb_profile())
    for index in range(int.from_bytes(profile[128:132], "big")):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if name in primaries:
            numbers = [round(value * 65536) for value in primaries[name]]
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
