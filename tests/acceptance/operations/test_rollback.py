"""Undo a publish in every load mode: readers see exactly what they saw before, once, and only the last ones go."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import HeadgateError
from flows.taking_back import roll_back
from tasks.deciding import named
from tasks.workbench import workbench

COLUMNS = """
columns:
  - {name: id, type: integer, nullable: false}
  - {name: amount, type: "decimal(10,2)"}
  - {name: note, type: varchar(40)}
  - {name: at, type: timestamp, source_timezone: UTC, nullable: false}
"""
WHOLE = 'description: Orders.\nowner: a@example.com\nsource: {kind: csv, url: "file://{folder}/orders.csv"}\n' + COLUMNS
DAILY = (
    """
description: Orders.
owner: a@example.com
source: {kind: csv, url: "file://{folder}/orders-{window.start:%Y-%m-%d}.csv", on_missing: empty}
window: {every: day, timezone: UTC, start: 2026-01-01}
"""
    + COLUMNS
)
HEADER = "id,amount,note,at\n"
MODES = {
    "append": DAILY + "key: [id]\nload: {mode: append}\n",
    "append without a key": DAILY + "load: {mode: append}\n",
    "replace_window": DAILY + "key: [id]\nload: {mode: replace_window, window_column: at}\n",
    "replace_window without a key": DAILY + "load: {mode: replace_window, window_column: at}\n",
    "merge": DAILY + "key: [id]\nload: {mode: merge}\n",
    "merge with latest_by": DAILY + "key: [id]\nload: {mode: merge, keep: {latest_by: at}}\n",
}
FIRST = HEADER + '1,1.50,a,2026-01-01 10:00:00\n2,,"",2026-01-01 11:00:00\n3,-3,,2026-01-01 12:00:00\n'


def day(number: int, *rows: str) -> tuple[str, str]:
    return f"orders-2026-01-{number:02}.csv", HEADER + "".join(f"{row}\n" for row in rows)


def back(house: Any, table: str, **wanted: Any) -> Any:
    house.open()
    wanted = {"window": None, "to": None, "by": "maria", "reason": "wrong prices", **wanted}
    return roll_back(workbench(), table, **wanted)


@pytest.mark.parametrize("mode", MODES)
def test_undoes_the_last_window(house: Any, mode: str) -> None:
    table = house.declare("orders", MODES[mode])
    house.source("orders-2026-01-01.csv", FIRST)
    repeated = "1,9,changed,2026-01-02 10:00:00" if mode.startswith("merge") else "5,9,x,2026-01-02 10:00:00"
    house.source(*day(2, repeated, '4,,"",2026-01-02 11:00:00'))
    house.load(table, "2026-01-01")
    before = house.rows(table)
    house.load(table, "2026-01-02")
    assert house.rows(table) != before
    done = back(house, table)
    assert house.rows(table) == before
    assert [proof.batch_key for proof in done.publishes] == ["2026-01-02T00:00:00Z/2026-01-03T00:00:00Z"]
    assert house.proofs(table)[-1][1] == "rollback"
    # What it undid stays known, and who undid it.
    undone = house.place.ask(f"SELECT sequence, undone_by FROM ops.proof__{table.replace('.', '__')} ORDER BY 1")
    assert undone == [(1, None), (2, 3), (3, None)]
    (decision,) = house.place.ask("SELECT decided_by, reason, run_id FROM ops.decision WHERE target = %s", (table,))
    assert decision == (named("maria"), "wrong prices", done.publishes[0].run_id)
    # The same command again is not one publish more.
    assert back(house, table).record is None
    assert house.rows(table) == before
    # The window can be loaded again, and the table is as if nothing had happened.
    house.load(table, "2026-01-02", reprocess=True)
    assert len(house.rows(table)) == (4 if mode.startswith("merge") else 5)


def test_rows_without_a_key_go_as_often_as_they_came(house: Any) -> None:
    table = house.declare("orders", MODES["append without a key"])
    same = "7,1,,2026-01-01 00:00:00"
    house.source(*day(1, same, same, "8,,b,2026-01-01 00:00:00"))
    house.source(*day(2, same, "8,2,,2026-01-01 00:00:00", same))
    house.load(table, "2026-01-01")
    before = house.rows(table, order="1, 2, 3")
    house.load(table, "2026-01-02")
    assert len(house.rows(table)) == 6
    back(house, table)
    assert house.rows(table, order="1, 2, 3") == before


def test_goes_back_to_a_run(house: Any) -> None:
    table = house.declare("orders", MODES["merge"].replace("mode: merge", "mode: merge, generations: 5"))
    house.source(*day(1, "1,1,a,2026-01-01 00:00:00", "2,2,b,2026-01-01 00:00:00"))
    house.source(*day(2, "2,22,bb,2026-01-02 00:00:00", "3,3,c,2026-01-02 00:00:00"))
    house.source(*day(3, "1,11,aa,2026-01-03 00:00:00", "2,222,bbb,2026-01-03 00:00:00"))
    first = house.load(table, "2026-01-01")
    before = house.rows(table)
    for label in ("2026-01-02", "2026-01-03"):
        house.load(table, label)
    with pytest.raises(HeadgateError, match="published on top of it") as refused:
        back(house, table, window="2026-01-02")
    assert refused.value.code == "ROLLBACK-ORDER"
    done = back(house, table, to=first.run_id)
    assert len(done.publishes) == 2
    assert house.rows(table) == before
    assert back(house, table, to=first.run_id).record is None


def test_one_window_of_many(house: Any) -> None:
    table = house.declare("orders", MODES["replace_window"].replace("mode:", "generations: 9, mode:"))
    house.source("orders-2026-01-01.csv", FIRST)
    house.source(*day(2, "4,4,d,2026-01-02 00:00:00"))
    for label in ("2026-01-01", "2026-01-02"):
        house.load(table, label)
    before = house.rows(table)
    house.source("orders-2026-01-01.csv", HEADER + "1,100,a,2026-01-01 10:00:00\n")
    house.load(table, "2026-01-01", reprocess=True)
    assert len(house.rows(table)) == 2
    back(house, table, window="2026-01-01")
    assert house.rows(table) == before
    # The first publish made the table: its window can go, too.
    first = house.proofs(table)[0]
    assert first[0] == 1
    back(house, table, window="2026-01-01", to=None)
    assert house.rows(table) == before, "the last publish of the window is undone: the command says so and does nothing"


def test_a_window_that_was_never_published(house: Any) -> None:
    table = house.declare("orders", MODES["replace_window"])
    with pytest.raises(HeadgateError, match=f"{table}: nothing has been published. Nothing was changed"):
        back(house, table, window="2026-01-03")
    runs = {}
    for number in (2, 4, 5, 9):
        house.source(*day(number, f"{number},1,,2026-01-{number:02} 00:00:00"))
        runs[number] = house.load(table, f"2026-01-{number:02}").run_id
        if number == 2:
            with pytest.raises(HeadgateError, match="2026-01-05 was never published, only 2026-01-02 was"):
                back(house, table, window="2026-01-05")
    before = house.rows(table)
    for number, near in ((1, "2026-01-02"), (3, "2026-01-02 and 2026-01-04"), (6, "2026-01-05 and 2026-01-09"),
                         (12, "2026-01-09")):  # fmt: skip
        with pytest.raises(HeadgateError) as refused:
            back(house, table, window=f"2026-01-{number:02}")
        assert refused.value.code == "NOTHING-TO-UNDO"
        assert refused.value.message == (
            f"{table}: 2026-01-{number:02} was never published, but 4 others were: 2026-01-02 to 2026-01-09; nearest {near}. "
            "Nothing was changed"
        )
        assert (refused.value.next_command or "").startswith(f"headgate show --table {table} ")
    with pytest.raises(HeadgateError, match=f"run {runs[4]} published 2026-01-04, not that window"):
        back(house, table, window="2026-01-05", to=runs[4])
    assert house.rows(table) == before


def test_a_window_of_a_former_grid_is_undone_by_its_key(house: Any, command: Any) -> None:
    daily = MODES["replace_window"]
    weekly = daily.replace(
        "every: day, timezone: UTC, start: 2026-01-01", "every: week, timezone: UTC, start: 2026-01-05"
    )
    table = house.declare("orders", weekly)
    house.source(*day(5, "5,1,,2026-01-07 00:00:00"))
    house.load(table, "2026-01-05")
    house.declare("orders", daily)
    shown = command("rollback", table)
    key = "2026-01-05T00:00:00Z/2026-01-12T00:00:00Z"
    assert shown.error.next_command == f'headgate rollback {table} --window {key} --reason "..."'
    with pytest.raises(HeadgateError, match=f"2026-01-06 was never published, only {key} was"):
        back(house, table, window="2026-01-06")
    assert command("rollback", table, "--window", key, "--reason", "of a test").code == 0
    assert house.rows(table) == []
    with pytest.raises(HeadgateError, match="2026-01-06 was never published, and nothing else stands"):
        back(house, table, window="2026-01-06")


def test_the_first_publish_of_a_table(house: Any) -> None:
    table = house.declare("orders", MODES["replace_window"])
    house.source("orders-2026-01-01.csv", FIRST)
    house.source(*day(2, "4,4,d,2026-01-02 00:00:00"))
    for label in ("2026-01-01", "2026-01-02"):
        house.load(table, label)
    back(house, table, window="2026-01-01")
    assert [row[0] for row in house.rows(table)] == [4]


def test_full_refresh_swaps_the_kept_table_back(house: Any) -> None:
    table = house.declare("orders", WHOLE + "key: [id]\nload: {mode: full_refresh, generations: 3}\n")
    runs = []
    for number in (1, 2, 3):
        house.source("orders.csv", HEADER + "".join(f"{n},{number},v{number},2026-01-01 00:00:00\n" for n in (1, 2)))
        runs.append(house.load(table))
        if number == 1:
            house.place.ask(f"CREATE VIEW {house.schema}.seen AS SELECT id, note FROM {table}")
            house.place.ask(f"COMMENT ON COLUMN {table}.note IS 'what was said'")
            house.place.ask(f"GRANT SELECT ON {table} TO PUBLIC")
    assert house.rows(f"{house.schema}.seen") == [(1, "v3"), (2, "v3")]
    back(house, table, to=runs[0].run_id)
    assert house.rows(f"{house.schema}.seen") == [(1, "v1"), (2, "v1")]
    granted = house.place.ask(
        "SELECT array_to_string(relacl, ',') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = 'orders'", (house.schema,)
    )  # fmt: skip
    assert ",=r/" in "," + granted[0][0]
    assert house.load(table).status == "held"


def test_nothing_before_the_first_full_refresh(house: Any) -> None:
    table = house.declare("orders", WHOLE + "load: {mode: full_refresh}\n")
    house.source("orders.csv", FIRST)
    house.load(table)
    before = house.rows(table)
    with pytest.raises(HeadgateError, match="no table before it"):
        back(house, table)
    assert house.rows(table) == before


def test_a_table_that_somebody_else_changed_is_left_alone(house: Any) -> None:
    table = house.declare("orders", MODES["append"])
    house.source("orders-2026-01-01.csv", FIRST)
    house.source(*day(2, "4,4,d,2026-01-02 00:00:00"))
    for label in ("2026-01-01", "2026-01-02"):
        house.load(table, label)
    house.place.ask(f"UPDATE {table} SET note = 'by hand' WHERE id = 4")
    before = house.rows(table)
    with pytest.raises(HeadgateError, match="somebody else has changed the table") as refused:
        back(house, table)
    assert refused.value.code == "LIVE-CHANGED"
    assert house.rows(table) == before


def test_only_the_last_generations_are_kept(house: Any) -> None:
    table = house.declare("orders", MODES["append"].replace("mode:", "generations: 1, mode:"))
    runs = []
    for number in (1, 2, 3):
        house.source(*day(number, f"{number},1,,2026-01-01 00:00:00"))
        runs.append(house.load(table, f"2026-01-{number:02}"))
    with pytest.raises(HeadgateError, match="only the last publishes are kept"):
        back(house, table, to=runs[0].run_id)
    assert len(house.rows(table)) == 3
    back(house, table)
    assert len(house.rows(table)) == 2


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_summaries_of_an_undone_table(house: Any, command: Any) -> None:
    mode = MODES["replace_window"].replace("start: 2026-01-01", "start: 2026-01-01, end: 2026-01-03")
    table = house.declare("orders", mode)
    (house.folder / "summaries").mkdir()
    target = f"{house.schema}.total"
    header = f"/*\ntarget: {target}\ndescription: d\nowner: o\ninputs: [{{table: {table}}}]\n*/\n"
    (house.folder / "summaries" / "total.sql").write_text(f"{header}SELECT COUNT(*) AS n FROM {table}\n")
    house.source("orders-2026-01-01.csv", FIRST)
    assert command("run", table).code == 0
    house.source(*day(2, "4,4,d,2026-01-02 00:00:00"))

    def state() -> str:
        return str(command("plan", target, "--json").json[0]["state"])

    assert (house.rows(target), state()) == ([(3,)], "built")
    assert command("run", table, "--window", "2026-01-02").code == 0
    assert house.rows(target) == [(4,)]
    assert f"headgate run {target}" in command("rollback", table, "--reason", "of a test", "--no-dependents").out
    assert (house.rows(target), state()) == ([(4,)], "stale")
    assert command("run", target).code == 0
    assert (house.rows(target), state()) == ([(3,)], "built")
    # A summary can be rolled back itself, and isn't built again from the same inputs.
    assert command("rollback", target, "--reason", "of a test").code == 0
    assert (house.rows(target), state()) == ([(4,)], "undone")
    assert command("run", target, "--json").json["runs"][0]["status"] == "held"
