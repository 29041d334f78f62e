"""Labels from a CSV file."""

import logging
import unicodedata
from pathlib import Path

import pytest

from models.errors import SourceError
from models.sources import open_source
from models.sources.labels import read_labels


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for name in ("cat/a.jpg", "cat/b.jpg", "dog/c.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"pixels")
    return root


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def labels(root: Path, csv: Path) -> dict[str, str | None]:
    source = open_source(str(root), workspace=root.parent / "workspace", labels=csv)
    return {file.relative_path: file.label for file in source.files}


@pytest.mark.parametrize(
    "text",
    [
        "path,label\ncat/a.jpg,tom\ndog/c.jpg,rex\n",
        "path;label\ncat/a.jpg;tom\ndog/c.jpg;rex\n",
        "path\tlabel\ncat/a.jpg\ttom\ndog/c.jpg\trex\n",
        "\ufeffpath,label\r\ncat/a.jpg,tom\r\ndog/c.jpg,rex\r\n",
        'id,Label ,PATH,note\n1,tom,cat\\a.jpg,"a, b"\n2,rex,./dog/c.jpg,\n',
        '"path","label"\n"cat/a.jpg","tom"\n\n"dog/c.jpg","rex"\n"dog/c.jpg","rex"\n',
        "path,label\ncat/a.jpg,tom\ncat/b.jpg,\ndog/c.jpg, rex ",
    ],
    ids=["comma", "semicolon", "tab", "as Excel writes it", "more columns", "quoted", "empty"],
)
def test_labels_of_the_file_replace_those_of_the_folders(pets: Path, csv: Path, text: str) -> None:
    csv.write_bytes(text.encode())
    assert labels(pets, csv) == {"cat/a.jpg": "tom", "cat/b.jpg": None, "dog/c.jpg": "rex"}


def test_a_label_may_hold_the_delimiter_and_a_line_break(pets: Path, csv: Path) -> None:
    csv.write_text('path,label\ncat/a.jpg,"tom, the\ncat"\n')
    assert labels(pets, csv)["cat/a.jpg"] == "tom, the\ncat"


def test_paths_are_the_same_however_their_accents_are_written(tmp_path: Path, csv: Path) -> None:
    name = "café.jpg"
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets" / unicodedata.normalize("NFD", name)).write_bytes(b"pixels")
    csv.write_text(f"path,label\n{unicodedata.normalize('NFC', name)},drink\n")
    assert list(labels(tmp_path / "pets", csv).values()) == ["drink"]


def test_paths_that_no_image_has_are_told_in_one_warning(
    pets: Path, csv: Path, caplog: pytest.LogCaptureFixture
) -> None:
    csv.write_text("path,label\ncat/a.jpg,tom\nzebra/z.jpg,z\ncat/gone.jpg,tom\n")
    with caplog.at_level(logging.WARNING):
        labels(pets, csv)
    [record] = caplog.records
    text = record.getMessage()
    assert "2 of 3 paths" in text
    assert text.endswith("the first: cat/gone.jpg")
    assert "\n" not in text


def test_a_file_that_names_every_image_is_read_in_silence(
    pets: Path, csv: Path, caplog: pytest.LogCaptureFixture
) -> None:
    csv.write_text("path,label\ncat/a.jpg,tom\n")
    labels(pets, csv)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty; its first line names the columns 'path' and 'label'"),
        (b"file;label\na.jpg;x\n", r"has the columns \['file', 'label'\], not 'path' and 'label'"),
        (b"a.jpg,cat\nb.jpg,dog\n", r"has the columns \['a.jpg', 'cat'\]"),
        (b"path,label\na.jpg,x\n./a.jpg,y\n", "gives 'a.jpg' two labels: 'x' and 'y'"),
        (b"path,label\na.jpg,x\na.jpg,\n", "gives 'a.jpg' two labels: 'x' and None"),
        (b"path,label\na.jpg\n", r"row 2 has no path or no label: \['a.jpg'\]"),
        (b"path,label\n,x\n", "row 2 has no path"),
        (b"path,label\ncaf\xe9.jpg,x\n", "is not UTF-8 text"),
        (b"path,label\n" + b"x" * 200_000 + b",y\n", "is not CSV"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(csv: Path, content: bytes, reason: str) -> None:
    csv.write_bytes(content)
    with pytest.raises(SourceError, match=reason) as caught:
        read_labels(csv)
    assert "\n" not in str(caught.value)
    assert str(csv) in str(caught.value)


def test_a_file_that_is_not_there_says_so(csv: Path) -> None:
    with pytest.raises(
        SourceError, match=r"labels\.csv' cannot be read: No such file.*--no-labels"
    ):
        read_labels(csv)
