"""Requests to an API: their login, which goes nowhere else; their rate; and what is asked again, and how often."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import HeadgateError
from tests.tasks.sources.paged_api import Asked, PagedApi, Said, numbered

Read = Callable[..., bytes]
SECRET = "s3cr/t+%"
IN_ADDRESS = "s3cr%2Ft%2B%25"
ROW = Said([{"id": 1}])


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


LOGINS: dict[str, tuple[str, dict[str, Any] | None, dict[str, str], dict[str, str]]] = {
    "none": ("", None, {}, {}),
    "basic": (f"me:{IN_ADDRESS}@", None, {"Authorization": basic(f"me:{SECRET}")}, {}),
    "basic, a key as the user": (f"{IN_ADDRESS}@", {"kind": "basic"}, {"Authorization": basic(f"{SECRET}:")}, {}),
    "bearer": (f":{IN_ADDRESS}@", {"kind": "bearer"}, {"Authorization": f"Bearer {SECRET}"}, {}),
    "bearer, as the user": (f"{IN_ADDRESS}@", {"kind": "bearer"}, {"Authorization": f"Bearer {SECRET}"}, {}),
    "header": (f":{IN_ADDRESS}@", {"kind": "header", "name": "X-Api-Key"}, {"X-Api-Key": SECRET}, {}),
    "header with a word before": (
        f"me:{IN_ADDRESS}@", {"kind": "header", "name": "Authorization", "prefix": "Token "},
        {"Authorization": f"Token {SECRET}"}, {},
    ),
    "query": (f":{IN_ADDRESS}@", {"kind": "query", "name": "api_key"}, {}, {"api_key": SECRET}),
}  # fmt: skip


@pytest.mark.effect(
    "RestSource.auth",
    "RestSource.connection",
    "BasicAuth.kind",
    "BearerAuth.kind",
    "HeaderAuth.kind",
    "HeaderAuth.name",
    "HeaderAuth.prefix",
    "QueryAuth.kind",
    "QueryAuth.name",
)
@pytest.mark.parametrize(("login", "auth", "headers", "query"), LOGINS.values(), ids=LOGINS.keys())
def test_the_login_is_sent_as_declared(
    api: PagedApi, read: Read, login: str, auth: dict[str, Any] | None, headers: dict[str, str], query: dict[str, str]
) -> None:
    api.answer = lambda _: ROW
    source = {"kind": "rest", "url": "/v1/rows?fixed=1", "connection": "api"} | ({"auth": auth} if auth else {})
    assert read(source, api=api.with_login(login.removesuffix("@")) if login else api.base) == b'"id"\n1\n'
    (asked,) = api.asked
    assert {name: asked.headers[name] for name in headers} == headers
    assert ("Authorization" in asked.headers) == ("Authorization" in headers)
    assert asked.query == {"fixed": "1", **query}


@pytest.mark.parametrize("auth", [
    {"kind": "basic"}, {"kind": "bearer"}, {"kind": "header", "name": "X-Key"}, {"kind": "query", "name": "key"},
])  # fmt: skip
def test_a_connection_without_a_login_is_told(api: PagedApi, read: Read, auth: dict[str, Any]) -> None:
    with pytest.raises(HeadgateError, match="holds no login") as caught:
        read({"kind": "rest", "url": "/", "connection": "api", "auth": auth}, api=api.base)
    assert "HEADGATE_CONNECTION_API" in str(caught.value.next_command)
    assert not api.asked


AUTHS: list[dict[str, Any] | None] = [
    None, {"kind": "bearer"}, {"kind": "header", "name": "X-Api-Key"}, {"kind": "query", "name": "api_key"},
]  # fmt: skip


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("way", ["redirect", "next", "link"])
def test_a_login_goes_to_no_other_host(api: PagedApi, read: Read, auth: dict[str, Any] | None, way: str) -> None:
    elsewhere = api.base.replace("127.0.0.1", "localhost")

    def answer(asked: Asked) -> Said:
        if asked.path == "/b":
            return Said({"data": [{"id": 2}]})
        if way == "redirect":
            return Said(status=302, headers={"Location": f"{elsewhere}/b"})
        return Said({"data": [{"id": 1}], "n": f"{elsewhere}/b"}, headers={"Link": f'<{elsewhere}/b>; rel="next"'})

    api.answer = answer
    source: dict[str, Any] = {
        "kind": "rest", "url": "/a", "connection": "api", "records": "data", "headers": {"X-Tenant": "t"},
        "allowed_hosts": ["localhost"],
    }  # fmt: skip
    source |= {} if auth is None else {"auth": auth}
    source |= {"next": {"paging": {"kind": "next", "path": "n"}}, "link": {"paging": {"kind": "link"}}}.get(way, {})
    read(source, api=api.with_login("me:hidden"))
    first, second = api.asked
    assert "hidden" in str(first.query) or any(part in str(first.headers) for part in ("hidden", basic("me:hidden")))
    assert first.headers["X-Tenant"] == "t"
    assert "X-Tenant" not in second.headers
    assert "hidden" not in f"{second.query}{second.headers}"
    assert "Authorization" not in second.headers
    with pytest.raises(HeadgateError, match="leads to another host, localhost"):
        read(source | {"allowed_hosts": []}, api=api.with_login("me:hidden"))


class Tokens:
    """An address of tokens and an API that takes the last one alone. `holds`: what expires_in says."""

    def __init__(self, holds: object = 3600) -> None:
        self.holds, self.given, self.taken_back = holds, 0, 0

    def __call__(self, asked: Asked) -> Said:
        if asked.path == "/token":
            self.given += 1
            return Said({"access_token": f"token-{self.given}", "token_type": "bearer", "expires_in": self.holds})
        if asked.headers.get("Authorization") != f"Bearer token-{self.given}" or self.taken_back == self.given:
            return Said({"error": "no"}, 401)
        page = int(asked.query["page"])
        return Said([{"id": page}] if page < 4 else [])


OAUTH: dict[str, Any] = {
    "kind": "rest", "url": "/v1", "connection": "api", "paging": {"kind": "page"},
    "auth": {"kind": "oauth2", "connection": "login", "scope": "read all", "audience": "them"},
}  # fmt: skip


@pytest.mark.effect(
    "OAuth2.kind",
    "OAuth2.connection",
    "OAuth2.scope",
    "OAuth2.audience",
    "OAuth2.client_in",
    "OAuth2.client_in=header",
    "OAuth2.client_in=body",
)
@pytest.mark.parametrize("place", ["header", "body"])
def test_a_token_is_fetched_once_and_used_for_all_pages(api: PagedApi, read: Read, place: str) -> None:
    api.answer = Tokens()
    source = OAUTH | {"auth": OAUTH["auth"] | {"client_in": place}}
    assert read(source, api=api.base, login=api.with_login("id:se%2Fcret", "/token")) == b'"id"\n1\n2\n3\n'
    first, *others = api.asked
    assert [asked.path for asked in others] == ["/v1"] * 4
    form = {"grant_type": "client_credentials", "scope": "read all", "audience": "them"}
    if place == "header":
        assert first.form == form
        assert first.headers["Authorization"] == basic("id:se%2Fcret")
    else:
        assert first.form == form | {"client_id": "id", "client_secret": "se/cret"}
        assert "Authorization" not in first.headers


def test_a_token_that_is_taken_back_is_fetched_anew_and_its_page_asked_again(api: PagedApi, read: Read) -> None:
    tokens = Tokens()

    def answer(asked: Asked) -> Said:
        if asked.query.get("page") == "2" and tokens.given == 1:
            tokens.taken_back = 1
        return tokens(asked)

    api.answer = answer
    assert read(OAUTH, api=api.base, login=api.with_login("id:x", "/token")) == b'"id"\n1\n2\n3\n'
    assert tokens.given == 2


def test_a_token_that_ends_is_fetched_before_it_does(api: PagedApi, read: Read) -> None:
    api.answer = Tokens(holds="0")
    assert read(OAUTH, api=api.base, login=api.with_login("id:x", "/token")) == b'"id"\n1\n2\n3\n'
    assert [asked.path for asked in api.asked] == ["/token", "/v1"] * 4


def test_a_token_that_is_refused_twice_is_a_failure(api: PagedApi, read: Read) -> None:
    tokens = Tokens()
    api.answer = lambda asked: tokens(asked) if asked.path == "/token" else Said(status=401)
    with pytest.raises(HeadgateError) as caught:
        read(OAUTH, api=api.base, login=api.with_login("id:x", "/token"))
    assert (caught.value.code, tokens.given) == ("SOURCE-LOGIN", 2)


@pytest.mark.parametrize(("said", "code", "words"), [
    (Said({"error": "invalid_client"}, 401), "SOURCE-LOGIN", "refuses our client (HTTP 401)"),
    (Said({"error": "invalid_scope"}, 400), "SOURCE-LOGIN", "refuses our client (HTTP 400)"),
    (Said({"token": "x"}), "SOURCE-LOGIN", "gives no access_token"),
    (Said({"access_token": "a\nb"}), "SOURCE-LOGIN", "gives no access_token"),
    (Said([]), "SOURCE-LOGIN", "gives no access_token"),
    (Said(b"<html>"), "NOT-JSON", "isn't JSON"),
    (Said(status=302, headers={"Location": "http://localhost/x"}), "SOURCE-ELSEWHERE", "another host"),
    (Said(status=307, headers={"Location": "/elsewhere:80"}), "SOURCE-ANSWER", "leads on and on"),
    (Said(status=302, headers={"Location": "/other"}), "SOURCE-ANSWER", "sends a POST on"),
])  # fmt: skip
def test_an_address_of_tokens_that_gives_none(api: PagedApi, read: Read, said: Said, code: str, words: str) -> None:
    api.answer = lambda _: said
    with pytest.raises(HeadgateError) as caught:
        read(OAUTH, api=api.base, login=api.with_login("id:hidden", "/token"))
    assert caught.value.code == code
    assert words in caught.value.message
    assert "hidden" not in str(caught.value)


FAULTS = {
    "429 that says when": (Said(status=429, headers={"Retry-After": "7"}), 7.0, 7.5),
    "503 that says when": (Said(status=503, headers={"Retry-After": "2"}), 2.0, 2.5),
    "429": (Said(status=429), 0.0, 1.0), "500": (Said(status=500), 0.0, 1.0), "502": (Said(status=502), 0.0, 1.0),
    "504": (Said(status=504), 0.0, 1.0), "reset": (Said(reset=True), 0.0, 1.0),
    "cut": (Said([{"id": 1}], cut=3), 0.0, 1.0), "cut, of no length": (Said([{"id": 1}], cut=3, length=False), 0.0, 1.0),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "least", "most"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_that_fails_is_asked_again_and_no_other(
    api: PagedApi, read: Read, waits: list[float], fault: Said, least: float, most: float, method: str
) -> None:
    records = numbered(30)
    api.answer = lambda asked: Said(records[(int(asked.query["page"]) - 1) * 10 :][:10])
    api.faults = {3: fault}
    source = {"kind": "rest", "url": api.base, "method": method, "paging": {"kind": "page"}}
    lines = read(source).decode().splitlines()
    assert len(lines) == 31
    assert [asked.query["page"] for asked in api.asked] == ["1", "2", "3", "3", "4"]
    assert len(waits) == 1
    assert least <= waits[0] <= most


@pytest.mark.effect("RestSource.retries")
def test_it_is_asked_again_as_often_as_declared(api: PagedApi, read: Read, waits: list[float]) -> None:
    api.answer = lambda _: Said(status=503)
    with pytest.raises(HeadgateError, match=r"HTTP 503 \(asked 4 times\)") as caught:
        read({"kind": "rest", "url": api.base, "retries": 3})
    assert (len(api.asked), len(waits), caught.value.code) == (4, 3, "SOURCE-UNREACHABLE")
    with pytest.raises(HeadgateError, match=r"HTTP 503\n"):
        read({"kind": "rest", "url": api.base, "retries": 0})
    assert len(api.asked) == 5


def test_who_asks_for_too_long_is_left_alone(api: PagedApi, read: Read, waits: list[float]) -> None:
    api.answer = lambda _: Said(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(HeadgateError, match="3,600 s") as caught:
        read({"kind": "rest", "url": api.base})
    assert (len(api.asked), waits, caught.value.code) == (1, [], "SOURCE-BUSY")


@pytest.mark.effect("RestSource.rate", "Rate.requests", "Rate.per")
def test_requests_come_in_the_declared_rate(api: PagedApi, read: Read, waits: list[float]) -> None:
    api.answer = lambda asked: Said([{"id": int(asked.query["page"])}] if asked.query["page"] != "4" else [])
    source = {"kind": "rest", "url": api.base, "paging": {"kind": "page"}}
    read(source)
    assert waits == []
    read(source | {"rate": {"requests": 2, "per": "1m"}})
    # Without really waiting, each request has to wait for all that came before it.
    assert [round(seconds, -1) for seconds in waits] == [30, 60, 90]


@pytest.mark.effect("RestSource.params", "RestSource.headers", "RestSource.body")
def test_parameters_headers_and_body_are_sent(api: PagedApi, read: Read) -> None:
    api.answer = lambda _: ROW
    read({
        "kind": "rest", "url": f"{api.base}/a?x=%2F", "method": "POST", "headers": {"X-Version": "2"},
        "params": {"q": "a&b é", "n": 5, "on": True, "f": 1.5, "tag": ["a", "b"]}, "body": {"filter": {"text": "é"}, "n": [1]},
    })  # fmt: skip
    (asked,) = api.asked
    assert (asked.method, asked.path, asked.headers["X-Version"]) == ("POST", "/a", "2")
    assert asked.lists == {"x": ["/"], "q": ["a&b é"], "n": ["5"], "on": ["true"], "f": ["1.5"], "tag": ["a", "b"]}
    assert asked.json == {"filter": {"text": "é"}, "n": [1]}
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["Accept"] == "application/json"


WINDOWS = {
    "{window.start:epoch}": "1704034800", "{window.end:epoch}": "1704121200", "{window.last:epoch}": "1704121199",
    "{window.start:epoch_ms}": "1704034800000", "{window.start}": "2024-01-01T00:00:00+09:00",
    "{window.last:%Y-%m-%d}": "2024-01-01", "{window.end:%Y-%m-%d}": "2024-01-02",
    "from {window.start:%d.%m.} on": "from 01.01. on",
}  # fmt: skip


@pytest.mark.parametrize(("text", "sent"), WINDOWS.items())
def test_windows_are_written_where_they_are_declared(api: PagedApi, read: Read, text: str, sent: str) -> None:
    api.answer = lambda _: ROW
    source = {"kind": "rest", "url": api.base, "method": "POST", "params": {"since": text}, "body": {"a": [{"b": text}]},
              "headers": {"X-Since": text}}  # fmt: skip
    read(source, day="2024-01-01")
    (asked,) = api.asked
    assert (asked.query["since"], asked.json, asked.headers["X-Since"]) == (sent, {"a": [{"b": sent}]}, sent)


@pytest.mark.effect("RestSource.timezone")
def test_windows_are_written_in_the_declared_zone(api: PagedApi, read: Read) -> None:
    api.answer = lambda _: ROW
    source = {"kind": "rest", "url": api.base + "/{window.start:%Y-%m-%d}", "params": {"since": "{window.start:%H:%M}"}}
    read(source | {"timezone": "UTC"}, day="2024-01-01")
    assert (api.asked[0].path, api.asked[0].query) == ("/2023-12-31", {"since": "15:00"})
