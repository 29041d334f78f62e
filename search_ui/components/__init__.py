"""Own components of the page: a value from Python, drawn by a script that lies beside this file.

Gradio's templates put a value into a JavaScript template literal and evaluate it, so that a label
such as ``${...}`` would run. Here every template is constant, and the scripts write text as text
nodes only.

They are functions, not subclasses of ``gr.HTML``: for every subclass of a component Gradio writes
an interface file beside its source when it is imported.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr

from models.formats import READ_FORMATS
from search_ui.handlers import DISTANCE_NAMES, POOLING_NAMES
from search_ui.queries import DEFAULT_K, MAX_K


def package_text(name: str) -> str:
    """A text file of this package, such as "static/page.css"."""
    return files("search_ui").joinpath(name).read_text(encoding="utf-8")


def header() -> gr.HTML:
    """The page's name, its views, the dataset, and the switches for theme and settings."""
    return _scripted("header", template=package_text("components/header.html"))


def query_image() -> gr.HTML:
    """The current query: drop, paste or choose a picture, which Gradio takes in.

    The preview is drawn from the visitor's own file, or comes with the answer where a browser
    cannot show that, so nothing that was uploaded is ever served.
    """
    return _scripted("query_image")


def pick_grid() -> gr.HTML:
    """Images of the dataset to start from."""
    return _scripted("pick_grid")


def search_settings() -> gr.HTML:
    """What is compared and which images may be found; every change asks again."""
    return _scripted(
        "search_settings",
        value={
            "poolings": [{"value": str(one), "text": name} for one, name in POOLING_NAMES.items()],
            "distances": [
                {"value": str(one), "text": name} for one, name in DISTANCE_NAMES.items()
            ],
            "formats": READ_FORMATS,
            "hits": {"most": MAX_K, "start": DEFAULT_K},
        },
    )


def result_board() -> gr.HTML:
    """The query and its rows of hits, or what stands there instead.

    Shows the boards of :mod:`search_ui.handlers`; a click on a hit asks for it.
    """
    return _scripted("result_board")


def browse() -> gr.HTML:
    """The dataset in pages, and its files that could not be read."""
    return _scripted("browse")


def groups() -> gr.HTML:
    """Groups of images that look alike, and sets of near-identical ones."""
    return _scripted("groups")


def build() -> gr.HTML:
    """Builds datasets: a form, the build that runs, the latest ones."""
    return _scripted("build")


def models_page() -> gr.HTML:
    """The architectures, drawn from their layers, and the checkpoints that are in use."""
    return _scripted("models")


def study_page() -> gr.HTML:
    """What repeating the study measured, to filter, sort and compare."""
    return _scripted("study")


def help_page() -> gr.HTML:
    """What this is, how to choose, and how to do the same elsewhere."""
    return _scripted("help", template=package_text("components/help.html"))


def _scripted(
    name: str, *, template: str = "<div class='drawn'></div>", value: dict[str, Any] | None = None
) -> gr.HTML:
    return gr.HTML(
        value=value,
        html_template=template,
        js_on_load=package_text(f"components/{name}.js"),
        apply_default_css=False,
        elem_id=name.replace("_", "-"),
    )
