"""Errors as public incident reports tell them: few rows, merged labels, float spellings, small factors, one absurd row."""

from __future__ import annotations

import struct
from collections import Counter

from injections import Context, Spoiled, injection, pick, spoil
from tables import Table, is_number


def _held(table: Table, name: str) -> dict[str, int]:
    return dict(Counter(v for v in table.columns[name] if v != ""))


def _numbers_that_vary(table: Table) -> list[str]:
    return [c for c in table.numeric(0.5) if len(_held(table, c)) > 5]


@injection("few_rows", 1, 10, 50)
def few_rows(table: Table, context: Context, kept: float) -> Spoiled | None:
    """A source that answers with a first page only. The clocks tell it, too."""
    if table.rows < 3 * kept:
        return None
    return table.take(list(range(int(kept)))), frozenset({None, *table.dates()})


@injection("rows_missing", 3, 6, held_out=True)
def rows_missing(table: Table, context: Context, lost: float) -> Spoiled | None:
    """Some rows fewer in a table that always has the same number of them."""
    if any(before.rows != table.rows for before in context.earlier):
        return None
    gone = set(context.rng.sample(range(table.rows), int(lost)))
    return table.take([i for i in range(table.rows) if i not in gone]), frozenset({None})


@injection("merged_labels")
def merged_labels(table: Table, context: Context, _: float) -> Spoiled | None:
    """Two labels become one: each of them is in at least a tenth of the rows."""
    names = [c for c in table.categories() if sum(n >= 0.1 * table.rows for n in _held(table, c).values()) >= 2]
    name = pick(context, names)
    if name is None:
        return None
    common = sorted(v for v, n in _held(table, name).items() if n >= 0.1 * table.rows)
    lost, kept = context.rng.sample(common, 2)
    return spoil(table, name, context, 1, lambda v: kept if v == lost else v)


@injection("float32", held_out=True)
def float32(table: Table, context: Context, _: float) -> Spoiled | None:
    """Numbers that went through a narrower type: 12.3 is 12.300000190734863."""
    names = [c for c in _numbers_that_vary(table) if sum("." in v for v in table.columns[c]) > 0.3 * table.rows]

    def narrowed(text: str) -> str:
        return repr(struct.unpack("f", struct.pack("f", float(text)))[0]) if is_number(text) else text

    return spoil(table, pick(context, names), context, 1, narrowed)


@injection("small_factor", 0.95, 1.08, 1.19)
def small_factor(table: Table, context: Context, factor: float) -> Spoiled | None:
    """A tax, a discount or a rate of exchange in a column of amounts, rounded as amounts are."""
    names = [c for c in _numbers_that_vary(table) if sum("." in v for v in table.columns[c]) > 0.3 * table.rows]

    def priced(text: str) -> str:
        return f"{float(text) * factor:.{len(text.partition('.')[2])}f}" if is_number(text) else text

    return spoil(table, pick(context, names), context, 1, priced)


@injection("null_text", held_out=True)
def null_text(table: Table, context: Context, _: float) -> Spoiled | None:
    """NULL is written where nothing was."""
    names = [c for c, v in table.columns.items() if 0.03 * table.rows < sum(x == "" for x in v) < table.rows]
    return spoil(table, pick(context, names), context, 1, lambda v: v or "NULL")


@injection("one_absurd", 100)
def one_absurd(table: Table, context: Context, factor: float) -> Spoiled | None:
    """One row with minus a hundred times the largest number."""
    name = pick(context, _numbers_that_vary(table))
    if name is None:
        return None
    numbers = [float(v) for v in table.columns[name] if is_number(v)]
    absurd = -factor * max(map(abs, numbers), default=0.0)
    if absurd == 0:
        return None
    at = context.rng.randrange(table.rows)
    values = list(table.columns[name])
    values[at] = str(int(absurd)) if absurd == int(absurd) else f"{absurd:.2f}"
    return table.with_column(name, values), frozenset({name})


@injection("sorted_anew", held_out=True)
def sorted_anew(table: Table, context: Context, _: float) -> Spoiled | None:
    """Rows that were in order of time come in the order of another column."""
    dates = table.dates()
    if not dates or table.columns[dates[0]] != sorted(table.columns[dates[0]]):
        return None
    by = pick(context, [c for c in table.columns if c not in dates and len(_held(table, c)) > 1])
    if by is None:
        return None
    order = sorted(range(table.rows), key=lambda i: table.columns[by][i])
    if order == list(range(table.rows)):
        return None
    return table.take(order), frozenset({None, *table.columns})
