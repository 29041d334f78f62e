"""Layout of the page and what happens on which event; nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from indexer.search import Searcher
from indexer.types import DatasetInfo, Distance
from models.pooling import STANDARD, Pooling
from search_ui import components, handlers
from search_ui.queries import MAX_K

# One search by image keeps a core busy; more at once would only make all of them late.
SEARCHES_AT_ONCE = 4
UPLOADS_KEPT_SECONDS = 24 * 60 * 60

_BUSY = "(...inputs) => { similarity.busy(true); return inputs; }"
_IDLE = "() => similarity.busy(false)"
_READY = "() => { document.documentElement.dataset.ready = '1'; }"


@dataclass(frozen=True, slots=True)
class View:
    """One of the page's views: the name in its address, ``#/name``, and the title of its tab."""

    name: str
    title: str


VIEWS = (
    View("search", "Search"),
    View("models", "Models"),
    View("study", "Study"),
    View("help", "Help"),
)
"""In the order of their tabs. Each fills the column ``view-<name>`` of the page."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The controls, in the order in which a search takes them."""

    dataset: gr.Dropdown
    k: gr.Slider
    poolings: gr.CheckboxGroup
    distances: gr.CheckboxGroup

    def inputs(self) -> list[gr.components.Component]:
        """All of them."""
        return [self.dataset, self.k, self.poolings, self.distances]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the events bind together."""

    searcher: Searcher
    uploads: Path
    page: gr.Blocks
    query: gr.HTML
    picks: gr.HTML
    settings: Settings
    board: gr.HTML


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
                    query = components.query_image()
                    picks = components.pick_grid()
                    settings = _settings()
                with gr.Column(elem_id="main"):
                    board = components.result_board()
            with gr.Column(elem_id="view-models", elem_classes="view"):
                components.models_page()
            with gr.Column(elem_id="view-study", elem_classes="view"):
                components.study_page()
            with gr.Column(elem_id="view-help", elem_classes="view"):
                components.help_page()
        parts = Parts(searcher, uploads, page, query, picks, settings, board)
        _bind_opening(parts)
        _bind_search(parts)
    return page


def _settings() -> Settings:
    """The controls that re-run the current query."""
    with gr.Column(elem_id="settings"):
        return Settings(
            # Any value passes here and is checked by the handlers: Gradio would forget the
            # choices of pages that are open when the server restarts.
            dataset=gr.Dropdown(
                label="Dataset",
                visible=False,
                allow_custom_value=True,
                elem_id="dataset",
            ),
            k=gr.Slider(1, MAX_K, value=8, step=1, label="Similar images", elem_id="k"),
            # All that there may be, for the same reason; each dataset then shows its own.
            poolings=gr.CheckboxGroup(
                handlers.named_poolings(Pooling),
                value=[str(pooling) for pooling in STANDARD],
                label="Pooling",
                elem_id="poolings",
            ),
            distances=gr.CheckboxGroup(
                handlers.distance_choices(None),
                value=[str(distance) for distance in Distance],
                label="Distance",
                elem_id="distances",
            ),
        )


def _bind_opening(parts: Parts) -> None:
    """Datasets come and go while the server runs, so every page load asks for them."""

    def open_page() -> tuple[Any, ...]:
        opening = handlers.open_page(parts.searcher)
        chosen = opening.info.name if opening.info else None
        dataset = gr.Dropdown(opening.datasets, value=chosen, visible=len(opening.datasets) > 1)
        return dataset, *_groups(opening.info), opening.picks, opening.board

    settings = parts.settings
    parts.page.load(
        open_page,
        outputs=[settings.dataset, settings.poolings, settings.distances, parts.picks, parts.board],
        show_progress="hidden",
        api_visibility="private",
    ).then(None, js=_READY, api_visibility="private")


def _bind_search(parts: Parts) -> None:
    """Everything that leads to a search sends the whole question.

    So while one search runs, only the latest of those that wait matters.
    """

    def search(
        payload: object, dataset: object, k: object, poolings: object, distances: object
    ) -> handlers.View:
        return handlers.search(
            parts.searcher,
            payload=payload,
            uploads=parts.uploads,
            dataset=dataset,
            k=k,
            poolings=poolings,
            distances=distances,
        )

    def choose_dataset(name: object) -> tuple[Any, ...]:
        info, picks = handlers.choose_dataset(parts.searcher, name)
        return *_groups(info), picks

    settings = parts.settings
    inputs = [parts.query, *settings.inputs()]
    gr.on(
        [parts.query.submit, settings.k.change, settings.poolings.input, settings.distances.input],
        search,
        inputs=inputs,
        outputs=parts.board,
        js=_BUSY,
        trigger_mode="always_last",
        concurrency_limit=SEARCHES_AT_ONCE,
        concurrency_id="search",
        show_progress="hidden",
        api_visibility="private",
    ).then(None, js=_IDLE, api_visibility="private")
    # The new dataset may have other poolings and distances: its own come first, then the search.
    settings.dataset.input(
        choose_dataset,
        inputs=settings.dataset,
        outputs=[settings.poolings, settings.distances, parts.picks],
        show_progress="hidden",
        api_visibility="private",
    ).then(
        search,
        inputs=inputs,
        outputs=parts.board,
        concurrency_id="search",
        show_progress="hidden",
        api_visibility="private",
    )


def _groups(info: DatasetInfo | None) -> tuple[gr.CheckboxGroup, gr.CheckboxGroup]:
    """Poolings and distances of the dataset, all of them chosen."""
    return _all_of(handlers.pooling_choices(info)), _all_of(handlers.distance_choices(info))


def _all_of(choices: list[tuple[str, str]]) -> gr.CheckboxGroup:
    return gr.CheckboxGroup(choices=choices, value=[value for _, value in choices])
