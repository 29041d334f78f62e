"""The commands on a server, over gRPC, and the data folder that serves both kinds of store."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer.cli import main
from scripts import evaluate
from tests.back_ends import NO_EFFECT_IN_MEMORY
from tests.fake_encoder import FakeEncoder, make_checkpoint
from tests.qdrant_stand_in import StandIn, stand_in

pytestmark = [pytest.mark.filterwarnings(text) for text in NO_EFFECT_IN_MEMORY]
KEY = "s3cret-key-of-tests"
Run = Callable[..., str]


@pytest.fixture(autouse=True)
def fake_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.encoder.Encoder", FakeEncoder)


@pytest.fixture
def checkpoints(tmp_path: Path) -> tuple[Path, Path]:
    return (
        make_checkpoint(tmp_path / "first", "first"),
        make_checkpoint(tmp_path / "second", "second"),
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    with stand_in(key=KEY, with_grpc=True) as server:
        yield server


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; returns its stdout, or its stderr where it is to fail."""

    def run(*arguments: object, code: int = 0) -> str:
        assert main([*map(str, arguments), "--data-dir", str(data)]) == code
        out, err = capsys.readouterr()
        assert KEY not in out + err
        return err if code else out

    return run


def kept(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "checkpoints").iterdir())


def test_every_command_works_on_a_server(
    server: StandIn, run: Run, photos: Path, checkpoints: tuple[Path, Path], data: Path
) -> None:
    place = ("--qdrant-url", server.url)
    report = json.loads(run("sync", photos, "--checkpoint", checkpoints[0], "--json", *place))
    assert (report["added"], report["failed"]) == (12, [])
    assert not any((data / "collections").iterdir())
    report = json.loads(run("sync", photos, "--json", *place))
    assert (report["added"], report["unchanged"]) == (0, 12)
    [listed] = json.loads(run("list", "--json", *place))
    assert (listed["name"], listed["images"], listed["engine"]) == ("photos", 12, "qdrant 1.20.0")
    assert "12 images\n" in run("status", "photos", *place)
    picture = sorted(photos.rglob("*.png"))[0]
    found = json.loads(run("search", picture, "--dataset", "photos", "--json", *place))
    assert found["hits"][0]["path"] == f"cold/{picture.name}"
    assert json.loads(run("list", "--json")) == []
    assert "FAILED" not in run("verify", "photos", *place)
    run("group", "photos", *place)
    assert json.loads(run("failures", "photos", "--json", *place))["failures"] == []
    run("drop", "photos", *place)
    assert json.loads(run("list", "--json", *place)) == []
    assert kept(data) == []


def test_the_variable_does_what_the_flag_does(  # noqa: PLR0917 - fixtures
    server: StandIn,
    run: Run,
    photos: Path,
    checkpoints: tuple[Path, Path],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QDRANT_URL", server.url)
    run("sync", photos, "--checkpoint", checkpoints[0])
    assert evaluate.main(["photos", "--self", "--data-dir", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["queries"] == 12
    monkeypatch.delenv("QDRANT_URL")
    assert "no index of dataset 'photos' in" in run("status", "photos", code=1)


def test_migrate_copies_to_the_server_and_back(
    server: StandIn, run: Run, photos: Path, checkpoints: tuple[Path, Path], data: Path
) -> None:
    run("sync", photos, "--checkpoint", checkpoints[0])
    report = json.loads(run("migrate", "photos", "--to", server.url, "--json"))
    assert (report["images"], report["copied"]) == (12, 12)
    unchanged = json.loads(run("sync", photos, "--json", "--qdrant-url", server.url))
    assert unchanged["unchanged"] == 12
    run("drop", "photos")
    assert kept(data) != []
    out = run("migrate", "photos", "--from", server.url, "--to", "embedded")
    assert re.search(r"copied +12\n", out)
    assert json.loads(run("sync", photos, "--json"))["unchanged"] == 12


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("migrate", "photos", "--to", "embedded"), "embedded already"),
        (("migrate", "photos", "--to", "nowhere"), "not a server's URL"),
        (
            ("migrate", "x", "--to", "http://a:6333", "--from", "http://b:6333"),
            "QDRANT_API_KEY is the key of one server",
        ),
        (("sync", "x", "--shards", "3"), "name the server"),
        (("migrate", "x", "--from", "http://a:6333", "--to", "embedded", "--on-disk"), "name the"),
        (("list", "--qdrant-url", "127.0.0.1"), "not a server's URL"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    run: Run, arguments: tuple[str, ...], reason: str
) -> None:
    text = run(*arguments, code=1)
    assert reason in text
    assert text.count("\n") == 1


def test_no_store_takes_away_the_checkpoint_of_another(
    server: StandIn, run: Run, photos: Path, checkpoints: tuple[Path, Path], data: Path
) -> None:
    place = ("--qdrant-url", server.url)
    run("sync", photos, "--checkpoint", checkpoints[0])
    run("sync", photos, "--checkpoint", checkpoints[1], *place)
    both = kept(data)
    assert len(both) == 2
    run("sync", photos)
    run("sync", photos, *place)
    assert kept(data) == both
    picture = sorted(photos.rglob("*.png"))[0]
    for there in ((), place):
        run("search", picture, "--dataset", "photos", *there)
    run("drop", "photos", *place)
    assert len(kept(data)) == 1
    run("search", picture, "--dataset", "photos")


def test_a_damaged_pointer_keeps_every_checkpoint(
    server: StandIn, run: Run, photos: Path, checkpoints: tuple[Path, Path], data: Path
) -> None:
    run("sync", photos, "--checkpoint", checkpoints[0])
    (data / "indexes" / "photos.json").write_text("{")
    run("sync", photos, "--checkpoint", checkpoints[1], "--qdrant-url", server.url)
    assert len(kept(data)) == 2
