"""torchvision:NAME, with torchvision's own classes; only their downloads are stood in for."""

import hashlib
import inspect
import io
import pickle
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.errors import SourceError
from models.sources import Source, open_source
from models.sources.torchvision_datasets import _DATA_SETS, NAMES
from models.vision import torchvision

datasets = torchvision.datasets


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(path)


def facts(source: Source) -> dict[str, str | None]:
    return {file.relative_path: file.label for file in source.files}


class Download:
    """Stands in for a download: fills the root, and counts how often."""

    def __init__(self, fill: Callable[[Path], None]) -> None:
        self.fill = fill
        self.count = 0

    def __call__(self, url: str, download_root: str, **_: object) -> None:
        self.count += 1
        sys.stdout.write(f"Downloading {url}\n")
        self.fill(Path(download_root))


@pytest.fixture
def cifar(monkeypatch: pytest.MonkeyPatch) -> Download:
    """A CIFAR-10 of two images a batch, whose checksums torchvision is told."""

    def batch(first: int) -> bytes:
        data = np.full((2, 3072), first, dtype=np.uint8)
        return pickle.dumps({"data": data, "labels": [first % 10, (first + 1) % 10]})

    contents = {f"data_batch_{n}": batch(n) for n in range(1, 6)} | {"test_batch": batch(9)}
    names = [f"kind {number}" for number in range(10)]
    contents["batches.meta"] = pickle.dumps({"label_names": names})

    def checked(name: str) -> list[str]:
        return [name, hashlib.md5(contents[name]).hexdigest()]

    kind = datasets.CIFAR10
    monkeypatch.setattr(kind, "train_list", [checked(f"data_batch_{n}") for n in range(1, 6)])
    monkeypatch.setattr(kind, "test_list", [checked("test_batch")])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": checked("batches.meta")[1]}
    monkeypatch.setattr(kind, "meta", meta)

    def fill(root: Path) -> None:
        (root / "cifar-10-batches-py").mkdir()
        for name, content in contents.items():
            (root / "cifar-10-batches-py" / name).write_bytes(content)

    download = Download(fill)
    monkeypatch.setattr(datasets.cifar, "download_and_extract_archive", download)
    return download


@pytest.mark.usefixtures("cifar")
def test_arrays_become_png_files_in_the_folders_of_their_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = open_source("torchvision:CIFAR10", workspace=tmp_path)
    assert (source.name, source.root.name) == ("cifar10", "torchvision-CIFAR10-train")
    assert len(source.files) == 10
    assert facts(source).items() >= {"kind 1/00.png": "kind 1", "kind 6/09.png": "kind 6"}.items()
    with Image.open(source.root / "kind 1/00.png") as image:
        assert (image.size, image.getpixel((5, 5))) == ((32, 32), (1, 1, 1))
    assert capsys.readouterr().out == ""


def test_a_split_is_a_source_of_its_own_and_needs_no_second_download(
    tmp_path: Path, cifar: Download
) -> None:
    open_source("torchvision:CIFAR10", workspace=tmp_path)
    source = open_source("torchvision:cifar10:test", workspace=tmp_path)
    assert (source.name, source.spec) == ("cifar10-test", "torchvision:cifar10:test")
    assert facts(source) == {"kind 0/1.png": "kind 0", "kind 9/0.png": "kind 9"}
    assert cifar.count == 1


@pytest.mark.usefixtures("cifar")
def test_an_export_is_made_once(tmp_path: Path) -> None:
    root = open_source("torchvision:CIFAR10:test", workspace=tmp_path).root
    picture(root / "kind 0" / "mine.png", 1)
    assert len(open_source("torchvision:CIFAR10:test", workspace=tmp_path).files) == 3


def test_an_interrupted_download_leaves_nothing(tmp_path: Path, cifar: Download) -> None:
    def interrupted(root: Path) -> None:
        (root / "half").write_bytes(b"half")
        raise KeyboardInterrupt

    cifar.fill = interrupted
    with pytest.raises(KeyboardInterrupt):
        open_source("torchvision:CIFAR10", workspace=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def eurosat(root: Path) -> None:
    picture(root / "2750/Forest/Forest_1.jpg", 10)
    picture(root / "2750/River/River_1.jpg", 20)


def pets(root: Path) -> None:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations" / "trainval.txt").write_text("Abyssinian_1 1 1 1\nbasset_hound_1 2 2 1\n")
    picture(root / "images/Abyssinian_1.jpg", 10)
    picture(root / "images/basset_hound_1.jpg", 20)


def caltech(root: Path) -> None:
    for folder in ("Faces", "ant"):
        picture(root / f"101_ObjectCategories/{folder}/image_0001.jpg", len(folder))
    (root / "101_ObjectCategories" / "BACKGROUND_Google").mkdir()  # no class
    (root / "Annotations").mkdir()
    (root / "caltech-101").mkdir()  # what torchvision unpacks once more, then removes
    (root / "caltech-101.zip").touch()


def imagenette(root: Path) -> None:
    picture(root / "imagenette2/train/n01440764/a.JPEG", 10)
    picture(root / "imagenette2/train/n03445777/b.JPEG", 20)


@pytest.mark.parametrize(
    ("name", "fill", "expected"),
    [
        ("EuroSAT", eurosat, {"Forest/0.jpg", "River/1.jpg"}),
        ("OxfordIIITPet", pets, {"Abyssinian/0.jpg", "Basset Hound/1.jpg"}),
        ("Caltech101", caltech, {"Faces/0.jpg", "ant/1.jpg"}),
        ("Imagenette", imagenette, {"tench/0.jpeg", "golf ball/1.jpeg"}),
    ],
)
def test_files_stay_as_they_are(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fill: Callable[[Path], None],
    expected: set[str],
) -> None:
    module = sys.modules[getattr(datasets, name).__module__]
    monkeypatch.setattr(module, "download_and_extract_archive", Download(fill))
    source = open_source(f"torchvision:{name}", workspace=tmp_path)
    assert set(facts(source)) == expected
    originals = {p.read_bytes() for p in (tmp_path / "downloads").rglob("*.[jJ][pP]*")}
    assert {file.path.read_bytes() for file in source.files} == originals
    assert len(originals) == 2


class Unlabelled:
    """The interface of a torchvision data set, with a sample that has no label."""

    def __init__(self, *, root: str, split: str, download: bool) -> None:
        assert (Path(root).is_dir(), split, download) == (True, "unlabeled", True)

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Image.Image, Any]:
        return Image.new("L", (4, 4), index), (None, -1, 7)[index]


def test_samples_without_a_label_lie_in_the_root_and_classes_without_a_name_have_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "STL10", Unlabelled)
    source = open_source("torchvision:STL10:unlabeled", workspace=tmp_path)
    assert facts(source) == {"0.png": None, "1.png": None, "7/2.png": "7"}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_class_that_takes_its_splits(name: str) -> None:
    kind = getattr(datasets, name)
    for split, chosen in _DATA_SETS[name].splits.items():
        inspect.signature(kind).bind(root="", download=True, **chosen)
        if "split" in chosen:
            assert f'"{split}"' in inspect.getsource(kind)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("torchvision:", "with a NAME of CIFAR10, CIFAR100, "),
        ("torchvision:ImageNot", "with a NAME of CIFAR10"),
        ("torchvision:FakeData", "with a NAME of CIFAR10"),
        ("torchvision:CIFAR10:train:x", "with a NAME of CIFAR10"),
        ("torchvision:cifar10:val", "CIFAR10 has no such part; give one of train, test"),
    ],
)
def test_an_unknown_name_or_part_lists_those_there_are(
    tmp_path: Path, spec: str, reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        open_source(spec, workspace=tmp_path / "workspace")
    assert not (tmp_path / "workspace").exists()


@pytest.mark.parametrize("name", ["CIFAR10", "Flowers102", "EuroSAT"])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError(OSError(-3, "Temporary failure in name resolution")), "Temporary"),
        (urllib.error.HTTPError("http://x", 404, "Not Found", None, io.BytesIO()), "Not Found"),  # type: ignore[arg-type]
        (TimeoutError("timed out"), "timed out"),
    ],
    ids=["no name", "gone", "slow"],
)
def test_without_a_network_the_reason_is_told_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: Exception, reason: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    with pytest.raises(SourceError) as caught:
        open_source(f"torchvision:{name}", workspace=tmp_path)
    assert f"cannot download 'torchvision:{name}'" in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    if name == "CIFAR10":
        assert " from www.cs.toronto.edu: " in str(caught.value)


def test_the_documentation_names_every_data_set() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    assert [name for name in NAMES if name not in text] == []
