"""Devices by name."""

import pytest

from models.device import choose_device
from models.errors import SimilarityError


def test_auto_always_finds_a_device() -> None:
    assert choose_device("auto").type in {"cpu", "cuda"}


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", ""])
def test_a_device_that_is_not_here_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(SimilarityError, match=r"cannot be used: .*; try auto or cpu") as caught:
        choose_device(name)
    assert "\n" not in str(caught.value)
