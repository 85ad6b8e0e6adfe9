"""The moments of a window in the SQL of a summary: `{window.start}` and `{window.end}`, and the days that they begin.

They stand for values, which the warehouse gets as typed literals: no text of somebody else's ever takes their place.
"""

from __future__ import annotations

from datetime import UTC

from deployments.bounds import days
from deployments.windows import Window

_STAND_INS = {
    "{window.start}": "date '101-1-1'",
    "{window.end}": "date '1-1-1'",
    "{window.start.date}": "date '000101-01-01'",
    "{window.end.date}": "date '0101-01-01'",
}
"""What readers of the text take them for: a date as long as its placeholder, so that places of faults stay true."""


def stand_in(sql: str) -> str:
    """The SQL as a text that can be read, character by character as long."""
    for placeholder, text in _STAND_INS.items():
        sql = sql.replace(placeholder, text)
    return sql


def placed_back(sql: str) -> str:
    """A text that `stand_in` made, with the placeholders again."""
    for placeholder, text in _STAND_INS.items():
        sql = sql.replace(text, placeholder)
    return sql


def placeholders(sql: str) -> list[str]:
    """Those that stand in the SQL."""
    return [placeholder for placeholder in _STAND_INS if placeholder in sql]


def filled(sql: str, window: Window, timezone: str) -> str:
    """The SQL of one window. Moments are UTC, as stored timestamps are; days are those of the windows' zone."""
    start, end = (moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") for moment in (window.start, window.end))
    first, last = days(window, timezone)
    values = {
        "{window.start}": f"TIMESTAMP '{start}'", "{window.end}": f"TIMESTAMP '{end}'",
        "{window.start.date}": f"DATE '{first}'", "{window.end.date}": f"DATE '{last}'",
    }  # fmt: skip
    for placeholder, value in values.items():
        sql = sql.replace(placeholder, value)
    return sql
