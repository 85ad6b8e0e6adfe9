"""A file that replaces a table and was cut off inside its last line is no delivery, with one batch of history, too."""

from __future__ import annotations

from typing import Any

import pytest

from deployments.errors import CheckFailedError

TABLE = """
description: Stations.
owner: a@example.com
{key}
source: {{kind: csv, url: "file://{{folder}}/stations.csv"}}
columns:
  - {{name: id, type: integer, nullable: false}}
  - {{name: opened, type: date}}
  - {{name: city, type: varchar(20)}}
load: {{mode: {mode}, tolerance: 10%{guard}}}
"""
ROWS = [f"{number},2024-01-{number:02},Town {number}\n" for number in range(1, 29)]
WHOLE = "id,opened,city\n" + "".join(ROWS)
CUTS = {
    "inside the last field, a row that fits": "id,opened,city\n" + "".join(ROWS[:20]).rstrip("\n")[:-3],
    "inside a field, a row that is set aside": "id,opened,city\n" + "".join(ROWS[:20]) + "21,2024-0",
    "after a delimiter": "id,opened,city\n" + "".join(ROWS[:20]) + "21,",
    "at the last byte but one": WHOLE[:-3].rpartition("\n")[0] + "\n28,2024-01-28",
}


def loaded(house: Any, first: str, then: str, mode: str = "full_refresh", guard: str = "") -> Any:
    table = house.declare("stations", TABLE.format(mode=mode, guard=guard, key="key: [id]" if mode == "merge" else ""))
    house.source("stations.csv", first)
    house.load(table)
    house.source("stations.csv", then)
    return house.load(table)


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_it_is_stopped_and_what_was_there_stays(house: Any, cut: str) -> None:
    with pytest.raises(CheckFailedError, match="was cut off inside its last line") as stopped:
        loaded(house, WHOLE, cut)
    assert (stopped.value.code, stopped.value.facts["before"]) == ("SHRINK-GUARD", 28)
    assert "headgate retry" in str(stopped.value.next_command)
    assert len(house.rows(f"{house.schema}.stations")) == 28


@pytest.mark.parametrize(("first", "then", "rows"), [
    (WHOLE, WHOLE.rstrip("\n"), 28),
    (WHOLE, WHOLE + "29,2024-02-01,New", 29),
    (WHOLE, "id,opened,city\n" + "".join(ROWS[:20]), 20),
    (WHOLE.rstrip("\n"), ("id,opened,city\n" + "".join(ROWS[:20])).rstrip("\n"), 20),
], ids=["as many rows", "more rows", "fewer whole lines", "never a line end"])  # fmt: skip
def test_what_may_be_meant_is_published(house: Any, first: str, then: str, rows: int) -> None:
    assert loaded(house, first, then).status == "published"
    assert len(house.rows(f"{house.schema}.stations")) == rows


@pytest.mark.effect("Load.shrink_guard")
def test_a_table_that_may_lose_all_its_rows_may_lose_these(house: Any) -> None:
    assert (
        loaded(house, WHOLE, CUTS["inside the last field, a row that fits"], guard=", shrink_guard: 100%").status
        == "published"
    )


def test_rows_that_are_merged_lose_none(house: Any) -> None:
    loaded(house, WHOLE, CUTS["inside the last field, a row that fits"], mode="merge")
    assert len(house.rows(f"{house.schema}.stations")) == 28
