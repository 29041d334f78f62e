"""Archives of every format against everything that a hostile one may try."""

import gzip
import io
import lzma
import random
import re
import shutil
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import py7zr
import pytest
import rarfile

from models.archives import FORMATS, SUFFIXES, UnpackLimits, archive_stem, unpack_images
from models.errors import SourceError
from tests.archive_builders import BUILDERS, TIME, Item, build_7z, rar5, rar5_file

JPEG = Item("a.jpg").data


EVERY = list(BUILDERS)
PACKING = [suffix for suffix in BUILDERS if suffix not in ("tar", "rar")]
"""Those whose builders here compress."""
TARS = [suffix for suffix in BUILDERS if suffix.startswith("tar")]


def wanted(path: PurePosixPath) -> bool:
    return path.suffix == ".jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "below" / "unpacked"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "images.zip"


def build(folder: Path, suffix: str, items: Sequence[Item]) -> Path:
    archive = folder.parent.parent / f"images.{suffix}"
    BUILDERS[suffix](archive, items)
    return archive


def refusal(archive: Path, folder: Path, limits: UnpackLimits | None = None) -> str:
    """The message, after a look that nothing was written outside the folder."""
    beside = set(folder.parent.parent.rglob("*")) - {folder}
    with pytest.raises(SourceError) as caught:
        unpack_images(archive, folder, wanted=wanted, limits=limits or UnpackLimits())
    after = {path for path in folder.parent.parent.rglob("*") if folder not in path.parents}
    assert after - {folder} == beside
    assert [path for path in folder.rglob("*") if path.is_symlink()] == []
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert repr(str(archive)) in message
    return message


def unpacked_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# --- every format


def test_every_format_has_a_builder() -> None:
    written = {f".{suffix}" for suffix in BUILDERS}
    assert written | {".tgz"} == set(SUFFIXES)
    assert all(any(f".{s}" in format_.suffixes for s in BUILDERS) for format_ in FORMATS)


@pytest.mark.parametrize("suffix", EVERY)
def test_wanted_files_are_unpacked_with_their_times(folder: Path, suffix: str) -> None:
    items = [
        Item("cat", b"", stat.S_IFDIR),
        Item("cat/a.jpg"),
        Item("cat/Žofka 猫.jpg", b"x" * 3_000_000),
        Item("empty.jpg", b""),
        Item("readme.txt"),
    ]
    assert unpack_images(build(folder, suffix, items), folder, wanted=wanted) == 3
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    assert {name: path.stat().st_size for name, path in found.items()} == {
        "cat/a.jpg": len(JPEG),
        "cat/Žofka 猫.jpg": 3_000_000,
        "empty.jpg": 0,
    }
    assert found["cat/a.jpg"].read_bytes() == JPEG
    modified = found["cat/a.jpg"].stat().st_mtime
    if suffix == "zip":  # which has local time
        assert tuple(time.localtime(modified))[:6] == (2020, 5, 6, 7, 8, 10)
    else:
        assert modified == TIME


@pytest.mark.parametrize("suffix", EVERY)
def test_the_content_tells_the_format_and_not_the_name(folder: Path, suffix: str) -> None:
    archive = build(folder, suffix, [Item("a.jpg")])
    renamed = archive.rename(archive.with_name("images.cbz"))
    assert unpack_images(renamed, folder, wanted=wanted) == 1


@pytest.mark.parametrize("suffix", EVERY)
def test_backslashes_of_windows_archivers_are_folders(folder: Path, suffix: str) -> None:
    unpack_images(build(folder, suffix, [Item("cat\\a.jpg")]), folder, wanted=wanted)
    assert (folder / "cat" / "a.jpg").read_bytes() == JPEG


@pytest.mark.parametrize("suffix", EVERY)
def test_an_archive_in_an_archive_is_left_alone(folder: Path, suffix: str) -> None:
    inner = build(folder, suffix, [Item("inner.jpg")])
    outer = build(folder, suffix, [Item(f"inner.{suffix}", inner.read_bytes()), Item("a.jpg")])
    assert unpack_images(outer, folder, wanted=wanted) == 1
    assert [path.name for path in folder.rglob("*.*")] == ["a.jpg"]


@pytest.mark.parametrize("suffix", EVERY)
@pytest.mark.parametrize(
    "name",
    [
        "../a.jpg",
        "cat/../../a.jpg",
        "/tmp/a.jpg",
        "..\\a.jpg",
        "\\\\server\\a.jpg",
        "C:\\a.jpg",
        "c:a.jpg",
        "../notes.txt",
    ],
)
def test_a_path_out_of_the_folder_is_refused(folder: Path, suffix: str, name: str) -> None:
    archive = build(folder, suffix, [Item("ok.jpg"), Item(name), Item("later.jpg")])
    assert "leads out of its folder" in refusal(archive, folder)
    assert [path.name for path in folder.rglob("*") if path.name != "ok.jpg"] == []


@pytest.mark.parametrize("suffix", EVERY)
@pytest.mark.parametrize(
    "kind",
    [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO],
    ids=["link", "character device", "block device", "fifo"],
)
def test_links_and_devices_are_refused(folder: Path, suffix: str, kind: int) -> None:
    link = "/etc/passwd" if kind == stat.S_IFLNK else ""
    archive = build(folder, suffix, [Item("a.jpg", b"", kind, link)])
    assert "'a.jpg' is a link or a device" in refusal(archive, folder)


@pytest.mark.parametrize("suffix", EVERY)
def test_a_file_below_a_link_is_refused_with_the_link(folder: Path, suffix: str) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    link = Item("cat", b"", stat.S_IFLNK, str(outside))
    assert "is a link" in refusal(build(folder, suffix, [link, Item("cat/a.jpg")]), folder)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("suffix", ["rar", *TARS])
def test_hard_links_are_refused(folder: Path, suffix: str) -> None:
    items = [Item("a.jpg"), Item("b.jpg", link="/etc/passwd", hard_link=True)]
    assert "'b.jpg' is a link or a device" in refusal(build(folder, suffix, items), folder)


@pytest.mark.parametrize("suffix", EVERY)
def test_too_many_entries_are_refused(folder: Path, suffix: str) -> None:
    archive = build(folder, suffix, [Item(f"{number}.txt") for number in range(6)])
    message = refusal(archive, folder, UnpackLimits(entries=5))
    assert "more than 5 entries" in message or "exceeds limit 5" in message


@pytest.mark.parametrize("suffix", EVERY)
def test_the_total_is_limited(folder: Path, suffix: str) -> None:
    noise = random.Random(1).randbytes(7_000)
    archive = build(folder, suffix, [Item("a.jpg", noise), Item("b.jpg", noise)])
    assert "far more" in refusal(archive, folder, UnpackLimits(total_bytes=10_000))
    assert unpacked_bytes(folder) <= 10_000


@pytest.mark.parametrize("suffix", PACKING)
def test_a_bomb_is_stopped_while_it_unpacks(folder: Path, suffix: str) -> None:
    archive = build(folder, suffix, [Item("bomb.jpg", bytes(15_000_000))])
    assert "far more than an archive of images" in refusal(archive, folder)
    assert unpacked_bytes(folder) <= 11_000_000


@pytest.mark.parametrize("suffix", PACKING)
def test_many_small_bombs_are_stopped_together(folder: Path, suffix: str) -> None:
    items = [Item(f"{number}.jpg", bytes(2_000_000)) for number in range(8)]
    assert "far more than an archive of images" in refusal(build(folder, suffix, items), folder)
    assert unpacked_bytes(folder) <= 11_000_000


@pytest.mark.parametrize("suffix", [suffix for suffix in PACKING if suffix != "zip"])
def test_a_bomb_among_what_is_left_out_is_stopped(folder: Path, suffix: str) -> None:
    items = [Item("bomb.txt", bytes(15_000_000)), Item("a.jpg")]
    assert "far more than an archive of images" in refusal(build(folder, suffix, items), folder)


@pytest.mark.parametrize("suffix", EVERY)
def test_a_truncated_archive_is_damaged(folder: Path, suffix: str) -> None:
    rng = random.Random(3)
    archive = build(folder, suffix, [Item(f"{n}.jpg", rng.randbytes(5_000)) for n in range(20)])
    whole = archive.read_bytes()
    for part in (0.1, 0.3, 0.6, 0.9):
        archive.write_bytes(whole[: int(len(whole) * part)])
        shutil.rmtree(folder)
        folder.mkdir()
        assert re.search("is (a )?damaged", refusal(archive, folder))


@pytest.mark.parametrize("suffix", EVERY)
def test_flipped_bytes_raise_nothing_else(folder: Path, suffix: str) -> None:
    archive = build(folder, suffix, [Item("cat/a.jpg", JPEG * 9), Item("dog/b.jpg")])
    whole, rng = archive.read_bytes(), random.Random(5)
    for attempt in range(150):
        data = bytearray(whole)
        data[rng.randrange(len(data))] = rng.randrange(256)
        archive.write_bytes(data)
        target = folder / str(attempt)
        target.mkdir()
        try:
            unpack_images(archive, target, wanted=wanted)
        except SourceError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("suffix", EVERY)
def test_a_file_that_is_also_a_folder_is_refused(folder: Path, suffix: str) -> None:
    archive = build(folder, suffix, [Item("a.jpg"), Item("a.jpg/b.jpg")])
    assert "cannot unpack" in refusal(archive, folder)


@pytest.mark.parametrize("suffix", EVERY)
def test_a_name_that_is_too_long_for_the_system_is_told(folder: Path, suffix: str) -> None:
    archive = build(folder, suffix, [Item("x" * 300 + ".jpg")])
    assert "cannot unpack" in refusal(archive, folder)


# --- telling formats apart


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("pets.zip", "pets"),
        ("pets.tar.gz", "pets"),
        ("My.Pets.TGZ", "My.Pets"),
        ("pets.7z", "pets"),
        ("pets.cbz", "pets"),
    ],
)
def test_the_stem_of_an_archive_is_without_all_of_its_suffix(name: str, stem: str) -> None:
    assert archive_stem(name) == stem


def test_another_kind_of_file_is_refused_with_what_can_be_read(
    tmp_path: Path, folder: Path
) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8\xff\xe0")
    assert "is not an archive that can be read (.zip, .tar, " in refusal(file, folder)


@pytest.mark.parametrize("suffix", EVERY)
def test_a_text_with_the_name_of_an_archive_is_damaged(
    tmp_path: Path, folder: Path, suffix: str
) -> None:
    file = tmp_path / f"images.{suffix}"
    file.write_text("not an archive at all, but more than a few bytes of text " * 20)
    refusal(file, folder)


@pytest.mark.parametrize("compressed", [gzip.compress, lzma.compress])
def test_a_compressed_file_that_is_no_tar_is_refused(
    tmp_path: Path, folder: Path, compressed
) -> None:
    file = tmp_path / "photo.jpg.gz"
    file.write_bytes(compressed(b"\xff\xd8" + bytes(5_000) + b"x"))
    assert "is a damaged tar archive" in refusal(file, folder)


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path, folder: Path) -> None:
    assert "cannot unpack" in refusal(tmp_path / "absent.zip", folder)


# --- zip


def write(archive: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries:
            opened.writestr(name, data, zipfile.ZIP_DEFLATED)


def patch_sizes(archive: Path, *, packed: int | None = None, size: int | None = None) -> None:
    """Make the central directory lie about its first entry."""
    data = bytearray(archive.read_bytes())
    start = data.index(b"PK\x01\x02")
    if packed is not None:
        struct.pack_into("<L", data, start + 20, packed)
    if size is not None:
        struct.pack_into("<L", data, start + 24, size)
    archive.write_bytes(data)


def test_a_zip_is_looked_at_whole_before_anything_is_written(archive: Path, folder: Path) -> None:
    write(archive, ("ok.jpg", JPEG), ("../a.jpg", JPEG))
    refusal(archive, folder)
    assert list(folder.iterdir()) == []


def test_a_zip_header_that_understates_the_size_gains_nothing(archive: Path, folder: Path) -> None:
    write(archive, ("bomb.jpg", bytes(40_000_000)))
    patch_sizes(archive, size=10)
    refusal(archive, folder)
    assert unpacked_bytes(folder) <= 10


def test_a_zip_header_that_overstates_the_packed_size_gains_nothing(
    archive: Path, folder: Path
) -> None:
    write(archive, ("bomb.jpg", bytes(40_000_000)))
    patch_sizes(archive, packed=2_000_000_000)
    refusal(archive, folder)
    assert unpacked_bytes(folder) <= 11_000_000


def test_a_zip_entry_alone_must_keep_the_ratio(archive: Path, folder: Path) -> None:
    noise = random.Random(2).randbytes(1_000_000)  # enough for the ratio of the archive
    write(archive, ("bomb.jpg", bytes(40_000_000)), ("noise.jpg", noise))
    assert "(at 'bomb.jpg')" in refusal(archive, folder)


def test_a_long_list_of_entries_is_refused_unread(archive: Path, folder: Path) -> None:
    write(archive, *((f"{number:0200}.jpg", b"") for number in range(50)))
    message = refusal(archive, folder, UnpackLimits(header_bytes=5_000))
    assert "its headers take more than 5,000 bytes" in message


def test_a_null_byte_in_a_name_is_refused(archive: Path, folder: Path) -> None:
    write(archive, ("a.jpgX.jpg", JPEG))
    archive.write_bytes(archive.read_bytes().replace(b"a.jpgX", b"a.jpg\0"))
    assert "leads out of its folder" in refusal(archive, folder)


def test_an_encrypted_zip_says_so(archive: Path, folder: Path) -> None:
    write(archive, ("a.jpg", JPEG))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    assert "is encrypted; unpack it and give the folder" in refusal(archive, folder)


def test_a_zip_without_its_end_says_so(archive: Path, folder: Path) -> None:
    write(archive, *((f"{index}.jpg", JPEG) for index in range(20)))
    archive.write_bytes(archive.read_bytes()[:-60])
    assert "is a damaged zip archive: its end is missing" in refusal(archive, folder)


def test_damaged_contents_are_told(archive: Path, folder: Path) -> None:
    write(archive, ("a.jpg", bytes(range(256)) * 40))
    data = bytearray(archive.read_bytes())
    data[60:70] = bytes(10)
    archive.write_bytes(data)
    assert "is a damaged zip archive" in refusal(archive, folder)


def test_times_that_do_not_exist_are_left_out(archive: Path, folder: Path) -> None:
    write(archive, (zipfile.ZipInfo("a.jpg"), JPEG))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12)):
        start = data.index(signature) + offset
        data[start : start + 4] = b"\xff\xff\xff\xff"
    archive.write_bytes(data)
    assert unpack_images(archive, folder, wanted=wanted) == 1


# --- tar


@pytest.mark.parametrize("suffix", TARS)
def test_a_header_that_would_fill_the_memory_is_refused(folder: Path, suffix: str) -> None:
    """A pax header and a GNU long name are read into memory before there is an entry to look at."""
    archive = folder.parent.parent / f"images.{suffix}"
    for tar_format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        mode = "w:" + suffix.removeprefix("tar").removeprefix(".")
        with tarfile.open(archive, mode, format=tar_format) as opened:
            opened.addfile(tarfile.TarInfo("x" * 3_000_000 + ".jpg"))
        message = refusal(archive, folder, UnpackLimits(header_bytes=1_000_000))
        assert "its headers take more than 1,000,000 bytes" in message


def test_headers_of_many_files_are_no_long_header(folder: Path) -> None:
    archive = build(folder, "tar.gz", [Item(f"{number}.jpg", bytes(9)) for number in range(200)])
    limits = UnpackLimits(header_bytes=30_000)
    assert unpack_images(archive, folder, wanted=wanted, limits=limits) == 200


def test_long_names_upon_long_names_end_in_words(folder: Path) -> None:
    archive = folder.parent.parent / "images.tar"
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 512
    archive.write_bytes((info.tobuf(tarfile.GNU_FORMAT) + bytes(512)) * 3_000)
    assert "is a damaged tar archive" in refusal(archive, folder)


@pytest.mark.parametrize("suffix", TARS)
def test_a_damaged_header_in_the_middle_is_no_end(folder: Path, suffix: str) -> None:
    plain = build(folder, "tar", [Item("a.jpg"), Item("b.jpg"), Item("c.jpg")])
    data = bytearray(plain.read_bytes())
    data[1024 + 10] ^= 1  # in the second header
    plain.write_bytes(data)
    packed = {"tar": bytes, "tar.gz": gzip.compress, "tar.xz": lzma.compress}
    if suffix in packed:
        plain.write_bytes(packed[suffix](bytes(data)))
        assert "is a damaged tar archive" in refusal(plain, folder)


def test_a_tar_cut_between_two_files_has_no_end(folder: Path) -> None:
    archive = build(folder, "tar", [Item("a.jpg"), Item("b.jpg")])
    archive.write_bytes(archive.read_bytes()[:1024])
    assert "is a damaged tar archive: its end is missing" in refusal(archive, folder)


def test_a_size_that_the_header_understates_leaves_a_damaged_archive(folder: Path) -> None:
    archive = build(folder, "tar", [Item("a.jpg", b"x" * 5_000), Item("b.jpg")])
    info = tarfile.TarInfo("a.jpg")
    info.size = 10
    archive.write_bytes(info.tobuf() + archive.read_bytes()[512:])
    assert "is a damaged tar archive" in refusal(archive, folder)
    assert unpacked_bytes(folder) <= 10


def test_a_size_that_the_header_overstates_leaves_a_damaged_archive(folder: Path) -> None:
    archive = build(folder, "tar", [Item("a.jpg", b"x" * 5_000), Item("b.jpg")])
    info = tarfile.TarInfo("a.jpg")
    info.size = 7_000_000_000
    archive.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + archive.read_bytes()[512:])
    assert "is a damaged tar archive" in refusal(archive, folder)


def test_a_sparse_file_is_counted_with_its_holes(folder: Path) -> None:
    archive = folder.parent.parent / "images.tar"
    info = tarfile.TarInfo("a.jpg")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "a.jpg",
        "GNU.sparse.size": str(10**12),
        "GNU.sparse.map": f"{10**12 - 1},1",
    }
    info.size = 1
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as opened:
        opened.addfile(info, io.BytesIO(b"x"))
    assert "far more" in refusal(archive, folder)
    assert unpacked_bytes(folder) <= 11_000_000


def test_an_old_tar_without_a_signature_is_known_by_its_name(folder: Path) -> None:
    info = tarfile.TarInfo("a.jpg")
    info.size = len(JPEG)
    header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    header[257:] = bytes(255)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    archive = folder.parent.parent / "images.tar"
    archive.write_bytes(bytes(header) + JPEG.ljust(512, b"\0") + bytes(1024))
    assert unpack_images(archive, folder, wanted=wanted) == 1


def test_several_compressed_streams_in_a_row_are_one(folder: Path) -> None:
    """As parallel compressors write them."""
    plain = build(folder, "tar", [Item("a.jpg", b"x" * 9_000), Item("b.jpg")]).read_bytes()
    archive = folder.parent.parent / "images.tgz"
    archive.write_bytes(gzip.compress(plain[:4_000]) + gzip.compress(plain[4_000:]))
    assert unpack_images(archive, folder, wanted=wanted) == 2


# --- 7z


@pytest.fixture
def sevenzip(tmp_path: Path) -> Path:
    return tmp_path / "images.7z"


def with_header(archive: Path, header: bytes, *, packed: bytes = b"") -> None:
    """A 7z file of nothing but a header, and what the header says is its packed form."""
    end = struct.pack("<QQL", len(packed), len(header), zlib.crc32(header))
    start = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<L", zlib.crc32(end)) + end
    archive.write_bytes(start + packed + header)


def number(value: int) -> bytes:
    """A 7z NUMBER, in its longest form."""
    return b"\xff" + struct.pack("<Q", value)


def packed_header(method: bytes, properties: bytes, packed: int, unpacked: int) -> bytes:
    """EncodedHeader of 7zFormat.txt, with one folder of one coder."""
    attributes = len(method) | (0x20 if properties else 0)
    coder = bytes([attributes]) + method
    coder += number(len(properties)) + properties if properties else b""
    pack_info = b"\x06" + number(0) + number(1) + b"\x09" + number(packed) + b"\0"
    unpack_info = b"\x07\x0b" + number(1) + b"\0" + number(1) + coder
    unpack_info += b"\x0c" + number(unpacked) + b"\0"
    return b"\x17" + pack_info + unpack_info + b"\0"


def test_a_7z_is_looked_at_whole_before_anything_is_written(sevenzip: Path, folder: Path) -> None:
    build_7z(sevenzip, [Item("ok.jpg"), Item("../a.jpg")])
    refusal(sevenzip, folder)
    assert list(folder.iterdir()) == []


def test_a_7z_header_that_unpacks_to_much_is_refused_unread(sevenzip: Path, folder: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    packed = lzma.compress(bytes(5_000_000), lzma.FORMAT_RAW, filters=filters)
    header = packed_header(b"\x21", b"\x10", len(packed), 5_000_000)
    with_header(sevenzip, header, packed=packed)
    message = refusal(sevenzip, folder, UnpackLimits(header_bytes=1_000_000))
    assert "its headers take more than 1,000,000 bytes" in message


def test_a_7z_header_of_a_method_without_bounds_is_refused(sevenzip: Path, folder: Path) -> None:
    packed = zlib.compress(bytes(1_000_000), wbits=-15)
    with_header(sevenzip, packed_header(b"\x04\x01\x08", b"", len(packed), 9), packed=packed)
    assert "method that cannot be read within limits (040108)" in refusal(sevenzip, folder)


def test_a_7z_header_that_is_large_itself_is_refused_unread(sevenzip: Path, folder: Path) -> None:
    with_header(sevenzip, b"\x01" + bytes(2_000))
    assert "its headers take more" in refusal(sevenzip, folder, UnpackLimits(header_bytes=1_000))


def test_a_7z_header_that_claims_millions_of_files_is_refused(sevenzip: Path, folder: Path) -> None:
    files = b"\x01\x05" + number(3_000_000) + bytes(3_100_000)
    with_header(sevenzip, files)
    assert "3000000 exceeds limit 200000" in refusal(sevenzip, folder)


def test_the_limits_of_py7zr_are_as_before_afterwards(sevenzip: Path, folder: Path) -> None:
    before = py7zr.archiveinfo.MAX_NUMFILES
    build_7z(sevenzip, [Item("a.jpg")])
    unpack_images(sevenzip, folder, wanted=wanted)
    assert before == py7zr.archiveinfo.MAX_NUMFILES > UnpackLimits().entries


@pytest.mark.parametrize(
    ("name", "filters"),
    [
        ("lzma", [{"id": py7zr.FILTER_LZMA}]),
        ("bzip2", [{"id": py7zr.FILTER_BZIP2}]),
        ("ppmd", [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 24}]),
        ("copy", [{"id": py7zr.FILTER_COPY}]),
        ("delta", [{"id": py7zr.FILTER_DELTA}, {"id": py7zr.FILTER_LZMA2, "preset": 1}]),
    ],
)
def test_the_usual_methods_of_7z_are_read(
    sevenzip: Path, folder: Path, name: str, filters: list[dict[str, int]]
) -> None:
    noise = random.Random(name).randbytes(50_000)
    build_7z(sevenzip, [Item("a.jpg", noise), Item("b.jpg", bytes(50_000))], filters=filters)
    assert unpack_images(sevenzip, folder, wanted=wanted) == 2
    assert (folder / "a.jpg").read_bytes() == noise


@pytest.mark.parametrize("method", [py7zr.FILTER_DEFLATE, py7zr.FILTER_ZSTD, py7zr.FILTER_BROTLI])
def test_methods_that_cannot_be_bounded_are_refused(
    sevenzip: Path, folder: Path, method: int
) -> None:
    build_7z(sevenzip, [Item("a.jpg", bytes(5_000))], filters=[{"id": method}])
    message = refusal(sevenzip, folder)
    assert "method that cannot be read within limits" in message
    assert message.endswith("unpack it and give the folder")


@pytest.mark.parametrize("header", [False, True], ids=["content", "header too"])
def test_an_encrypted_7z_says_so(sevenzip: Path, folder: Path, header: bool) -> None:
    build_7z(sevenzip, [Item("a.jpg")], password="secret", header_encryption=header)
    assert "is encrypted; unpack it and give the folder" in refusal(sevenzip, folder)


def test_the_same_name_twice_in_a_7z_is_refused(sevenzip: Path, folder: Path) -> None:
    build_7z(sevenzip, [Item("a.jpg"), Item("./a.jpg")])
    assert "it has './a.jpg' twice" in refusal(sevenzip, folder)


def test_a_7z_file_that_is_too_large_is_not_begun(sevenzip: Path, folder: Path) -> None:
    build_7z(sevenzip, [Item("a.jpg"), Item("bomb.jpg", bytes(15_000_000))])
    assert "(at 'bomb.jpg')" in refusal(sevenzip, folder)
    assert list(folder.iterdir()) == []


# --- rar


def test_an_encrypted_rar_says_so(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(rar5_file(Item("a.jpg"), encrypted=True)))
    assert "is encrypted; unpack it and give the folder" in refusal(archive, folder)


@pytest.mark.parametrize("claimed", [1, 10**13], ids=["understated", "overstated"])
def test_a_rar_header_that_lies_about_the_size_gains_nothing(
    tmp_path: Path, folder: Path, claimed: int
) -> None:
    archive = tmp_path / "images.rar"
    item = Item("a.jpg", random.Random(4).randbytes(40_000))
    archive.write_bytes(rar5(rar5_file(item, unpacked_size=claimed)))
    limits = UnpackLimits(total_bytes=50_000)
    try:
        unpack_images(archive, folder, wanted=wanted, limits=limits)
    except SourceError as error:
        assert "\n" not in str(error)
    assert unpacked_bytes(folder) <= 50_000


def test_a_wrong_checksum_in_a_rar_is_damage(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "images.rar"
    data = rar5(rar5_file(Item("a.jpg")))
    archive.write_bytes(data.replace(JPEG, JPEG.upper()))
    assert "is a damaged rar archive" in refusal(archive, folder)


def test_entries_of_a_rar_are_counted_before_all_of_them_are_read(
    tmp_path: Path, folder: Path
) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(*(rar5_file(Item(f"{n}.jpg")) for n in range(30)))[:-100])
    assert "has more than 5 entries" in refusal(archive, folder, UnpackLimits(entries=5))


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without any program that decompresses RAR."""
    monkeypatch.setattr(rarfile, "CURRENT_SETUP", None)
    monkeypatch.setattr(rarfile.ToolSetup, "check", lambda _: False)


@pytest.mark.usefixtures("no_program")
def test_a_compressed_rar_without_a_program_names_what_to_install(
    tmp_path: Path, folder: Path
) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(rar5_file(Item("a.jpg"), method=3)))
    assert "no program to decompress .rar is installed: `apt install" in refusal(archive, folder)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for unrar: whatever it is asked, it prints the file ``output`` beside it."""
    script = tmp_path / "unrar"
    script.write_text(f'#!/bin/sh\n[ "$2" = "-?" ] || cat "{tmp_path}/output"\n')
    script.chmod(0o755)
    monkeypatch.setattr(rarfile, "UNRAR_TOOL", str(script))
    monkeypatch.setattr(rarfile, "CURRENT_SETUP", None)
    return tmp_path / "output"


def test_a_compressed_rar_is_read_through_the_program(
    tmp_path: Path, folder: Path, program: Path
) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(rar5_file(Item("a.jpg"), method=3)))
    program.write_bytes(JPEG)
    assert unpack_images(archive, folder, wanted=wanted) == 1
    assert (folder / "a.jpg").read_bytes() == JPEG


@pytest.mark.parametrize("claimed", [40_000_000, 30], ids=["stated", "understated"])
def test_a_bomb_in_a_rar_is_stopped_while_the_program_prints_it(
    tmp_path: Path, folder: Path, program: Path, claimed: int
) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(rar5_file(Item("a.jpg"), unpacked_size=claimed, method=3)))
    with program.open("wb") as output:
        output.truncate(400_000_000)
    message = refusal(archive, folder)
    assert ("far more" if claimed > 10_000_000 else "is a damaged rar archive") in message
    assert unpacked_bytes(folder) <= 11_000_000


def test_a_program_that_prints_something_else_is_noticed(
    tmp_path: Path, folder: Path, program: Path
) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(rar5_file(Item("a.jpg"), method=3)))
    program.write_bytes(JPEG.upper())
    assert "is a damaged rar archive" in refusal(archive, folder)


@pytest.mark.usefixtures("no_program")
def test_a_stored_rar_needs_no_program(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(rar5_file(Item("a.jpg"))))
    assert unpack_images(archive, folder, wanted=wanted) == 1


def test_a_rar_cut_between_two_files_has_no_end(tmp_path: Path, folder: Path) -> None:
    archive = tmp_path / "images.rar"
    archive.write_bytes(rar5(rar5_file(Item("a.jpg")))[:-8])  # without its last block
    assert "Unexpected EOF" in refusal(archive, folder)


def test_the_documentation_names_every_suffix() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    assert [suffix for suffix in SUFFIXES if f"`{suffix}`" not in text.replace("FILE", "")] == []
