"""The lock files hold for every Python that the project allows, also after `make lock`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def locked(name: str) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_locked_can_be_installed_by_every_python(name: str) -> None:
    allowed = {
        canonicalize_name(found.metadata["Name"]): found.metadata["Requires-Python"]
        for found in distributions()
    }
    assert "backports-zstd" in {each.name for each in locked(name)}
    for each in locked(name):
        for python in PYTHONS:
            if each.marker is None or each.marker.evaluate({"python_version": python}):
                # Of the newest patch: packages may refuse an early one, and users have a late one.
                wanted = SpecifierSet(allowed.get(each.name) or "")
                assert wanted.contains(f"{python}.99"), f"{each} on Python {python}"


def test_nothing_is_locked_to_one_machine_s_build() -> None:
    for name in LOCKS:
        assert [each for each in locked(name) if "+" in str(each.specifier)] == []


COMPILER = """#!/bin/sh
# Writes what pip-compile would: without markers, with this machine's build of torch.
while [ $# -gt 0 ]; do
  if [ "$1" = --output-file ]; then out=$2; fi
  shift
done
printf '%s\\n' backports-zstd==1.9.1 numpy==2.4.6 torch==2.13.0+cpu > "$out"
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_lock_makes_them_of_every_machine(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    program = tmp_path / ".venv" / "bin" / "pip-compile"
    program.parent.mkdir(parents=True)
    program.write_text(COMPILER)
    program.chmod(0o755)
    for name in ("pyproject.toml", *LOCKS, ".venv/.runtime", ".venv/.dev"):
        (tmp_path / name).touch()
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "lock"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in LOCKS:
        assert (tmp_path / name).read_text().splitlines() == [
            'backports-zstd==1.9.1 ; python_version < "3.14"',
            "numpy==2.4.6",
            "torch==2.13.0",
        ]
    # A second time what is marked already is not marked again.
    sed = re.search(r"^PORTABLE := (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert sed
    subprocess.run(f"{sed[1].replace('$$', '$')} {LOCKS[0]}", shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / LOCKS[0]).read_text() == (tmp_path / LOCKS[1]).read_text()
