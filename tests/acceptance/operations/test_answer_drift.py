"""An owner answers an alarm: not meant, so its batch isn't usual; not interesting, so less is said; and takes that back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tasks.deciding import named
from tasks.warehouses.names import TableName, anew

pytestmark = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
TABLE = """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%d}.csv"}
window: {every: day, timezone: UTC, start: 2026-01-01, end: 2026-01-20}
columns:
  - {name: amount, type: integer, nullable: false}
load: {mode: append}
"""
SUITE = """
table: {schema}.orders
expectations: []
"""
ODD = "2026-01-11"


@pytest.fixture
def odd(house: Any, command: Callable[..., Any]) -> tuple[str, str]:
    """A table whose eleventh day has larger amounts than ever before, published with a warning; and that run."""
    table = house.declare("orders", TABLE, SUITE)
    for day in range(1, 12):
        dice = random.Random(day)
        lines = [str(dice.randint(50, 150) * (2 if day == 11 else 1)) for _ in range(200)]
        house.source(f"orders-{day:02}.csv", "amount\n" + "\n".join(lines) + "\n")
    assert command("run", table, "--to", "2026-01-12").code == 3
    return table, run_of(house, table)


def run_of(house: Any, table: str) -> str:
    ((run,),) = house.place.ask(
        "SELECT run_id FROM ops.run WHERE target = %s AND label = %s AND kind = 'ingest' ORDER BY started_at DESC LIMIT 1",
        (table, ODD),
    )
    return str(run)


def told_again(house: Any, command: Callable[..., Any], table: str) -> set[str]:
    """The kinds of change of amount that the odd day tells when it is loaded anew."""
    assert command("rollback", table, "--window", ODD).code == 0
    command("run", table, "--window", ODD)
    alerts = command("drift", "explain", run_of(house, table), "--json").json["alerts"]
    return {alert["kind"] for alert in alerts if alert["column"] == "amount"}


@pytest.mark.effect("headgate drift answer WHICH", "headgate drift answer SAID", "headgate drift answer --column",
                    "headgate drift answer --kind", "headgate drift answer --reason", "headgate drift answer --by")  # fmt: skip
@pytest.mark.effect("headgate drift answer SAID=not-interesting", "headgate drift answer SAID=interesting")
def test_not_interesting_is_told_from_larger_changes_on_until_it_is_taken_back(
    house: Any, command: Callable[..., Any], odd: tuple[str, str]
) -> None:
    table, run = odd
    before = {
        a["kind"]: a for a in command("drift", "explain", run, "--json").json["alerts"] if a["column"] == "amount"
    }
    assert f"headgate drift answer {run} not-interesting" in command("drift", "explain", run).out
    given = ("--column", "amount", "--kind", "values", "--reason", "a sale", "--by", "maria")
    said = command("drift", "answer", run, "not-interesting", *given)
    assert f"{table} amount values: not interesting; told from larger changes on" in said.out
    decided = "SELECT decided_by, reason FROM ops.decision WHERE kind = 'mute-drift' AND target = %s"
    assert house.place.ask(decided, (table,)) == [(named("maria"), "a sale")]
    again = command("drift", "answer", run, "not-interesting", *given)
    assert f"{table} amount values: not-interesting was said already; nothing was changed" in again.out
    again = command("drift", "answer", run, "not-interesting", *given, "--json")
    assert again.json["changes"] == [{"column": "amount", "kind": "values", "already": True}]
    assert len(house.place.ask(decided, (table,))) == 1
    quieter = command("drift", "sensitivity", table).out
    assert "(2 times as far, by an owner's answer)" in quieter
    assert "quieter by answers: amount values; as before again by:" in quieter
    told_again(house, command, table)
    alerts = command("drift", "explain", run_of(house, table), "--json").json["alerts"]
    after = {a["kind"]: a["score"] for a in alerts if a["column"] == "amount"}
    assert after.get("values", 0.0) < 0.6 * before["values"]["score"]
    assert command("drift", "answer", table, "interesting", "--reason", "it is").code == 0
    assert "by an owner's answer" not in command("drift", "sensitivity", table).out
    told_again(house, command, table)
    alerts = command("drift", "explain", run_of(house, table), "--json").json["alerts"]
    assert {a["kind"]: a["score"] for a in alerts if a["column"] == "amount"}["values"] == before["values"]["score"]
    nothing = command("drift", "answer", table, "interesting", "--reason", "again")
    assert "was said to be not interesting" in str(nothing.error)


@pytest.mark.effect("headgate drift answer SAID=not-meant", "headgate drift answer --json", "headgate drift answer --from",
                    "headgate drift answer --until")  # fmt: skip
def test_a_batch_that_was_not_meant_is_not_usual_and_the_review_counts_answers(
    house: Any, command: Callable[..., Any], odd: tuple[str, str]
) -> None:
    table, run = odd
    before = command("review", "--json").json["now"]["alarms"]
    said = command(
        "drift", "answer", table, "not-meant", "--reason", "doubled", "--from", run, "--until", "2999-12-31", "--json"
    )
    assert said.json["table"] == table
    assert {"column": "amount", "kind": "values", "already": False} in said.json["changes"]
    ends = house.place.ask("SELECT DISTINCT expires_at::date FROM ops.decision WHERE target = %s", (table,))
    assert [str(end) for (end,) in ends] == ["2999-12-31"]
    house.source("orders-12.csv", "amount\n" + "\n".join(str(50 + n % 100) for n in range(200)) + "\n")
    command("run", table, "--window", "2026-01-12")
    ((last,),) = house.place.ask("SELECT run_id FROM ops.run WHERE target = %s AND label = '2026-01-12'", (table,))
    story = command("drift", "explain", str(last), "--json").json
    assert story["left_out"] == [ODD]
    now = command("review", "--json").json["now"]["alarms"]
    assert (now["unanswered"], now["false"]) == (before["unanswered"] - 1 + bool(story["alerts"]), before["false"])
    # Until another moment, and another answer: each is a new word.
    for_good = command("drift", "answer", run, "not-meant", "--reason", "doubled", "--json")
    assert not any(item["already"] for item in for_good.json["changes"])
    assert "was said already" not in command("drift", "answer", run, "not-interesting", "--reason", "a sale").out
    assert command("review", "--json").json["now"]["alarms"]["false"] == before["false"] + 1
    assert "said to be no news" in command("review").out


def test_a_table_that_only_grows_is_made_anew_where_nothing_is_kept_to_undo_it(
    house: Any, command: Callable[..., Any], odd: tuple[str, str]
) -> None:
    table, run = odd
    assert f"not meant? headgate rollback {table} --window {ODD}" in command("drift", "explain", run).out
    for day in (12, 13, 14):
        house.source(f"orders-{day:02}.csv", (house.folder / "orders-10.csv").read_text())
        command("run", table, "--window", f"2026-01-{day}")
    told = command("drift", "explain", run).out.partition("not meant? ")[2].partition("\n")[0]
    # Its window would be refused: `append` loads nothing twice.
    assert told.endswith(f"when it is mended: {anew(TableName.parse(table))}"), told


@pytest.mark.effect("Provisioning.decisions=drift")
def test_what_is_left_to_others_is_not_answered(house: Any, command: Callable[..., Any], odd: tuple[str, str]) -> None:
    table, run = odd
    (house.folder / "warehouse.yaml").write_text(
        "roles: {owners: ['warehouse:nobody']}\ndecisions: {drift: [owners]}\n"
    )
    for answer in (("accept", run), ("answer", run, "not-meant"), ("answer", run, "not-interesting")):
        refused = command("drift", *answer, "--reason", "a sale", "--by", "nobody")
        assert (refused.error.code, house.place.ask("SELECT kind FROM ops.decision WHERE target = %s", (table,))) == (
            "NOT-YOURS-TO-DECIDE", []
        )  # fmt: skip


@pytest.mark.effect("headgate drift backtest --exit-code")
@pytest.mark.effect("headgate drift backtest NAME", "headgate drift backtest --json", "headgate drift backtest --sensitivity",
                    "headgate drift backtest --sensitivity=low", "headgate drift backtest --sensitivity=normal",
                    "headgate drift backtest --sensitivity=high")  # fmt: skip
@pytest.mark.effect("headgate drift sensitivity WHICH", "headgate drift sensitivity --json")
def test_a_setting_is_tried_on_what_is_kept_with_the_answers_as_truth(
    house: Any, command: Callable[..., Any], odd: tuple[str, str]
) -> None:
    table, run = odd
    decided = house.place.ask("SELECT count(*) FROM ops.decision WHERE target = %s", (table,))
    scores = {}
    for tried in ("low", "normal", "high"):
        told = command("drift", "backtest", table, "--sensitivity", tried, "--json").json
        assert [one["batch"] for one in told][-1] == ODD
        scores[tried] = told[-1]["score"]
    assert scores["low"] < scores["normal"] < scores["high"]
    last = command("drift", "backtest", table, "--json").json[-1]
    assert (last["score"], last["run"], last["answer"]) == (scores["normal"], run, None)
    assert house.place.ask("SELECT count(*) FROM ops.decision WHERE target = %s", (table,)) == decided, (
        "nothing is written"
    )
    assert command("drift", "answer", run, "not-interesting", "--reason", "a sale").code == 0
    after = command("drift", "backtest", table)
    assert "answered: not-interesting" in after.out
    assert "by answers 0 right, 1 false, 0 not answered" in after.out
    codes = [
        command("drift", "backtest", table, *tried).code for tried in ([], ["--exit-code"], ["--exit-code", "--json"])
    ]
    assert codes == [0, 1, 1], "a batch that its owner called a false alarm would be told again"

    noticed = command("drift", "sensitivity", table)
    (rows,) = [line for line in noticed.out.splitlines() if "the number of rows" in line]
    assert rows.strip().startswith("the number of rows: usually 200, told at the latest below")
    figures = command("drift", "sensitivity", table, "--json").json
    assert {one["column"] for one in figures} == {None, "amount"}
