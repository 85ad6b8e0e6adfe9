"""The SELECT that is right for each cause that an alarm can name, looked up by how the cause is called.

Two things are in no table: how a number or a point in time was spelled in the file, and in which order rows came. For causes
of that kind the column's values are all that can be shown, and `GENERIC` says which these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from deployments.declarations.columns import Column
from expectations.contract.quoting import identifier, literal
from tasks.shown_queries import (
    CLOCKS,
    NUMBERS,
    SHOWN,
    Place,
    beside,
    by_day,
    by_kind,
    by_value,
    counted,
    filled,
    is_value,
    new_values,
    rows_of,
)

Query = Callable[[Place, Column, re.Match[str]], str | None]
OfTable = Callable[[Place, re.Match[str]], str | None]
STEPS = {
    "whole numbers": "1", "one decimal": "0.1", "two decimals": "0.01", "tens": "10", "hundreds": "100", "thousands": "1000",
}  # fmt: skip
PADDED = {
    "padded with spaces": "{0} <> trim({0})", "padded with zeros": "{0} LIKE '0%'", "zeros in front lost": "{0} LIKE '0%'",
}  # fmt: skip
# Columns beside that one query names, at most.
OTHERS = 5


def _values(place: Place, column: Column, _: re.Match[str]) -> str:
    return by_value(place, column)


def _written(place: Place, column: Column, _: re.Match[str]) -> str:
    return new_values(place, column) if column.column_type.kind == "varchar" else by_kind(place, column)


def _new(place: Place, column: Column, _: re.Match[str]) -> str:
    return new_values(place, column)


def _holding(place: Place, column: Column, found: re.Match[str]) -> str | None:
    """How many rows hold each of the values that a cause names, and how many are empty."""
    called = {"value": "with_it", "old": "with_the_old", "new": "with_the_new"}
    figures = [filled(column)]
    for group, value in found.groupdict().items():
        condition = is_value(column, value)
        if condition is None:
            return None
        figures.append(f"{counted(condition)} AS {called[group]}")
    return beside(place, ", ".join(figures))


def _empty_or_0(place: Place, column: Column, _: re.Match[str]) -> str | None:
    zero = is_value(column, "0")
    return None if zero is None else beside(place, f"{filled(column)}, {counted(zero)} AS with_0")


def _filled(place: Place, column: Column, _: re.Match[str]) -> str:
    return beside(place, filled(column))


def _exchanged(place: Place, column: Column, found: re.Match[str]) -> str | None:
    """What the rows of the two labels are like, which is what has changed places."""
    labels = [is_value(column, label) for label in found.groups()]
    if None in labels:
        return None
    means = [f"avg({identifier(c.name)}) AS {identifier(f'mean_{c.name}')}" for c in _numbers(place, column)]
    return beside(
        place, ", ".join(["count(*) AS all_rows", *means]), identifier(column.name), f"({' OR '.join(map(str, labels))})"
    )  # fmt: skip


def _numbers(place: Place, but: Column) -> list[Column]:
    found = [
        c for c in place.unmasked if c.column_type.kind in NUMBERS and c is not but and c.name not in place.table.key
    ]
    return found[:OTHERS]


def _two_columns(place: Place, _: Column, found: re.Match[str]) -> str | None:
    figures = []
    for column in map(place.column, found.groups()):
        if column is None or column.column_type.kind == "boolean":
            return None
        name = identifier(column.name)
        figures += [f"{what}({name}) AS {identifier(f'{what}_{column.name}')}" for what in ("min", "max")]
    return beside(place, ", ".join(figures))


def _in_other_rows(place: Place, column: Column, _: re.Match[str]) -> str:
    """How far a number goes with the others of its row (1: always). Redshift has no function for a correlation."""
    others = _numbers(place, column)
    if column.column_type.kind not in NUMBERS or not others:
        return rows_of(place, [*place.key, *(c.name for c in place.unmasked)])
    x, figures = f"CAST({identifier(column.name)} AS double precision)", []
    for other in others:
        y = f"CAST({identifier(other.name)} AS double precision)"
        figures.append(
            f"(avg({x} * {y}) - avg({x}) * avg({y})) / nullif(stddev_pop({x}) * stddev_pop({y}), 0) "
            f"AS {identifier(f'with_{other.name}')}"
        )
    return beside(place, ", ".join(figures))


def _of_a_label(place: Place, column: Column, found: re.Match[str]) -> str | None:
    by, label, kind = place.column(found["by"]), found["label"], column.column_type.kind
    condition = None if by is None else is_value(by, label)
    if condition is None or kind not in (*NUMBERS, *CLOCKS):
        return None
    name = identifier(column.name)
    mean = f"avg(EXTRACT(HOUR FROM {name})) AS mean_hour" if kind in CLOCKS else f"avg({name}) AS mean"
    return beside(
        place, f"count(*) AS all_rows, {mean}", f"CASE WHEN {condition} THEN {literal(label)} ELSE 'others' END"
    )


def _apart(place: Place, column: Column, found: re.Match[str]) -> str | None:
    other = next((c for c in place.table.columns if c.name == found["other"]), None)
    if other is None or not {column.column_type.kind, other.column_type.kind} <= {*CLOCKS, "date"}:
        return None
    seconds = [f"EXTRACT(EPOCH FROM {identifier(one.name)})" for one in (column, other)]
    return beside(place, f"avg({seconds[0]} - {seconds[1]}) / 60 AS minutes_apart")


def _extremes(place: Place, column: Column, _: re.Match[str]) -> str | None:
    if column.column_type.kind == "boolean":
        return None
    name = identifier(column.name)
    return beside(place, f"count({name}) AS with_a_value, min({name}) AS first, max({name}) AS last")


def _part_lost(place: Place, column: Column, found: re.Match[str]) -> str | None:
    if column.column_type.kind not in CLOCKS:
        return None
    parts = ("SECOND",) if found[1] == "seconds" else ("HOUR", "MINUTE", "SECOND")
    without = " AND ".join(f"EXTRACT({part} FROM {identifier(column.name)}) = 0" for part in parts)
    return beside(
        place, f"count({identifier(column.name)}) AS with_a_value, {counted(without)} AS without_{found[1].split()[0]}"
    )


def _beyond(place: Place, column: Column, found: re.Match[str]) -> str | None:
    if column.column_type.kind not in NUMBERS:
        return None
    name, limit = identifier(column.name), found["limit"].replace(",", "")
    told = [(f"{name} {sign} {limit}", called) for sign, called in (("<", "below"), ("=", "exactly"), (">", "above"))]
    return beside(
        place,
        f"count({name}) AS numbers, min({name}) AS least, max({name}) AS most, "
        + ", ".join(f"{counted(condition)} AS {called}" for condition, called in told),
    )


def _signs(place: Place, column: Column, _: re.Match[str]) -> str | None:
    if column.column_type.kind not in NUMBERS:
        return None
    name = identifier(column.name)
    signs = (
        f"{counted(f'{name} < 0')} AS negative, {counted(f'{name} = 0')} AS zeros, {counted(f'{name} > 0')} AS positive"
    )
    return beside(place, f"{signs}, avg({name}) AS mean")


def _rounded(place: Place, column: Column, found: re.Match[str]) -> str | None:
    step, name = STEPS.get(found["to"]), identifier(column.name)
    if step is None or column.column_type.kind not in NUMBERS:
        return None
    return beside(
        place, f"count({name}) AS numbers, {counted(f'{name} = round({name} / {step}) * {step}')} AS round"
    )  # fmt: skip


def _padded(place: Place, column: Column, found: re.Match[str]) -> str | None:
    if column.column_type.kind != "varchar":
        return None
    return beside(
        place, f"count(*) AS all_rows, {counted(PADDED[found[0]].format(identifier(column.name)))} AS padded"
    )  # fmt: skip


def _cut(place: Place, column: Column, found: re.Match[str]) -> str | None:
    if column.column_type.kind != "varchar":
        return None
    length = f"length({identifier(column.name)})"
    as_long = counted(f"{length} = {found['limit']}")
    return beside(place, f"max({length}) AS longest, {as_long} AS as_long")


def _form(place: Place, column: Column, found: re.Match[str]) -> str | None:
    """How many rows have a form that SQL can tell."""
    if column.column_type.kind != "varchar":
        return None
    name, added = identifier(column.name), found.groupdict().get("added") or ""
    if "\\" in added:
        return None
    forms = {
        "in lower case": f"{name} = lower({name})",
        "in upper case": f"{name} = upper({name})",
        "with no-break spaces": f"{name} LIKE '%\u00a0%'",
        "in front": f"left({name}, {len(added)}) = {literal(added)}",
        "behind": f"right({name}, {len(added)}) = {literal(added)}",
    }
    return beside(place, f"count(*) AS all_rows, {counted(forms[found['form']])} AS so_written")


def _moved_over(place: Place, *_: object) -> str:
    return rows_of(place, [column.name for column in place.unmasked])


def _copies(place: Place, _: re.Match[str]) -> str:
    """Rows that are there more than once: alike in all columns, told by those that may be shown."""
    by = ", ".join(identifier(column.name) for column in place.table.columns)
    shown = ", ".join([*(identifier(column.name) for column in place.unmasked), "count(*) AS times"])
    return f"SELECT {shown} FROM {place.live}{place.where()} GROUP BY {by} HAVING count(*) > 1 LIMIT {SHOWN}"


def _again(place: Place, found: re.Match[str]) -> str | None:
    """Rows of the batch that stand in a window before it as well, but for what tells the windows apart. Without windows the table
    holds the earlier batch no more."""
    by = place.table.compared_by
    if by is None or not place.inside:
        return None
    dates = (*CLOCKS, "date") if found[0].endswith("new dates") else ()
    alike = [c for c in place.table.columns if c.name != by.name and c.column_type.kind not in dates]
    if not alike:
        return None
    of_window = identifier(by.name)
    shown = [identifier(column.name) for column in alike if column in place.unmasked]
    shown += [f"min({of_window}) AS first_there", f"max({of_window}) AS last_there", "count(*) AS times"]
    inside = counted(place.inside)
    return (
        f"SELECT {', '.join(shown)} FROM {place.live}{place.where(before=True)} "
        f"GROUP BY {', '.join(identifier(column.name) for column in alike)} "
        f"HAVING {inside} > 0 AND {inside} < count(*) LIMIT {SHOWN}"
    )


def _header(place: Place, _: re.Match[str]) -> str | None:
    """The row that holds the names of the columns; it can stand in columns of text alone."""
    names = [c for c in place.unmasked if c.column_type.kind == "varchar"]
    told = " OR ".join(f"{identifier(c.name)} = {literal(c.source_name)}" for c in names)
    return rows_of(place, [c.name for c in place.unmasked], f"({told})") if told else None


def _another_kind(place: Place, _: re.Match[str]) -> str:
    """The rows with the most columns that are empty come first."""
    empty = " + ".join(f"CASE WHEN {identifier(c.name)} IS NULL THEN 1 ELSE 0 END" for c in place.table.columns)
    return rows_of(place, [c.name for c in place.unmasked], order=f"{empty} DESC")


def _count(place: Place, _: re.Match[str]) -> str:
    return by_day(place)


OF_THE_TABLE: Mapping[str, OfTable] = {
    r"values one column to the (left|right) .*": _moved_over,
    r"rows multiplied by .*|rows repeated|one row .* times|rows with .* twice": _copies,
    r"an earlier file again|an earlier file with new dates|rows of an earlier batch": _again,
    r"header among the rows": _header,
    r"a row of another kind": _another_kind,
    r"the first .* rows|.* % of the rows|next to no rows|.* rows? (more|missing)": _count,
}
# Behind those that say more: what they are called may hold any text of the data.
OF_A_COLUMN: Mapping[str, Query] = {
    r"values one column to the (left|right) .*": _moved_over,
    r"label renamed (?P<old>.*) -> (?P<new>.*)": _holding,
    r"label (?P<old>.*) merged into (?P<new>.*)": _holding,
    r"labels in other shares": _values,
    r"labels (.*) and (.*) exchanged": _exchanged,
    r"label (?P<value>.*) gone": _holding,
    r"(?:new label|more rows with|placeholder) (?P<value>.*)": _holding,
    r"all values are others": _new,
    r"all (?P<value>.*)": _holding,
    r"0 instead of empty|empty instead of 0": _empty_or_0,
    r"(?:text )?(?P<value>.*) instead of empty": _holding,
    r"values missing|rows without .* missing": _filled,
    r"columns (.*) and (.*) swapped": _two_columns,
    r"(?P<form>in lower case|in upper case|with no-break spaces)": _form,
    r"with `(?P<added>.*)` (?P<form>in front|behind)": _form,
    r"in another case|with its words in another order|with other marks or spaces|with something else (in front|behind)": _written,
    r"(some )?written differently|written as once before": _written,
    r"padded with spaces|padded with zeros|zeros in front lost": _padded,
    r"cut at (?P<limit>\d+) characters?": _cut,
    r"(rounded|cut) to (?P<to>.*)": _rounded,
    r"capped at (?P<limit>-?[\d,.]+)": _beyond,
    r"rows with .* (?P<limit>-?[\d,.]+) missing": _beyond,
    r"sign flipped|negative numbers|minus signs lost": _signs,
    r"[+-].* h next to (?P<other>.*)": _apart,
    r".* where (?P<by>.*?) is (?P<label>.*)": _of_a_label,
    r"(unit|factor) .* in some rows|.* % (higher|lower) in some rows": _new,
    r"(time of day|seconds) lost": _part_lost,
    r"day and month swapped|dates far off|.* (later|earlier)": _extremes,
    r".* in other rows": _in_other_rows,
}
# How large numbers are, and in which hours rows lie, is what these are about.
BY_KIND = (
    r"(unit|factor) .*|.* % (higher|lower)|moved by .*|shifted by .*|afternoon written as morning|"
    r"rows from .* to .* missing|[+-].* h in some rows"
)
# A number's digits beyond its own and the order of rows aren't in a table, nor is a column that was renamed or is gone.
GENERIC = r"digits of a float|sums so far|rows sorted by .*|.* (renamed to .*|gone)"
_HOLDS = re.compile(r"(.*) holds (.*)")


def is_known(cause: str, *, of_table: bool = False) -> bool:
    """Whether somebody has decided what shows a cause of this name."""
    if of_table:
        return any(re.fullmatch(name, cause, re.DOTALL) for name in OF_THE_TABLE)
    names = (*OF_A_COLUMN, BY_KIND, GENERIC, r".* no longer holds", _HOLDS.pattern)
    return any(re.fullmatch(name, cause, re.DOTALL) for name in names)


def of_the_table(place: Place, cause: str) -> str:
    """What shows a cause of the table as a whole: the number of rows by day where nothing says more."""
    for name, query in OF_THE_TABLE.items():
        if (found := re.fullmatch(name, cause, re.DOTALL)) is not None:
            return query(place, found) or by_day(place)
    return by_day(place)


def of_a_column(place: Place, column: Column, cause: str) -> str:
    """What shows a cause of a column that isn't masked; by the kind of its values where nothing says more."""
    for name, query in OF_A_COLUMN.items():
        if (found := re.fullmatch(name, cause, re.DOTALL)) is not None:
            return query(place, column, found) or by_kind(place, column)
    if (found := _HOLDS.fullmatch(cause)) is not None:
        return _two_columns(place, column, found) or by_kind(place, column)
    return by_kind(place, column)
