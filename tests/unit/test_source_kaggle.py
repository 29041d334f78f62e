"""kaggle:OWNER/NAME, with a module in place of kagglehub."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from models.errors import SourceError
from models.sources import open_source


class FakeKagglehub(ModuleType):
    """Returns a folder, or raises."""

    def __init__(self, root: Path) -> None:
        super().__init__("kagglehub")
        self.root = root
        self.asked: list[str] = []
        self.error: Exception | None = None

    def dataset_download(self, handle: str) -> str:
        self.asked.append(handle)
        sys.stdout.write("Downloading ...\n")
        if self.error:
            raise self.error
        return str(self.root)


@pytest.fixture
def kagglehub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKagglehub:
    module = FakeKagglehub(tmp_path / "cache" / "versions" / "1")
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return module


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"pixels")


def test_the_folder_of_the_download_is_the_root(
    tmp_path: Path, kagglehub: FakeKagglehub, capsys: pytest.CaptureFixture[str]
) -> None:
    put(kagglehub.root, "wild/cheetah/a.jpg", "wild/fox/b.jpg", "readme.txt")
    spec = "kaggle:vishweshsalodkar/wild-animals"
    source = open_source(spec, workspace=tmp_path / "workspace")
    assert (source.spec, source.name, source.root) == (spec, "wild-animals", kagglehub.root)
    assert [file.label for file in source.files] == ["cheetah", "fox"]
    assert kagglehub.asked == ["vishweshsalodkar/wild-animals"]
    assert not (tmp_path / "workspace").exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("owner", ["ikarus777", "Ikarus777"])
def test_artworks_that_are_there_twice_are_listed_once(
    tmp_path: Path, kagglehub: FakeKagglehub, owner: str
) -> None:
    put(
        kagglehub.root,
        "images/images/Claude_Monet/Claude_Monet_1.jpg",
        "images/images/Edgar_Degas/Edgar_Degas_1.jpg",
        "resized/resized/Claude_Monet_1.jpg",
        "resized/resized/Edgar_Degas_1.jpg",
    )
    source = open_source(f"kaggle:{owner}/best-artworks-of-all-time", workspace=tmp_path)
    assert [file.label for file in source.files] == ["Claude_Monet", "Edgar_Degas"]


def test_a_version_can_be_named(tmp_path: Path, kagglehub: FakeKagglehub) -> None:
    put(kagglehub.root, "a.jpg")
    assert open_source("kaggle:me/cats/versions/3", workspace=tmp_path).name == "cats"
    assert kagglehub.asked == ["me/cats/versions/3"]


@pytest.mark.parametrize("handle", ["", "cats", "me/", "me/cats/x", "../cats", "me/ca ts", "m/c\n"])
def test_what_is_no_name_of_a_data_set_is_refused(
    tmp_path: Path, kagglehub: FakeKagglehub, handle: str
) -> None:
    with pytest.raises(SourceError, match="give kaggle:OWNER/NAME"):
        open_source(f"kaggle:{handle}", workspace=tmp_path)
    assert kagglehub.asked == []


def test_a_failed_download_is_told_in_one_line(tmp_path: Path, kagglehub: FakeKagglehub) -> None:
    kagglehub.error = LookupError("404 Client Error.\n\nResource not found at URL: https://...")
    with pytest.raises(SourceError) as caught:
        open_source("kaggle:me/cats", workspace=tmp_path)
    assert str(caught.value).startswith("cannot download 'kaggle:me/cats': 404 Client Error. Res")
    assert "\n" not in str(caught.value)


def test_without_kagglehub_the_way_to_install_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(SourceError, match=r"needs kagglehub, .* `pip install kagglehub`"):
        open_source("kaggle:me/cats", workspace=tmp_path)
