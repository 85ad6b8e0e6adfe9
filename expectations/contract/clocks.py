"""Local times as moments inside DuckDB, by the same clocks that windows are cut with (`deployments.clocks`).

DuckDB's own zones come with DuckDB and differ from those of the tz database by years: a list of months per zone stands in a
variable, each with what the clocks do in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import duckdb

from deployments.clocks import FIRST_YEAR, LAST_YEAR, Jump, first_offset, jumps

CLOCK = "headgate_clock_"
"""What the names of all variables and macros of clocks begin with."""
_CYCLE = 400
"""Years after which the calendar is the same again."""
_RULED = LAST_YEAR + 1 - 28
"""From this year on what the clocks do depends on the kind of year alone."""
_END = _RULED + 39 + _CYCLE
"""The first year that isn't listed; later ones are as they were 400 years before."""
_MICROSECOND = timedelta(microseconds=1)
_NEVER = 10**15
"""Longer than any month, in microseconds."""


@dataclass(frozen=True, slots=True)
class _Month:
    """What the clocks do in a month: how far ahead they are, first and after each jump, and when it jumps. All numbers are
    microseconds; local times count from the month's beginning."""

    ahead: tuple[int, ...]
    first: tuple[tuple[int, int], ...]
    """Per jump: until when a local time belongs before it and from when on after it, if one that is passed twice means its
    first moment."""
    second: tuple[tuple[int, int], ...]
    """The same, if it means its second moment."""


def set_clocks(connection: duckdb.DuckDBPyConnection, zones: Iterable[str]) -> None:
    """Make what follows computable on this connection for these zones."""
    for zone in sorted(set(zones)):
        months, kinds, quiet, most = _listed(zone)
        name = _name(zone)
        connection.execute(f"SET VARIABLE {name}_kinds = {kinds}")
        # As one text: a list of so many constants takes ten times as long to read.
        connection.execute(f"SET VARIABLE {name}_months = string_split('{months}', ' ')::SMALLINT[]")
        quiet_months = (
            f"list_transform(getvariable('{name}_months'), lambda month: list_extract({quiet}::BIGINT[], month))"
        )
        connection.execute(f"SET VARIABLE {name}_quiet = {quiet_months}")
        for macro, body in _macros(name, most):
            connection.execute(f"CREATE OR REPLACE TEMP MACRO {name}_{macro}(v) AS {body}")


def moment_sql(zone: str, local: str, which: str) -> str:
    """SQL: the moment (as UTC without zone) of a local time, the `first` or `second` when there are two; NULL when there is
    none."""
    return f"{_name(zone)}_{which}({local})"


def skipped_sql(zone: str, local: str) -> str:
    """SQL: whether the clocks jump over a local time."""
    return f"{_name(zone)}_skipped({local})"


def repeated_sql(zone: str, local: str) -> str:
    """SQL: whether the clocks pass a local time twice."""
    return f"{_name(zone)}_repeated({local})"


def _name(zone: str) -> str:
    return CLOCK + "".join(c if c.isalnum() else f"_{ord(c):x}_" for c in zone.lower())


def _macros(name: str, most: int) -> Iterator[tuple[str, str]]:
    """Name and body of a zone's macros. In nearly all months the clocks do nothing: one look into a list is enough."""
    year = (
        f"CASE WHEN year(v) >= {_END} THEN {_END - _CYCLE} + (year(v) - {_END}) % {_CYCLE} "
        f"ELSE greatest(year(v), {FIRST_YEAR}) END"
    )
    month = f"(({year}) - {FIRST_YEAR}) * 12 + month(v)"
    quiet = f"list_extract(getvariable('{name}_quiet'), {month})"
    within = "(epoch_us(v) - epoch_us(date_trunc('month', v)))"

    def kind(field: str) -> str:
        return f"list_extract(getvariable('{name}_kinds'), list_extract(getvariable('{name}_months'), {month})).{field}"

    for which in ("first", "second"):
        cases, after = [], "v IS NOT NULL"
        for n in range(most):
            cases.append(
                f"WHEN {after} AND {within} < {kind(f'{which}_until{n}')} THEN v - to_microseconds({kind(f'ahead{n}')})"
            )
            after = f"{within} >= {kind(f'{which}_since{n}')}"
        cases.append(f"WHEN {after} THEN v - to_microseconds({kind(f'ahead{most}')})")
        yield f"busy_{which}", f"CASE {' '.join(cases)} END"
        yield which, f"coalesce(v - to_microseconds({quiet}), {name}_busy_{which}(v))"
    yield "skipped", f"v IS NOT NULL AND {quiet} IS NULL AND {name}_busy_first(v) IS NULL"
    yield "repeated", f"{quiet} IS NULL AND {name}_busy_first(v) <> {name}_busy_second(v)"


@lru_cache(maxsize=64)
def _listed(zone: str) -> tuple[str, str, str, int]:
    """Of a zone: the number of its kind for every month from FIRST_YEAR on, the kinds, how far ahead the clocks are in those
    without a jump (else NULL), and how often the clocks jump in a month at most; the lists as text."""
    kinds: dict[_Month, int] = {}
    months = [kinds.setdefault(month, len(kinds) + 1) for month in _months(zone)]
    most = max(len(month.first) for month in kinds)
    listed = []
    for month in kinds:
        told = [f"ahead{n}: {month.ahead[min(n, len(month.ahead) - 1)]}" for n in range(most + 1)]
        for which, edges in (("first", month.first), ("second", month.second)):
            # A jump that this month doesn't have never comes.
            for n in range(most):
                until, since = edges[n] if n < len(edges) else (_NEVER, _NEVER)
                told += [f"{which}_until{n}: {until}", f"{which}_since{n}: {since}"]
        listed.append(f"{{{', '.join(told)}}}")
    quiet = ["NULL" if month.first else str(month.ahead[0]) for month in kinds]
    return " ".join(map(str, months)), f"[{', '.join(listed)}]", f"[{', '.join(quiet)}]", most


def _months(zone: str) -> Iterator[_Month]:
    inside: dict[tuple[int, int], list[Jump]] = {}
    ahead: dict[tuple[int, int], timedelta] = {}
    for jump in jumps(zone):
        low, high = jump.shown
        for shown in {(moment.year, moment.month) for moment in (low, high - _MICROSECOND)}:
            inside.setdefault(shown, []).append(jump)
        ahead[(high - _MICROSECOND).year, (high - _MICROSECOND).month] = jump.after
    offset = first_offset(zone)
    of_year: dict[int, list[_Month]] = {}
    for year in range(FIRST_YEAR, _END):
        same = year if year <= LAST_YEAR else _same_kind(year)
        if same not in of_year:
            of_year[same] = []
            for month in range(1, 13):
                of_year[same].append(_month(datetime(same, month, 1), inside.get((same, month), []), offset))
                offset = ahead.get((same, month), offset)
        yield from of_year[same]


def _month(begin: datetime, inside: list[Jump], offset: timedelta) -> _Month:
    def within(moment: datetime) -> int:
        return int((moment - begin) / _MICROSECOND)

    ahead, first, second = [inside[0].before if inside else offset], [], []
    for jump in inside:
        low, high = map(within, jump.shown)
        ahead.append(jump.after)
        first.append((high if jump.goes_back else low, high))
        second.append((low, low if jump.goes_back else high))
    return _Month(tuple(int(item / _MICROSECOND) for item in ahead), tuple(first), tuple(second))


def _same_kind(year: int) -> int:
    """A year of the same calendar whose clocks are known."""
    wanted = (date(year, 1, 1).weekday(), _leap(year))
    return next(y for y in range(_RULED, LAST_YEAR + 1) if (date(y, 1, 1).weekday(), _leap(y)) == wanted)


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
