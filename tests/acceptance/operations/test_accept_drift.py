"""An owner says that a change is meant: the batch passes, its level is what later ones are held to, the rule follows."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tasks.deciding import named

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-20}
columns:
  - {name: amount, type: integer, nullable: false}
  - {name: channel, type: varchar(20)}
load: {mode: append}
"""
SUITE = """
table: {schema}.orders
expectations:
  - code: MEAN
    type: expect_column_mean_to_be_between
    kwargs: {column: amount, min_value: 0, max_value: 1000}
    severity: warning
drift: {policy: stop}
"""


def days(house: Any, first: int, last: int, factor: int = 1) -> None:
    for day in range(first, last + 1):
        dice = random.Random(day)
        lines = [f"{dice.randint(50, 150) * factor},{dice.choice(['web', 'shop'])}" for _ in range(200)]
        house.source(f"orders-{day:02}.csv", "amount,channel\n" + "\n".join(lines) + "\n")


@pytest.mark.effect("headgate drift accept --from", "headgate drift explain --json")
def test_accepted_drift_is_the_new_level(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE, SUITE)
    days(house, 1, 10)
    days(house, 11, 19, factor=100)
    assert command("run", table, "--to", "2026-01-11").code == 0
    assert command("run", table, "--window", "2026-01-11").code == 1
    ((run,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND status = 'failed'", (table,))
    told = command("drift", "explain", run).out
    assert "stopped (policy: stop)" in told
    assert f"headgate drift accept {run} --column amount --kind values" in told
    wrong = command("drift", "accept", table, "--column", "channel", "--kind", "values", "--reason", "x", "--from", run)
    assert "didn't tell a change of channel (values); it told amount" in str(wrong.error)
    alerts = command("drift", "explain", run, "--json").json["alerts"]
    done = command("drift", "accept", run, "--reason", "cents", "--by", "maria")
    assert [f"{table} {alert['column'] or 'table'} {alert['kind']}: accepted" in done.out for alert in alerts]
    assert "-    kwargs: {column: amount, min_value: 0, max_value: 1000}" in done.out
    again = command("drift", "accept", run, "--reason", "cents", "--by", "maria")
    assert (again.out.count("accepted already; nothing was changed"), "new level" in again.out) == (len(alerts), False)
    counted = "SELECT count(*) FROM ops.decision WHERE kind = 'accept-drift' AND target = %s"
    assert house.place.ask(counted, (table,)) == [(len(alerts),)]
    assert command("retry", run).code == 3, "published; the rule with the old bound warns"
    # The accepted level passes from now on, and the old one is the change.
    assert command("run", table, "--to", "2026-01-16").code == 3
    assert len(house.rows(table)) == 3000
    days(house, 16, 16)
    assert command("run", table, "--window", "2026-01-16").code == 1


@pytest.mark.effect(
    "headgate drift accept --column",
    "headgate drift accept --kind",
    "headgate drift accept --reason",
    "headgate drift accept WHICH",
)
def test_nothing_to_accept(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE, SUITE)
    for column, kind, why in (
        ("amonut", "values", "has no column 'amonut'; it has amount, channel"),
        ("amount", "prices", "'prices' is no kind of change; allowed: schema, volume"),
        ("amount", "values", "no change of amount (values) is known"),
    ):
        done = command("drift", "accept", table, "--column", column, "--kind", kind, "--reason", "x")
        assert why in str(done.error)


def test_a_table_is_answered_for_what_readers_see_and_not_unseen(house: Any, command: Callable[..., Any]) -> None:
    table = house.declare("orders", TABLE, SUITE.replace("policy: stop", "policy: warn"))
    days(house, 1, 10)
    days(house, 11, 11, factor=100)
    assert command("run", table, "--to", "2026-01-12").code == 3
    explained = command("drift", "explain", table)
    assert explained.out == command("drift", "explain", run_of(house, table)).out
    # Several changes at once, and nobody who could be asked: they are shown and the run is to be named.
    refused = command("drift", "accept", table, "--reason", "x")
    assert "nothing was accepted" in str(refused.error)
    assert "amount values:" in refused.out
    assert house.place.ask("SELECT count(*) FROM ops.decision WHERE target = %s", (table,)) == [(0,)]
    assert command("rollback", table, "--window", "2026-01-11").code == 0
    undone = command("drift", "accept", table, "--column", "amount", "--kind", "values", "--reason", "x")
    assert "was rolled back" in str(undone.error)
    assert command("drift", "accept", run_of(house, table), "--reason", "x").code == 0


def run_of(house: Any, table: str) -> str:
    ((run,),) = house.place.ask(
        "SELECT run_id FROM ops.run WHERE target = %s AND label = '2026-01-11' AND kind = 'ingest'", (table,)
    )
    return str(run)


@pytest.mark.effect("headgate drift accept --until", "headgate drift accept --yes", "headgate drift accept --json")
@pytest.mark.effect("headgate drift accept --by", "headgate drift explain WHICH")
def test_several_changes_for_a_while(house: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations import drift

    alerts = tuple(drift.Alert(name, "values", "page", 2.0, "changed", "a", "b") for name in ("amount", "channel"))
    table = house.declare("orders", TABLE, SUITE)
    days(house, 1, 1)
    with monkeypatch.context() as patch:
        patch.setattr(drift, "detect", lambda *_, **__: drift.Verdict("page", 2.0, alerts))
        assert command("run", table, "--window", "2026-01-01").code == 1
    assert command("drift", "explain", table).out.count("changed") == 2
    assert command("drift", "accept", table, "--reason", "meant").code != 0, "two changes, and nobody can be asked"
    given = ("--reason", "meant", "--by", "ana", "--until", "2999-12-31", "--yes", "--json")
    told = command("drift", "accept", table, *given).json
    assert [item["column"] for item in told["accepted"]] == ["amount", "channel"]
    found = house.place.ask(
        "SELECT DISTINCT decided_by, extract(year FROM expires_at) FROM ops.decision WHERE kind = 'accept-drift' AND target = %s",
        (table,),
    )
    assert [(by, int(year)) for by, year in found] == [(named("ana"), 2999)]
    assert [item["already"] for item in command("drift", "accept", table, *given).json["accepted"]] == [True, True]
    for_good = command("drift", "accept", table, "--reason", "meant", "--yes", "--json").json["accepted"]
    assert [item["already"] for item in for_good] == [False, False]
