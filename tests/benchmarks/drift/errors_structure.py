"""Errors of time, rows, columns against each other, and headers."""

from __future__ import annotations

from datetime import datetime, timedelta

from errors_values import _scaled, _varied
from injections import Context, Spoiled, injection, pick, spoil
from tables import Table, date_format, is_number


def _moved(text: str, step: timedelta) -> str:
    form = date_format(text)
    return text if form is None else (datetime.strptime(text, form) + step).strftime(form)


def _clocks(table: Table) -> list[str]:
    return [c for c in table.dates() if any(":" in v for v in table.columns[c][:50])]


@injection("time_zone", 1, 5, -8)
def time_zone(table: Table, context: Context, hours: float) -> Spoiled | None:
    return spoil(table, pick(context, _clocks(table)), context, 1, lambda v: _moved(v, timedelta(hours=hours)))


@injection("date_shift", 1, -1, 30, held_out=True)
def date_shift(table: Table, context: Context, days: float) -> Spoiled | None:
    return spoil(table, pick(context, table.dates()), context, 1, lambda v: _moved(v, timedelta(days=days)))


@injection("date_format", 0.2, 1.0)
def date_spelling(table: Table, context: Context, share: float) -> Spoiled | None:
    form = context.rng.choice(["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%S.000"])

    def spelled(text: str) -> str:
        old = date_format(text)
        return text if old is None else datetime.strptime(text, old).strftime(form)

    return spoil(table, pick(context, table.dates()), context, share, spelled)


@injection("midnight", held_out=True)
def midnight(table: Table, context: Context, _: float) -> Spoiled | None:
    """The time of day is lost: every timestamp says 00:00."""

    def floor(text: str) -> str:
        form = date_format(text)
        return (
            text if form is None else datetime.strptime(text, form).replace(hour=0, minute=0, second=0).strftime(form)
        )

    return spoil(table, pick(context, _clocks(table)), context, 1, floor)


@injection("duplicates", 0.1, 0.5)
def duplicates(table: Table, context: Context, share: float) -> Spoiled | None:
    again = [i for i in range(table.rows) if context.rng.random() < share]
    return (table.take([*range(table.rows), *again]), frozenset({None})) if len(again) > 2 else None


@injection("fan_out", 2, 5, held_out=True)
def fan_out(table: Table, context: Context, times: float) -> Spoiled | None:
    """A join gone wrong: every row several times, each next to the other."""
    return table.take([i for i in range(table.rows) for _ in range(int(times))]), frozenset({None})


@injection("truncated", 0.5, 0.1)
def truncated(table: Table, context: Context, kept: float) -> Spoiled | None:
    """The end of the file is lost. The date columns are guilty too where they tell that the day ends early."""
    rows = max(3, int(table.rows * kept))
    return table.take(list(range(rows))), frozenset({None, *table.dates()})


@injection("sampled", 0.3, held_out=True)
def sampled(table: Table, context: Context, kept: float) -> Spoiled | None:
    rows = [i for i in range(table.rows) if context.rng.random() < kept]
    return (table.take(rows), frozenset({None})) if len(rows) > 3 else None


@injection("swap")
def swap(table: Table, context: Context, _: float) -> Spoiled | None:
    numbers, texts = table.numeric(0.5), table.texts()
    group = context.rng.choice([g for g in (numbers, texts) if len(g) > 1] or [[]])
    if len(group) < 2:
        return None
    a, b = context.rng.sample(sorted(group), 2)
    if sum(x != y for x, y in zip(table.columns[a], table.columns[b], strict=True)) < 0.2 * table.rows:
        return None
    return table.with_column(a, table.columns[b]).with_column(b, table.columns[a]), frozenset({a, b})


@injection("shuffled", 0.3, 1.0)
def shuffled(table: Table, context: Context, share: float) -> Spoiled | None:
    """One column's values against other rows: every marginal figure stays the same."""
    names = [c for c, v in table.columns.items() if len(set(v)) > 5]
    name = pick(context, names)
    if name is None:
        return None
    values = list(table.columns[name])
    chosen = [i for i in range(len(values)) if context.rng.random() < share]
    moved = chosen[:]
    context.rng.shuffle(moved)
    for a, b in zip(chosen, moved, strict=True):
        values[a] = table.columns[name][b]
    if sum(x != y for x, y in zip(values, table.columns[name], strict=True)) < 0.1 * table.rows:
        return None
    return table.with_column(name, values), frozenset({name})


@injection("redelivery", 1, 5)
def redelivery(table: Table, context: Context, back: float) -> Spoiled | None:
    return (context.earlier[-int(back)], frozenset({None})) if len(context.earlier) >= back else None


@injection("restamped", 1, held_out=True)
def restamped(table: Table, context: Context, back: float) -> Spoiled | None:
    """An earlier batch once more, its dates moved to today's."""
    old = context.earlier[-int(back)]
    names = table.dates()
    if not names:
        return None
    for name in names:
        first, last = min(table.columns[name]), min(old.columns[name])
        a, b = date_format(first), date_format(last)
        if a is None or b is None:
            return None
        gap = datetime.strptime(first, a).date() - datetime.strptime(last, b).date()
        old = old.with_column(name, [_moved(v, gap) for v in old.columns[name]])
    return old, frozenset({None})


@injection("partly_old", 0.3)
def partly_old(table: Table, context: Context, share: float) -> Spoiled | None:
    """Rows of the batch before are delivered again beside today's."""
    old = context.earlier[-1]
    rows = [i for i in range(old.rows) if context.rng.random() < share]
    more = old.take(rows)
    return Table({c: [*v, *more.columns[c]] for c, v in table.columns.items()}), frozenset({None, *table.dates()})


@injection("header_renamed")
def header_renamed(table: Table, context: Context, _: float) -> Spoiled | None:
    name = context.rng.choice(sorted(table.columns))
    new = f"{name}_v2"
    return Table({new if c == name else c: v for c, v in table.columns.items()}), frozenset({name, new})


@injection("header_dropped", held_out=True)
def header_dropped(table: Table, context: Context, _: float) -> Spoiled | None:
    name = context.rng.choice(sorted(table.columns))
    return Table({c: v for c, v in table.columns.items() if c != name}), frozenset({name})


@injection("header_added")
def header_added(table: Table, context: Context, _: float) -> Spoiled | None:
    return Table({**table.columns, "extra": ["x"] * table.rows}), frozenset({"extra"})


@injection("values_one_column_on", held_out=True)
def values_one_column_on(table: Table, context: Context, _: float) -> Spoiled | None:
    """The values stand one column to the right of their header."""
    names = list(table.columns)
    values = list(table.columns.values())
    return Table(dict(zip(names, [*values[-1:], *values[:-1]], strict=True))), frozenset(names)


@injection("segment_unit", 100)
def segment_unit(table: Table, context: Context, factor: float) -> Spoiled | None:
    return _in_segment(table, context, lambda v: _scaled(v, factor), _varied(table))


@injection("segment_nulls", held_out=True)
def segment_nulls(table: Table, context: Context, _: float) -> Spoiled | None:
    names = [c for c, v in table.columns.items() if sum(x != "" for x in v) > 0.5 * table.rows]
    return _in_segment(table, context, lambda _: "", names)


@injection("type_changed")
def type_changed(table: Table, context: Context, _: float) -> Spoiled | None:
    """A number column arrives as words."""
    name = pick(context, table.numeric(0.8))
    return spoil(table, name, context, 1, lambda v: f"v{v}" if is_number(v) else v)


def _in_segment(table: Table, context: Context, new: object, targets: list[str]) -> Spoiled | None:
    segments = [
        (c, v)
        for c in table.categories(2, 20)
        for v in sorted(set(table.columns[c]))
        if v and max(0.03 * table.rows, 5) <= table.columns[c].count(v) <= 0.5 * table.rows
    ]
    if not segments:
        return None
    by, value = context.rng.choice(segments)
    target = pick(context, [t for t in targets if t != by])
    if target is None:
        return None
    old = table.columns[target]
    values = [new(v) if s == value else v for v, s in zip(old, table.columns[by], strict=True)]  # type: ignore[operator]
    if sum(a != b for a, b in zip(old, values, strict=True)) < max(3, 0.01 * table.rows):
        return None
    return table.with_column(target, values), frozenset({target})
