"""A source that is an HTTP API: what is asked, how the next page is, and what comes of its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator, model_validator

from deployments.declarations.model import Zone
from deployments.declarations.rest import (
    Auth,
    CursorPaging,
    Expand,
    LinkPaging,
    NextPaging,
    OffsetPaging,
    PagePaging,
    Paging,
    Rate,
    header_name,
    secret_names,
)
from deployments.declarations.source_facts import AddressedSource, Told
from deployments.declarations.source_urls import check_placeholders, check_url, texts_in

Param = str | int | float | bool | list[str]
_BEARERS = "the connection's setting, and auth, which says how it is sent: {kind: header, name: X-Api-Key} or the like"


class RestSource(AddressedSource):
    """Records of an HTTP API that answers with JSON: asked page by page, with its login, its limits and its nested records."""

    kind: Literal["rest"]
    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
    gives_stable_bytes: ClassVar[bool] = False
    is_asked: ClassVar[bool] = True
    without_rows: ClassVar[tuple[str, str] | None] = ("EMPTY-ANSWER", "answers that there is no record")
    window_goes_to: ClassVar[str] = "params, url, headers or body"
    url: str = Field(description="http(s), or a path below the connection; may hold window placeholders.")
    method: Literal["GET", "POST"] = Field("GET", description="How each page is asked for. A POST must only read.")
    params: dict[str, Param] = Field(
        default_factory=dict, description="Parameters of the address; texts may hold window placeholders."
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Headers of each request; no secrets.")
    body: dict[str, Any] | None = Field(None, description="JSON that a POST sends; texts may hold window placeholders.")
    auth: Auth | None = Field(None, description="How the connection's login is sent; without it: basic.")
    records: str | None = Field(None, description="Dotted path of the list of records; none: the document is the list.")
    paging: Paging | None = Field(None, description="How the next page is asked for; none: one page is all.")
    total: str | None = Field(
        None, description="Dotted path of the number of all records; another number than came is an error."
    )
    expand: Expand | None = Field(None, description="A row for each item of a list in the records.")
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Fields of nested objects: name (a column's `from`, or its name) and dotted path.",
    )
    timezone: Zone | None = Field(None, description="Zone in which windows are written; without it: the window's own.")
    rate: Rate | None = Field(None, description="How often it may be asked.")
    retries: int = Field(
        5, ge=0, le=20, description="How often a request is made again that failed for a reason that passes."
    )
    max_pages: int = Field(10_000, ge=1, description="A paging that never ends is an error.")

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value.partition("://")[0].lower() in ("file", "s3"):
            raise ValueError("an API is asked at http:// or https://; files and buckets are read with kind: json")
        return check_url(value)

    @field_validator("headers")
    @classmethod
    def _header_names(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            header_name(name)
        return value

    @property
    def address(self) -> str:
        return self.url

    @property
    def is_templated(self) -> bool:
        return any("{window." in text for text in self.templates)

    @property
    def connections(self) -> tuple[str, ...]:
        return tuple(filter(None, [self.connection, getattr(self.auth, "connection", None)]))

    def faults(self, columns: Sequence[str]) -> Iterator[Told]:
        for rule in (_login, _request, _paging, _said_twice, _secrets):
            yield from rule(self)
        yield from _fields(self, columns)
        if self.timezone is not None and not self.is_templated:
            yield (
                ("timezone",), "has no meaning without a window placeholder", "{window.start:...} in params, url or body"
            )  # fmt: skip

    @property
    def templates(self) -> list[str]:
        """The texts that may hold window placeholders."""
        return [self.url, *texts_in([*self.params.values(), *self.headers.values(), self.body])]

    @model_validator(mode="after")
    def _known_placeholders(self) -> RestSource:
        for text in self.templates[1:]:
            check_placeholders(text)
        return self


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
