"""``/api/openapi.json`` and ``/api/docs``: the endpoints described, for programs and for people."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse, JSONResponse

from search_ui.api.health import program_version
from search_ui.components import package_text

TITLE = "Image similarity"
SUMMARY = """
Search images by image. Answers are JSON; a refusal is `{"detail": "one line"}`. Addresses in
answers (`thumb`, `original`) are relative to the page, not to `/api`.
"""
TAGS = [
    {"name": "search", "description": "The images that look most like one."},
    {"name": "datasets", "description": "What can be searched."},
    {"name": "images", "description": "The images of a dataset, and their labels."},
    {"name": "groups", "description": "Images that look alike, and near-identical ones."},
    {"name": "failures", "description": "Files that could not be read."},
    {"name": "models", "description": "Architectures, and the checkpoints in use."},
    {"name": "study", "description": "What the study of architectures measured."},
    {"name": "build", "description": "Datasets built in the background."},
    {"name": "server", "description": "The server itself."},
]

_DAY = "public, max-age=86400"
_SWAGGER = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}


def make_described_app() -> FastAPI:
    """An application whose description is of its own, and which shows none by itself."""
    return FastAPI(
        title=TITLE,
        version=program_version(),
        description=SUMMARY.strip(),
        openapi_tags=TAGS,
        # From where the description lies; so it holds below any prefix.
        servers=[{"url": ".."}],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )


def add_description(app: FastAPI, *, password: bool) -> None:
    """Give ``app`` the description of the endpoints that it has by now, and the page that shows it.

    The page is Swagger UI, from the package ``fastapi-swagger``: FastAPI's own loads it from
    another host.

    Args:
        app: gets them.
        password: callers have to give one.
    """
    router = APIRouter(prefix="/api", include_in_schema=False)
    description = describe(app, password=password)

    @router.get("/openapi.json")
    def openapi() -> JSONResponse:
        return JSONResponse(description)

    @router.get("/docs")
    def docs() -> HTMLResponse:
        return HTMLResponse(package_text("static/docs.html"))

    @router.get("/docs/{name}")
    def docs_file(name: str) -> Response:
        if name in _SWAGGER:
            content, kind = swagger_file(name), _SWAGGER[name]
        elif name in {"docs.css", "docs.js"}:
            content = package_text(f"static/{name}").encode()
            kind = "text/css" if name.endswith(".css") else "text/javascript"
        else:
            raise HTTPException(404, "There is no such file.")
        return Response(content, media_type=kind, headers={"Cache-Control": _DAY})

    app.include_router(router)


@cache
def swagger_file(name: str) -> bytes:
    """A file of Swagger UI."""
    return files("fastapi_swagger.resources").joinpath(name).read_bytes()


def describe(app: FastAPI, *, password: bool) -> dict[str, Any]:
    """The OpenAPI description of ``app``, in our words.

    The first line of an endpoint's docstring is its summary. FastAPI describes a value that is not
    understood as a list of faults; here that is a line like every other refusal.
    """
    description = app.openapi()
    operations = [
        operation for path in description["paths"].values() for operation in path.values()
    ]
    for operation in operations:
        text = operation.pop("description").replace("``", "`")
        summary, _, rest = text.partition("\n\n")
        # Only descriptions are Markdown.
        operation["summary"] = " ".join(summary.replace("`", "").split()).rstrip(".")
        if rest:
            operation["description"] = rest
        invalid = operation["responses"].get("422")
        if invalid:
            invalid["description"] = "A value is not as described; the line says which."
            invalid["content"]["application/json"]["schema"] = {
                "$ref": "#/components/schemas/Refusal"
            }
    schemas = description["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    if password:
        description["components"]["securitySchemes"] = {
            "password": {"type": "http", "scheme": "basic"}
        }
        description["security"] = [{"password": []}]
    return description
