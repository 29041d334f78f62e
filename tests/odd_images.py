"""Every kind of image file and defect, and what is to become of each.

The one list behind tests/unit/test_odd_images.py and the table of docs/images.md.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from tests.image_files import (
    BLACK,
    BLUE,
    RED,
    SKIN,
    WHITE,
    Colour,
    almost_srgb_profile,
    as_p3,
    avif,
    bad_crc,
    clear_left,
    cmyk,
    cut,
    deep_grey,
    deep_png,
    exif,
    few_colours,
    frames,
    grey_profile,
    heic,
    heic_with_false_exif,
    ink_profile,
    interlaced_png,
    jpeg,
    levels,
    other_brand,
    p3_profile,
    picture,
    plain,
    png,
    png_file,
    progressive,
    raw_tiff,
    shortened,
    skin_in_p3,
    srgb_profile,
    ten_bit_heic,
    tiled_tiff,
    with_orientation,
    wordy_png,
    wrote,
    ycck,
    zero_tail,
)


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


HALVES = Points(((0, 0, RED), (7, 3, BLUE)))
CLEAR_LEFT = Points(((0, 0, WHITE), (7, 3, BLUE)))
FIRST_IS_RED = Points(((4, 4, RED),))
DEEP_GREY = Points(((0, 0, BLACK), (1, 0, (100, 100, 100)), (2, 0, (204,) * 3)))


def skin(off: int) -> Points:
    """That colour in sRGB."""
    return Points(((8, 8, SKIN),), off=off)


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
    almost = almost_srgb_profile()
    yield case("sRGB but for rounding", wrote(picture, "PNG", icc_profile=almost), Pixels())
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
