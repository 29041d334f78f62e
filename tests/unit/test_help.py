"""The page's help is true: its figures are the measured ones, and its commands exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from scripts.studies.help_figures import with_figures
from search_ui.components import package_text

ROOT = Path(__file__).resolve().parents[2]
HELP = package_text("components/help.html")
COMMANDS = re.findall(r"<code>(python [^<]+)</code>", HELP)
ROWS = [
    re.findall(r">([\w.,-]+)</t[hd]>", row)
    for row in re.findall(r"<tr><th scope=\"row\">\w.*?</tr>", HELP, flags=re.DOTALL)
    if "kbd" not in row
]
MEASURED = {
    "flatten": ("as it is", "flatten"),
    "maxpool": ("as it is", "maxpool"),
    "random weights": ("random weights, kaiming start", "flatten"),
    "colours only": ("colour layout + histogram", "-"),
    "raw pixels": ("raw pixels", "-"),
}
"""Columns of the table after the set and its images, in their order."""


def precision(content: Mapping[str, Any], variant: str, pooling: str) -> float:
    return mean(
        row["precision_at_k"]
        for row in content["rows"]
        if (row["variant"], row["pooling"], row["distance"]) == (variant, pooling, "cosine")
    )


def measured(dataset: str) -> Mapping[str, Any]:
    content: Mapping[str, Any] = json.loads(
        (ROOT / f"docs/results/embedding-{dataset}.json").read_text()
    )
    return content


def test_there_are_figures_and_commands_to_check() -> None:
    assert len(ROWS) == 5
    assert len(COMMANDS) >= 4
    head = re.findall(r"<th scope=\"col\">([^<]+)</th>", HELP)
    assert head == ["set", "images", *MEASURED]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_figures_are_those_that_were_measured(row: list[str]) -> None:
    content = measured(row[0])
    figures = [f"{precision(content, *way):.3f}" for way in MEASURED.values()]
    assert row[1:] == [f"{content['images']:,}", *figures]


def test_the_script_that_measures_writes_the_figures_of_the_help() -> None:
    contents = [measured(row[0]) for row in ROWS]
    assert with_figures(HELP, contents) == HELP
    other = re.sub(r"<td>0\.\d{3}</td>", "<td>0.999</td>", HELP)
    assert other != HELP
    assert with_figures(other, contents) == HELP


def test_what_maxpool_gives_up_is_what_was_measured() -> None:
    lost = [float(row[2]) - float(row[3]) for row in ROWS]
    assert f"gives up {min(lost):.3f} to {max(lost):.3f} of" in HELP


def as_it_is(dataset: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Mean precision@8 of model7's pairs and half its interval."""
    rows = [each for each in measured(dataset)["rows"] if each["variant"] == "as it is"]
    return {
        pair: (
            mean(row["precision_at_k"] for row in rows if pair_of(row) == pair),
            mean(row["precision_at_k_interval"] for row in rows if pair_of(row) == pair),
        )
        for pair in {pair_of(row) for row in rows}
    }


def pair_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["pooling"], row["distance"]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_no_pair_was_better_than_the_advised_one_by_more_than_its_interval(row: list[str]) -> None:
    pairs = as_it_is(row[0])
    value, half = pairs["flatten", "cosine"]
    for (pooling, _), (found, _) in pairs.items():
        assert found <= value + half or pooling == "whitened"


def test_whitened_vectors_were_better_and_worse_where_the_help_says_so() -> None:
    said = re.search(
        r"it ranked (\w+) better, and\s+([\w, ]+) worse, (\w+) by far; (\w+) was", HELP
    )
    assert said
    gained = {}
    for name in [row[0] for row in ROWS if row[0] != "cifar10-test"]:
        pairs = as_it_is(name)
        value, half = pairs["flatten", "cosine"]
        gained[name] = (pairs["whitened", "cosine"][0] - value) / half
    assert [name for name, by in gained.items() if by > 1] == [said[1]]
    worse = [name for name, by in gained.items() if by < -1]
    assert sorted(worse) == sorted(said[2].replace(",", "").replace(" and", "").split())
    assert min(gained, key=gained.__getitem__) == said[3]
    assert ("whitened", "cosine") not in as_it_is("cifar10-test")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_exists(command: str) -> None:
    words = shlex.split(command)[1:]
    start = words[: 3 if words[1] == "indexer" else 2] if words[0] == "-m" else words[:1]
    done = subprocess.run(
        [sys.executable, *start, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    known = set(re.findall(r"(?<![\w-])--?\w[\w-]*", done.stdout))
    options = {word for word in words if word.startswith("-")} - {"-m"}
    assert options - known == set()
