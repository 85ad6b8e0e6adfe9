"""The rows that a trial built beside those of the live table, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from deployments.declarations.summary import Summary
from deployments.windows import Window
from tasks.warehouses.dml import equal
from tasks.warehouses.names import LIVE, NEW, TableName
from tasks.warehouses.quoting import identifier, qualified
from tasks.warehouses.session import one, rows
from tasks.within import within

HIDDEN = "(hidden)"
EXAMPLES = 3
_WIDE = 60


@dataclass(frozen=True, slots=True)
class ByKey:
    """Keys that are new, gone, or have other values; `columns`: rows by column of which it is another one. The examples are
    lines for people, without values that are hidden."""

    added: int
    gone: int
    changed: int
    columns: dict[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


def compare_keys(
    cursor: Cursor, summary: Summary, built: TableName, live: TableName, common: Sequence[str], window: Window | None
) -> ByKey | None:
    """None where nothing tells which rows are the same: no key, or one that the two tables don't share.

    `common`: columns that both have with the same type. Of a window, its own rows of the live table are compared; of `mode:
    merge` no row goes.
    """
    key = summary.key
    if not key or not set(key) <= set(common):
        return None
    others = [name for name in common if name not in key]
    sides = {NEW: qualified(built), LIVE: _rows_of(summary, live, window)}
    added = _lacking(cursor, summary, sides, NEW, LIVE)
    gone = (0, []) if summary.mode == "merge" else _lacking(cursor, summary, sides, LIVE, NEW)
    both = sql.SQL("{} AS {} JOIN {} AS {} ON {}").format(
        sides[NEW], identifier(NEW), sides[LIVE], identifier(LIVE), equal(key, NEW, LIVE)
    )
    changed, columns, shown = 0, dict[str, int](), list[str]()
    if others:
        differs = [_differs(name) for name in others]
        any_of = sql.SQL(" OR ").join(differs)
        figures = sql.SQL(", ").join(
            sql.SQL("count(CASE WHEN {} THEN 1 END)").format(item) for item in (any_of, *differs)
        )
        changed, *counts = map(int, one(cursor, sql.SQL("SELECT {} FROM {}").format(figures, both)))
        columns = {name: count for name, count in zip(others, counts, strict=True) if count}
        shown = list(_changes(cursor, summary, both, any_of, others)) if changed else []
    examples = [
        *(f"new   {item}" for item in added[1]), *(f"gone  {item}" for item in gone[1]), *(f"other {item}" for item in shown),
    ]  # fmt: skip
    return ByKey(added[0], gone[0], changed, columns, tuple(examples))


def _rows_of(summary: Summary, live: TableName, window: Window | None) -> sql.Composable:
    if summary.replaced_by is None or window is None:
        return qualified(live)
    inside = within(identifier(summary.replaced_by.name), summary.replaced_by.bounds(window))
    return sql.SQL("(SELECT * FROM {} WHERE {})").format(qualified(live), inside)


def _lacking(
    cursor: Cursor, summary: Summary, sides: dict[str, sql.Composable], here: str, there: str
) -> tuple[int, list[str]]:
    """How many keys one side has alone, and the first of them."""
    alone = sql.SQL("{} AS {} LEFT JOIN {} AS {} ON {} WHERE {} IS NULL").format(
        sides[here], identifier(here), sides[there], identifier(there), equal(summary.key, here, there),
        identifier(there, summary.key[0]),
    )  # fmt: skip
    count = int(one(cursor, sql.SQL("SELECT count(*) FROM {}").format(alone))[0])
    if not count:
        return 0, []
    keys = sql.SQL(", ").join(identifier(here, name) for name in summary.key)
    found = rows(
        cursor, sql.SQL("SELECT {} FROM {} ORDER BY {} LIMIT {}").format(keys, alone, keys, sql.Literal(EXAMPLES))
    )
    return count, [_key(summary, row) for row in found]


def _changes(
    cursor: Cursor, summary: Summary, both: sql.Composable, any_of: sql.Composable, others: Sequence[str]
) -> Iterator[str]:
    keys = [identifier(NEW, name) for name in summary.key]
    cells = [*keys, *(identifier(side, name) for name in others for side in (LIVE, NEW))]
    statement = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {}").format(
        sql.SQL(", ").join(cells), both, any_of, sql.SQL(", ").join(keys), sql.Literal(EXAMPLES)
    )
    for row in rows(cursor, statement):
        values = row[len(keys) :]
        told = [
            f"{name} {HIDDEN if name in summary.masked else f'{_cell(before)} -> {_cell(after)}'}"
            for name, before, after in zip(others, values[::2], values[1::2], strict=True)
            if before != after
        ]
        yield f"{_key(summary, row[: len(keys)])}: {', '.join(told)}"


def _key(summary: Summary, values: Sequence[object]) -> str:
    return ", ".join(
        f"{name} {HIDDEN if name in summary.masked else _cell(value)}"
        for name, value in zip(summary.key, values, strict=True)
    )


def _cell(value: object) -> str:
    return "(null)" if value is None else " ".join(str(value).split())[:_WIDE]


def _differs(name: str) -> sql.Composed:
    """NULLs compared as values; IS DISTINCT FROM is unknown to Redshift."""
    return sql.SQL("({a} <> {b} OR ({a} IS NULL AND {b} IS NOT NULL) OR ({a} IS NOT NULL AND {b} IS NULL))").format(
        a=identifier(NEW, name), b=identifier(LIVE, name)
    )
