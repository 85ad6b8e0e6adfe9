"""JSON records that can't be read without a guess stand in quarantine as they came; the others are published."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.live_source import compare_source
from tasks.workbench import workbench

TABLE = """
description: Events.
owner: a@example.com
source: {{kind: json, url: "file://{folder}/{name}"}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: v, type: varchar(200)}}
load: {{mode: full_refresh, tolerance: 100%, shrink_guard: 100%}}
"""
RECORDS = [
    '{"id": 1, "v": "a"}', '{"id": 2, "v": 1, "v": 2}', '{"id": 3, "v": {"n": NaN}}', '{"id": 4, "v": "\\ud800"}',
    '{"id": "x"}', '{"id": 6, "v": {"n": 1.50, "t": [true, null]}}', '{"id": 7, "\\ud800": 1}',
]  # fmt: skip
ASIDE = [(1, "KEY-TWICE"), (2, "NOT-JSON-VALUE"), (3, "HALF-CHARACTER"), (4, "NOT-INTEGER"), (6, "HALF-CHARACTER")]


@pytest.mark.parametrize("name", ["events.json", "events.jsonl"])
def test_what_is_in_doubt_is_in_quarantine(house: Any, name: str) -> None:
    house.source(name, "\n".join(RECORDS) if name.endswith("l") else f"[{','.join(RECORDS)}]")
    table = house.declare("events", TABLE.replace("{name}", name).replace("{{", "{").replace("}}", "}"))
    record = house.load(table)
    assert record.accounting == "extracted 7 = published 2 + quarantined 5 + superseded 0"
    assert house.rows(table) == [(1, "a"), (6, '{"n":1.50,"t":[true,null]}')]
    found = house.place.ask(
        f"SELECT record, code, raw FROM quarantine.{house.schema}__events WHERE state = 'open' ORDER BY record"
    )
    assert [(place, code) for place, code, _ in found] == ASIDE
    assert found[0][2].replace(" ", "") == RECORDS[1].replace(" ", "")


@pytest.mark.parametrize(("records", "told"), [
    pytest.param('{"id": 1, "title": "a"}', "no record has a value of v: renamed to one of these?", id="renamed"),
    pytest.param('{"id": 1, "v": "a", "title": "a"}', "", id="a new one"),
    pytest.param('{"id": 1}', "", id="absent today"),
])  # fmt: skip
def test_a_column_without_values_is_told_beside_new_ones(house: Any, records: str, told: str) -> None:
    """What a tool calls otherwise from now on would be NULL in every row without a word."""
    house.source("events.json", f"[{records}]")
    table = house.declare("events", TABLE.replace("{name}", "events.json").replace("{{", "{").replace("}}", "}"))
    seen = compare_source(workbench(), workbench().project.table(table), datetime.now(UTC)).said
    for line in ("; ".join(house.load(table).warnings), seen):
        assert told in line
        assert ("no record has" in line) == bool(told)
