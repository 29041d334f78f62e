import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.demo_images import KINDS, draw, generate
from models.images import open_image

ROOT = Path(__file__).parents[2]


def digest(image: Image.Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_the_same_every_time(kind: str) -> None:
    assert digest(draw(kind, 3, size=64)) == digest(draw(kind, 3, size=64))


@pytest.mark.parametrize(
    ("kind", "mean"), [("balloon", (165.4, 166.7, 193.9)), ("shell", (106.0, 123.3, 95.2))]
)
def test_pictures_are_those_of_version_1(kind: str, mean: tuple[float, float, float]) -> None:
    """Roughly, for another processor may round a few pixels otherwise."""
    pixels = np.asarray(draw(kind, 0, size=64))
    assert pixels.mean(axis=(0, 1)).tolist() == pytest.approx(mean, abs=0.5)


def test_pictures_differ_by_number_seed_and_kind() -> None:
    pictures = [draw(kind, 0, size=48) for kind in KINDS]
    pictures += [draw("fish", 1, size=48), draw("fish", 0, size=48, seed=1)]
    assert len({digest(picture) for picture in pictures}) == len(KINDS) + 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_rgb_of_the_asked_size_and_not_plain(kind: str) -> None:
    picture = draw(kind, 7, size=50)
    assert (picture.mode, picture.size) == ("RGB", (50, 50))
    assert np.asarray(picture, dtype=np.float64).std() > 8


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        draw("dragon", 0)


def test_generate_writes_labelled_jpegs_and_the_same_again(tmp_path: Path) -> None:
    generate(tmp_path / "one", per_kind=2, size=32, progress=False)
    generate(tmp_path / "two", per_kind=2, size=32, progress=False)
    files = sorted((tmp_path / "one").rglob("*.jpg"))
    assert [file.name for file in files] == [
        f"{k}-00{i}.jpg" for k in sorted(KINDS) for i in (0, 1)
    ]
    assert all(file.parent.name == file.name.partition("-")[0] for file in files)
    for file in files:
        twin = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert digest(open_image(file).image) == digest(open_image(twin).image)


def same_label_among_nearest(features: np.ndarray, labels: np.ndarray, count: int) -> float:
    """Precision of the nearest neighbours (L1), the picture itself left out."""
    distance = np.abs(features[:, None] - features[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :count]
    return float((labels[nearest] == labels[:, None]).mean())


def test_colour_alone_does_not_tell_the_kinds_apart() -> None:
    per_kind = 12
    pictures = np.stack(
        [np.asarray(draw(kind, index, size=48)) for kind in KINDS for index in range(per_kind)]
    )
    labels = np.repeat(np.arange(len(KINDS)), per_kind)
    bins = (pictures // 64) @ np.array([16, 4, 1])
    histograms = np.stack([np.bincount(one.ravel(), minlength=64) for one in bins]) / bins[0].size
    assert same_label_among_nearest(histograms, labels, 5) < 0.45


def test_the_script_writes_where_it_is_told(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "make_demo_images.py"
    command = [
        sys.executable,
        str(script),
        str(tmp_path / "out"),
        "--per-kind",
        "1",
        "--size",
        "32",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == ""
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == len(KINDS)
