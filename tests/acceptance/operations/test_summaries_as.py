"""`summaries_as`: the SELECT of a summary and the SQL of its input checks run with the rights of a group, and no others."""

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
  - {name: price, type: "decimal(12,2)"}
load: {mode: full_refresh}
"""
SUMMARY = """\
/*
target: {s}.who
description: Who built it.
owner: a@example.com
inputs:
  - table: {s}.orders
    checks: [{code: WHO, sql: "SELECT CASE WHEN current_user = '{g}' THEN 1 ELSE 0 END AS n", equals: 1}]
key: [id]
*/
SELECT id, price, CAST(current_user AS varchar(63)) AS builder FROM {s}.orders
"""


@pytest.fixture
def group(house: Any) -> Iterator[str]:
    """The name of a group that a project gives summaries to; gone afterwards, for it belongs to the whole server."""
    name = f"builders_{secrets.token_hex(4)}"
    (house.folder / "warehouse.yaml").write_text(
        f"schemas: [ops, quarantine]\nsummaries_as: {name}\ngroups:\n  {name}: {{members: []}}\n"
    )
    (house.folder / "summaries").mkdir()
    (house.folder / "summaries" / "who.sql").write_text(SUMMARY.replace("{s}", house.schema).replace("{g}", name))
    house.source("orders.csv", "id,price\n1,2.50\n2,3.00\n")
    house.declare("orders", TABLE)
    house.load(f"{house.schema}.orders")
    yield name
    if house.place.ask("SELECT 1 FROM pg_group WHERE groname = %s", (name,)) and not house.place.is_redshift:
        house.place.ask(f"DROP OWNED BY {name}")
        house.place.ask(f"DROP ROLE {name}")


@pytest.mark.effect("Provisioning.summaries_as")
@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_it_runs_with_the_rights_of_the_group_and_no_others(
    house: Any, command: Callable[..., Any], group: str
) -> None:
    s = house.schema
    assert command("provision").code == 0
    assert command("provision", "--plan", "--json").json == {"difference": [], "left": []}
    assert command("summary", "try", "who").code == 0
    told = command("run", f"{s}.who")
    assert told.code == 0, told
    assert house.rows(f"{s}.who") == [(1, 2.5, group), (2, 3, group)]
    # The type is the SELECT's, and nothing of the rights that the group had on the candidate is left.
    assert house.place.ask(
        "SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE attrelid = %s::regclass AND attname = 'price'",
        (f"{s}.who",),
    ) == [("numeric(12,2)",)]  # fmt: skip
    assert house.place.ask("SELECT has_table_privilege(%s, %s, 'INSERT')", (group, f"{s}.who")) == [(False,)]

    house.place.ask(f"REVOKE SELECT ON {s}.orders FROM {group}")
    for words in (("summary", "try", "who"), ("run", f"{s}.who", "--full-refresh")):
        told = command(*words)
        assert "permission denied" in told.out + str(told.error), told
    assert house.rows(f"{s}.who") == [(1, 2.5, group), (2, 3, group)]


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_group_that_is_not_declared_is_told(house: Any, command: Callable[..., Any], group: str) -> None:
    (house.folder / "warehouse.yaml").write_text("summaries_as: builders\n")
    assert "summaries_as is 'builders', which isn't among the groups" in str(command("provision", "--plan").error)


@pytest.mark.parametrize("place", ["redshift-like"], indirect=True)
def test_on_redshift_it_is_refused(house: Any, command: Callable[..., Any], group: str) -> None:
    error = command("summary", "try", "who").error
    assert (error.code, "can't take the rights of a group" in error.message) == ("SUMMARIES-AS", True)
