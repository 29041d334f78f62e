import random
import stat
import struct
import time
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from models.archives import UnpackLimits, unpack_images
from models.errors import SourceError

JPEG = b"not really a jpeg"


def wanted(path: PurePosixPath) -> bool:
    return path.suffix == ".jpg"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "images.zip"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "below" / "unpacked"
    folder.mkdir(parents=True)
    return folder


def write(archive: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries:
            opened.writestr(name, data, zipfile.ZIP_DEFLATED)


def refusal(archive: Path, folder: Path, limits: UnpackLimits | None = None) -> str:
    """The message, after a look that nothing was written outside the folder."""
    beside = set(folder.parent.parent.rglob("*")) - {folder}
    with pytest.raises(SourceError) as caught:
        unpack_images(archive, folder, wanted=wanted, limits=limits or UnpackLimits())
    after = {path for path in folder.parent.parent.rglob("*") if folder not in path.parents}
    assert after - {folder} == beside
    message = str(caught.value)
    assert "\n" not in message
    assert repr(str(archive)) in message
    return message


def test_wanted_files_are_unpacked_with_their_times(archive: Path, folder: Path) -> None:
    entry = zipfile.ZipInfo("cat/a.jpg", (2020, 5, 6, 7, 8, 10))
    write(archive, (entry, JPEG), ("readme.txt", b"text"), ("inner.zip", b"PK"), ("empty/", b""))
    assert unpack_images(archive, folder, wanted=wanted) == 1
    assert [path.name for path in folder.rglob("*.*")] == ["a.jpg"]
    assert (folder / "cat/a.jpg").read_bytes() == JPEG
    modified = time.localtime((folder / "cat/a.jpg").stat().st_mtime)
    assert tuple(modified)[:6] == (2020, 5, 6, 7, 8, 10)


def test_backslashes_of_windows_archivers_are_folders(archive: Path, folder: Path) -> None:
    write(archive, ("cat\\a.jpg", JPEG))
    unpack_images(archive, folder, wanted=wanted)
    assert (folder / "cat" / "a.jpg").read_bytes() == JPEG


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
def test_a_path_out_of_the_folder_is_refused(archive: Path, folder: Path, name: str) -> None:
    write(archive, ("ok.jpg", JPEG), (name, JPEG))
    assert "leads out of its folder" in refusal(archive, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_links_and_devices_are_refused(archive: Path, folder: Path, kind: int) -> None:
    entry = zipfile.ZipInfo("a.jpg")
    entry.create_system = 3
    entry.external_attr = (kind | 0o777) << 16
    write(archive, (entry, b"/etc/passwd"))
    assert "is a link or a device" in refusal(archive, folder)


def test_too_many_entries_are_refused(archive: Path, folder: Path) -> None:
    write(archive, *((f"{index}.jpg", b"") for index in range(6)))
    message = refusal(archive, folder, UnpackLimits(entries=5))
    assert "has 6 entries, the limit is 5" in message


def test_a_bomb_is_stopped_by_its_ratio_while_reading(archive: Path, folder: Path) -> None:
    write(archive, ("bomb.jpg", bytes(40_000_000)))
    assert "far more than an archive of images" in refusal(archive, folder)
    assert (folder / "bomb.jpg").stat().st_size <= 11_000_000


def test_many_small_bombs_are_stopped_together(archive: Path, folder: Path) -> None:
    write(archive, *((f"{index}.jpg", bytes(2_000_000)) for index in range(8)))
    assert "far more than an archive of images" in refusal(archive, folder)


def test_the_total_is_limited(archive: Path, folder: Path) -> None:
    write(archive, ("a.jpg", bytes(700)), ("b.jpg", bytes(700)))
    assert "far more" in refusal(archive, folder, UnpackLimits(total_bytes=1_000))


def patch_sizes(archive: Path, *, packed: int | None = None, size: int | None = None) -> None:
    """Make the central directory lie about its first entry."""
    data = bytearray(archive.read_bytes())
    start = data.index(b"PK\x01\x02")
    if packed is not None:
        struct.pack_into("<L", data, start + 20, packed)
    if size is not None:
        struct.pack_into("<L", data, start + 24, size)
    archive.write_bytes(data)


def test_a_header_that_understates_the_size_gains_nothing(archive: Path, folder: Path) -> None:
    write(archive, ("bomb.jpg", bytes(40_000_000)))
    patch_sizes(archive, size=10)
    refusal(archive, folder)
    assert (folder / "bomb.jpg").stat().st_size <= 10


def test_a_header_that_overstates_the_packed_size_gains_nothing(
    archive: Path, folder: Path
) -> None:
    write(archive, ("bomb.jpg", bytes(40_000_000)))
    patch_sizes(archive, packed=2_000_000_000)
    refusal(archive, folder)
    assert sum(path.stat().st_size for path in folder.rglob("*.jpg")) <= 11_000_000


def test_an_encrypted_archive_says_so(archive: Path, folder: Path) -> None:
    write(archive, ("a.jpg", JPEG))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    assert "is encrypted; unpack it and give the folder" in refusal(archive, folder)


def test_a_truncated_archive_is_damaged(archive: Path, folder: Path) -> None:
    write(archive, *((f"{index}.jpg", JPEG) for index in range(20)))
    archive.write_bytes(archive.read_bytes()[:-60])
    assert "is a damaged zip archive: its end is missing" in refusal(archive, folder)


def test_damaged_contents_are_told(archive: Path, folder: Path) -> None:
    write(archive, ("a.jpg", bytes(range(256)) * 40))
    data = bytearray(archive.read_bytes())
    data[60:70] = bytes(10)
    archive.write_bytes(data)
    assert "is a damaged zip archive" in refusal(archive, folder)


def test_flipped_bytes_raise_nothing_else(archive: Path, folder: Path) -> None:
    write(archive, ("cat/a.jpg", JPEG * 9), ("dog/b.jpg", JPEG))
    whole, rng = archive.read_bytes(), random.Random(5)
    for attempt in range(300):
        data = bytearray(whole)
        data[rng.randrange(len(data))] = rng.randrange(256)
        archive.write_bytes(data)
        target = folder / str(attempt)
        target.mkdir()
        try:
            unpack_images(archive, target, wanted=wanted)
        except SourceError as error:
            assert "\n" not in str(error)


def test_another_kind_of_file_is_no_zip(archive: Path, folder: Path) -> None:
    archive.write_bytes(b"\x1f\x8b" + bytes(100))
    assert "is not a zip archive" in refusal(archive, folder)


def test_a_file_that_is_also_a_folder_is_refused(archive: Path, folder: Path) -> None:
    write(archive, ("a.jpg", JPEG), ("a.jpg/b.jpg", JPEG))
    assert "cannot unpack" in refusal(archive, folder)


def test_times_that_do_not_exist_are_left_out(archive: Path, folder: Path) -> None:
    write(archive, (zipfile.ZipInfo("a.jpg"), JPEG))
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 10), (b"PK\x01\x02", 12)):
        start = data.index(signature) + offset
        data[start : start + 4] = b"\xff\xff\xff\xff"
    archive.write_bytes(data)
    assert unpack_images(archive, folder, wanted=wanted) == 1
