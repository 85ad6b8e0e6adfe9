"""And in how values are written or placed: wrong dates, lost digits and signs, other spellings, late or copied columns."""

from __future__ import annotations

import math
import statistics
from datetime import date, datetime, timedelta

from errors_reports import _clocks, _entities, _held, _hours, _moved, _varied, _with_point, _written_like
from injections import Context, Spoiled, injection, pick, spoil
from tables import Table, date_format, is_number


@injection("day_month_swapped")
def day_month_swapped(table: Table, context: Context, _: float) -> Spoiled | None:
    """Where both readings are dates the other one was taken."""

    def swapped(text: str) -> str:
        form = date_format(text)
        if form is None:
            return text
        at = datetime.strptime(text, form)
        return at.replace(month=at.day, day=at.month).strftime(form) if at.day <= 12 else text

    return spoil(table, pick(context, table.dates()), context, 1, swapped)


@injection("rounded_10", held_out=True)
def rounded_10(table: Table, context: Context, _: float) -> Spoiled | None:
    """Whole numbers come as tens."""
    names = [c for c in _varied(table, 15) if c not in _with_point(table) and c not in table.dates()]
    return spoil(
        table, pick(context, names), context, 1, lambda v: str(round(float(v) / 10) * 10) if is_number(v) else v
    )


@injection("clipped")
def clipped(table: Table, context: Context, _: float) -> Spoiled | None:
    """Nothing above the usual: a cap was put in."""
    name = pick(context, _varied(table, 15))
    if name is None:
        return None
    cap = sorted((v for v in table.columns[name] if is_number(v)), key=float)
    top = cap[int(0.8 * len(cap))]
    return spoil(table, name, context, 1, lambda v: top if is_number(v) and float(v) > float(top) else v)


@injection("sign_lost")
def sign_lost(table: Table, context: Context, _: float) -> Spoiled | None:
    """What was below zero is above."""
    names = [c for c in table.numeric() if sum(v.startswith("-") for v in table.columns[c]) >= 0.02 * table.rows]
    return spoil(table, pick(context, names), context, 1, lambda v: v.removeprefix("-") if is_number(v) else v)


@injection("leading_zero_lost", held_out=True)
def leading_zero_lost(table: Table, context: Context, _: float) -> Spoiled | None:
    """Codes read as numbers: 0123 is 123."""
    names = [
        c
        for c, v in table.columns.items()
        if sum(x[:1] == "0" and x.isdigit() and len(x) > 1 for x in v) >= 0.02 * table.rows
    ]
    return spoil(table, pick(context, names), context, 1, lambda v: v.lstrip("0") or "0")


@injection("id_prefix", 0.3)
def id_prefix(table: Table, context: Context, share: float) -> Spoiled | None:
    """Some ids come from another system."""
    name = pick(context, [c for c in _entities(table) if c not in _with_point(table)])
    return spoil(table, name, context, share, lambda v: f"EU-{v}" if v else v)


@injection("no_break_space", held_out=True)
def no_break_space(table: Table, context: Context, _: float) -> Spoiled | None:
    """Texts copied from a page."""
    names = [
        c
        for c in table.texts()
        if sum(" " in v for v in table.columns[c]) > 0.05 * table.rows and c not in table.dates()
    ]
    return spoil(table, pick(context, names), context, 1, lambda v: v.replace(" ", "\u00a0"))


@injection("name_order")
def name_order(table: Table, context: Context, _: float) -> Spoiled | None:
    """`Ada Lovelace` comes as `Lovelace, Ada`."""
    names = [c for c in table.texts() if sum(" " in v for v in table.columns[c]) > 0.2 * table.rows]

    def turned(text: str) -> str:
        first, space, last = text.rpartition(" ")
        return f"{last}, {first}" if space else text

    return spoil(table, pick(context, names), context, 1, turned)


@injection("scientific_ids", held_out=True)
def scientific_ids(table: Table, context: Context, _: float) -> Spoiled | None:
    """A spreadsheet saved long numbers as 5.4E+05."""
    names = [c for c, v in table.columns.items() if sum(x.isdigit() and len(x) >= 5 for x in v) > 0.5 * table.rows]
    return spoil(table, pick(context, names), context, 1, lambda v: f"{float(v):.2E}" if v.isdigit() else v)


@injection("excel_date")
def excel_date(table: Table, context: Context, _: float) -> Spoiled | None:
    """Dates as the days since 1899."""

    def serial(text: str) -> str:
        form = date_format(text)
        if form is None:
            return text
        days = (datetime.strptime(text, form) - datetime(1899, 12, 30)) / timedelta(days=1)
        return str(int(days)) if days == int(days) else f"{days:.5f}"

    return spoil(table, pick(context, table.dates()), context, 1, serial)


@injection("flag_flipped")
def flag_flipped(table: Table, context: Context, _: float) -> Spoiled | None:
    """Yes and no in each other's place."""
    names = [c for c in table.categories(2, 2) if min(_held(table, c).values(), default=0) >= 2]
    name = pick(context, [c for c in names if len(_held(table, c)) == 2])
    if name is None:
        return None
    one, other = sorted(_held(table, name))
    return spoil(table, name, context, 1, lambda v: other if v == one else one if v == other else v)


@injection("rare_to_other", held_out=True)
def rare_to_other(table: Table, context: Context, _: float) -> Spoiled | None:
    """What is rare is lumped together."""
    names = [c for c in _entities(table) if c in table.texts()]
    name = pick(context, names)
    if name is None:
        return None
    rare = {v for v, n in _held(table, name).items() if n < 0.05 * table.rows}
    return spoil(table, name, context, 1, lambda v: "Other" if v in rare else v)


@injection("column_lagged")
def column_lagged(table: Table, context: Context, _: float) -> Spoiled | None:
    """A column that is one row late: joined by position."""
    name = pick(context, [c for c in table.columns if len(_held(table, c)) > 3])
    if name is None:
        return None
    old = table.columns[name]
    values = [old[-1], *old[:-1]]
    changed = sum(a != b for a, b in zip(old, values, strict=True))
    return (table.with_column(name, values), frozenset(table.columns)) if changed > 0.1 * table.rows else None


@injection("outage", 4)
def outage(table: Table, context: Context, hours: float) -> Spoiled | None:
    """The rows of some hours never came."""
    name = pick(context, _clocks(table))
    if name is None:
        return None
    found = _hours(table, name)
    known = sorted({h for h in found if h})
    if len(known) < 10:
        return None
    begin = context.rng.randrange(3, len(known) - int(hours))
    lost = set(known[begin : begin + int(hours)])
    kept = [i for i, h in enumerate(found) if h not in lost]
    return (table.take(kept), frozenset({None, *table.dates()})) if len(kept) < 0.97 * table.rows else None


@injection("tail_empty", held_out=True)
def tail_empty(table: Table, context: Context, _: float) -> Spoiled | None:
    """The job that fills a column died after three quarters of the rows."""
    name = pick(context, [c for c, v in table.columns.items() if v.count("") < 0.5 * table.rows])
    if name is None:
        return None
    at = 3 * table.rows // 4
    return table.with_column(name, table.columns[name][:at] + [""] * (table.rows - at)), frozenset({name})


@injection("one_per_entity")
def one_per_entity(table: Table, context: Context, _: float) -> Spoiled | None:
    """Duplicates were taken out by the wrong key: the first row of each thing is left."""
    name = pick(context, [c for c in _entities(table) if len(_held(table, c)) > 0.1 * table.rows])
    if name is None:
        return None
    seen: set[str] = set()
    kept = [i for i, v in enumerate(table.columns[name]) if not (v in seen or seen.add(v))]  # type: ignore[func-returns-value]
    return table.take(kept), frozenset({None, name})


@injection("wrong_year", 0.05, 1.0)
def wrong_year(table: Table, context: Context, share: float) -> Spoiled | None:
    """In January people write last year's."""
    return spoil(table, pick(context, table.dates()), context, share, lambda v: _moved(v, timedelta(days=-365)))


@injection("to_the_hour", held_out=True)
def to_the_hour(table: Table, context: Context, _: float) -> Spoiled | None:
    """Times lose their minutes."""

    def whole(text: str) -> str:
        form = date_format(text)
        return text if form is None else datetime.strptime(text, form).replace(minute=0, second=0).strftime(form)

    return spoil(table, pick(context, _clocks(table)), context, 1, whole)


@injection("sentinel_date", 0.03)
def sentinel_date(table: Table, context: Context, share: float) -> Spoiled | None:
    """`Never` is written as the last day there is."""

    def never(text: str) -> str:
        form = date_format(text)
        return text if form is None else datetime.combine(date(9999, 12, 31), datetime.min.time()).strftime(form)

    return spoil(table, pick(context, table.dates()), context, share, never)


@injection("column_copied")
def column_copied(table: Table, context: Context, _: float) -> Spoiled | None:
    """A mapping that takes its neighbour twice: one number column holds another's values."""
    names = [c for c in _varied(table) if c not in table.dates()]
    if len(names) < 2:
        return None
    name, other = context.rng.sample(sorted(names), 2)
    if table.columns[name] == table.columns[other]:
        return None
    return table.with_column(name, list(table.columns[other])), frozenset({name, other})


@injection("per_hundred")
def per_hundred(table: Table, context: Context, _: float) -> Spoiled | None:
    """A mean in place of the sum: every amount is divided by the number of its things."""
    amounts = _with_point(table)
    counts = [
        c
        for c in table.numeric(0.9)
        if c not in amounts and c not in table.dates() and 2 <= len(_held(table, c)) <= 200
    ]
    name, by = pick(context, amounts), pick(context, counts)
    if name is None or by is None:
        return None
    pairs = zip(table.columns[name], table.columns[by], strict=True)
    values = [
        _written_like(v, float(v) / float(b)) if is_number(v) and is_number(b) and abs(float(b)) > 1 else v
        for v, b in pairs
    ]
    changed = sum(a != b for a, b in zip(values, table.columns[name], strict=True))
    return (table.with_column(name, values), frozenset({name, by})) if changed > 0.1 * table.rows else None


@injection("noise", held_out=True)
def noise(table: Table, context: Context, _: float) -> Spoiled | None:
    """A jitter for privacy was left on: every number differs by a tenth of the spread."""
    name = pick(context, _varied(table, 15))
    if name is None:
        return None
    spread = statistics.pstdev([float(v) for v in table.columns[name] if is_number(v)])
    step = max(0.1 * spread, 1e-9)
    return spoil(
        table,
        name,
        context,
        1,
        lambda v: (
            f"{float(v) + context.rng.gauss(0, step):.{max(1, 2 - int(math.log10(step)))}f}" if is_number(v) else v
        ),
    )
