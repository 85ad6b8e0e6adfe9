"""What a build may cost: how long, in which queue, and a join without an equality that would compare too many pairs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tasks.guard import guarded
from tasks.warehouses.plans import most_pairs
from tasks.warehouses.session import one, transaction
from tasks.workbench import workbench

TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: city, type: varchar(16)}
key: [id]
load: {mode: full_refresh, shrink_guard: 100%}
"""
SUMMARY = """/*
target: {schema}.pairs
description: Pairs of orders.
owner: a@example.com
inputs: [{table: {schema}.orders}]
allow: {joins: They are meant.}
KEYS*/
SELECT COUNT(*) AS n FROM {schema}.orders AS a JOIN {schema}.orders AS b ON CONDITION
"""
LESS = "a.id < b.id"


@pytest.fixture
def summary(house: Any) -> Callable[..., str]:
    (house.folder / "summaries").mkdir()
    house.source("orders.csv", "id,city\n" + "".join(f"{n},city {n % 7}\n" for n in range(2000)))
    house.declare("orders", TABLE)
    house.load(f"{house.schema}.orders")

    def write(condition: str, guard: str = "") -> str:
        keys = f"guard: {{{guard}}}\n" if guard else ""
        text = SUMMARY.replace("KEYS", keys).replace("CONDITION", condition).replace("{schema}", house.schema)
        (house.folder / "summaries" / "pairs.sql").write_text(text)
        house.open()
        return f"{house.schema}.pairs"

    return write


@pytest.mark.effect("Summary.guard", "Guard.pairs")
def test_a_join_by_no_equality_that_compares_too_much_is_not_run(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    told = command("run", summary(LESS, "pairs: 100000"))
    assert told.code == 1, told.out
    assert "[GUARD-JOIN]" in told.out
    found = re.search(
        r"joins b by no equality, and would compare some ([\d,]+) pairs of rows", " ".join(told.out.split())
    )
    # An index spares PostgreSQL two thirds of the 4,000,000, by its own estimate.
    assert found, told.out
    assert 1_000_000 < int(found[1].replace(",", "")) <= 4_000_000
    tried = command("summary", "try", summary(f"{LESS} OR a.id = b.id", "pairs: 0"))
    assert "by no equality" in f"{tried.out}{tried.error}", tried
    made = "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relname = 'pairs' AND nspname = %s"
    assert house.place.ask(made, (house.schema,)) == []
    # Where it is meant, or compares by an equality, it runs.
    assert command("run", summary(LESS, "pairs: 5000000")).code == 0
    assert house.place.ask(f"SELECT n FROM {house.schema}.pairs") == [(1999000,)]
    assert command("run", summary("a.city = b.city AND a.id < b.id", "pairs: 0"), "--full-refresh").code == 0
    assert command("run", summary("a.id < b.id WHERE b.id = a.id + 1", "pairs: 0"), "--full-refresh").code == 0
    assert house.place.ask(f"SELECT n FROM {house.schema}.pairs") == [(1999,)]


def test_a_side_of_one_row_counts_for_nothing(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    one_row = "true CROSS JOIN (SELECT MAX(id) AS last FROM {schema}.orders) AS m WHERE a.id = b.id AND a.id = m.last"
    assert command("run", summary(one_row.replace("{schema}", house.schema), "pairs: 0")).code == 0


@pytest.mark.effect("Guard.statement_timeout", "Guard.query_group", "Guard.slots")
def test_the_bounds_hold_for_the_build_and_no_longer(house: Any, summary: Callable[..., str]) -> None:
    name = summary("a.id = b.id", "statement_timeout: 7m, query_group: reports, slots: 3")
    bench = workbench()
    shown = ["statement_timeout", "query_group", "wlm_query_slot_count"] if house.place.is_redshift else \
        ["statement_timeout", "application_name"]  # fmt: skip

    def now(cursor: Any) -> list[str]:
        return [str(one(cursor, f"SHOW {setting}")[0]) for setting in shown]

    with transaction(bench.warehouse.address) as cursor:
        before = now(cursor)
        guarded(bench, cursor, bench.project.summary(name), None)
        inside = now(cursor)
    with transaction(bench.warehouse.address) as cursor:
        after = now(cursor)
    assert inside == (["7min", "reports", "3"] if house.place.is_redshift else ["7min", "headgate/reports"])
    assert before == after != inside


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_build_that_takes_too_long_is_cancelled(
    house: Any, command: Callable[..., Any], summary: Callable[..., str]
) -> None:
    long = f"{LESS} CROSS JOIN {house.schema}.orders AS c"
    told = command("run", summary(long, "statement_timeout: 1s, pairs: 100000000000"))
    assert (told.code, "STATEMENT-TIMEOUT" in told.out) == (1, True), told.out


def test_pairs_are_read_of_either_plan() -> None:
    redshift = """\
XN Aggregate  (cost=200.00..200.00 rows=1 width=0)
  ->  XN Nested Loop DS_BCAST_INNER  (cost=0.00..40000.00 rows=1333333 width=0)
        Join Filter: ("outer".id < "inner".id)
        ->  XN Seq Scan on orders a  (cost=0.00..20.00 rows=2000 width=8)
        ->  XN Seq Scan on orders b  (cost=0.00..20.00 rows=1000 width=8)
----- Nested Loop Join in the query plan - review the join predicates to avoid Cartesian products -----"""
    postgres = """\
Nested Loop  (cost=0.29..1.00 rows=10 width=8)
  InitPlan 1
    ->  Aggregate  (cost=1.00..1.00 rows=1 width=8)
          ->  Seq Scan on x  (cost=0.00..1.00 rows=99999 width=8)
  ->  Seq Scan on a  (cost=0.00..1.00 rows=20 width=8)
  ->  Materialize  (cost=0.00..1.00 rows=30 width=8)
        ->  Seq Scan on b  (cost=0.00..1.00 rows=30 width=8)"""
    assert (most_pairs(redshift.splitlines()), most_pairs(postgres.splitlines())) == (2_000_000, 600)
    assert (
        most_pairs(
            ["Hash Join  (cost=1.00..2.00 rows=5 width=8)", "  ->  Seq Scan on a  (cost=0.00..1.00 rows=5 width=8)"]
        )
        == 0
    )
