"""Who may do what in the warehouse, and decide what about it: `warehouse.yaml`, an optional file of a project.

Least privilege: a group may do what is written here and nothing else; `ops` and `quarantine` are closed to everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from deployments.declarations.model import Declared, Identifier

Access = Literal["read", "all"]
CLOSED = ("ops", "quarantine")
EVERYBODY = "public"
"""To both warehouses that name is no group, quoted or not: it is whoever may log in."""
Matter = Literal["rollback", "override", "drift", "pause", "discard", "erase"]
"""What people decide. `drift`: whatever is answered to an alarm; `pause`: resuming as well."""
_PROVEN_BY = ("machine", "warehouse", "prefect")
SCHEMAS = ("raw_data", "analytics", "adhoc", "archive", *CLOSED)


def _login(text: str) -> str:
    place, colon, name = text.partition(":")
    if not colon or place not in _PROVEN_BY or not name.isprintable() or not 0 < len(name.encode()) <= 127:
        listing = ", ".join(f"{place}:NAME" for place in _PROVEN_BY)
        raise ValueError(f"{text!r} isn't a login; allowed: {listing}")
    return text


Login = Annotated[str, AfterValidator(_login)]


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

    stands_in: ClassVar = "warehouse.yaml"
    schemas: tuple[Identifier, ...] = Field(
        SCHEMAS, description="Schemas that are to be there, beside those of tables."
    )
    groups: dict[Identifier, Group] = Field(default_factory=dict, description="Groups by name.")
    summaries_as: Identifier | None = Field(
        None,
        description="Group with whose rights the SELECT of a summary and the sql of its input checks run (PostgreSQL only); "
        "left out: with the loader's.",
    )
    roles: dict[Identifier, tuple[Login, ...]] = Field(
        default_factory=dict,
        description="Who decides, by login: `machine:maria` (user of the machine a command is typed on), `warehouse:maria` "
        "(login of HEADGATE_WAREHOUSE_URL), `prefect:maria` (user of Prefect Cloud). An open-source Prefect server knows no "
        "users: `prefect:*` lets everybody decide who may open its forms.",
    )
    decisions: dict[Matter, tuple[Identifier, ...]] = Field(
        default_factory=dict,
        description="The roles that may decide a matter, on the command line and by a form; of a matter that isn't listed "
        "everybody may who has the settings of the loader. drift: answers to alarms; pause: resume as well.",
    )

    @model_validator(mode="after")
    def _a_group(self) -> Provisioning:
        if EVERYBODY in self.groups:
            raise ValueError(f"'{EVERYBODY}' is everybody who may log in, and no group")
        if self.summaries_as is not None and self.summaries_as not in self.groups:
            raise ValueError(
                f"summaries_as is '{self.summaries_as}', which isn't among the groups: {', '.join(self.groups)}"
            )
        return self

    @model_validator(mode="after")
    def _roles(self) -> Provisioning:
        for matter, names in self.decisions.items():
            for name in names:
                if name not in self.roles:
                    known = ", ".join(self.roles) or "none"
                    raise ValueError(f"decisions.{matter} names the role '{name}'; roles that are declared: {known}")
        return self

    def deciders(self, matter: Matter) -> tuple[str, ...] | None:
        """Logins that may decide a matter; None: it isn't said who."""
        names = self.decisions.get(matter)
        return None if names is None else tuple(dict.fromkeys(login for name in names for login in self.roles[name]))

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
