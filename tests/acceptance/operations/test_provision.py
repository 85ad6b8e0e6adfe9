"""Schemas, groups and rights as declared: the difference first, nothing twice, nothing beyond what is declared."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
load: {mode: full_refresh}
"""


@pytest.fixture
def people(house: Any) -> Iterator[tuple[str, str, str]]:
    """A group's name that nobody has, and two users; all removed afterwards, for they belong to the whole server."""
    tag = secrets.token_hex(4)
    group, ana, ben = f"analysts_{tag}", f"ana_{tag}", f"ben_{tag}"
    for user in (ana, ben):
        house.place.ask(f"CREATE USER {user} PASSWORD 'Secret-{tag}1'")
    yield group, ana, ben
    if not house.place.is_redshift:
        for name in (group, ana, ben):
            if house.place.ask("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)):
                house.place.ask(f"DROP OWNED BY {name}")
                house.place.ask(f"DROP ROLE {name}")


def write(house: Any, text: str) -> None:
    (house.folder / "warehouse.yaml").write_text(text)


@pytest.mark.effect(
    "Group.members",
    "Group.schemas",
    "Group.schemas=all",
    "Group.schemas=read",
    "Provisioning.schemas",
    "headgate provision --json",
)
def test_the_difference_is_shown_made_and_gone(
    house: Any, command: Callable[..., Any], people: tuple[str, str, str]
) -> None:
    group, ana, ben = people
    table = house.declare("orders", TABLE)
    house.source("orders.csv", "id\n1\n")
    house.load(table)
    if house.place.double:
        house.place.double.explained.append(r"^CREATE USER|^SET SESSION")
    scratch = f"{house.schema}_x"
    write(house, f"schemas: [ops, quarantine, {scratch}]\ngroups:\n  {group}:\n    members: [{ana}, nobody_here]\n"
                 f"    schemas: {{{house.schema}: read, {scratch}: all}}\n")  # fmt: skip
    planned = command("provision", "--plan", "--json").json
    said = [item["what"] for item in planned["difference"]]
    assert f"schema {scratch}" in said
    assert f"select on {table} to {group}" in "\n".join(said)
    assert command("provision", "--plan", "--json").json == planned, "nothing was changed"
    done = command("provision", "--json")
    assert (done.code, done.json["left"]) == (
        3, [f"nobody_here into group {group}: there is no such user; somebody has to make it"]
    )  # fmt: skip
    assert [item["what"] for item in command("provision", "--plan", "--json").json["difference"]] == done.json["left"]

    def may(user: str, table_: str, right: str) -> bool:
        return bool(house.place.ask("SELECT has_table_privilege(%s, %s, %s)", (user, table_, right))[0][0])

    def may_use(user: str, schema: str, right: str) -> bool:
        return bool(house.place.ask("SELECT has_schema_privilege(%s, %s, %s)", (user, schema, right))[0][0])

    assert may(ana, table, "select")
    assert not may(ana, table, "insert")
    assert not may(ben, table, "select")
    assert may_use(ana, scratch, "create")
    assert not may_use(ana, house.schema, "create")
    assert not may_use(ana, "quarantine", "usage")
    # What is published from now on can be read as well, and what is kept beside it can't.
    house.source("orders.csv", "id\n1\n2\n")
    house.open()
    house.load(table)
    assert may(ana, table, "select")
    assert not any(may(ana, f"{house.schema}.{name}", "select") for name in house.side_tables(table))
    # Less is declared: what is too much goes.
    write(house, f"groups:\n  {group}:\n    members: []\n    schemas: {{{house.schema}: read}}\n")
    revoked = command("provision", "--json").json["difference"]
    assert f"{ana} out of group {group}" in [item["what"] for item in revoked]
    assert not may(ana, table, "select")


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("groups: {analysts: {schemas: {ops: read}}}", "'ops' is closed to every group"),
        ("groups: {analysts: {schemas: {raw_data: write}}}", "allowed: read, all"),
        ("groups: {public: {schemas: {raw_data: read}}}", "'public' is everybody who may log in, and no group"),
        ("grups: {}", "did you mean 'groups'"),
    ],
)
def test_mistakes_are_told(house: Any, command: Callable[..., Any], text: str, why: str) -> None:
    house.declare("orders", TABLE)
    write(house, text)
    assert why in str(command("provision", "--plan").error)
