"""What /api tells about itself is complete, and nothing but /api."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from indexer.settings import Settings
from indexer.study_results import StudyFolder
from models.errors import SimilarityError
from search_ui.api import add_api
from search_ui.api.build import build_router
from search_ui.api.description import add_description, make_described_app
from search_ui.building.builder import Builder
from search_ui.serving.guard import is_needed
from tests.fake_searcher import FakeSearcher, draw_pictures


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> FakeSearcher:
    folder = tmp_path_factory.mktemp("pictures")
    return FakeSearcher(folder, draw_pictures(folder, kinds=1, of_each=2))


@pytest.fixture(scope="module")
def client(searcher: FakeSearcher) -> Iterator[TestClient]:
    builder = Builder.of(searcher, Settings(searcher.folder / "data"))
    app = make_described_app()
    study = StudyFolder(searcher.folder)
    add_api(app, searcher, uploads=searcher.folder, study=study, builder=builder)
    app.include_router(build_router(builder))
    add_description(app, password=False)
    with TestClient(app) as client:
        yield client


@pytest.fixture(scope="module")
def description(client: TestClient) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/api/openapi.json").json()
    return told


@pytest.fixture(scope="module")
def operations(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def test_only_our_endpoints_are_described(operations: dict[str, Any]) -> None:
    assert len(operations) >= 25
    assert [name for name in operations if not name.split()[1].startswith("/api/")] == []


def test_every_endpoint_has_a_summary_and_every_parameter_a_meaning(
    operations: dict[str, Any], description: dict[str, Any]
) -> None:
    tags = {tag["name"] for tag in description["tags"]}
    for name, operation in operations.items():
        assert len(operation["summary"]) > 8, name
        assert "`" not in operation["summary"]
        assert set(operation["tags"]) <= tags, name
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), (name, parameter["name"])


def test_every_answer_has_a_model(operations: dict[str, Any]) -> None:
    for name, operation in operations.items():
        [good] = [answer for code, answer in operation["responses"].items() if code[0] == "2"]
        for kind, told in good["content"].items():
            if kind == "application/json":
                assert "$ref" in told["schema"] or "$ref" in told["schema"]["items"], name
            else:
                assert kind == "image/webp", name


def test_every_refusal_is_one_line(operations: dict[str, Any], description: dict[str, Any]) -> None:
    for name, operation in operations.items():
        refusals = {c: answer for c, answer in operation["responses"].items() if c[0] in "45"}
        for code, answer in refusals.items():
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Refusal"}, (name, code)
        if "{" in name:
            assert "404" in refusals, name
        if operation.get("parameters") or operation.get("requestBody"):
            assert "422" in refusals, name
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_every_described_endpoint_is_let_through(description: dict[str, Any]) -> None:
    for path in description["paths"]:
        filled = path.replace("{id}", "0" * 24) if "/jobs/" in path else path
        assert is_needed(filled.replace("{", "").replace("}", "")), path


def test_addresses_hold_below_any_prefix(description: dict[str, Any]) -> None:
    assert description["servers"] == [{"url": ".."}]


@pytest.mark.parametrize("name", ["", "/swagger-ui-bundle.js", "/swagger-ui.css", "/docs.css"])
def test_the_page_for_people_comes_from_here(client: TestClient, name: str) -> None:
    answer = client.get(f"/api/docs{name}")
    assert answer.status_code == 200
    if name == "":
        assert "//" not in answer.text.replace("<!--", "")
        assert "<script>" not in answer.text


@pytest.mark.parametrize("name", ["page.js", "..", "__init__.py", "main.py"])
def test_it_brings_no_other_file(client: TestClient, name: str) -> None:
    assert client.get(f"/api/docs/{name}").status_code == 404


def test_health_tells_version_and_datasets(client: TestClient) -> None:
    told = client.get("/api/health").json()
    assert (told["ok"], told["datasets"]) == (True, 1)
    assert told["version"]


def test_health_is_503_when_the_indexes_cannot_be_read(
    client: TestClient, searcher: FakeSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise SimilarityError("cannot reach http://10.0.0.1:6333 with the key in /srv/key")

    monkeypatch.setattr(searcher, "datasets", broken)
    answer = client.get("/api/health")
    assert (answer.status_code, answer.json()) == (503, {"detail": "The indexes cannot be read."})
