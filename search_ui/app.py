"""The web application: the page, the pictures, and a health check, behind the guard."""

from __future__ import annotations

import json
from dataclasses import asdict

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from indexer.search import Searcher
from indexer.settings import Settings
from indexer.study_results import StudyFolder
from search_ui.api import add_api
from search_ui.api.build import build_router
from search_ui.api.description import add_description, make_described_app
from search_ui.blocks import VIEWS, build_page
from search_ui.building.builder import Builder
from search_ui.components import package_text
from search_ui.environment import upload_folder
from search_ui.media import media_router
from search_ui.serving.event_check import EventCheck
from search_ui.serving.guard import Guard, allowed_hosts
from search_ui.serving.rate_limits import RateLimits
from search_ui.serving.root_path import RootPath
from search_ui.serving.sessions import Sessions
from search_ui.theme import make_theme

MAX_UPLOAD = "50mb"
LEAST_TO_COMPRESS = 1_000
NOT_COMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "image/*")
"""Pictures are compressed by themselves; Starlette's own list leaves out streams of events."""
STYLES = (
    "static/page.css",
    "static/dialogs.css",
    "static/search.css",
    "static/gallery.css",
    "static/groups.css",
    "static/figures.css",
    "static/build.css",
    "static/models.css",
    "static/study.css",
    "static/help.css",
)
SCRIPTS = (
    "static/page.js",
    "static/views.js",
    "static/question.js",
    "static/crop.js",
    "static/explanation.js",
    "static/details.js",
    "static/camera.js",
    "static/gallery.js",
    "static/work.js",
    "static/charts.js",
    "static/fields.js",
    "static/arch_diagram.js",
    "static/study_table.js",
    "static/build_source.js",
    "static/build_form.js",
    "static/build_job.js",
)


def head_html() -> str:
    """Styles and scripts that come before any component.

    Not through Gradio's ``css``: it confines every rule to its own container.
    """
    views = json.dumps([asdict(view) for view in VIEWS])
    scripts = (f"window.similarityViews = {views};", *map(package_text, SCRIPTS))
    # A view is hidden by its name, so that none flashes up before the scripts have run.
    hidden = (f'html:not([data-view="{view.name}"]) #view-{view.name}' for view in VIEWS)
    styles = (*map(package_text, STYLES), f"{', '.join(hidden)} {{ display: none !important; }}")
    return "".join(
        (
            package_text("static/head.html"),
            *(f"<style>{style}</style>" for style in styles),
            *(f"<script>{script}</script>" for script in scripts),
        )
    )


def make_app(
    searcher: Searcher,
    settings: Settings | None = None,
    *,
    builder: Builder | None = None,
) -> FastAPI:
    """The application that answers from ``searcher``.

    Args:
        searcher: the only thing the page talks to.
        settings: where it listens, how it is offered, and where the study's results are.
        builder: builds datasets; without one there are no routes for that.
    """
    settings = settings or Settings()
    serving = settings.serving
    app = make_described_app()
    app.include_router(media_router(searcher))
    study = StudyFolder(settings.study_dir)
    add_api(app, searcher, uploads=upload_folder(), study=study, builder=builder)
    if builder is not None:
        app.include_router(build_router(builder))
    add_description(app, password=serving.credentials is not None)

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> PlainTextResponse:
        return PlainTextResponse("ok")

    page = build_page(searcher, upload_folder())
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path=serving.root_path or None,
        theme=make_theme(),
        head=head_html(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        max_file_size=MAX_UPLOAD,
    )
    # Only launch() sets these; without them a mounted page skips the check that a file it is
    # asked to read was uploaded.
    page.has_launched = page.is_running = True
    # Gradio compresses files by their ending: not the page itself, which holds its scripts.
    app.add_middleware(
        GZipMiddleware,
        minimum_size=LEAST_TO_COMPRESS,
        compresslevel=6,
        exclude_content_types=NOT_COMPRESSED,
    )
    events = {number for number, event in page.fns.items() if event.fn is not None}
    # What is added last comes first.
    app.add_middleware(Sessions, queue=page._queue)
    app.add_middleware(EventCheck, events=events)
    app.add_middleware(RateLimits, rates=serving.rates)
    app.add_middleware(
        Guard,
        hosts=allowed_hosts(settings.host, serving.allowed_hosts),
        credentials=serving.credentials,
        wrong_passwords_per_minute=serving.rates.wrong_passwords_per_minute,
    )
    app.add_middleware(RootPath, root_path=serving.root_path)
    return app
