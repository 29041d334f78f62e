import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import models.vision

MISSING = "raise RuntimeError('operator torchvision::nms does not exist')"


class RecordingLibrary:
    """Stands in for torch.library.Library and remembers what was declared."""

    declared: list[str]

    def __init__(self, *_: object) -> None:
        pass

    def define(self, schema: str) -> None:
        self.declared.append(schema.partition("(")[0])


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    declared: list[str] = []
    monkeypatch.setattr(RecordingLibrary, "declared", declared, raising=False)
    monkeypatch.setattr(torch.library, "Library", RecordingLibrary)
    return declared


def import_beside(torchvision: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import models.vision anew, beside a torchvision with this text."""
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(torchvision)
    monkeypatch.syspath_prepend(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    # Set first, so that the fake goes at the end of the test.
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("placeholder"))
    del sys.modules["torchvision"]
    spec = importlib.util.spec_from_file_location("fresh_vision", models.vision.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_installed_torchvision_works() -> None:
    from models.vision import torchvision

    flipped = torchvision.transforms.functional.hflip(torch.tensor([[[1, 2]]]))
    assert flipped.tolist() == [[[2, 1]]]
    assert torchvision.models.resnet18 is not None


def test_a_torchvision_that_fits_is_left_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: list[str]
) -> None:
    vision = import_beside("FITS = True", tmp_path, monkeypatch)
    assert vision.torchvision.FITS
    assert declared == []


def test_both_operators_are_declared_after_the_known_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: list[str]
) -> None:
    text = f"import torch\nif not torch.library.Library.declared:\n    {MISSING}\nFITS = False"
    vision = import_beside(text, tmp_path, monkeypatch)
    assert vision.torchvision.FITS is False
    assert declared == ["nms", "qnms"]


def test_another_failure_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: list[str]
) -> None:
    with pytest.raises(RuntimeError, match="something else"):
        import_beside("raise RuntimeError('something else')", tmp_path, monkeypatch)
    assert declared == []
