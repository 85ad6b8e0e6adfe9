"""A batch that failed is published knowingly: only on what it failed, only for its batch, recorded and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deployments.errors import CheckFailedError
from tasks.deciding import named

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders.csv"}
columns:
  - {name: id, type: integer, nullable: false}
  - {name: amount, type: integer}
load: {mode: full_refresh, shrink_guard: 20%, tolerance: 10%}
"""
SUITE = """
table: {schema}.orders
expectations:
  - {code: FEW, type: expect_table_row_count_to_be_between, kwargs: {max_value: 2}}
  - {code: SMALL, type: expect_column_max_to_be_between, kwargs: {column: amount, max_value: 9}}
"""
GOOD, BAD = "id,amount\n1,1\n2,2\n", "id,amount\n1,1\n2,2\n3,3\n"


def fail(house: Any, command: Callable[..., Any], content: str, suite: str = SUITE) -> tuple[str, str]:
    """A table whose last run failed; its name and the run."""
    table = house.declare("orders", TABLE, suite)
    house.source("orders.csv", GOOD)
    house.load(table)
    house.source("orders.csv", content)
    assert command("run", table).code == 1
    ((run,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND status = 'failed'", (table,))
    return table, str(run)


def words(run: str, *codes: str) -> list[str]:
    return [
        "publish",
        run,
        *(part for code in codes for part in ("--override", code)),
        "--reason",
        "known",
        "--by",
        "maria",
    ]


def test_a_check(house: Any, command: Callable[..., Any]) -> None:
    table, run = fail(house, command, BAD)
    done = command(*words(run, "FEW"), "--expires", "1d", "--json")
    assert done.code == 3
    (record,) = done.json
    assert (record["kind"], record["status"]) == ("override", "warned")
    assert record["overrides"] == [f"FEW overridden by {named('maria')}: known (run {run})"]
    assert [rule["overridden_by"] for rule in record["rules"] if rule["code"] == "FEW"] == [f"{named('maria')}: known"]
    assert len(house.rows(table)) == 3
    assert house.proofs(table)[-1][1] == "override"
    assert house.load(table).status == "unchanged"
    assert "FEW overridden by maria" in command("show", record["run_id"]).out


def test_a_guard_publishes_what_was_staged(house: Any, command: Callable[..., Any]) -> None:
    """The source is gone by then: what the failed run had checked and staged is what was looked at."""
    table, run = fail(house, command, "id,amount\n7,7\n")
    (house.folder / "orders.csv").unlink()
    (record,) = command(*words(run, "SHRINK-GUARD"), "--expires", "1d", "--json").json
    assert [step["name"] for step in record["steps"]] == ["resume", "copy", "audit", "judge", "publish"]
    assert house.rows(table) == [(7, 7)]


def test_an_empty_source_empties_the_table_only_when_told_to(house: Any, command: Callable[..., Any]) -> None:
    table, run = fail(house, command, "id,amount\n")
    assert len(house.rows(table)) == 2
    assert command(*words(run, "SHRINK-GUARD"), "--expires", "1d").code == 3
    assert house.rows(table) == []
    assert command("rollback", table, "--reason", "of a test").code == 0
    assert len(house.rows(table)) == 2


def test_too_many_bad_rows(house: Any, command: Callable[..., Any]) -> None:
    table, run = fail(house, command, "id,amount\nx,1\ny,2\n3,3\n4,4\n", "")
    (record,) = command(*words(run, "TOLERANCE"), "--expires", "1d", "--json").json
    assert record["accounting"] == "extracted 4 = published 2 + quarantined 2 + superseded 0"
    assert [row[0] for row in house.rows(table)] == [3, 4]


def test_what_else_fails_still_stops_it(house: Any, command: Callable[..., Any]) -> None:
    table, run = fail(house, command, BAD)
    house.source("orders.csv", BAD + "4,44\n")
    done = command(*words(run, "FEW"), "--expires", "1d")
    assert isinstance(done.error, CheckFailedError)
    assert "SMALL" in str(done.error)
    assert len(house.rows(table)) == 2


@pytest.mark.parametrize(
    ("codes", "expires", "why"),
    [
        (["SMALL"], "1d", "didn't fail on SMALL; it failed on FEW"),
        (["FEW"], "2020-01-01", "is over already"),
        (["FEW"], "soon", "neither a duration"),
    ],
)
def test_refused(house: Any, command: Callable[..., Any], codes: list[str], expires: str, why: str) -> None:
    table, run = fail(house, command, BAD)
    done = command(*words(run, *codes), "--expires", expires)
    assert why in str(done.error)
    assert len(house.rows(table)) == 2
    assert house.place.ask("SELECT count(*) FROM ops.decision WHERE target = %s", (table,)) == [(0,)]


def test_every_failed_check_has_to_be_named(house: Any, command: Callable[..., Any]) -> None:
    _, run = fail(house, command, BAD + "4,44\n")
    assert "failed on SMALL, too" in str(command(*words(run, "FEW"), "--expires", "1d").error)
    assert command(*words(run, "FEW", "SMALL"), "--expires", "1d").code == 3


def test_not_after_the_batch_was_published(house: Any, command: Callable[..., Any]) -> None:
    table, run = fail(house, command, BAD)
    house.source("orders.csv", "id,amount\n1,1\n2,3\n")
    house.load(table)
    assert "was published by" in str(command(*words(run, "FEW"), "--expires", "1d").error)


def test_retry_honors_an_override_until_it_expires(house: Any, command: Callable[..., Any]) -> None:
    table, run = fail(house, command, BAD)
    house.source("orders.csv", BAD + "4,44\n")
    command(*words(run, "FEW"), "--expires", "1d")
    house.source("orders.csv", BAD)
    assert command("retry", run, "--json").code == 3
    assert len(house.rows(table)) == 3
    assert "nothing to do" in command("retry", run).out


def test_an_expired_override_allows_nothing(
    house: Any, command: Callable[..., Any], by_hand: Callable[..., Any]
) -> None:
    table, run = fail(house, command, BAD)
    house.source("orders.csv", BAD + "4,44\n")
    command(*words(run, "FEW"), "--expires", "1d")
    by_hand("UPDATE ops.decision SET expires_at = '2020-01-01' WHERE run_id = %s", (run,))
    house.source("orders.csv", BAD)
    assert command("retry", run).code == 1
    assert len(house.rows(table)) == 2
