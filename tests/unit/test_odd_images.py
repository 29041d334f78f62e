"""Every file of tests/odd_images.py comes out as that list, and docs/images.md, says."""

from pathlib import Path

import pytest
from PIL import features

from models.errors import UnreadableImageError
from models.images import open_image
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
