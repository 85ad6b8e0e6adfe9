"""A source that is a resource of the dlt package: which one, what it is told, and how its records become rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from deployments.declarations.model import Zone
from deployments.declarations.rest import Expand, secret_names
from deployments.declarations.source_facts import SourceFacts, Told
from deployments.declarations.source_urls import check_placeholders, texts_in

REST_API = "rest_api"
"""What `resource` may say for dlt's own source of that name; its arguments are the source's configuration."""
PARTS = ("secret", "user", "password", "address")
_RESOURCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_SECRET = re.compile(rf"[a-z][a-z0-9_]*(\.({'|'.join(PARTS)}))?")


class DltSource(SourceFacts):
    """Records of a resource of the dlt package (`pip install 'headgate[dlt]'`), a verified source or one of your own.

    What a resource keeps to go on from (its incremental state) is kept with the publish, in the same transaction.
    """

    kind: Literal["dlt"]
    schemes: ClassVar[tuple[str, ...]] = ()
    gives_stable_bytes: ClassVar[bool] = False
    is_asked: ClassVar[bool] = True
    keeps_state: ClassVar[bool] = True
    without_rows: ClassVar[tuple[str, str] | None] = ("EMPTY-ANSWER", "gives no record")
    window_goes_to: ClassVar[str] = "arguments"
    resource: str = Field(
        description="module:function that gives a dlt source or resource, installed or below the project's folder; or"
        " rest_api, dlt's own."
    )
    name: str | None = Field(None, description="Which resource, where the source has several.", min_length=1)
    arguments: dict[str, Any] = Field(
        default_factory=dict,
        description="What the function is told; of rest_api its configuration. Texts may hold window placeholders.",
    )
    secrets: dict[str, str] = Field(
        default_factory=dict,
        description="Arguments that are secrets: dotted path and the name of a connection, whose password (or user, where it"
        " has none) is given; NAME.user, NAME.password, NAME.address: that part. What is no argument is there for dlt.secrets.",
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Fields of nested objects: name (a column's `from`, or its name) and dotted path.",
    )
    expand: Expand | None = Field(None, description="A row for each item of a list in the records.")
    timezone: Zone | None = Field(None, description="Zone in which windows are written; without it: the window's own.")

    @field_validator("resource")
    @classmethod
    def _names_a_function(cls, value: str) -> str:
        if value != REST_API and not _RESOURCE.fullmatch(value):
            raise ValueError(f"'{value}' names no function; allowed: package.module:function, or {REST_API}")
        return value

    @field_validator("secrets")
    @classmethod
    def _names_of_connections(cls, value: dict[str, str]) -> dict[str, str]:
        for path, named in value.items():
            if not _SECRET.fullmatch(named):
                raise ValueError(
                    f"{path}: a secret is the name of a connection; allowed: NAME, NAME.{', NAME.'.join(PARTS)}"
                )
        return value

    @model_validator(mode="after")
    def _known_placeholders(self) -> DltSource:
        for text in texts_in(self.arguments):
            # dlt has placeholders of its own, such as {incremental.start_value}.
            for placeholder in re.findall(r"\{window[^{}]*\}", text):
                check_placeholders(placeholder)
        return self

    @property
    def is_templated(self) -> bool:
        return any("{window." in text for text in texts_in(self.arguments))

    @property
    def connections(self) -> tuple[str, ...]:
        own = () if self.connection is None else (self.connection,)
        return tuple(dict.fromkeys([*own, *(named.partition(".")[0] for named in self.secrets.values())]))

    @property
    def place(self) -> str:
        return self.resource

    def faults(self, columns: Sequence[str]) -> Iterator[Told]:
        awaited = None if self.wait_for is None else self.wait_for.url
        if self.connection is not None and not (awaited or "").startswith("/"):
            yield (
                ("connection",), "is only where a wait_for.url below it lies; a resource is given its login as arguments",
                "secrets: {ARGUMENT: NAME}",
            )  # fmt: skip
        if self.timezone is not None and not self.is_templated:
            yield ("timezone",), "has no meaning without a window placeholder", "{window.start:...} in arguments"
        for name in secret_names(self.arguments):
            if isinstance(self.arguments[name], str):
                yield (
                    ("arguments", name), "holds a secret by its name, which must not stand in a declaration",
                    f"secrets: {{{name}: NAME}}, the name of a connection",
                )  # fmt: skip
        for path in self.secrets:
            if at_path(self.arguments, path) is not None:
                yield ("secrets", path), "stands in arguments as well", "one of the two"
        kept = self.expand.keep if self.expand is not None else {}
        for key, names in (("fields", self.fields), ("expand.keep", kept)):
            for name in names:
                if columns and name not in columns:
                    yield (*key.split("."), name), "no column reads it", f"a column named so, or with `from: {name}`"
        for name in sorted(kept.keys() & self.fields.keys()):
            yield ("expand", "keep", name), "stands in fields as well", "one of the two"


def at_path(arguments: dict[str, Any], path: str) -> Any:
    """What stands in the arguments at a dotted path; None when there is nothing. A number is a place in a list."""
    node: Any = arguments
    for part in path.split("."):
        if isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict):
            node = node.get(part)
        else:
            return None
    return node
