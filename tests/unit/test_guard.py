"""The guard, the limits and the path at a proxy, each around an application that says who it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from indexer.settings import Credentials, Rates
from search_ui.serving import rate_limits
from search_ui.serving.guard import Guard, allowed_hosts
from search_ui.serving.rate_limits import RateLimits
from search_ui.serving.root_path import RootPath

PASSWORD = Credentials("ann", "pä:ss")


def echo() -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    def answer(path: str, request: Request) -> dict[str, Any]:
        return {"path": path, "url": str(request.url), "headers": dict(request.headers)}

    return app


def client(app: ASGIApp, **options: Any) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1", **options)


def guarded(
    hosts: Collection[str] | None = None, credentials: Credentials | None = None
) -> TestClient:
    return client(Guard(echo(), hosts=hosts, credentials=credentials))


# --- password


@pytest.mark.parametrize(
    "route",
    ["/", "/api/datasets", "/media/a/b/thumb", "/config", "/assets/a.js", "/api/docs", "/x"],
)
def test_everything_wants_the_password(route: str) -> None:
    asked = guarded(credentials=PASSWORD)
    refused = asked.get(route)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Basic ")
    assert refused.json().keys() == {"detail"}
    assert refused.headers["x-frame-options"] == "DENY"
    assert asked.get(route, auth=("ann", "pä:ss")).status_code == (404 if route == "/x" else 200)
    assert asked.post("/gradio_api/queue/join").status_code == 401


def test_a_health_check_needs_none() -> None:
    assert guarded(credentials=PASSWORD).get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Basic",
        "Basic !",
        "Basic YW5u",  # ann
        "Basic YW5uOg==",  # ann:
        "Basic OnDDpDpzcw==",  # :pä:ss
        "Bearer YW5uOnDDpDpzcw==",
        "YW5uOnDDpDpzcw==",
    ],
)
def test_what_is_not_the_password_is_refused(given: str) -> None:
    asked = guarded(credentials=PASSWORD)
    assert asked.get("/", headers={"Authorization": given}).status_code == 401
    right = {"Authorization": "basic YW5uOnDDpDpzcw=="}
    assert asked.get("/", headers=right).status_code == 200


@pytest.mark.parametrize("auth", [("ann", "pä:s"), ("Ann", "pä:ss"), ("ann:pä", "ss "), ("", "")])
def test_half_of_it_is_not_enough(auth: tuple[str, str]) -> None:
    assert guarded(credentials=PASSWORD).get("/", auth=auth).status_code == 401


def guessed(guard: ASGIApp, address: str = "10.0.0.1") -> Callable[[str], int]:
    """Gives a password from an address; returns the status."""
    asked = client(guard, client=(address, 50_000))
    return lambda password: asked.get("/", auth=("ann", password)).status_code


def guard_of(wrong: int) -> Guard:
    return Guard(echo(), hosts=None, credentials=PASSWORD, wrong_passwords_per_minute=wrong)


def test_guesses_are_refused_after_some_wrong_ones_even_if_one_is_right() -> None:
    guard = guard_of(3)
    guess = guessed(guard)
    assert [guess(str(number)) for number in range(5)] == [401, 401, 401, 429, 429]
    refused = client(guard, client=("10.0.0.1", 50_000)).get("/", auth=("ann", "pä:ss"))
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["detail"].startswith("Too many wrong passwords came from your address.")
    assert refused.headers["x-frame-options"] == "DENY"
    assert client(guard, client=("10.0.0.1", 50_000)).get("/healthz").status_code == 200


def test_wrong_passwords_of_one_address_are_not_those_of_another() -> None:
    guard = guard_of(1)
    assert [guessed(guard)(password) for password in ("a", "b")] == [401, 429]
    assert guessed(guard, "10.0.0.2")("pä:ss") == 200
    # One network of IPv6 is one household.
    assert [guessed(guard, "2001:db8::1")("a"), guessed(guard, "2001:db8::2")("b")] == [401, 429]


def test_neither_no_password_nor_right_ones_nor_the_same_again_are_guesses() -> None:
    guard = guard_of(2)
    guess, asked = guessed(guard), client(guard, client=("10.0.0.1", 50_000))
    for _ in range(9):
        assert asked.get("/").status_code == 401
        assert guess("pä:ss") == 200
        assert guess("old one") == 401
    assert [guess("another"), guess("pä:ss")] == [401, 429]


def test_after_a_minute_passwords_are_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    guess = guessed(guard_of(1))
    assert [guess("a"), guess("pä:ss")] == [401, 429]
    now += 61
    assert [guess("pä:ss"), guess("a"), guess("pä:ss")] == [200, 401, 429]


def test_zero_lets_everybody_guess() -> None:
    guess = guessed(guard_of(0))
    assert {guess(str(number)) for number in range(50)} == {401}


# --- hosts and other sites


def test_names_of_the_operator_are_answered_to_beside_those_of_loopback() -> None:
    assert allowed_hosts("127.0.0.1") == {"127.0.0.1", "localhost", "[::1]"}
    assert allowed_hosts("0.0.0.0") is None
    hosts = allowed_hosts("0.0.0.0", ["pictures.example"])
    asked = guarded(hosts)
    for host, status in (
        ("pictures.example", 200),
        ("Pictures.example:8080", 200),
        ("127.0.0.1:7860", 200),
        ("evil.example", 421),
        ("pictures.example.evil.example", 421),
        ("", 421),
    ):
        assert asked.get("/", headers={"Host": host}).status_code == status, host


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("POST", {"Sec-Fetch-Site": "none"}, 200),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ("POST", {"Origin": "http://127.0.0.1"}, 200),
        ("POST", {"Origin": "http://127.0.0.1:81"}, 403),
        ("POST", {}, 200),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 403),
    ],
)
def test_another_site_may_only_link_here(method: str, headers: dict[str, str], status: int) -> None:
    assert guarded().request(method, "/api/build", headers=headers).status_code == status


def test_what_strangers_say_of_the_address_is_not_passed_on() -> None:
    said = {"X-Forwarded-Host": "evil.example", "X-Gradio-Server": "http://evil.example"}
    assert "evil" not in guarded().get("/", headers=said).text


# --- limits


def limited(app: ASGIApp | None = None, address: str = "10.0.0.1") -> TestClient:
    return client(app or RateLimits(echo(), rates=Rates(3, 2, 1)), client=(address, 50_000))


@pytest.mark.parametrize(
    ("route", "most"),
    [
        ("/api/search", 3),
        ("/api/search/upload", 3),
        ("/gradio_api/queue/join", 3),
        ("/api/board", 3),
        ("/api/board/similarity", 3),
        ("/gradio_api/upload", 2),
        ("/api/uploads", 2),
        ("/api/build", 1),
        ("/api/datasets/a/groups", 1),
        ("/api/datasets/a/failures/retry", 1),
    ],
)
def test_what_is_asked_too_often_is_refused_until_later(route: str, most: int) -> None:
    asked = limited()
    assert [asked.post(route).status_code for _ in range(most)] == [200] * most
    refused = asked.post(route)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 3_600
    assert refused.json()["detail"].count("\n") == 0
    assert asked.get(route).status_code == 200
    assert asked.post("/api/jobs/1/stop").status_code == 200


def test_each_address_and_each_kind_is_counted_by_itself() -> None:
    limits = RateLimits(echo(), rates=Rates(1, 1, 1))
    for address in ("10.0.0.1", "10.0.0.2", "2001:db8::1", "2001:db8:0:1::1"):
        for route in ("/api/search", "/api/uploads", "/api/build"):
            assert limited(limits, address).post(route).status_code == 200
            assert limited(limits, address).post(route).status_code == 429
    # One network of IPv6 is one household.
    assert limited(limits, "2001:db8::2").post("/api/search").status_code == 429


def test_the_window_moves_along(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    asked = limited()
    for moment, status in ((0, 200), (50, 200), (59, 200), (59, 429), (61, 200), (61, 429)):
        now = 1_000_000.0 + moment
        answer = asked.post("/api/search")
        assert answer.status_code == status, moment
    assert int(answer.headers["retry-after"]) in range(48, 51)
    assert rate_limits.time.time() == now


def test_zero_is_no_limit() -> None:
    asked = limited(RateLimits(echo(), rates=Rates(0, 0, 0)))
    assert {asked.post("/api/build").status_code for _ in range(100)} == {200}


# --- path at a proxy


def test_a_path_that_the_proxy_took_away_is_put_back() -> None:
    asked = client(RootPath(echo(), root_path="/images"))
    for path in ("/api/datasets", "/images/api/datasets"):
        told = asked.get(path).json()
        assert told["path"] == "api/datasets"
        assert told["url"] == "http://127.0.0.1/images/api/datasets"
    assert asked.get("/imagesque").json()["path"] == "imagesque"


def test_the_path_alone_leads_to_where_relative_addresses_hold() -> None:
    asked = client(RootPath(echo(), root_path="/images"), follow_redirects=False)
    assert asked.get("/images").headers["location"] == "/images/"
    assert asked.get("/images/").json()["path"] == ""


def test_routes_are_guarded_below_the_path() -> None:
    asked = client(RootPath(Guard(echo(), hosts=None), root_path="/images"))
    assert asked.get("/images/api/datasets").status_code == 200
    assert asked.get("/images/openapi.json").status_code == 404
    assert asked.post("/images/api/search", content=b"0" * 1_100_000).status_code == 413
