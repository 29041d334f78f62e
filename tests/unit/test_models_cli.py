"""python -m models list."""

import json
import subprocess
import sys

import pytest

from models.cli import main
from models.registry import list_models


def test_list_names_every_architecture_with_its_figures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list_models()
    assert "(512, 7, 7)       3,910,784    1,738,435    6.65" in lines[3]
    assert err.startswith("also: torchvision:NAME,")


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    model6 = next(row for row in rows if row["arch"] == "model6")
    assert model6["latent"] == [1024, 2, 2]
    assert (model6["encoder_parameters"], model6["decoder_parameters"]) == (8_630_400, 8_629_379)


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_the_models_command_imports_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom models.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('torch', 'torchvision', 'numpy', 'gradio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_reader_that_had_enough_is_no_error(arguments: list[str]) -> None:
    code = (
        "import os, sys\nreading, writing = os.pipe()\nos.close(reading)\n"
        "os.dup2(writing, 1)\nfrom models.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
