"""HTTP routes of builds: options, uploads of archives, jobs. Every refusal is one line of JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute

from models.errors import SimilarityError
from search_ui.api.parameters import JobId
from search_ui.api.refusals import refusals, without_folders
from search_ui.building.archives import UploadError, UploadTooLargeError
from search_ui.building.bodies import BuildOptions, BuildRequest, JobList, JobView, UploadReceived
from search_ui.building.builder import Builder
from search_ui.building.views import reconstructions as find_sheet
from search_ui.jobs.background import JobOverError, JobRunningError, UnknownJobError
from search_ui.media import ASK_AGAIN, NO_SCRIPTS, WEBP_PICTURE

BODY_BYTES = 64_000
"""Most bytes of a JSON body."""
ARCHIVE_TYPE = "application/octet-stream"
"""Of uploads. A form of another site cannot send it without asking first."""
_RAW_BODY = {
    "required": True,
    "content": {ARCHIVE_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}
_STATUS: dict[type[SimilarityError], HTTPStatus] = {
    JobRunningError: HTTPStatus.CONFLICT,
    JobOverError: HTTPStatus.CONFLICT,
    UnknownJobError: HTTPStatus.NOT_FOUND,
    UploadTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


class _OneLineRoute(APIRoute):
    """Says what is wrong with a request in one line: ``{"detail": "..."}``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def refuse_in_one_line(request: Request) -> Response:
            if self.body_field is not None:
                _check_length(request)
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, _one_line(error)) from error
            except SimilarityError as error:
                status = _STATUS.get(type(error), HTTPStatus.BAD_REQUEST)
                raise HTTPException(status, without_folders(str(error))) from error

        return refuse_in_one_line


def build_router(builder: Builder) -> APIRouter:
    """Everything below ``/api/build``, ``/api/uploads`` and ``/api/jobs``."""
    router = APIRouter(prefix="/api", tags=["build"], route_class=_OneLineRoute)

    def allowed() -> None:
        if not builder.allowed:
            raise HTTPException(HTTPStatus.FORBIDDEN, "building is switched off on this server")

    writing = [Depends(allowed)]

    @router.get("/build")
    def options() -> BuildOptions:
        """What a build may be of, its choices, their defaults and meanings."""
        return builder.options()

    @router.post(
        "/build",
        status_code=HTTPStatus.ACCEPTED,
        dependencies=writing,
        responses=refusals(400, 403, 409, 411, 413, 429),
    )
    def build(asked: BuildRequest) -> JobView:
        """Start a build in the background; 409 while another one runs."""
        return builder.views.view(builder.start(asked))

    @router.post(
        "/uploads",
        dependencies=writing,
        openapi_extra={"requestBody": _RAW_BODY},
        responses=refusals(400, 403, 413, 415, 429),
    )
    async def upload(
        name: Annotated[str, Query(description="Of the archive; its end says of what kind it is.")],
        request: Request,
    ) -> UploadReceived:
        """Send an archive as the raw body; the token it gets goes to ``POST /api/build``."""
        if request.headers.get("content-type") != ARCHIVE_TYPE:
            raise HTTPException(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send the archive as {ARCHIVE_TYPE}"
            )
        declared = request.headers.get("content-length", "")
        try:
            received = await builder.uploads.receive(
                name, request.stream(), declared=int(declared) if declared.isdecimal() else None
            )
        except OSError as error:
            raise UploadError(f"the archive cannot be kept: {error.strerror}") from error
        return UploadReceived(token=received.token, name=received.file.name, bytes=received.bytes)

    @router.get("/jobs")
    def jobs() -> JobList:
        """The last builds."""
        found = [builder.views.summary(job) for job in builder.jobs.all()]
        return JobList(running=builder.jobs.running(), jobs=found)

    @router.get("/jobs/{id}", responses=refusals(404))
    def job(id: JobId) -> JobView:
        """One build: state, progress, loss curves, the end of its log."""
        return builder.views.view(builder.jobs.get(id))

    @router.get(
        "/jobs/{id}/reconstructions",
        response_class=FileResponse,
        responses={**WEBP_PICTURE, **refusals(404)},
    )
    def reconstructions(id: JobId) -> FileResponse:
        """Originals over reconstructions, WebP; 404 until training has made some."""
        sheet = find_sheet(builder.jobs.get(id))
        if sheet is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there are no reconstructions yet")
        headers = {"Cache-Control": ASK_AGAIN, "Content-Security-Policy": NO_SCRIPTS}
        return FileResponse(sheet, media_type="image/webp", headers=headers)

    @router.post("/jobs/{id}/stop", dependencies=writing, responses=refusals(403, 404, 409))
    def stop(id: JobId) -> JobView:
        """Ask a build to end; what remains of it is said in its message."""
        return builder.views.view(builder.jobs.stop(id))

    return router


def _check_length(request: Request) -> None:
    """Refuse a body before it is read, by its declared length, which the server holds it to."""
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal():
        raise HTTPException(HTTPStatus.LENGTH_REQUIRED, "say how long the request is")
    if int(declared) > BODY_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long")


def _one_line(error: RequestValidationError) -> str:
    """The first thing that is wrong, and where."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return f"{place}: {first['msg']}" if place else str(first["msg"])
