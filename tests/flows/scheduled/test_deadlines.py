"""When a batch that waits becomes late, and when it is looked for again; the clock is passed in."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from deployments.declarations.table import Table
from deployments.errors import UpstreamError
from deployments.windows import Window
from flows.waiting import deadline, wait_or_fail

SEOUL, NEW_YORK = "Asia/Seoul", "America/New_York"


def table(zone: str, until: str, every: str = "5m", window: str = "day") -> Table:
    return Table.model_validate({
        "table": "raw.sales", "description": "Sales.", "owner": "o@example.com", "load": {"mode": "merge"},
        "source": {"kind": "csv", "url": "file:///files/{window.start:%Y-%m-%d}.csv",
                   "wait_for": {"url": "file:///ready", "until": until, "every": every}},
        "window": {"every": window, "timezone": zone, "start": "2020-01-01"},
        "columns": [{"name": "id", "type": "integer", "nullable": False}], "key": ["id"],
    })  # fmt: skip


def window_of(declared: Table, label: str) -> Window:
    assert declared.grid is not None
    return declared.grid.parse(label)


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("zone", "every", "label", "until", "late"),
    [
        (SEOUL, "day", "2020-08-10", "05:30", "2020-08-11T05:30"),
        (SEOUL, "day", "2020-08-10", "00:00", "2020-08-11T00:00"),
        (SEOUL, "month", "2020-08", "05:30", "2020-09-01T05:30"),
        (SEOUL, "hour", "2020-08-10T06:00", "05:30", "2020-08-11T05:30"),
        # The night clocks go forward (2020-03-08 02:00) and back (2020-11-01 02:00): local times stay local.
        (NEW_YORK, "day", "2020-03-07", "05:30", "2020-03-08T05:30"),
        (NEW_YORK, "day", "2020-10-31", "05:30", "2020-11-01T05:30"),
    ],
)
def test_late_from_the_first_such_time_of_day_after_the_window(
    zone: str, every: str, label: str, until: str, late: str
) -> None:
    declared = table(zone, until, window=every)
    window = window_of(declared, label)
    assert deadline(declared, window, window.end) == at(late, zone)


@pytest.mark.effect("WaitFor.every", "CsvSource.wait_for")
def test_looked_for_again_soon_and_for_the_last_time_at_the_deadline() -> None:
    declared = table(SEOUL, "05:30", every="10m")
    window = window_of(declared, "2020-08-10")
    soon = wait_or_fail(declared, window, "2020-08-10", "the file", at("2020-08-11T04:00", SEOUL))
    last = wait_or_fail(declared, window, "2020-08-10", "the file", at("2020-08-11T05:25", SEOUL))
    assert soon.look_at == at("2020-08-11T04:10", SEOUL)
    assert last.look_at == at("2020-08-11T05:30", SEOUL)
    assert soon.sentence(SEOUL) == "2020-08-10 waits for the file; next look 04:10, late from 2020-08-11 05:30"


@pytest.mark.effect("WaitFor.until")
def test_at_the_deadline_it_is_the_upstreams_to_act() -> None:
    declared = table(SEOUL, "05:30")
    window = window_of(declared, "2020-08-10")
    with pytest.raises(UpstreamError, match="at 2020-08-11 05:30") as late:
        wait_or_fail(declared, window, "2020-08-10", "the file", at("2020-08-11T05:30", SEOUL))
    assert late.value.code == "LATE-UPSTREAM"
