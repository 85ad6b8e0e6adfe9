"""Differences between contract and live table: what each value of each key of `on_schema_change` does with them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deployments.declarations.columns import Column
from deployments.declarations.table import Physical, SchemaChange
from deployments.errors import DeclarationError
from tasks.warehouses.changes import find_changes, judge
from tasks.warehouses.names import TableName
from tasks.warehouses.postgres.adapter import PostgresAdapter
from tasks.warehouses.protocol import Adapter
from tasks.warehouses.redshift.adapter import RedshiftAdapter
from tasks.warehouses.shapes import LiveColumn, Shape

TABLE = TableName("raw", "orders")
POSTGRES, REDSHIFT = (cast(Adapter, kind.__new__(kind)) for kind in (PostgresAdapter, RedshiftAdapter))


def shape(*types: str) -> Shape:
    columns = tuple(Column(name=f"c{n}", type=kind) for n, kind in enumerate(types))
    return Shape(columns, (), Physical(), "", ())


def live(*types: str) -> list[LiveColumn]:
    return [LiveColumn(f"c{n}", kind, True) for n, kind in enumerate(types)]


@pytest.mark.parametrize(("there", "declared", "kind"), [
    ("varchar(5)", "varchar(9)", "widened"), ("varchar(9)", "varchar(5)", "narrowed"),
    ("integer", "bigint", "widened"), ("bigint", "smallint", "narrowed"),
    ("decimal(10,2)", "decimal(12,2)", "widened"), ("decimal(10,2)", "decimal(12,4)", "widened"),
    ("decimal(12,2)", "decimal(10,2)", "narrowed"),
    # More places, fewer whole digits: neither holds all values of the other.
    ("decimal(10,2)", "decimal(10,4)", "retyped"), ("decimal(10,4)", "decimal(12,2)", "retyped"),
    ("integer", "varchar(20)", "retyped"), ("integer", "decimal(12,2)", "retyped"), ("text", "varchar(20)", "retyped"),
    ("timestamp", "timestamptz", "retyped"), ("integer", "double precision", "retyped"),
])  # fmt: skip
def test_the_kind_of_a_change_of_type(there: str, declared: str, kind: str) -> None:
    assert [change.kind for change in find_changes(shape(declared), live(there))] == [kind]


def told(policy: dict[str, Any], wanted: Shape, there: list[LiveColumn], *, adapter: Adapter, replaced: bool) -> str:
    """'fail', 'warn' or 'allow': what comes of the differences."""
    changes = find_changes(wanted, there)
    assert changes
    try:
        return "warn" if judge(adapter, TABLE, SchemaChange(**policy), wanted, changes, replaced=replaced) else "allow"
    except DeclarationError as error:
        return {"SCHEMA-CHANGE": "fail", "WIDEN-REFUSED": "fail"}[error.code]


NEW = (shape("integer", "integer"), live("integer"))
GONE = (shape("integer"), live("integer", "integer"))
LONGER = (shape("varchar(9)"), live("varchar(5)"))
LARGER = (shape("bigint"), live("integer"))
SHORTER = (shape("varchar(5)"), live("varchar(9)"))
OTHER = (shape("varchar(9)"), live("integer"))
CASES: list[tuple[dict[str, str], Any, str, str, str]] = [
    # policy, difference, where rows stay: on PostgreSQL, on Redshift; where the table is replaced
    ({}, NEW, "warn", "warn", "warn"), ({"new_column": "evolve"}, NEW, "warn", "warn", "warn"),
    ({"new_column": "allow"}, NEW, "allow", "allow", "allow"), ({"new_column": "fail"}, NEW, "fail", "fail", "fail"),
    ({}, GONE, "warn", "warn", "fail"), ({"removed": "warn"}, GONE, "warn", "warn", "warn"),
    ({"removed": "allow"}, GONE, "allow", "allow", "allow"), ({"removed": "fail"}, GONE, "fail", "fail", "fail"),
    ({}, LONGER, "warn", "warn", "warn"), ({"widened": "allow"}, LONGER, "allow", "allow", "allow"),
    ({"widened": "fail"}, LONGER, "fail", "fail", "fail"), ({"widened": "evolve"}, LONGER, "warn", "warn", "warn"),
    ({}, LARGER, "warn", "fail", "warn"), ({"widened": "allow"}, LARGER, "allow", "fail", "allow"),
    ({}, SHORTER, "fail", "fail", "fail"), ({"narrowed": "fail"}, SHORTER, "fail", "fail", "fail"),
    ({"narrowed": "warn"}, SHORTER, "warn", "warn", "warn"), ({"narrowed": "allow"}, SHORTER, "allow", "allow", "allow"),
    ({}, OTHER, "fail", "fail", "fail"), ({"retyped": "fail"}, OTHER, "fail", "fail", "fail"),
    ({"retyped": "evolve"}, OTHER, "fail", "fail", "warn"),
]  # fmt: skip


def effects(policy: dict[str, str]) -> list[pytest.MarkDecorator]:
    """A value is seen in any case; its key where it isn't the default."""
    return [
        pytest.mark.effect(
            f"SchemaChange.{key}={value}", *([f"SchemaChange.{key}"] if value != getattr(SchemaChange(), key) else [])
        )
        for key, value in policy.items()
    ]


@pytest.mark.parametrize(
    ("policy", "difference", "on_postgres", "on_redshift", "replaced"),
    [pytest.param(*case, marks=effects(case[0])) for case in CASES],
)
def test_what_each_value_of_the_policy_does(
    policy: dict[str, str], difference: Any, on_postgres: str, on_redshift: str, replaced: str
) -> None:
    assert told(policy, *difference, adapter=POSTGRES, replaced=False) == on_postgres
    assert told(policy, *difference, adapter=REDSHIFT, replaced=False) == on_redshift
    assert {told(policy, *difference, adapter=each, replaced=True) for each in (POSTGRES, REDSHIFT)} == {replaced}


def test_a_refusal_names_only_settings_that_would_help() -> None:
    with pytest.raises(DeclarationError, match="no setting allows it"):
        judge(POSTGRES, TABLE, SchemaChange(), OTHER[0], find_changes(*OTHER), replaced=False)
    with pytest.raises(DeclarationError, match=r"allowed by load.on_schema_change: \{retyped: evolve\}"):
        judge(POSTGRES, TABLE, SchemaChange(), OTHER[0], find_changes(*OTHER), replaced=True)
    with pytest.raises(DeclarationError, match=r"\{narrowed: warn\}"):
        judge(POSTGRES, TABLE, SchemaChange(), SHORTER[0], find_changes(*SHORTER), replaced=False)
