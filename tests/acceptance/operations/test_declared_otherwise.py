"""A declaration is changed under a table that is loaded: what `plan` prints is typed as it is printed until the table is as it is
declared, for each load mode and kind of change. Nothing that is printed is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.operations.typed import typed

pytestmark = [
    pytest.mark.usefixtures("clients"),  # a backfill is a flow
]
DAYS = {
    "2026-01-05": ["1,2026-01-05 10:00:00,7,a", "2,2026-01-05 11:00:00,8,b"],
    "2026-01-06": ["3,2026-01-06 10:00:00,9,c", "4,2026-01-06 11:00:00,10,d"],
}
EVERY = [row for rows in DAYS.values() for row in rows]
ID, AT = "id, type: integer, nullable: false", "at, type: timestamp, source_timezone: UTC, nullable: false"
AMOUNT, CITY = "amount, type: integer", "city, type: varchar(16)"
START: dict[str, Any] = {"columns": (ID, AT, AMOUNT, CITY), "key": "id", "more": "", "every": "day"}
TEXT = {"columns": (ID, AT, "amount, type: varchar(20)", CITY)}
CHANGES: dict[str, dict[str, Any]] = {
    "retyped to text": TEXT,
    "retyped to a number": {},
    "a retyped key": {"columns": ("id, type: varchar(20), nullable: false", AT, AMOUNT, CITY)},
    "widened": {"columns": (ID, AT, "amount, type: bigint", "city, type: varchar(64)")},
    "narrowed": {"columns": (ID, AT, "amount, type: smallint", "city, type: varchar(8)")},
    "added": {"columns": (ID, AT, AMOUNT, CITY, "note, type: varchar(8)"), "header": "id,at,amount,city,note"},
    "dropped": {"columns": (ID, AT, AMOUNT)},
    "renamed": {"columns": (ID, AT, AMOUNT, "town, type: varchar(16)"), "header": "id,at,amount,town"},
    "another key": {"key": "id, at"},
    "another order": {"more": "physical: {sortkey: [at], diststyle: key, distkey: id}\n"},
    "other windows": {"every": "month"},
    "append": {"mode": "append"},
    "replace_window": {"mode": "replace_window"},
    "merge": {"mode": "merge"},
    "full_refresh": {"mode": "full_refresh"},
}
MODES = ("append", "replace_window", "merge", "full_refresh")
CASES = [
    (mode, change)
    for mode in MODES
    for change in CHANGES
    if change != mode and (mode, change) != ("full_refresh", "other windows")
]


def declaration(mode: str, columns: Any, key: str, more: str, every: str, header: str = "") -> str:
    span = {"day": "2026-01-05, end: 2026-01-07", "month": "2026-01-01, end: 2026-02-01"}[every]
    name = {"day": "{window.start:%Y-%m-%d}", "month": "{window.start:%Y-%m}"}[every]
    whole = mode == "full_refresh"
    file = "all" if whole else name
    return (
        f'description: Rows.\nowner: a@example.com\nsource: {{kind: csv, url: "file://{{folder}}/{file}.csv"}}\n'
        + ("" if whole else f"window: {{every: {every}, timezone: UTC, start: {span}}}\n")
        + "columns:\n" + "".join(f"  - {{name: {column}}}\n" for column in columns)
        + f"key: [{key}]\nload:\n  mode: {mode}\n" + ("  window_column: at\n" if mode == "replace_window" else "") + more
    )  # fmt: skip


def deliver(house: Any, header: str = "id,at,amount,city") -> None:
    more = ",n" * (header.count(",") - 3)
    for name, rows in {**DAYS, "all": EVERY, "2026-01": EVERY}.items():
        house.source(f"{name}.csv", "\n".join([header, *(f"{row}{more}" for row in rows)]) + "\n")


@pytest.mark.parametrize(("mode", "change"), CASES)
def test_what_is_printed_leads_to_the_table_as_it_is_declared(
    house: Any, command: Callable[..., Any], mode: str, change: str
) -> None:
    deliver(house)
    begun = START | ({"mode": mode} | TEXT if change == "retyped to a number" else {"mode": mode})
    table = house.declare("t", declaration(**begun))
    assert command("run", table).code == 0
    declared = START | {"mode": mode} | CHANGES[change]
    deliver(house, declared.get("header", "id,at,amount,city"))
    text = declaration(**declared)
    house.declare("t", text)
    shown, laid_out = "", False
    for _ in range(4):
        before, shown = shown, command("plan", table).out
        if shown == before:
            break
        if "load.on_schema_change" in shown and "on_schema_change:" not in text:
            allowed = sorted(set(re.findall(r"load.on_schema_change: \{(\w+: \w+)\}", shown)))
            text = text.replace("load:\n", f"load:\n  on_schema_change: {{{', '.join(allowed)}}}\n")
            house.declare("t", text)
        elif found := re.search(
            r"layout: .*?: ((?:ALTER|CREATE) .*)|next: (ALTER .*)|load it again: (headgate [^)]*)", shown
        ):
            laid_out |= found[1] is not None
            typed(house, command, found[1] or found[2] or found[3])
        elif "nothing to do" not in shown:
            typed(house, command, f"headgate run {table}")
    assert "run would publish nothing" not in shown
    assert "somebody else" not in shown
    assert "layout:" not in shown
    assert laid_out == (change == "another order" and mode != "full_refresh"), (
        "a table that is replaced gets it by itself"
    )
    stays = "stale: loaded by an older declaration, and stays as it is (mode append loads nothing twice)" in shown
    assert stays or "stale" not in shown, shown
    if stays:
        assert declared["mode"] == "append"
        assert "headgate " not in shown.replace(f"headgate lineage {table}", "")
        return
    names = [column.partition(",")[0] for column in declared["columns"]]
    there = [",".join(map(str, row)) for row in house.rows(table, ", ".join(names), "at")]
    assert there == [",".join([*row.split(","), "n"][: len(names)]) for row in EVERY]
    again = command("run", table)
    assert again.code == 0
    assert "0 batches published" in again.out
