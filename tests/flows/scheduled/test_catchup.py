"""Which windows are due when: catch-up, lag and daylight saving as a table; the clock is passed in."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from deployments.declarations.table import Table
from flows.choosing import Selection
from flows.planning import _windows
from tasks.warehouses.proofs import Quiet

SEOUL, NEW_YORK = "Asia/Seoul", "America/New_York"


def table(
    every: str, zone: str, start: str, *, catchup: bool = True, late: str = "0s", end: str | None = None
) -> Table:
    return Table.model_validate({
        "table": "raw.sales", "description": "Sales.", "owner": "o@example.com", "load": {"mode": "merge"},
        "source": {"kind": "postgres", "connection": "p", "query": "SELECT id FROM s",
                   "cursor": {"column": "at", "kind": "immutable", "lag": late}},
        "window": {"every": every, "timezone": zone, "start": start, "end": end},
        "schedule": {"cron": "0 2 * * *", "catchup": catchup},
        "columns": [{"name": "id", "type": "integer", "nullable": False}], "key": ["id"],
    })  # fmt: skip


def due(declared: Table, now: str, zone: str) -> list[str]:
    moment = datetime.fromisoformat(now)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    found = _windows(declared, "", moment, [], set(), Selection(), Quiet(), alone=False)
    assert declared.grid is not None
    assert declared.grid.due_keys(moment - declared.lag) == tuple(window.batch_key for window in found)
    return [window.label for window in found if window.run]


DAILY_AT_TWO = table("day", SEOUL, "2020-08-10T02:00")
THREE = ["2020-08-10T02:00+09:00", "2020-08-11T02:00+09:00", "2020-08-12T02:00+09:00"]


@pytest.mark.parametrize(
    ("declared", "now", "expected"),
    [
        # Switched on late: three windows have ended, the fourth ends at the next 02:00, and nothing lies in the future.
        (DAILY_AT_TWO, "2020-08-13T20:00", THREE),
        (DAILY_AT_TWO, "2020-08-14T01:59:59", THREE),
        (DAILY_AT_TWO, "2020-08-14T02:00", [*THREE, "2020-08-13T02:00+09:00"]),
        (DAILY_AT_TWO, "2020-08-11T01:59", []),
        pytest.param(table("day", SEOUL, "2020-08-10T02:00", catchup=False), "2020-08-13T20:00", THREE[-1:],
                     marks=pytest.mark.effect("Schedule.catchup", "Table.window", "WindowSpec.every", "WindowSpec.start",
                                              "WindowSpec.timezone")),
        # A calendar day in Seoul is one whatever the cron says: it ends at 15:00 UTC.
        (table("day", SEOUL, "2020-08-10"), "2020-08-10T14:59:59+00:00", []),
        (table("day", SEOUL, "2020-08-10"), "2020-08-10T15:00:00+00:00", ["2020-08-10"]),
        # A source that is late by 15 minutes is read that much later.
        pytest.param(table("day", SEOUL, "2020-08-10", late="15m"), "2020-08-11T00:14:59", [],
                     marks=pytest.mark.effect("Cursor.lag", "PostgresSource.cursor")),
        (table("day", SEOUL, "2020-08-10", late="15m"), "2020-08-11T00:15", ["2020-08-10"]),
        pytest.param(table("day", SEOUL, "2020-08-10", end="2020-08-12"), "2021-01-01T00:00", ["2020-08-10", "2020-08-11"],
                     marks=pytest.mark.effect("WindowSpec.end")),
        (table("month", SEOUL, "2020-01-01"), "2020-03-01T00:00", ["2020-01", "2020-02"]),
    ],
)  # fmt: skip
def test_due_in_seoul(declared: Table, now: str, expected: list[str]) -> None:
    assert due(declared, now, SEOUL) == expected


@pytest.mark.parametrize(
    ("every", "start", "now", "expected"),
    [
        # Forward on 2020-03-08: the day has 23 hours and ends at 04:00 UTC instead of 05:00.
        ("day", "2020-03-07", "2020-03-09T03:59:59+00:00", ["2020-03-07"]),
        ("day", "2020-03-07", "2020-03-09T04:00:00+00:00", ["2020-03-07", "2020-03-08"]),
        # Back on 2020-11-01: 25 hours.
        ("day", "2020-10-31", "2020-11-02T04:59:59+00:00", ["2020-10-31"]),
        ("day", "2020-10-31", "2020-11-02T05:00:00+00:00", ["2020-10-31", "2020-11-01"]),
        # Hours are hours: the one that doesn't exist isn't due, the one that comes twice is, twice.
        ("hour", "2020-03-08T01:00", "2020-03-08T08:00:00+00:00",
         ["2020-03-08T01:00-05:00", "2020-03-08T03:00-04:00"]),
        ("hour", "2020-11-01T01:00", "2020-11-01T07:00:00+00:00",
         ["2020-11-01T01:00-04:00", "2020-11-01T01:00-05:00"]),
    ],
)  # fmt: skip
def test_due_when_clocks_change(every: str, start: str, now: str, expected: list[str]) -> None:
    assert due(table(every, NEW_YORK, start), now, NEW_YORK) == expected


def test_lag_is_what_the_cursor_says() -> None:
    assert table("day", SEOUL, "2020-08-10", late="2h").lag.total_seconds() == 7200
