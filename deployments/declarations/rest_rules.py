"""What must hold between the keys of an API's declaration: (path below `source`, what is wrong, what is allowed)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from deployments.declarations.rest import (
    CursorPaging,
    LinkPaging,
    NextPaging,
    OffsetPaging,
    PagePaging,
    secret_names,
)  # fmt: skip
from deployments.declarations.source_facts import Told

if TYPE_CHECKING:
    from deployments.declarations.rest_source import RestSource

_BEARERS = "the connection's setting, and auth, which says how it is sent: {kind: header, name: X-Api-Key} or the like"


def rest_faults(source: RestSource, columns: Sequence[str]) -> Iterator[Told]:
    """`columns`: the names that the contract has at the source."""
    yield from _login(source)
    yield from _request(source)
    yield from _paging(source)
    yield from _said_twice(source)
    yield from _secrets(source)
    yield from _fields(source, columns)
    if source.timezone is not None and not source.is_templated:
        yield ("timezone",), "has no meaning without a window placeholder", "{window.start:...} in params, url or body"


def _login(source: RestSource) -> Iterator[Told]:
    if source.auth is not None and source.auth.kind != "basic" and source.wait_for is not None and source.wait_for.url:
        yield ("wait_for", "url"), "is asked without source.auth", "on_missing: wait, or wait_for: {table: ...}"
    if source.auth is not None and source.connection is None:
        yield ("connection",), "is missing: auth sends its login", "connection: NAME"
    if source.auth is not None and source.auth.kind == "oauth2" and source.auth.connection == source.connection:
        yield (
            ("auth", "connection"), "is the connection of the source: the token's address is another one",
            "the name of a connection to the address that gives tokens",
        )  # fmt: skip


def _request(source: RestSource) -> Iterator[Told]:
    if source.body is not None and source.method != "POST":
        yield ("body",), f"isn't sent by {source.method}", "method: POST"
    lengths = [
        name
        for name in source.headers
        if name.lower() in ("content-length", "host", "transfer-encoding", "accept-encoding")
    ]
    if lengths:
        yield ("headers", lengths[0]), "is written by the client itself", "another header"


def _paging(source: RestSource) -> Iterator[Told]:
    paging = source.paging
    if paging is None:
        if "max_pages" in source.model_fields_set:
            yield ("max_pages",), "has no meaning without paging", "paging: {kind: ...}"
        return
    if isinstance(paging, LinkPaging | NextPaging):
        if source.method != "GET":
            yield (
                ("paging", "kind"),
                "an address that a page names is asked for by GET",
                "method: GET, or another paging",
            )
        return
    if paging.in_ == "body" and source.method != "POST":
        yield ("paging", "in"), "a GET has no body", "method: POST, or in: query"
    if isinstance(paging, PagePaging | OffsetPaging) and paging.ends == "total" and source.total is None:
        yield ("paging", "ends"), "total: the source doesn't say where that number is", "source.total: PATH"


def _said_twice(source: RestSource) -> Iterator[Told]:
    own = [name for name, _ in parse_qsl(source.url.partition("?")[2], keep_blank_values=True)]
    for name in sorted(set(own) & source.params.keys()):
        yield ("params", name), "stands in the address as well", "one of the two"
    paging = source.paging
    if not isinstance(paging, PagePaging | OffsetPaging | CursorPaging):
        return
    there = {**source.params, **dict.fromkeys(own)} if paging.in_ == "query" else source.body or {}
    place = "params" if paging.in_ == "query" else "body"
    for name in filter(None, [paging.param, getattr(paging, "size_param", None)]):
        if name in there:
            yield ("paging",), f"'{name}' stands in {place} as well", "one of the two"


def _secrets(source: RestSource) -> Iterator[Told]:
    if urlsplit(source.url).username or urlsplit(source.url).password:
        yield ("url",), "holds a login, which must not stand in a declaration", _BEARERS
    own = [name for name, _ in parse_qsl(source.url.partition("?")[2], keep_blank_values=True)]
    body = [*source.body] if source.body is not None else []
    for place, names in (("params", [*source.params]), ("url", own), ("headers", [*source.headers]), ("body", body)):
        for name in secret_names(names):
            path = (place,) if place == "url" else (place, name)
            yield path, f"'{name}' holds a secret by its name, which must not stand in a declaration", _BEARERS


def _fields(source: RestSource, columns: Sequence[str]) -> Iterator[Told]:
    for name in source.fields:
        if columns and name not in columns:
            yield ("fields", name), "no column reads it", f"a column named so, or with `from: {name}`"
    kept = source.expand.keep if source.expand is not None else {}
    for name in kept:
        if columns and name not in columns:
            yield ("expand", "keep", name), "no column reads it", f"a column named so, or with `from: {name}`"
        if name in source.fields:
            yield ("expand", "keep", name), "stands in fields as well", "one of the two"
