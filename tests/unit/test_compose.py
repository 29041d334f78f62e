"""docker-compose.yml, Dockerfile and .env.example are consistent with each other and the code."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from indexer import settings
from indexer.cli import make_parser

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
QDRANTS = [name for name, service in SERVICES.items() if "qdrant/qdrant" in service["image"]]
OURS = [name for name in SERVICES if name not in QDRANTS]
CLUSTER = [name for name in QDRANTS if SERVICES[name].get("profiles") == ["cluster"]]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def locked(package: str) -> str:
    lock = (ROOT / "requirements.lock").read_text()
    found = re.search(rf"^{package}==(.+)$", lock, flags=re.MULTILINE)
    assert found, f"{package} is not in requirements.lock"
    return found[1]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# --- the file


def test_the_services_are_there() -> None:
    assert {"qdrant", "search_ui", "indexer"} <= SERVICES.keys()
    assert len(CLUSTER) == 3


def test_a_plain_up_starts_the_server_and_the_page_only() -> None:
    assert {name for name, one in SERVICES.items() if "profiles" not in one} == {
        "qdrant",
        "search_ui",
    }


def test_every_variable_has_a_default_or_a_value_in_the_example() -> None:
    for name, rest in re.findall(r"\$\{(\w+)([^}]*)\}", TEXT):
        assert rest.startswith(":-") or name in EXAMPLE, name


def test_the_example_says_what_is_the_default_and_nothing_that_is_unused() -> None:
    used = dict(re.findall(r"\$\{(\w+)(?::-([^}]*))?", TEXT))
    assert EXAMPLE.keys() <= used.keys()
    defaults = {name: value for name, value in used.items() if value}
    assert {name: EXAMPLE[name] for name in defaults} == defaults


def test_no_secret_is_written_down() -> None:
    assert EXAMPLE["QDRANT_API_KEY"] == "for-loopback-only"
    values = re.findall(r"API_KEY:\s*(.+)", TEXT)
    assert values
    assert all(value.startswith("${QDRANT_API_KEY:?") for value in values)
    assert "API_KEY" not in DOCKERFILE
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/.env" in ignored


# --- the server


@pytest.mark.parametrize("name", QDRANTS)
def test_the_server_s_tag_is_pinned_and_fits_the_client(name: str) -> None:
    tag = re.fullmatch(
        r"qdrant/qdrant:\$\{QDRANT_VERSION:-v(\d+)\.(\d+)\.\d+\}", SERVICES[name]["image"]
    )
    assert tag, SERVICES[name]["image"]
    major, minor = locked("qdrant-client").split(".")[:2]
    assert (int(tag[1]), int(tag[2])) == (int(major), int(minor))


@pytest.mark.parametrize("name", QDRANTS)
def test_the_server_wants_a_key_and_tells_nobody_anything(name: str) -> None:
    environment = SERVICES[name]["environment"]
    assert environment["QDRANT__SERVICE__API_KEY"].startswith("${QDRANT_API_KEY:?")
    assert environment["QDRANT__TELEMETRY_DISABLED"] == "true"


@pytest.mark.parametrize("name", CLUSTER)
def test_the_nodes_of_the_cluster_find_one_another(name: str) -> None:
    assert SERVICES[name]["environment"]["QDRANT__CLUSTER__ENABLED"] == "true"
    command = SERVICES[name]["command"]
    assert command[command.index("--uri") + 1] == f"http://{name}:6335"
    if name != CLUSTER[0]:
        assert command[command.index("--bootstrap") + 1] == f"http://{CLUSTER[0]}:6335"
        assert SERVICES[name]["depends_on"] == {CLUSTER[0]: {"condition": "service_healthy"}}


# --- ports, volumes, health


def test_every_port_is_published_on_loopback_and_once() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) >= 3
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert not any(port.endswith(":6335") for port in ports), "between the nodes only"
    published = [port.rsplit(":", 1)[0] for port in ports]
    assert len(set(published)) == len(published)


def test_every_volume_is_declared_used_and_each_server_s_own() -> None:
    mounts = {
        name: [mount.rsplit(":", 2 if mount.endswith(":ro") else 1)[0] for mount in one["volumes"]]
        for name, one in SERVICES.items()
    }
    named = {volume for used in mounts.values() for volume in used if re.fullmatch(r"\w+", volume)}
    assert named == COMPOSE["volumes"].keys()
    storage = [volume for name in QDRANTS for volume in mounts[name]]
    assert len(set(storage)) == len(storage) == 2 * len(QDRANTS)


def test_what_runs_on_has_a_health_check_and_is_waited_for() -> None:
    for name in [*QDRANTS, "search_ui"]:
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD", name
    for name in OURS:
        assert SERVICES[name]["depends_on"] == {"qdrant": {"condition": "service_healthy"}}


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A stand-in server that answers every GET with ``status``; its port."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert set(asked) <= {"/readyz", "/healthz"}
    assert asked


def run_check(service: str, port: int) -> int:
    """The health check of ``service``, as Docker runs it, against ``port``; its exit code."""
    _, *command = SERVICES[service]["healthcheck"]["test"]
    own = "6333" if service in QDRANTS else "7860"
    command = [word.replace("$$", "$").replace(own, str(port)) for word in command]
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode


@pytest.mark.parametrize("service", ["qdrant", "search_ui"])
@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_the_health_check_tells_ready_from_not(service: str, status: int, healthy: bool) -> None:
    with answering(status) as port:
        assert (run_check(service, port) == 0) is healthy


@pytest.mark.parametrize("service", ["qdrant", "search_ui"])
def test_the_health_check_fails_where_nothing_listens(service: str) -> None:
    with answering(200) as port:
        assert run_check(service, port) == 0
    assert run_check(service, port) != 0


# --- our image


@pytest.mark.parametrize("name", OURS)
def test_every_variable_that_is_set_for_us_is_one_that_settings_read(name: str) -> None:
    known = {value for key, value in vars(settings).items() if key.endswith("_VARIABLE")}
    assert SERVICES[name]["environment"].keys() <= known


def test_the_image_runs_on_the_python_that_the_project_wants_and_not_as_root() -> None:
    version = re.search(r"^ARG PYTHON_VERSION=3\.(\d+)$", DOCKERFILE, flags=re.MULTILINE)
    assert version
    wanted = re.fullmatch(r">=3\.(\d+)", project()["requires-python"])
    assert wanted
    assert int(version[1]) >= int(wanted[1])
    user = re.findall(r"^USER (\d+)$", DOCKERFILE, flags=re.MULTILINE)
    assert user
    assert int(user[-1]) > 0
    assert DOCKERFILE.index("USER") < DOCKERFILE.index("CMD [")


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    copied = re.findall(r"^COPY (\S+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    allowed = {
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert set(copied) == allowed
    assert [path for path in copied if not (ROOT / path).exists()] == []
    packages = re.search(r"^packages = \[(.+)\]$", (ROOT / "pyproject.toml").read_text(), re.M)
    assert packages
    assert set(re.findall(r'"(\w+)"', packages[1])) <= set(copied)


def test_torch_comes_from_the_cpu_index_in_the_versions_of_the_lock() -> None:
    assert "https://download.pytorch.org/whl/cpu" in DOCKERFILE
    pattern = re.search(r"grep -E '([^']+)' requirements.lock", DOCKERFILE)
    assert pattern
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert [line for line in lines if re.match(pattern[1], line)] == [
        f"torch=={locked('torch')}",
        f"torchvision=={locked('torchvision')}",
    ]


# --- many machines


def test_the_kubernetes_jobs_run_commands_that_there_are() -> None:
    fill, finish = yaml.safe_load_all((ROOT / "docs/kubernetes-sync.yaml").read_text())
    workers = fill["spec"]["completions"]
    assert fill["spec"]["completionMode"] == "Indexed"
    for job, index in ((fill, "3"), (finish, None)):
        [container] = job["spec"]["template"]["spec"]["containers"]
        [line] = container["args"]
        words = shlex.split(line.replace("$JOB_COMPLETION_INDEX", "3"))
        assert words[:3] == ["python", "-m", "indexer"]
        given = make_parser().parse_args(words[3:])
        assert (given.worker_index, given.finish) == (
            (int(index), False) if index else (None, True)
        )
        assert given.worker_count == (workers if index else None)
        names = {variable["name"] for variable in container["env"]}
        assert names == {settings.URL_VARIABLE, settings.KEY_VARIABLE}
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounted == {"/images", "/data"}
    assert "IMAGE_SIMILARITY_DATA=/data" in DOCKERFILE
