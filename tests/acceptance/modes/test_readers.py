"""What readers have on a table stays when the table under them is replaced or changes its shape."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from deployments.errors import ContractError, DeclarationError

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false, description: Number of the order}
  - {name: note, type: varchar(%d)}
%s
key: [id]
physical: {diststyle: key, distkey: id, sortkey: [id]}
"""
REFRESH = "load: {mode: full_refresh, on_schema_change: {removed: warn, widened: evolve}}\ngrants: [%s]\n"
MERGE = "load: {mode: merge}\ngrants: [%s]\n"


@pytest.fixture
def groups(place: Any) -> tuple[str, str]:
    """Two groups: one that the declaration names, one that an admin grants to by hand."""
    made = tuple(f"readers_{secrets.token_hex(3)}" for _ in range(2))
    for name in made:
        place.ask(f"CREATE GROUP {name}" if place.is_redshift else f"CREATE ROLE {name}")
    return made  # type: ignore[return-value]


def may_read(place: Any, group: str, table: str) -> bool:
    """Whether the group itself may select, by the catalog's access list."""
    schema, name = table.split(".")
    found = place.ask(
        "SELECT array_to_string(c.relacl, ' ') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s",
        (schema, name),
    )
    return f"{group}=r" in str(found[0][0])


def comment(place: Any, table: str, number: int) -> str | None:
    schema, name = table.split(".")
    found = place.ask(
        "SELECT d.description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s AND d.objsubid = %s",
        (schema, name, number),
    )
    return found[0][0] if found else None


def to_group(place: Any, group: str) -> str:
    return f"GROUP {group}" if place.is_redshift else group


def test_grants_comments_and_views_survive_a_swap(house: Any, groups: tuple[str, str]) -> None:
    place, (declared, by_hand) = house.place, groups
    table = house.declare("orders", TABLE % (20, "") + REFRESH % declared)
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    place.ask(f"GRANT SELECT ON {table} TO {to_group(place, by_hand)}")
    place.ask(f"COMMENT ON COLUMN {table}.note IS 'written by hand'")
    place.ask(f"CREATE VIEW {house.schema}.notes AS SELECT note FROM {table} WHERE id > 0")
    place.ask(f"CREATE VIEW {house.schema}.counted AS SELECT count(*) AS n FROM {house.schema}.notes")
    place.ask(f"GRANT SELECT ON {house.schema}.notes TO {to_group(place, by_hand)}")
    house.source("orders.csv", "id,note\n1,a\n2,b\n")
    house.load(table)
    assert place.ask(f"SELECT n FROM {house.schema}.counted") == [(2,)]
    assert all(may_read(place, group, table) for group in groups)
    assert may_read(place, by_hand, f"{house.schema}.notes")
    assert [comment(place, table, n) for n in (0, 1, 2)] == ["Orders.", "Number of the order", "written by hand"]
    (old,) = house.side_tables(table)
    assert not may_read(place, by_hand, f"{house.schema}.{old}")


def test_a_new_and_a_longer_column_under_bound_views(house: Any, groups: tuple[str, str]) -> None:
    place, (declared, by_hand) = house.place, groups
    table = house.declare("orders", TABLE % (5, "") + REFRESH % declared)
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    place.ask(f"CREATE VIEW {house.schema}.notes AS SELECT note FROM {table}")
    place.ask(f"CREATE VIEW {house.schema}.counted AS SELECT count(*) AS n FROM {house.schema}.notes")
    place.ask(f"GRANT SELECT ON {house.schema}.notes TO {to_group(place, by_hand)}")
    place.ask(f"COMMENT ON VIEW {house.schema}.notes IS 'a view'")
    house.declare("orders", TABLE % (50, "  - {name: extra, type: bigint}") + REFRESH % declared)
    house.source("orders.csv", "id,note,extra\n1,longer than five,7\n2,b,\n")
    assert house.load(table).status == "warned"
    assert house.rows(table) == [(1, "longer than five", 7), (2, "b", None)]
    assert house.rows(f"{house.schema}.notes") == [("b",), ("longer than five",)]
    assert place.ask(f"SELECT n FROM {house.schema}.counted") == [(2,)]
    assert may_read(place, by_hand, f"{house.schema}.notes")
    assert comment(place, f"{house.schema}.notes", 0) == "a view"


def test_a_view_that_reads_a_removed_column_stops_the_publish(house: Any, groups: tuple[str, str]) -> None:
    table = house.declare("orders", TABLE % (5, "  - {name: extra, type: bigint}") + REFRESH % groups[0])
    house.source("orders.csv", "id,note,extra\n1,a,7\n")
    house.load(table)
    house.place.ask(f"CREATE VIEW {house.schema}.extras AS SELECT extra FROM {table}")
    house.declare("orders", TABLE % (5, "") + REFRESH % groups[0])
    house.source("orders.csv", "id,note\n1,a\n")
    with pytest.raises(DeclarationError, match=f"the view {house.schema}.extras doesn't work with the new columns"):
        house.load(table)
    assert house.rows(f"{house.schema}.extras") == [(7,)]


def test_merge_evolves_the_live_table(house: Any, groups: tuple[str, str]) -> None:
    table = house.declare("orders", TABLE % (5, "") + MERGE % groups[0])
    house.source("orders.csv", "id,note\n1,a\n2,b\n")
    house.load(table)
    house.declare("orders", TABLE % (50, "  - {name: extra, type: bigint}") + MERGE % groups[0])
    house.source("orders.csv", "id,note,extra\n1,longer than five,7\n")
    assert house.load(table).status == "warned"
    assert house.rows(table) == [(1, "longer than five", 7), (2, "b", None)]


def test_a_longer_column_under_a_bound_view_where_rows_stay(house: Any, groups: tuple[str, str]) -> None:
    table = house.declare("orders", TABLE % (5, "") + MERGE % groups[0])
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    house.place.ask(f"CREATE VIEW {house.schema}.notes AS SELECT note FROM {table}")
    house.declare("orders", TABLE % (50, "") + MERGE % groups[0])
    house.source("orders.csv", "id,note\n1,longer than five\n")
    if house.place.is_redshift:
        # Outside a transaction a view can't be taken away and given back without readers missing it meanwhile.
        with pytest.raises(DeclarationError, match=rf"refuses to make note varchar\(50\).*{house.schema}.notes"):
            house.load(table)
        assert house.rows(table) == [(1, "a")]
    else:
        house.load(table)
        assert house.rows(f"{house.schema}.notes") == [("longer than five",)]


def test_what_a_rename_would_lose_is_kept_by_replacing_rows(house: Any, groups: tuple[str, str]) -> None:
    table = house.declare("orders", TABLE % (5, "") + REFRESH % groups[0])
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    house.place.ask(f"CREATE TABLE {house.schema}.lines (order_id integer, note varchar(5))")
    house.place.ask(f"ALTER TABLE {table} ADD CONSTRAINT first_key PRIMARY KEY (id)")
    house.place.ask(f"ALTER TABLE {house.schema}.lines ADD FOREIGN KEY (order_id) REFERENCES {table} (id)")
    house.source("orders.csv", "id,note\n1,b\n2,c\n")
    house.load(table)
    assert house.rows(table) == [(1, "b"), (2, "c")]
    constraints = house.place.ask(
        "SELECT count(*) FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n "
        "ON n.oid = c.relnamespace WHERE k.contype = 'f' AND n.nspname = %s AND c.relname = 'orders'",
        (house.schema,),
    )
    assert constraints == [(1,)]


def test_a_narrowed_column_is_refused_with_the_setting_that_would_allow_it(house: Any, groups: tuple[str, str]) -> None:
    table = house.declare("orders", TABLE % (20, "") + MERGE % groups[0])
    house.source("orders.csv", "id,note\n1,a\n")
    house.load(table)
    house.declare("orders", TABLE % (5, "") + MERGE % groups[0])
    house.source("orders.csv", "id,note\n2,b\n")
    with pytest.raises(DeclarationError, match=r"note: narrowed, varchar\(20\) in the live table, varchar\(5\)"):
        house.load(table)
    assert house.rows(table) == [(1, "a")]


def test_columns_that_are_declared_anew_are_no_drift(house: Any, groups: tuple[str, str]) -> None:
    table = house.declare("orders", TABLE % (5, "") + MERGE % groups[0])
    for number in range(3):
        house.source("orders.csv", f"id,note\n1,a{number}\n2,b\n")
        house.load(table)
    house.declare("orders", TABLE % (50, "  - {name: extra, type: bigint}") + MERGE % groups[0])
    house.source("orders.csv", "id,note,extra\n1,much longer than all before,7\n2,b,\n")
    record = house.load(table)
    assert record.drift is not None
    assert [alert.message for alert in record.drift.alerts] == []


@pytest.mark.parametrize(("removed", "told"), [("warn", 1), ("allow", 0)])
def test_a_column_the_source_lacks_is_no_value_where_that_is_allowed(
    house: Any, groups: tuple[str, str], removed: str, told: int
) -> None:
    load = MERGE.replace("mode: merge", "mode: merge, on_schema_change: {removed: " + removed + "}")
    table = house.declare("orders", TABLE % (5, "") + load % groups[0])
    house.source("orders.csv", "id\n1\n2\n")
    record = house.load(table)
    assert house.rows(table) == [(1, None), (2, None)]
    assert len([said for said in record.warnings if said == "column 'note' is missing; loaded as NULL"]) == told
    house.source("orders.csv", "note\na\n")
    with pytest.raises(ContractError, match="column 'id' is missing"):
        house.load(table)


def test_a_column_of_another_type_is_replaced_where_nothing_stays(house: Any, groups: tuple[str, str]) -> None:
    refresh = REFRESH.replace("removed: warn", "retyped: evolve")
    table = house.declare("orders", TABLE % (9, "") + refresh % groups[0])
    house.source("orders.csv", "id,note\n1,17\n")
    house.load(table)
    house.declare("orders", (TABLE % (9, "")).replace("varchar(9)", "integer") + refresh % groups[0])
    house.source("orders.csv", "id,note\n1,18\n")
    house.load(table)
    assert house.rows(table) == [(1, 18)]
