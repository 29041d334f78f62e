"""Every file of tests/odd_images.py comes out as that list, and docs/images.md, says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import features

from indexer.reading import read_image
from models.checkpoint import DEFAULT_CHECKPOINT
from models.encoder import Encoder
from models.errors import UnreadableImageError
from models.images import open_image
from models.pooling import Pooling
from tests.image_files import turned, with_orientation
from tests.odd_images import CASES, OddImage, tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "images.md"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_kind_of_file_comes_out_as_documented(case: OddImage, tmp_path: Path) -> None:
    if "AVIF" in case.name and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    file = tmp_path / f"image{case.suffix}"
    file.write_bytes(case.make())
    if isinstance(case.expected, str):
        with pytest.raises(UnreadableImageError) as caught:
            open_image(file)
        assert caught.value.reason == case.expected
    else:
        opened = open_image(file)
        assert opened.image.mode == "RGB"
        assert (opened.width, opened.height) == opened.image.size
        case.expected.check(opened.image)


def test_the_documented_table_is_this_list() -> None:
    assert tables() in PAGE.read_text(encoding="utf-8"), "run: python scripts/image_table.py"


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({str(case) for case in CASES}) == len(CASES)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(DEFAULT_CHECKPOINT)


@pytest.mark.parametrize(("format", "least"), [("PNG", 1.0), ("TIFF", 1.0), ("JPEG", 0.98)])
def test_the_eight_orientations_of_a_picture_give_one_vector(
    encoder: Encoder, format: str, least: float
) -> None:
    vectors = []
    for orientation in range(1, 9):
        opened = read_image(with_orientation(orientation, format)(), encoder.preprocess)
        pixels = encoder.preprocess.pixels(opened.image)
        vectors.append(encoder.vectors(pixels[None], [Pooling.FLATTEN])[Pooling.FLATTEN][0])
    unit = np.stack(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert (unit @ unit.T).min() >= least - 1e-6
    sideways = encoder.preprocess.pixels(turned(6))
    other = encoder.vectors(sideways[None], [Pooling.FLATTEN])[Pooling.FLATTEN][0]
    assert unit[0] @ other / np.linalg.norm(other) < 0.9, "the encoder would not notice"
