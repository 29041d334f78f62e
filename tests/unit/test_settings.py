from pathlib import Path

import pytest

from indexer.errors import InvalidRequestError
from indexer.settings import Settings


def test_a_flag_goes_before_the_environment_and_that_before_the_default() -> None:
    environment = {
        "IMAGE_SIMILARITY_DATA": "/srv/data",
        "IMAGE_SIMILARITY_HOST": "0.0.0.0",
        "IMAGE_SIMILARITY_PORT": "8000",
    }
    assert Settings.resolve(environment={}) == Settings(Path("data"), "127.0.0.1", 7860)
    assert Settings.resolve(environment=environment) == Settings(Path("/srv/data"), "0.0.0.0", 8000)
    assert Settings.resolve(
        data_dir=Path("mine"), host="::1", port=0, environment=environment
    ) == Settings(Path("mine"), "::1", 0)


def test_an_empty_variable_counts_as_none() -> None:
    environment = {"IMAGE_SIMILARITY_DATA": "", "IMAGE_SIMILARITY_PORT": ""}
    assert Settings.resolve(environment=environment) == Settings()


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "80.5"])
def test_a_port_that_is_none_is_refused_by_its_variable(port: str) -> None:
    with pytest.raises(InvalidRequestError, match="IMAGE_SIMILARITY_PORT"):
        Settings.resolve(environment={"IMAGE_SIMILARITY_PORT": port})
