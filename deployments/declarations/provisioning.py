"""Who may do what in the warehouse: `warehouse.yaml`, an optional file of a project.

Least privilege: a group may do what is written here and nothing else; `ops` and `quarantine` are closed to everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

from pydantic import Field, field_validator, model_validator

from deployments.declarations.model import Declared, Identifier

Access = Literal["read", "all"]
CLOSED = ("ops", "quarantine")
SCHEMAS = ("raw_data", "analytics", "adhoc", "archive", *CLOSED)


class Group(Declared):
    """A group of warehouse users."""

    members: tuple[str, ...] | None = Field(
        None, description="Users that belong to it, no others; left out: membership is somebody else's business."
    )
    schemas: dict[Identifier, Access] = Field(
        default_factory=dict,
        description="read: usage and select, on what is there and on what comes; all: make tables of their own, too.",
    )

    @field_validator("members")
    @classmethod
    def _names(cls, members: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in members or ():
            if not name.isprintable() or not 0 < len(name.encode()) <= 127:
                raise ValueError(f"{name!r} can't be the name of a user")
        return members

    @field_validator("schemas")
    @classmethod
    def _open(cls, schemas: dict[str, Access]) -> dict[str, Access]:
        for name in CLOSED:
            if name in schemas:
                raise ValueError(f"'{name}' is closed to every group: it holds raw rows and what the loader relies on")
        return schemas


class Provisioning(Declared):
    """What `headgate provision` makes so."""

    schemas: tuple[Identifier, ...] = Field(
        SCHEMAS, description="Schemas that are to be there, beside those of tables."
    )
    groups: dict[Identifier, Group] = Field(default_factory=dict, description="Groups by name.")
    summaries_as: Identifier | None = Field(
        None,
        description="Group with whose rights the SELECT of a summary and the sql of its input checks run (PostgreSQL only); "
        "left out: with the loader's.",
    )

    @model_validator(mode="after")
    def _a_group(self) -> Provisioning:
        if self.summaries_as is not None and self.summaries_as not in self.groups:
            raise ValueError(
                f"summaries_as is '{self.summaries_as}', which isn't among the groups: {', '.join(self.groups)}"
            )
        return self

    def readers(self, schema: str) -> tuple[str, ...]:
        """Groups that may read whatever comes into a schema."""
        return tuple(name for name, group in self.groups.items() if schema in group.schemas)


def default_provisioning() -> Provisioning:
    """What holds without `warehouse.yaml`: analysts read raw_data and analytics and do as they like in adhoc."""
    access: dict[str, Access] = {"raw_data": "read", "analytics": "read", "adhoc": "all"}
    return Provisioning(groups={"analysts": Group(schemas=access)})


def with_table_grants(declared: Provisioning, grants: Mapping[str, tuple[str, ...]]) -> Provisioning:
    """The same, and the groups that tables grant to by name: they need the schema, not all that is in it."""
    schemas = dict.fromkeys([*declared.schemas, *(target.partition(".")[0] for target in grants)])
    groups = dict(declared.groups)
    for names in grants.values():
        for name in names:
            groups.setdefault(name, Group())
    return declared.model_copy(update={"schemas": tuple(schemas), "groups": groups})


def usages(declared: Provisioning, grants: Mapping[str, tuple[str, ...]]) -> Mapping[tuple[str, str], bool]:
    """(group, schema): whether the group may also create there. Every pair may use the schema."""
    return MappingProxyType(dict(_usages(declared, grants)))


def _usages(declared: Provisioning, grants: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[tuple[str, str], bool]]:
    for target, names in grants.items():
        for name in names:
            yield (name, target.partition(".")[0]), False
    for name, group in declared.groups.items():
        for schema, access in group.schemas.items():
            yield (name, schema), access == "all"
