"""The searches as named endpoints of Gradio, for ``gradio_client``.

The same as ``/api/search``, but that the ``path`` of a hit is called ``file``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
from gradio.events import api
from pydantic import ValidationError

from indexer.search import Searcher
from models.errors import SimilarityError
from search_ui.api.refusals import told
from search_ui.api.search import Answer, by_content, by_id
from search_ui.queries import BadQueryError, Question, StoredQuestion, what_is_wrong

SEARCHES_AT_ONCE = 4
OPTIONS = "options: an object with any of k, pooling, distance, label, format, min_side, crop"

Asked = TypeVar("Asked", bound=Question)


def add_client_api(searcher: Searcher, uploads: Path) -> None:
    """Give the page that is being built the endpoints ``/search`` and ``/search_by_id``.

    A file comes in through a component: Gradio then checks that its path is that of an upload. It
    does not for the arguments of ``gr.api``, so that those are only compared with ids.
    """

    def search(image: bytes | None, dataset: object, options: object) -> dict[str, Any]:
        if image is None:
            raise gr.Error("Give a picture.", print_exception=False)
        content = BytesIO(image)
        return _answered(
            lambda: by_content(
                searcher,
                _question(Question, options, dataset=dataset),
                content,
                name="image",
                folder=uploads,
            )
        )

    def search_by_id(
        dataset: str, id: str, options: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        return _answered(
            lambda: by_id(searcher, _question(StoredQuestion, options, dataset=dataset, id=id))
        )

    gr.Button(visible=False).click(
        search,
        inputs=[
            gr.File(label="image", type="binary", visible=False),
            gr.Textbox(label="dataset", visible=False),
            gr.JSON(label=OPTIONS, value={}, visible=False),
        ],
        outputs=gr.JSON(label="rows of hits", visible=False),
        api_name="search",
        concurrency_limit=SEARCHES_AT_ONCE,
        api_description="The images that look most like the one sent, as POST /api/search/upload.",
    )
    api(
        search_by_id,
        api_name="search_by_id",
        concurrency_limit=SEARCHES_AT_ONCE,
        api_description="The images that look most like a stored one, as POST /api/search.",
    )


def _question(kind: type[Asked], options: object, **said: object) -> Asked:
    if options is not None and not isinstance(options, Mapping):
        raise BadQueryError("The options are not understood: give an object.")
    try:
        return kind.model_validate({**(options or {}), **said})
    except ValidationError as error:
        raise BadQueryError(what_is_wrong(error.errors())) from None


def _answered(search: Callable[[], Answer]) -> dict[str, Any]:
    try:
        answer = search().model_dump(mode="json")
    except SimilarityError as error:
        raise gr.Error(told(error), print_exception=False) from error
    # gradio_client would take an object with a "path" for a file that it should fetch.
    for row in answer["rows"]:
        for hit in row["hits"]:
            hit["file"] = hit.pop("path")
    return answer
