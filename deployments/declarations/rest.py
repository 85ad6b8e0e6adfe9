"""What an HTTP API is told and asked: its login, its pages, its limits, and how its records become rows.

Secrets stand in the connection of the source alone; what is declared here says only how they are sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from deployments.declarations.model import Declared, Duration, Identifier, seconds

Where = Literal["query", "body"]
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")
_SECRET_NAME = re.compile(
    r"(?i)(x-)?(api|auth|access|app|application|account|user|client|private|secret)?[-_]?"
    r"(key|token|secret|password|passwd|pwd|jwt|bearer|sig|signature)"
)


class BasicAuth(Declared):
    """User and password of the connection as basic authentication: what is sent where nothing is said of it."""

    kind: Literal["basic"]


class BearerAuth(Declared):
    """The password of the connection (its user, where there is none) as a bearer token."""

    kind: Literal["bearer"]


class HeaderAuth(Declared):
    """The password of the connection (its user, where there is none) in a header of its own."""

    kind: Literal["header"]
    name: str = Field(description="Name of the header, such as X-Api-Key.")
    prefix: str = Field("", description="What stands before the secret, such as 'Token '.")

    @field_validator("name")
    @classmethod
    def _token(cls, value: str) -> str:
        return header_name(value)


class QueryAuth(Declared):
    """The password of the connection (its user, where there is none) as a parameter of the address."""

    kind: Literal["query"]
    name: str = Field(description="Name of the parameter, such as api_key.", min_length=1)


class OAuth2(Declared):
    """OAuth 2.0 client credentials: a token that is fetched, kept in memory, and fetched again when it ends or is refused."""

    kind: Literal["oauth2"]
    connection: Identifier = Field(
        description="Name of the connection whose address gives tokens; its user and password are the client's id and secret."
    )
    scope: str | None = Field(None, description="What the token is asked for, with blanks between.")
    audience: str | None = Field(None, description="For whom the token is; some servers ask for it.")
    client_in: Literal["header", "body"] = Field("header", description="Where the client's id and secret are sent.")


Auth = Annotated[BasicAuth | BearerAuth | HeaderAuth | QueryAuth | OAuth2, Field(discriminator="kind")]


class _Counted(Declared):
    size: int | None = Field(None, ge=1, description="Records of a full page.")
    size_param: str | None = Field(None, description="Parameter that asks for pages of this size.", min_length=1)
    ends: Literal["empty", "short", "total"] | None = Field(
        None,
        description="Which page is the last. empty: the one without records (without `more`: the default); short: one with"
        " fewer records than `size`; total: the one that completes the source's `total`.",
    )
    more: str | None = Field(None, description="Dotted path of a true or false that says whether there are more pages.")
    in_: Where = Field("query", alias="in", description="Where its parameters are sent: in the address or in the body.")

    @model_validator(mode="after")
    def _one_end(self) -> _Counted:
        if self.ends is not None and self.more is not None:
            raise ValueError("ends and more both say which page is the last; allowed: one of them")
        if self.ends == "short" and self.size is None:
            raise ValueError("ends: short needs the size of a full page; allowed: size: 100")
        if self.size_param is not None and self.size is None:
            raise ValueError("size_param needs the size to ask for; allowed: size: 100")
        if self.size is not None and self.size_param is None and self.ends != "short":
            raise ValueError("size has an effect only with size_param, or with ends: short")
        return self


class PagePaging(_Counted):
    """Pages by number."""

    kind: Literal["page"]
    param: str = Field("page", description="Parameter that holds the number of the page.", min_length=1)
    first: int = Field(1, ge=0, description="Number of the first page.")


class OffsetPaging(_Counted):
    """Pages by the number of records before them; it grows by the records that really came."""

    kind: Literal["offset"]
    param: str = Field(
        "offset", description="Parameter that holds the number of records before the page.", min_length=1
    )
    first: int = Field(0, ge=0, description="Offset of the first record.")


class CursorPaging(Declared):
    """Pages by a mark that each page gives for the next one."""

    kind: Literal["cursor"]
    param: str = Field(description="Parameter that holds the mark.", min_length=1)
    path: str | None = Field(
        None, description="Dotted path of the mark in a page; null, empty or absent on the last page."
    )
    last: str | None = Field(None, description="Field of a page's last record that is the mark, such as id.")
    more: str | None = Field(None, description="Dotted path of a true or false that says whether there are more pages.")
    in_: Where = Field("query", alias="in", description="Where the parameter is sent: in the address or in the body.")

    @model_validator(mode="after")
    def _one_mark(self) -> CursorPaging:
        if (self.path is None) == (self.last is None):
            raise ValueError(
                "a cursor needs the place of its mark; allowed: path (in the page) or last (in its last record)"
            )
        return self


class LinkPaging(Declared):
    """Pages by the header `Link: <address>; rel="next"`."""

    kind: Literal["link"]


class NextPaging(Declared):
    """Pages by an address that stands in each page."""

    kind: Literal["next"]
    path: str = Field(description="Dotted path of the next page's address; null, empty or absent on the last page.")


Paging = Annotated[PagePaging | OffsetPaging | CursorPaging | LinkPaging | NextPaging, Field(discriminator="kind")]


class Expand(Declared):
    """A row for each item of a list that stands in a record. An item that is no object is the field `value`."""

    list: str = Field(description="Dotted path of the list in a record; null, empty or absent: the record has no row.")
    keep: dict[str, str] = Field(
        default_factory=dict, description="Fields that each row gets from its record: name and dotted path."
    )


class Rate(Declared):
    """How often the API may be asked by one batch."""

    requests: int = Field(ge=1, description="So many requests ...")
    per: Duration = Field("1s", description="... in this time, evenly.")

    @property
    def seconds_between(self) -> float:
        return seconds(self.per) / self.requests


def header_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", value):
        raise ValueError(f"'{value}' can't be the name of a header")
    return value


def secret_names(names: Iterable[str]) -> list[str]:
    """Names of headers or parameters that hold a secret by their name."""
    return [name for name in names if name.lower() in SECRET_HEADERS or _SECRET_NAME.fullmatch(name)]
