"""The README is true: its commands exist, and every dependency has its reason."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^python (.+)$", README, flags=re.MULTILINE)


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_of_the_readme_exists(command: str) -> None:
    words = shlex.split(command)
    start = words[: 3 if words[1] == "indexer" else 2] if words[0] == "-m" else words[:1]
    done = subprocess.run(
        [sys.executable, *start, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    options = [word for word in words[len(start) :] if word.startswith("-")]
    assert [option for option in options if option not in done.stdout] == []


def test_every_command_of_the_index_has_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "indexer", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = re.findall(r"^    ([a-z]+)\b", done.stdout, flags=re.MULTILINE)
    table = README[README.index("| `python -m indexer ...`") : README.index("`evaluate.py` judges")]
    assert len(commands) >= 12
    assert [name for name in commands if f"`{name}" not in table] == []


def test_the_two_commands_are_make_targets() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {"demo", "test", "lint", "fix", "bench"} <= set(targets)


def test_every_dependency_has_a_line_on_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = [re.split(r"[=<>\[]", requirement)[0] for requirement in required]
    table = README[README.index("| dependency | why |") :]
    assert [name for name in names if name not in table and not name.startswith("types-")] == []


def test_pictures_and_pages_that_the_readme_links_are_there() -> None:
    links = re.findall(r"\]\((docs/[^)]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
