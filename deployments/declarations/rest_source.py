"""A source that is an HTTP API: what is asked, how the next page is, and what comes of its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from deployments.declarations.model import Zone
from deployments.declarations.rest import Auth, Expand, Paging, Rate, header_name
from deployments.declarations.rest_rules import rest_faults
from deployments.declarations.source_facts import AddressedSource, Told
from deployments.declarations.source_urls import check_placeholders, check_url

Param = str | int | float | bool | list[str]


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
        yield from rest_faults(self, columns)

    @property
    def templates(self) -> list[str]:
        """The texts that may hold window placeholders."""
        return [self.url, *texts_in([*self.params.values(), *self.headers.values(), self.body])]

    @model_validator(mode="after")
    def _known_placeholders(self) -> RestSource:
        for text in self.templates[1:]:
            check_placeholders(text)
        return self


def texts_in(value: object) -> list[str]:
    """The texts inside a JSON value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_in(item)]
    return [text for item in value for text in texts_in(item)] if isinstance(value, list) else []
