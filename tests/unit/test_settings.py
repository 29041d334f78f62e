import os
import re
from pathlib import Path

import pytest

from indexer.errors import InvalidRequestError
from indexer.settings import Credentials, Rates, Serving, Settings
from search_ui import __main__ as page


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
    environment = dict.fromkeys(
        ("IMAGE_SIMILARITY_DATA", "IMAGE_SIMILARITY_PORT", "IMAGE_SIMILARITY_STUDY"), ""
    )
    assert Settings.resolve(environment=environment) == Settings()


def test_the_studys_results_lie_where_the_environment_says() -> None:
    environment = {"IMAGE_SIMILARITY_STUDY": "/srv/study"}
    assert Settings.resolve(environment=environment).study_dir == Path("/srv/study")
    assert Settings.resolve(environment={}).study_dir == Path("docs/results/study")


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "80.5"])
def test_a_port_that_is_none_is_refused_by_its_variable(port: str) -> None:
    with pytest.raises(InvalidRequestError, match="IMAGE_SIMILARITY_PORT"):
        Settings.resolve(environment={"IMAGE_SIMILARITY_PORT": port})


# --- building from the page


def test_folders_come_from_flags_or_from_a_list_of_paths(tmp_path: Path) -> None:
    environment = {"IMAGE_FOLDERS": f"{tmp_path}{os.pathsep}{os.pathsep}relative"}
    found = Settings.resolve(environment=environment).image_folders
    assert found == (tmp_path, Path.cwd() / "relative")
    flags = Settings.resolve(image_folders=[Path("/srv")], environment=environment)
    assert flags.image_folders == (Path("/srv"),)
    assert Settings.resolve(environment={}).image_folders == ()


def test_building_is_allowed_unless_switched_off() -> None:
    assert Settings.resolve(environment={}).allow_build
    off = {"IMAGE_SIMILARITY_BUILD": "0"}
    assert not Settings.resolve(environment=off).allow_build
    assert not Settings.resolve(allow_build=False, environment={}).allow_build
    with pytest.raises(InvalidRequestError, match="IMAGE_SIMILARITY_BUILD"):
        Settings.resolve(environment={"IMAGE_SIMILARITY_BUILD": "no"})


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5"])
def test_a_largest_archive_that_is_no_number_is_refused(number: str) -> None:
    variable = "IMAGE_SIMILARITY_MAX_ARCHIVE_MB"
    assert Settings.resolve(environment={variable: "7"}).max_archive_mb == 7
    assert Settings.resolve(max_archive_mb=8, environment={variable: "7"}).max_archive_mb == 8
    with pytest.raises(InvalidRequestError, match=variable):
        Settings.resolve(environment={variable: number})
    with pytest.raises(InvalidRequestError, match="--max-archive-mb"):
        Settings.resolve(max_archive_mb=0, environment={})


def test_the_flags_of_the_page_reach_its_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    served: list[Settings] = []
    monkeypatch.setattr(page, "serve", lambda settings, _: served.append(settings))
    words = ["--port", "0", "--no-build", "--max-archive-mb", "9", "--image-folder", str(tmp_path)]
    assert page.main(words) == 0
    assert page.main(["--port", "0"]) == 0
    assert [(s.allow_build, s.max_archive_mb, s.image_folders) for s in served] == [
        (False, 9, (tmp_path,)),
        (True, 2000, ()),
    ]


# --- the server


def test_the_index_is_embedded_unless_a_server_is_named() -> None:
    environment = {"QDRANT_URL": "http://localhost:6333/", "QDRANT_API_KEY": "secret"}
    assert Settings.resolve(environment={}).qdrant_url is None
    assert Settings.resolve(environment={"QDRANT_URL": ""}).qdrant_url is None
    settings = Settings.resolve(environment=environment)
    assert (settings.qdrant_url, settings.qdrant_api_key) == ("http://localhost:6333", "secret")
    named = Settings.resolve(qdrant_url="https://q.example", environment=environment)
    assert named.qdrant_url == "https://q.example"


def test_the_key_is_not_shown() -> None:
    settings = Settings.resolve(environment={"QDRANT_API_KEY": "a-secret-key"})
    assert "a-secret-key" not in repr(settings)


@pytest.mark.parametrize("url", ["localhost:6333", "ftp://host", "http://", "6333"])
def test_a_url_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"http://127\.0\.0\.1:6333"):
        Settings.resolve(environment={"QDRANT_URL": url})


def test_a_password_in_the_url_is_refused_without_repeating_it() -> None:
    with pytest.raises(InvalidRequestError, match="QDRANT_API_KEY") as refused:
        Settings.resolve(qdrant_url="http://me:hunter2@host:6333", environment={})
    assert "hunter2" not in str(refused.value)


# --- how the page is offered


def test_how_the_page_is_offered_comes_from_flags_or_the_environment() -> None:
    environment = {
        "IMAGE_SIMILARITY_ROOT_PATH": "/images/",
        "IMAGE_SIMILARITY_ALLOWED_HOSTS": "Pictures.example, [::1],",
        "IMAGE_SIMILARITY_TRUSTED_PROXIES": "10.0.0.0/8,192.168.1.1",
        "IMAGE_SIMILARITY_SEARCHES_PER_MINUTE": "7",
        "IMAGE_SIMILARITY_JOBS_PER_HOUR": "0",
        "IMAGE_SIMILARITY_WRONG_PASSWORDS_PER_MINUTE": "3",
    }
    serving = Settings.resolve(environment=environment).serving
    assert serving.root_path == "/images"
    assert serving.allowed_hosts == ("pictures.example", "[::1]")
    assert serving.trusted_proxies == ("10.0.0.0/8", "192.168.1.1/32")
    assert serving.rates == Rates(
        searches_per_minute=7, jobs_per_hour=0, wrong_passwords_per_minute=3
    )
    flags = Settings.resolve(
        root_path="/a/b",
        allowed_hosts=["x.example"],
        trusted_proxies=["::1"],
        environment=environment,
    ).serving
    assert (flags.root_path, flags.allowed_hosts) == ("/a/b", ("x.example",))
    assert flags.trusted_proxies == ("::1/128",)
    assert Settings.resolve(environment={}).serving == Serving()


@pytest.mark.parametrize("path", ["images", "/a/../b", "//evil.example", "/a b", "/a?b", "/."])
def test_a_path_that_is_none_at_a_proxy_is_refused(path: str) -> None:
    with pytest.raises(InvalidRequestError, match="--root-path"):
        Settings.resolve(root_path=path, environment={})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALLOWED_HOSTS", "http://pictures.example"),
        ("ALLOWED_HOSTS", "pictures.example:80"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "proxy"),
        ("UPLOADS_PER_MINUTE", "-1"),
        ("UPLOADS_PER_MINUTE", "many"),
    ],
)
def test_a_value_that_would_let_in_something_else_is_refused(variable: str, value: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(value)):
        Settings.resolve(environment={f"IMAGE_SIMILARITY_{variable}": value})


def test_a_password_takes_both_variables_and_is_not_shown() -> None:
    both = {"IMAGE_SIMILARITY_USER": "ann", "IMAGE_SIMILARITY_PASSWORD": "hunter2"}
    settings = Settings.resolve(environment=both)
    assert settings.serving.credentials == Credentials("ann", "hunter2")
    assert "hunter2" not in repr(settings)
    for missing in both:
        half = {name: value for name, value in both.items() if name != missing}
        with pytest.raises(InvalidRequestError, match=f"{missing} is not set") as refused:
            Settings.resolve(environment=half)
        assert "hunter2" not in str(refused.value)
    with pytest.raises(InvalidRequestError, match="is not set"):
        Settings.resolve(need_password=True, environment={})
    with pytest.raises(InvalidRequestError, match="colon"):
        Settings.resolve(environment={**both, "IMAGE_SIMILARITY_USER": "a:b"})
