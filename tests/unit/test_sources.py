import os
import zipfile
from pathlib import Path

import pytest

from models.errors import SourceError
from models.sources import Source, dataset_name, open_source
from tests.archive_builders import BUILDERS, Item

CIFAR = Path(__file__).parents[3] / "shared" / "data" / "cifar10-test.zip"


def put(root: Path, *names: str) -> Path:
    """Files that look like images; sources do not open them."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"pixels of " + name.encode(errors="surrogateescape"))
    return root


def zipped(file: Path, *names: str) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(
                zipfile.ZipInfo(name, (2020, 5, 6, 7, 8, 10)), b"pixels of " + name.encode()
            )
    return file


def labels(source: Source) -> dict[str, str | None]:
    return {file.relative_path: file.label for file in source.files}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


def test_a_folder_is_listed_recursively_and_sorted(tmp_path: Path, workspace: Path) -> None:
    root = put(tmp_path / "My Pets", "dog/b.JPG", "cat/young/c.png", "cat/a.jpeg", "cat/notes.txt")
    source = open_source(str(root), workspace=workspace)
    assert [file.relative_path for file in source.files] == [
        "cat/a.jpeg",
        "cat/young/c.png",
        "dog/b.JPG",
    ]
    assert (source.name, source.root, source.spec) == ("my-pets", root, str(root))
    assert source.unreadable == ()
    assert not workspace.exists()


def test_a_file_comes_with_its_facts(tmp_path: Path, workspace: Path) -> None:
    root = put(tmp_path / "pets", "cat/a.jpg")
    os.utime(root / "cat/a.jpg", ns=(1, 1_600_000_000_123_456_789))
    [file] = open_source(str(root), workspace=workspace).files
    assert (file.path, file.bytes) == (root / "cat/a.jpg", len(b"pixels of cat/a.jpg"))
    assert file.mtime_ns == 1_600_000_000_123_456_789
    assert file.path.is_absolute()


def test_a_relative_folder_becomes_absolute(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "pets", "a.jpg")
    monkeypatch.chdir(tmp_path)
    source = open_source("pets", workspace=workspace)
    assert source.spec == str(tmp_path / "pets")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.jpg", "cat/b.jpg"], [None, "cat"]),
        (["cat/a.jpg", "dog/b.jpg"], ["cat", "dog"]),
        (["all/cat/a.jpg", "all/dog/b.jpg"], ["cat", "dog"]),
        (["x/y/cat/a.jpg", "x/y/dog/b.jpg"], ["cat", "dog"]),
        (["all/a.jpg", "all/cat/b.jpg"], ["all", "all"]),
        (["cat/a.jpg", "cat/b.jpg"], ["cat", "cat"]),
        (["a.jpg", "b.jpg"], [None, None]),
    ],
    ids=["root", "plain", "wrapped", "wrapped twice", "mixed below", "one label", "flat"],
)
def test_labels_are_the_first_level_below_a_wrapper(
    tmp_path: Path, workspace: Path, names: list[str], expected: list[str | None]
) -> None:
    source = open_source(str(put(tmp_path / "root", *names)), workspace=workspace)
    assert labels(source) == dict(zip(names, expected, strict=True))


def test_a_second_folder_beside_a_wrapper_changes_no_identity(
    tmp_path: Path, workspace: Path
) -> None:
    root = put(tmp_path / "root", "all/cat/a.jpg")
    before = open_source(str(root), workspace=workspace).files[0].relative_path
    put(root, "more/b.jpg")
    assert before in labels(open_source(str(root), workspace=workspace))


def test_hidden_and_system_folders_are_skipped(tmp_path: Path, workspace: Path) -> None:
    skipped = [
        ".git",
        ".@__thumb",
        ".AppleDouble",
        ".Trashes",
        "@eaDir",
        "@Recycle",
        "#recycle",
        "#snapshot",
        "$RECYCLE.BIN",
        "System Volume Information",
        "__MACOSX",
        "lost+found",
        "node_modules",
    ]
    names = [f"{folder}/a.jpg" for folder in skipped] + [".hidden.jpg", "Thumbs.db", "cat/ok.jpg"]
    root = put(tmp_path / "pets", *names)
    assert labels(open_source(str(root), workspace=workspace)) == {"cat/ok.jpg": "cat"}


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.png", {"cat/a.jpg", "cat/old/c.jpg", "dog/old/d.jpg"}),
        ("old", {"cat/a.jpg", "cat/b.png"}),
        ("old/", {"cat/a.jpg", "cat/b.png"}),
        ("cat/old", {"cat/a.jpg", "cat/b.png", "dog/old/d.jpg"}),
        ("/old", {"cat/a.jpg", "cat/b.png", "cat/old/c.jpg", "dog/old/d.jpg"}),
        ("**/d.*", {"cat/a.jpg", "cat/b.png", "cat/old/c.jpg"}),
        ("cat/**/*.jpg", {"cat/b.png", "dog/old/d.jpg"}),
        ("cat/a.jpg", {"cat/b.png", "cat/old/c.jpg", "dog/old/d.jpg"}),
        ("# a comment", {"cat/a.jpg", "cat/b.png", "cat/old/c.jpg", "dog/old/d.jpg"}),
    ],
)
def test_excluded_files_are_passed_over(
    tmp_path: Path, workspace: Path, pattern: str, left: set[str]
) -> None:
    root = put(tmp_path / "pets", "cat/a.jpg", "cat/b.png", "cat/old/c.jpg", "dog/old/d.jpg")
    assert set(labels(open_source(str(root), workspace=workspace, exclude=[pattern]))) == left


def test_of_several_patterns_the_last_one_decides(tmp_path: Path, workspace: Path) -> None:
    root = put(tmp_path / "pets", "a.jpg", "b.jpg", "c.png")
    source = open_source(str(root), workspace=workspace, exclude=["*.jpg", "!b.jpg", "c.*"])
    assert set(labels(source)) == {"b.jpg"}


def test_an_excluded_folder_is_not_even_listed(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = put(tmp_path / "pets", "a.jpg", "huge/b.jpg")
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    open_source(str(root), workspace=workspace, exclude=["huge/"])
    assert [Path(path) for path in listed] == [root]


def test_exclusion_holds_for_archives_and_their_unpacked_folder_serves_all(
    tmp_path: Path, workspace: Path
) -> None:
    archive = zipped(tmp_path / "a.zip", "cat/a.jpg", "dog/b.jpg")
    less = open_source(str(archive), workspace=workspace, exclude=["dog"])
    more = open_source(str(archive), workspace=workspace)
    assert (set(labels(less)), len(more.files)) == ({"cat/a.jpg"}, 2)
    assert less.root == more.root


def test_a_source_that_is_wholly_excluded_says_so(tmp_path: Path, workspace: Path) -> None:
    root = put(tmp_path / "pets", "a.jpg", "b.jpg")
    with pytest.raises(SourceError, match=r"holds no images \(.*; 2 excluded\)"):
        open_source(str(root), workspace=workspace, exclude=["*.jpg"])


def test_what_is_no_pattern_is_refused(tmp_path: Path, workspace: Path) -> None:
    root = put(tmp_path / "pets", "a.jpg")
    with pytest.raises(SourceError, match="not a pattern to exclude"):
        open_source(str(root), workspace=workspace, exclude=["!"])


def test_links_are_not_followed(tmp_path: Path, workspace: Path) -> None:
    outside = put(tmp_path / "outside", "secret.jpg")
    root = put(tmp_path / "pets", "cat/a.jpg")
    (root / "cat" / "loop").symlink_to(root)
    (root / "out").symlink_to(outside)
    (root / "b.jpg").symlink_to(outside / "secret.jpg")
    assert labels(open_source(str(root), workspace=workspace)) == {"cat/a.jpg": "cat"}


def test_a_root_that_is_a_link_is_followed(tmp_path: Path, workspace: Path) -> None:
    put(tmp_path / "pets", "cat/a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "pets")
    source = open_source(str(tmp_path / "link"), workspace=workspace)
    assert (source.name, list(labels(source))) == ("link", ["cat/a.jpg"])


def test_an_unreadable_folder_is_reported_and_passed_over(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = put(tmp_path / "pets", "cat/a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def scan(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    source = open_source(str(root), workspace=workspace)
    assert list(labels(source)) == ["cat/a.jpg"]
    assert source.unreadable == (("locked", "permission denied"),)


def test_a_name_that_is_not_text_is_reported(tmp_path: Path, workspace: Path) -> None:
    root = put(tmp_path / "pets", "a.jpg", os.fsdecode(b"caf\xe9.jpg"))
    source = open_source(str(root), workspace=workspace)
    assert list(labels(source)) == ["a.jpg"]
    assert source.unreadable == (("caf\ufffd.jpg", "the name is not valid UTF-8"),)


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path, workspace: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "link").symlink_to(tmp_path)
    with pytest.raises(SourceError, match=r"holds no images \(looked for .*\.jpg.*links are not"):
        open_source(str(tmp_path / "empty"), workspace=workspace)


@pytest.mark.parametrize("spec", ["", "no/such/folder", "null\0byte", "~nobody-here/x", "x" * 5000])
def test_what_does_not_exist_is_named_with_the_way_out(spec: str, workspace: Path) -> None:
    with pytest.raises(
        SourceError, match=r"no such file or folder: .*give a folder, an archive .*, demo, "
    ):
        open_source(spec, workspace=workspace)


def test_a_file_of_another_kind_is_refused(tmp_path: Path, workspace: Path) -> None:
    file = put(tmp_path, "photo.jpg") / "photo.jpg"
    with pytest.raises(SourceError, match="is not an archive that can be read"):
        open_source(str(file), workspace=workspace)
    assert list(workspace.iterdir()) == []


def test_a_zip_is_unpacked_below_the_workspace(tmp_path: Path, workspace: Path) -> None:
    archive = zipped(
        tmp_path / "Pets 2.zip", "cat/a.jpg", "dog/b.png", "readme.txt", "__MACOSX/c.jpg"
    )
    source = open_source(str(archive), workspace=workspace)
    assert labels(source) == {"cat/a.jpg": "cat", "dog/b.png": "dog"}
    assert (source.name, source.spec) == ("pets-2", str(archive))
    assert source.root.parent == workspace
    assert source.root.name.startswith("pets-2-")
    assert source.files[0].path.read_bytes() == b"pixels of cat/a.jpg"
    assert sorted(path.name for path in source.root.rglob("*.*")) == ["a.jpg", "b.png"]


def test_a_wrapping_folder_in_a_zip_is_no_label(tmp_path: Path, workspace: Path) -> None:
    archive = zipped(tmp_path / "a.zip", "animals/cat/a.jpg", "animals/dog/b.jpg", "animals/x.txt")
    source = open_source(str(archive), workspace=workspace)
    assert labels(source) == {"animals/cat/a.jpg": "cat", "animals/dog/b.jpg": "dog"}


def test_a_zip_is_unpacked_once_until_it_changes(tmp_path: Path, workspace: Path) -> None:
    archive = zipped(tmp_path / "a.zip", "a.jpg")
    first = open_source(str(archive), workspace=workspace)
    (first.root / "kept").touch()
    assert open_source(str(archive), workspace=workspace).root == first.root
    assert (first.root / "kept").exists()
    zipped(archive, "a.jpg", "b.jpg")
    second = open_source(str(archive), workspace=workspace)
    assert second.root != first.root
    assert len(second.files) == 2


@pytest.mark.parametrize("suffix", BUILDERS)
def test_an_archive_of_every_format_is_a_source(
    tmp_path: Path, workspace: Path, suffix: str
) -> None:
    archive = tmp_path / f"Pets.2.{suffix}"
    names = ("wrap/cat/a.jpg", "wrap/dog/b.png", "wrap/@eaDir/c.jpg", "wrap/notes.txt")
    BUILDERS[suffix](archive, [Item(name) for name in names])
    source = open_source(str(archive), workspace=workspace)
    assert labels(source) == {"wrap/cat/a.jpg": "cat", "wrap/dog/b.png": "dog"}
    assert source.name == "pets-2"
    assert source.root.parent == workspace
    assert len([path for path in source.root.rglob("*") if path.is_file()]) == 2


def test_a_failed_unpacking_leaves_nothing(tmp_path: Path, workspace: Path) -> None:
    archive = zipped(tmp_path / "a.zip", "a.jpg", "../b.jpg")
    with pytest.raises(SourceError, match="unsafe"):
        open_source(str(archive), workspace=workspace)
    assert list(workspace.iterdir()) == []


def test_a_zip_without_images_says_so(tmp_path: Path, workspace: Path) -> None:
    archive = zipped(tmp_path / "a.zip", "readme.txt")
    with pytest.raises(SourceError, match="holds no images"):
        open_source(str(archive), workspace=workspace)


def test_a_workspace_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", "a.jpg")
    with pytest.raises(SourceError, match="cannot write below"):
        open_source(str(archive), workspace=archive / "below-a-file")


def small_demo(folder: Path) -> None:
    put(folder, "fish/fish-000.jpg", "city/city-000.jpg")


def test_demo_is_generated_once_and_anew_for_another_version(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.demo_images.generate", small_demo)
    source = open_source("demo", workspace=workspace)
    assert (source.spec, source.name, source.root) == ("demo", "demo", workspace / "demo")
    assert labels(source) == {"city/city-000.jpg": "city", "fish/fish-000.jpg": "fish"}
    put(source.root, "fish/mine.jpg")
    assert len(open_source("demo", workspace=workspace).files) == 3
    monkeypatch.setattr("models.demo_images.VERSION", "another")
    assert len(open_source("demo", workspace=workspace).files) == 2
    assert [path.name for path in workspace.iterdir()] == ["demo"]


def test_an_interrupted_demo_leaves_nothing(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(folder: Path) -> None:
        small_demo(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr("models.demo_images.generate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_source("demo", workspace=workspace)
    assert list(workspace.iterdir()) == []


def empty_pictures(folder: Path, count: int) -> None:
    put(folder, *(f"{index:06d}.png" for index in range(count)))


@pytest.fixture
def empty_procedural(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.procedural_images.generate", empty_pictures)


@pytest.mark.usefixtures("empty_procedural")
@pytest.mark.parametrize(
    ("spec", "count"), [("procedural", 4000), ("procedural:3", 3), ("procedural:05", 5)]
)
def test_procedural_images_have_no_labels(workspace: Path, spec: str, count: int) -> None:
    source = open_source(spec, workspace=workspace)
    assert (source.spec, source.name) == (spec, "procedural")
    assert source.root == workspace / f"procedural-{count}"
    assert len(source.files) == count
    assert labels(source).items() >= {"000000.png": None, f"{count - 1:06d}.png": None}.items()


@pytest.mark.usefixtures("empty_procedural")
def test_procedural_images_are_generated_once_for_each_count_and_version(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(open_source("procedural:2", workspace=workspace).root, "mine.png")
    assert len(open_source("procedural:3", workspace=workspace).files) == 3
    assert len(open_source("procedural:2", workspace=workspace).files) == 3
    monkeypatch.setattr("models.procedural_images.VERSION", "another")
    assert len(open_source("procedural:2", workspace=workspace).files) == 2


def test_procedural_images_are_drawn(workspace: Path) -> None:
    [file] = open_source("procedural:1", workspace=workspace).files
    assert file.path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "count", ["", "0", "-1", "+5", "1e3", "1_000", " 5", "5 ", "٣", "many", "1000001", "9" * 5000]
)
def test_a_count_that_is_none_is_refused_in_one_line(workspace: Path, count: str) -> None:
    with pytest.raises(SourceError, match="COUNT is a whole number from 1 to 1000000") as caught:
        open_source(f"procedural:{count}", workspace=workspace)
    assert "\n" not in str(caught.value)
    assert not workspace.exists()


def test_a_folder_called_procedural_is_reached_by_its_path(
    tmp_path: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "procedural", "a.jpg")
    monkeypatch.chdir(tmp_path)
    assert labels(open_source("./procedural", workspace=workspace)) == {"a.jpg": None}


@pytest.mark.skipif(not CIFAR.exists(), reason="the CIFAR-10 archive is not beside the checkout")
def test_cifar10_has_its_ten_labels(workspace: Path) -> None:
    source = open_source(str(CIFAR), workspace=workspace)
    assert len(source.files) == 10_000
    assert len({file.label for file in source.files}) == 10
    assert source.name == "cifar10-test"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Pets", "pets"),
        ("My Holiday (2024)!", "my-holiday-2024"),
        ("Café_Été", "cafe_ete"),
        ("a__b___c", "a_b_c"),
        ("--x--", "x"),
        ("x" * 300, "x" * 64),
    ],
)
def test_dataset_names_are_plain(text: str, name: str) -> None:
    assert dataset_name(text) == name


@pytest.mark.parametrize("text", ["", "...", "写真"])
def test_a_text_without_letters_gives_no_dataset_name(text: str) -> None:
    with pytest.raises(SourceError, match="no dataset name"):
        dataset_name(text)


def test_a_folder_in_another_script_still_has_a_name(tmp_path: Path, workspace: Path) -> None:
    root = put(tmp_path / "写真", "a.jpg")
    name = open_source(str(root), workspace=workspace).name
    assert name.startswith("images-")
    assert dataset_name(name) == name
