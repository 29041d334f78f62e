import io
import os
import random
import subprocess
import sys
import tempfile
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from models.errors import UnreadableImageError
from models.formats import IMAGE_SUFFIXES, READ_FORMATS, kind_of, readable_formats
from models.images import check_image, open_image
from tests.image_files import p3_profile

ROOT = Path(__file__).resolve().parents[2]
ORIENTATION = 0x0112


def photo(width: int = 96, height: int = 72) -> Image.Image:
    """Smooth colours with no symmetry."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def levels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image, dtype=np.int16)


def psnr(first: Image.Image, second: Image.Image) -> float:
    error = np.mean((levels(first) - levels(second)).astype(np.float64) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


FORMATS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "WEBP", "AVIF", "MPO", "HEIF"]


def sample(format: str) -> bytes:
    if not features.check("avif") and format == "AVIF":
        pytest.skip("this Pillow has no AVIF")
    options = {"save_all": True, "append_images": [photo().rotate(180)]} if format == "MPO" else {}
    readable_formats()  # lets Pillow write HEIF
    return encoded(photo(), format, **options)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_opens_as_rgb_with_its_size(format: str) -> None:
    opened = open_image(sample(format))
    assert (opened.image.mode, opened.image.size) == ("RGB", (96, 72))
    assert (opened.width, opened.height) == (96, 72)
    assert opened.format in (format, "JPEG")
    assert psnr(opened.image, photo()) > 20


def test_a_path_opens_like_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(encoded(photo(), "PNG"))
    assert open_image(file).image.tobytes() == photo().tobytes()


def test_suffixes_are_lower_case_with_a_dot() -> None:
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in IMAGE_SUFFIXES)
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".heic", ".avif"} <= IMAGE_SUFFIXES


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"MPO", "BMP", "PPM"}))
def test_the_first_bytes_name_every_format_that_has_a_signature(format: str) -> None:
    assert kind_of(sample(format)) == format
    assert format in READ_FORMATS


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"MPO", "BMP", "PPM", "GIF"}))
def test_a_file_that_ends_in_its_header_is_damaged_and_not_no_image(format: str) -> None:
    assert reason_for(sample(format)[:28]) in ("damaged image", "truncated image")


@pytest.mark.parametrize("format", FORMATS)
def test_a_check_reads_the_header_only(format: str) -> None:
    data = sample(format)
    assert check_image(data) in (format, "JPEG")
    with pytest.raises(UnreadableImageError, match="too large: 96 x 72 px"):
        check_image(data, max_megapixels=0.001)
    with pytest.raises(UnreadableImageError, match="not an image"):
        check_image(b"dear diary")


def test_heic_opens_in_many_threads_of_a_process_that_never_did() -> None:
    program = """
import sys, threading
from pathlib import Path
from models.images import open_image
assert "pillow_heif" not in sys.modules and "PIL" not in sys.modules
data, sizes = Path(sys.argv[1]).read_bytes(), []
work = lambda: sizes.append(open_image(data).image.size)
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert sizes == [(96, 72)] * 8, sizes
"""
    with tempfile.NamedTemporaryFile(suffix=".heic") as file:
        file.write(sample("HEIF"))
        file.flush()
        subprocess.run([sys.executable, "-c", program, file.name], cwd=ROOT, check=True)


def test_a_thumbnail_inside_is_never_taken_for_the_picture() -> None:
    readable_formats()
    data = encoded(photo(640, 480), "HEIF", quality=95, thumbnails=[320])
    assert open_image(data, at_least=64).image.size == (640, 480)


def test_an_image_with_a_profile_is_reduced_before_its_colours_are_converted() -> None:
    data = encoded(photo(800, 600), "PNG", icc_profile=p3_profile())
    whole, reduced = open_image(data), open_image(data, at_least=100)
    assert (whole.image.size, reduced.image.size) == ((800, 600), (267, 200))
    assert (reduced.width, reduced.height) == (800, 600)
    assert psnr(whole.image.resize((267, 200), Image.Resampling.BOX), reduced.image) > 40
    assert psnr(whole.image, photo(800, 600)) < 40, "colours were not converted"


UNDO = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UNDO)
def test_all_eight_orientations_give_the_same_pixels(orientation: int, format: str) -> None:
    turn = UNDO[orientation]
    stored = photo() if turn is None else photo().transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    opened = open_image(encoded(stored, format, exif=exif, **options))
    assert opened.image.tobytes() == photo().tobytes()
    assert (opened.width, opened.height) == (96, 72)


@pytest.mark.parametrize("orientation", UNDO)
def test_a_reduced_jpeg_is_upright_and_reports_its_full_size(orientation: int) -> None:
    turn = UNDO[orientation]
    upright = photo(1600, 1200)
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    opened = open_image(encoded(stored, "JPEG", exif=exif), at_least=100)
    assert (opened.width, opened.height) == (1600, 1200)
    assert opened.image.size == (400, 300)
    assert psnr(opened.image, upright.resize((400, 300))) > 35


def test_a_jpeg_is_never_reduced_below_twice_what_is_needed() -> None:
    data = encoded(photo(1000, 700), "JPEG")
    for at_least in (32, 64, 100, 224, 400):
        assert min(open_image(data, at_least=at_least).image.size) >= min(2 * at_least, 700)


def test_reduced_decoding_changes_the_shrunk_image_hardly() -> None:
    data = encoded(photo(1600, 1200), "JPEG", quality=92)
    plain, reduced = open_image(data).image, open_image(data, at_least=128).image
    assert reduced.width < plain.width
    shrunk = [image.resize((128, 128), Image.Resampling.BILINEAR) for image in (plain, reduced)]
    assert psnr(*shrunk) >= 40


def test_nonsense_in_the_orientation_counts_as_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 77
    assert open_image(encoded(photo(), "PNG", exif=exif)).image.tobytes() == photo().tobytes()


def test_damaged_metadata_does_not_refuse_the_image() -> None:
    data = encoded(photo(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert open_image(data).taken_at is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024:05:01 12:30:00", "2024-05-01T12:30:00"),
        ("0000:00:00 00:00:00", None),
        ("last summer", None),
    ],
)
def test_time_taken_is_iso_or_none(text: str, expected: str | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = text
    assert open_image(encoded(photo(), "JPEG", exif=exif)).taken_at == expected


def clear_left_half(mode: str) -> Image.Image:
    image = Image.new("RGBA", (4, 2), (200, 0, 0, 255))
    image.paste((200, 0, 0, 0), (0, 0, 2, 2))
    return image if mode == "RGBA" else image.convert(mode)


@pytest.mark.parametrize(
    ("image", "format", "options"),
    [
        (clear_left_half("RGBA"), "PNG", {}),
        (clear_left_half("LA"), "PNG", {}),
        (clear_left_half("RGBA"), "WEBP", {"lossless": True}),
        (clear_left_half("RGBA").quantize(8), "PNG", {}),
        (Image.frombytes("P", (4, 2), bytes([0, 0, 1, 1] * 2)), "GIF", {"transparency": 0}),
        (clear_left_half("RGBA"), "TIFF", {}),
    ],
    ids=["RGBA", "LA", "WebP", "palette PNG", "palette GIF", "TIFF"],
)
def test_transparency_goes_on_white(
    image: Image.Image, format: str, options: dict[str, object]
) -> None:
    opened = open_image(encoded(image, format, **options)).image
    assert opened.getpixel((0, 0)) == (255, 255, 255)
    assert opened.getpixel((3, 1)) != (255, 255, 255)


def test_a_transparent_colour_of_a_png_goes_on_white() -> None:
    image = Image.new("RGB", (2, 1), (10, 20, 30))
    image.putpixel((1, 0), (40, 50, 60))
    opened = open_image(encoded(image, "PNG", transparency=(10, 20, 30))).image
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (40, 50, 60)]


def test_half_transparent_is_mixed_with_white() -> None:
    image = Image.new("RGBA", (1, 1), (0, 0, 0, 128))
    assert open_image(encoded(image, "PNG")).image.getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LAB"])
def test_colour_modes_become_rgb(mode: str) -> None:
    white = Image.new("RGB", (8, 8), "white")
    lab = Image.new("LAB", (8, 8), (255, 128, 128))
    # Pillow cannot read back the plain YCbCr that it writes.
    options = {"compression": "jpeg"} if mode == "YCbCr" else {}
    stored = lab if mode == "LAB" else white.convert(mode)
    opened = open_image(encoded(stored, "TIFF", **options)).image
    assert opened.mode == "RGB"
    assert np.abs(levels(opened) - 255).max() <= 2


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_and_not_cut_off(format: str) -> None:
    deep = Image.fromarray(np.array([[0, 257 * 100, 65535]], dtype=np.uint16))
    opened = open_image(encoded(deep, format)).image
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(0,) * 3, (100,) * 3, (255,) * 3]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[-3.0, 0.0, 3.0]], np.float32), [0, 128, 255]),
        (np.array([[7.0, np.nan, 7.0]], np.float32), [255, 0, 255]),
        (np.array([[0, 257 * 9, 65535]], np.int32), [0, 9, 255]),
        (np.array([[0, 500_000, 1_000_000]], np.int32), [0, 128, 255]),
        (np.array([[90_000, 90_000, 90_000]], np.int32), [0, 0, 0]),
    ],
    ids=["unit", "signed", "not finite", "16 of 32 bits", "32 bits", "constant"],
)
def test_float_and_32_bit_grey_use_the_whole_range(
    values: NDArray[np.generic], expected: list[int]
) -> None:
    opened = open_image(encoded(Image.fromarray(values), "TIFF")).image
    assert levels(opened)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("format", ["GIF", "PNG", "TIFF", "WEBP"])
def test_the_first_frame_of_several_is_taken(format: str) -> None:
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    options = {"lossless": True} if format == "WEBP" else {}
    data = encoded(first, format, save_all=True, append_images=[second], **options)
    assert open_image(data).image.getpixel((4, 4)) == (255, 0, 0)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + checksum

    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = chunk(b"IHDR", size + b"\x08\x02\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def reason_for(file: Path | bytes, **options: float) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        open_image(file, **options)
    assert str(caught.value) == f"{caught.value.path}: {caught.value.reason}"
    return caught.value.reason


def test_a_bomb_is_refused_from_its_header_with_its_size() -> None:
    assert reason_for(png_header(20_000, 20_000)) == (
        "too large: 20000 x 20000 px is 400 megapixels, the limit is 200"
    )


def test_the_limit_is_the_callers_and_pillows_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    data = encoded(photo(), "PNG")
    assert open_image(data).width == 96
    assert reason_for(data, max_megapixels=0.001).startswith("too large: 96 x 72 px")
    still = Image.MAX_IMAGE_PIXELS
    assert still == 1000


def test_pillows_limit_is_restored_after_many_threads() -> None:
    before, data = Image.MAX_IMAGE_PIXELS, encoded(photo(8, 8), "PNG")
    threads = [
        threading.Thread(target=lambda: [open_image(data) for _ in range(20)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == Image.MAX_IMAGE_PIXELS


def test_each_refusal_has_a_short_reason(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    assert reason_for(empty) == "empty file"
    assert reason_for(b"") == "empty file"
    assert reason_for(text) == "not an image"
    assert reason_for(tmp_path) == "a folder, not an image file"
    assert reason_for(tmp_path / "absent.jpg") == "no such file or directory"
    assert reason_for(Path("null\0byte.jpg")) == "damaged image"


def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason_for(tmp_path / "pipe.jpg") == "a special file, not an image file"


def test_permission_denied_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret.png"
    file.write_bytes(encoded(photo(), "PNG"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert reason_for(file) == "permission denied"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "BMP", "PPM", "TIFF"])
def test_truncated_files_are_refused(format: str) -> None:
    data = sample(format)
    assert reason_for(data[: len(data) * 2 // 3]) in ("truncated image", "damaged image")


def test_formats_outside_the_list_are_refused() -> None:
    assert reason_for(encoded(photo(), "TGA")) == "not an image"
    assert reason_for(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n") == (
        "a PostScript drawing, which is not read; save it as JPEG or PNG"
    )


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_bytes_never_raise_anything_else(format: str) -> None:
    whole, rng = sample(format), random.Random(format)
    for attempt in range(60):
        data = bytearray(whole)
        reach = 300 if attempt % 2 else len(data)
        for _ in range(rng.choice((1, 4, 30))):
            data[rng.randrange(min(reach, len(data)))] = rng.randrange(256)
        if attempt % 3 == 0:
            data = data[: rng.randrange(1, len(data))]
        try:
            assert open_image(bytes(data), max_megapixels=1).image.mode == "RGB"
        except UnreadableImageError as error:
            assert 0 < len(error.reason) < 90
