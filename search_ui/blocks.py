"""Layout of the page; nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from indexer.search import Searcher
from search_ui import components
from search_ui.client_api import add_client_api

MAX_WAITING = 64
# For every session, which each visit begins, Gradio keeps the page's layout: some 100 kB, of up to
# 10,000 of them. This page keeps its state in the address.
SESSIONS_KEPT = 100
UPLOADS_KEPT_SECONDS = 24 * 60 * 60

_READY = "() => similarity.opened()"


@dataclass(frozen=True, slots=True)
class View:
    """One of the page's views: the name in its address, ``#/name``, and the title of its tab."""

    name: str
    title: str


VIEWS = (
    View("search", "Search"),
    View("browse", "Browse"),
    View("groups", "Groups"),
    View("build", "Build"),
    View("models", "Models"),
    View("study", "Study"),
    View("help", "Help"),
)
"""In the order of their tabs. Each fills the column ``view-<name>`` of the page."""


def build_page(searcher: Searcher, uploads: Path) -> gr.Blocks:
    """The page; ``uploads`` is the folder that Gradio keeps uploaded files in."""
    page: gr.Blocks = gr.Blocks(
        title="Image similarity",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(60 * 60, UPLOADS_KEPT_SECONDS),
    )
    with page:
        with gr.Column(elem_id="page"):
            components.header()
            with gr.Row(elem_id="view-search"):
                with gr.Column(elem_id="side"):
                    components.query_image()
                    components.pick_grid()
                    components.search_settings()
                with gr.Column(elem_id="main"):
                    components.result_board()
            with gr.Column(elem_id="view-browse", elem_classes="view"):
                components.browse()
            with gr.Column(elem_id="view-groups", elem_classes="view"):
                components.groups()
            with gr.Column(elem_id="view-build", elem_classes="view"):
                components.build()
            with gr.Column(elem_id="view-models", elem_classes="view"):
                components.models_page()
            with gr.Column(elem_id="view-study", elem_classes="view"):
                components.study_page()
            with gr.Column(elem_id="view-help", elem_classes="view"):
                components.help_page()
        page.load(None, js=_READY, api_visibility="private")
        add_client_api(searcher, uploads)
    # The public endpoints wait in the queue; nobody gets past it.
    page.queue(max_size=MAX_WAITING, api_open=False)
    page.state_session_capacity = SESSIONS_KEPT
    return page
