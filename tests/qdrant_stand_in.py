"""What a Qdrant server says over REST and gRPC, answered by qdrant-client's in-memory mode.

For what the in-memory mode alone cannot show: everything between the client and a server (requests,
conversions, keys, failures in passing, other processes). It is no server: see docs/server.md.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import grpc
from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

VERSION = "1.20.0"
_ALIASES = TypeAdapter(list[models.AliasOperations])
_POINTS = "/collections/(?P<name>[^/]+)/points"


class StandIn:
    """The answers, and what tests want to know of the questions.

    Attributes:
        port: of REST; gRPC has the next.
        key: that every request must carry.
        version: that the server claims to be.
        failures: statuses to answer the next requests for points with, instead of their answers.
        asked: "METHOD path" or the gRPC method of every request, in their order.
    """

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key, self.version = port, key, VERSION
        self.client = QdrantClient(":memory:")
        self.failures: list[int] = []
        self.asked: list[str] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, what: str, key: str | None, ask: Callable[[], Any]) -> tuple[int, Any]:
        """Status and result of one request; they follow one another."""
        with self._lock:
            self.asked.append(what)
            if key != self.key:
                return 401, "Must provide an API key or an Authorization bearer token"
            if "oints" in what and self.failures:
                return self.failures.pop(0), "not now"
            try:
                return 200, ask()
            except ValueError as error:
                return (404 if "not found" in str(error) else 400), str(error)


# --- REST


def _rest(client: QdrantClient, method: str, path: str, body: Any) -> Any:  # noqa: PLR0911
    """The result of one REST request."""
    parts = re.fullmatch(r"/collections/(?P<name>[^/]+)(?P<rest>/.*)?", path)
    name, rest = (parts["name"], parts["rest"] or "") if parts else ("", path)
    match method, rest:
        case "GET", "/aliases":
            return client.get_aliases()
        case "GET", "/collections":
            return client.get_collections()
        case "POST", "" if name == "aliases":
            return client.update_collection_aliases(_ALIASES.validate_python(body["actions"]))
        case "GET", "":
            return client.get_collection(name)
        case "GET", "/exists":
            return {"exists": client.collection_exists(name)}
        case "PUT", "":
            made = models.CreateCollection.model_validate(body)
            return client.create_collection(name, made.vectors, metadata=made.metadata)
        case "PATCH", "":
            return client.update_collection(name, metadata=body.get("metadata"))
        case "DELETE", "":
            return client.delete_collection(name)
        case "PUT", "/index":
            return client.create_payload_index(name, body["field_name"], body["field_schema"])
    return _rest_points(client, name, rest.removeprefix("/points"), body)


def _rest_points(client: QdrantClient, name: str, rest: str, body: Any) -> Any:  # noqa: PLR0911
    match rest:
        case "" if "points" in body:
            upsert = models.PointsList.model_validate(body)
            return client.upsert(
                name,
                upsert.points,
                update_filter=upsert.update_filter,
                update_mode=upsert.update_mode,
            )
        case "":
            ids = [str(one) for one in body["ids"]]
            return client.retrieve(name, ids, with_vectors=body.get("with_vector") or False)
        case "/payload":
            return client.set_payload(name, payload=body["payload"], points=body["points"])
        case "/delete":
            selector = (
                models.PointIdsList(points=body["points"])
                if "points" in body
                else models.FilterSelector.model_validate(body)
            )
            return client.delete(name, selector)
        case "/count":
            return client.count(name, models.CountRequest.model_validate(body).filter)
        case "/scroll":
            scroll = models.ScrollRequest.model_validate(body)
            points, following = client.scroll(
                name,
                scroll_filter=scroll.filter,
                limit=scroll.limit or 10,
                offset=scroll.offset,
                with_payload=bool(scroll.with_payload),
                with_vectors=bool(scroll.with_vector),
            )
            return models.ScrollResult(points=points, next_page_offset=following)
        case "/query":
            query = models.QueryRequest.model_validate(body)
            return client.query_points(
                name,
                query=cast("Any", query.query),
                using=query.using,
                query_filter=query.filter,
                search_params=query.params,
                limit=query.limit or 10,
                with_payload=True,
            )
    raise AssertionError(f"{rest}: no such thing here")


class _RestHandler(BaseHTTPRequestHandler):
    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def _do(self) -> None:
        path = self.path.split("?")[0]
        length = int(self.headers.get("content-length") or 0)
        sent = self.rfile.read(length)
        if len(sent) < length:  # the connection was cut: nothing was asked
            self.close_connection = True
            return
        body = json.loads(sent or b"{}")
        one = self.stand_in
        if path == "/":
            self._reply(200, {"title": "qdrant - vector search engine", "version": one.version})
            return
        status, result = one.answer(
            f"{self.command} {path}",
            self.headers.get("api-key"),
            lambda: _rest(one.client, self.command, path, body),
        )
        if status == 200:
            plain = result.model_dump(mode="json") if hasattr(result, "model_dump") else result
            if isinstance(plain, list):
                plain = [record.model_dump(mode="json") for record in plain]
            self._reply(200, {"result": plain, "status": "ok", "time": 0.0})
        else:
            self._reply(status, {"status": {"error": result}, "time": 0.0})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do  # noqa: N815 - the library's names

    def _reply(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        with suppress(ConnectionError):  # whoever asked may be gone
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


# --- gRPC


def _points(found: list[models.Record]) -> list[messages.RetrievedPoint]:
    return [RestToGrpc.convert_record(record) for record in found]


def _done(_: object) -> Any:
    return messages.PointsOperationResponse(
        result=messages.UpdateResult(operation_id=0, status=messages.UpdateStatus.Completed),
        time=0.0,
    )


def _create(client: QdrantClient, asked: Any) -> Any:
    vectors = GrpcToRest.convert_vectors_config(asked.vectors_config)
    metadata = GrpcToRest.convert_payload(asked.metadata)
    client.create_collection(asked.collection_name, vectors, metadata=metadata)
    return messages.CollectionOperationResponse(result=True)


def _update(client: QdrantClient, asked: Any) -> Any:
    metadata = GrpcToRest.convert_payload(asked.metadata)
    client.update_collection(asked.collection_name, metadata=metadata)
    return messages.CollectionOperationResponse(result=True)


def _list(client: QdrantClient, _: Any) -> Any:
    found = client.get_collections().collections
    described = [messages.CollectionDescription(name=one.name) for one in found]
    return messages.ListCollectionsResponse(collections=described)


def _aliases(client: QdrantClient, _: Any) -> Any:
    found = [RestToGrpc.convert_alias_description(one) for one in client.get_aliases().aliases]
    return messages.ListAliasesResponse(aliases=found)


def _change_aliases(client: QdrantClient, asked: Any) -> Any:
    client.update_collection_aliases(
        [GrpcToRest.convert_alias_operations(action) for action in asked.actions]
    )
    return messages.CollectionOperationResponse(result=True)


def _get(client: QdrantClient, asked: Any) -> Any:
    info = RestToGrpc.convert_collection_info(client.get_collection(asked.collection_name))
    return messages.GetCollectionInfoResponse(result=info)


def _delete_collection(client: QdrantClient, asked: Any) -> Any:
    return messages.CollectionOperationResponse(
        result=client.delete_collection(asked.collection_name)
    )


def _index(client: QdrantClient, asked: Any) -> Any:
    client.create_payload_index(asked.collection_name, asked.field_name, "keyword")
    return _done(None)


def _upsert(client: QdrantClient, asked: Any) -> Any:
    has_mode, has_filter = asked.HasField("update_mode"), asked.HasField("update_filter")
    client.upsert(
        asked.collection_name,
        [GrpcToRest.convert_point_struct(point) for point in asked.points],
        update_mode=GrpcToRest.convert_update_mode(asked.update_mode) if has_mode else None,
        update_filter=GrpcToRest.convert_filter(asked.update_filter) if has_filter else None,
    )
    return _done(None)


def _delete(client: QdrantClient, asked: Any) -> Any:
    selector = GrpcToRest.convert_points_selector(asked.points)
    client.delete(asked.collection_name, selector)
    return _done(None)


def _set_payload(client: QdrantClient, asked: Any) -> Any:
    payload = GrpcToRest.convert_payload(asked.payload)
    selector = GrpcToRest.convert_points_selector(asked.points_selector)
    client.set_payload(asked.collection_name, payload=payload, points=selector)
    return _done(None)


def _retrieve(client: QdrantClient, asked: Any) -> Any:
    ids = [GrpcToRest.convert_point_id(one) for one in asked.ids]
    wanted = bool(asked.with_vectors.enable)
    found = client.retrieve(asked.collection_name, ids, with_vectors=wanted)
    return messages.GetResponse(result=_points(found))


def _scroll(client: QdrantClient, asked: Any) -> Any:
    offset = GrpcToRest.convert_point_id(asked.offset) if asked.HasField("offset") else None
    found, following = client.scroll(
        asked.collection_name,
        scroll_filter=GrpcToRest.convert_filter(asked.filter) if asked.HasField("filter") else None,
        limit=asked.limit,
        offset=offset,
        with_payload=asked.with_payload.enable,
        with_vectors=asked.with_vectors.enable,
    )
    after = None if following is None else RestToGrpc.convert_extended_point_id(following)
    return messages.ScrollResponse(result=_points(found), next_page_offset=after)


def _count(client: QdrantClient, asked: Any) -> Any:
    counted = client.count(asked.collection_name).count
    return messages.CountResponse(result=messages.CountResult(count=counted))


def _query(client: QdrantClient, asked: Any) -> Any:
    has_filter = asked.HasField("filter")
    found = client.query_points(
        asked.collection_name,
        query=cast("Any", GrpcToRest.convert_query(asked.query)),
        using=asked.using,
        query_filter=GrpcToRest.convert_filter(asked.filter) if has_filter else None,
        search_params=GrpcToRest.convert_search_params(asked.params),
        limit=asked.limit,
        with_payload=asked.with_payload.enable,
    )
    return messages.QueryResponse(
        result=[RestToGrpc.convert_scored_point(point) for point in found.points]
    )


_CALLS: dict[str, tuple[Any, Callable[[QdrantClient, Any], Any]]] = {
    "Collections/Create": (messages.CreateCollection, _create),
    "Collections/Update": (messages.UpdateCollection, _update),
    "Collections/List": (messages.ListCollectionsRequest, _list),
    "Collections/ListAliases": (messages.ListAliasesRequest, _aliases),
    "Collections/UpdateAliases": (messages.ChangeAliases, _change_aliases),
    "Collections/Get": (messages.GetCollectionInfoRequest, _get),
    "Collections/Delete": (messages.DeleteCollection, _delete_collection),
    "Points/CreateFieldIndex": (messages.CreateFieldIndexCollection, _index),
    "Points/Upsert": (messages.UpsertPoints, _upsert),
    "Points/SetPayload": (messages.SetPayloadPoints, _set_payload),
    "Points/Delete": (messages.DeletePoints, _delete),
    "Points/Get": (messages.GetPoints, _retrieve),
    "Points/Scroll": (messages.ScrollPoints, _scroll),
    "Points/Count": (messages.CountPoints, _count),
    "Points/Query": (messages.QueryPoints, _query),
}
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    404: grpc.StatusCode.NOT_FOUND,
    503: grpc.StatusCode.UNAVAILABLE,
}


class _GrpcHandler(grpc.GenericRpcHandler):
    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        call = details.method.removeprefix("/qdrant.")
        if call == "Qdrant/HealthCheck":
            return self._handler(messages.HealthCheckRequest, lambda *_: self._health())
        if call not in _CALLS:
            return None
        request, ask = _CALLS[call]
        key = dict(details.invocation_metadata).get("api-key")
        one = self._stand_in

        def answer(asked: Any, context: grpc.ServicerContext) -> Any:
            status, result = one.answer(call, str(key), lambda: ask(one.client, asked))
            if status != 200:
                context.abort(_CODES[status], result)
            return result

        return self._handler(request, answer)

    def _health(self) -> Any:
        return messages.HealthCheckReply(title="qdrant", version=self._stand_in.version)

    @staticmethod
    def _handler(request: Any, answer: Callable[..., Any]) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=request.FromString,
            response_serializer=lambda reply: reply.SerializeToString(),
        )


# --- both


def _grpc_server(stand_in: StandIn) -> grpc.Server | None:
    """A server on the port after REST's, not started; None where that is taken."""
    # Qdrant sets no limit; gRPC's own is 4 MiB.
    server = grpc.server(
        ThreadPoolExecutor(4),
        handlers=[_GrpcHandler(stand_in)],
        options=[("grpc.max_receive_message_length", -1)],
    )
    try:
        server.add_insecure_port(f"127.0.0.1:{stand_in.port + 1}")
    except RuntimeError:
        return None
    return server


@contextmanager
def stand_in(*, key: str = "the-key", with_grpc: bool = False) -> Iterator[StandIn]:
    """A stand-in that listens on loopback; ``with_grpc`` on the next port too."""
    server = None
    for _ in range(50):
        rest = ThreadingHTTPServer(("127.0.0.1", 0), _RestHandler)
        one = StandIn(rest.server_port, key)
        server = _grpc_server(one) if with_grpc else None
        if server or not with_grpc:
            break
        rest.server_close()
    else:
        raise RuntimeError("no two ports that follow one another are free")
    rest.RequestHandlerClass = type("Handler", (_RestHandler,), {"stand_in": one})
    thread = threading.Thread(target=rest.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    if server:
        server.start()
    try:
        yield one
    finally:
        rest.shutdown()
        thread.join()
        rest.server_close()
        if server:
            server.stop(None).wait()
