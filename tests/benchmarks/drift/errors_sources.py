"""Errors of sources and loads, as public incident reports tell of them: outages, load times, lookups, files put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from injections import Context, Spoiled, injection, pick, spoil
from tables import Table, date_format, is_number


def _held(table: Table, name: str) -> Counter[str]:
    return Counter(v for v in table.columns[name] if v != "")


def _amounts(table: Table, least: int = 10) -> list[str]:
    """Number columns of so many values that are no dates."""
    return [c for c in table.numeric(0.5) if c not in table.dates() and len(_held(table, c)) >= least]


def _clocks(table: Table) -> list[str]:
    """Dates with a time."""
    return [c for c in table.dates() if any(":" in v for v in table.columns[c])]


def _numbers(table: Table, name: str) -> list[float]:
    return sorted(float(v) for v in table.columns[name] if is_number(v))


def _like(old: str, value: float) -> str:
    return f"{value:.{len(old.partition('.')[2])}f}" if "." in old else str(round(value))


def _at(text: str) -> datetime | None:
    form = date_format(text)
    return None if form is None else datetime.strptime(text, form)


def _label(table: Table, context: Context) -> tuple[str, str] | None:
    """A column of labels, and a label that a tenth to six tenths of the rows have."""
    found = [
        (c, v) for c in table.categories() for v, n in _held(table, c).items() if 0.1 < n / max(table.rows, 1) < 0.6
    ]
    return context.rng.choice(sorted(found)) if found else None


def _kept(table: Table, kept: list[int], *guilty: str | None) -> Spoiled | None:
    return (table.take(kept), frozenset({None, *guilty})) if 3 <= len(kept) <= 0.95 * table.rows else None


@injection("region_half")
def region_half(table: Table, context: Context, _: float) -> Spoiled | None:
    """One of the two servers of a region was down: half of the rows of a label are missing."""
    chosen = _label(table, context)
    if chosen is None:
        return None
    by, value = chosen
    kept = [i for i, v in enumerate(table.columns[by]) if v != value or context.rng.random() < 0.5]
    return _kept(table, kept, by)


@injection("segment_twice")
def segment_twice(table: Table, context: Context, _: float) -> Spoiled | None:
    """A mapping has one key twice: the rows of a label come twice."""
    chosen = _label(table, context)
    if chosen is None:
        return None
    by, value = chosen
    order = [i for i, v in enumerate(table.columns[by]) for _ in range(2 if v == value else 1)]
    return table.take(order), frozenset({None, by})


@injection("head_missing", 0.2, held_out=True)
def head_missing(table: Table, context: Context, share: float) -> Spoiled | None:
    """The checkpoint was set too late: the first rows are missing."""
    return _kept(table, list(range(int(share * table.rows), table.rows)), *table.columns)


@injection("every_second", 0.5)
def every_second(table: Table, context: Context, _: float) -> Spoiled | None:
    """One of two partitions was read."""
    return _kept(table, list(range(0, table.rows, 2)))


@injection("minimum_filter")
def minimum_filter(table: Table, context: Context, _: float) -> Spoiled | None:
    """A threshold of a report came along: rows of the smaller quarter are gone."""
    name = pick(context, _amounts(table))
    if name is None:
        return None
    found = _numbers(table, name)
    least = found[len(found) // 4]
    kept = [i for i, v in enumerate(table.columns[name]) if not is_number(v) or float(v) > least]
    return _kept(table, kept, name)


@injection("load_time", 0.2, 1.0)
def load_time(table: Table, context: Context, share: float) -> Spoiled | None:
    """A backfill wrote the time of its run."""
    name = pick(context, _clocks(table))
    if name is None:
        return None
    latest = max((v for v in table.columns[name] if _at(v)), key=lambda v: str(_at(v)))
    return spoil(table, name, context, share, lambda v: latest if v else v)


@injection("half_day_shifted", held_out=True)
def half_day_shifted(table: Table, context: Context, _: float) -> Spoiled | None:
    """A zone's rules were updated at noon: what comes after is an hour late."""

    def later(text: str) -> str:
        at, form = _at(text), date_format(text)
        return text if at is None or form is None or at.hour < 12 else (at + timedelta(hours=1)).strftime(form)

    return spoil(table, pick(context, _clocks(table)), context, 1, later)


@injection("cut_by_other_zone")
def cut_by_other_zone(table: Table, context: Context, _: float) -> Spoiled | None:
    """The day was cut in another zone: its last hours are those of the day before."""

    def before(text: str) -> str:
        at, form = _at(text), date_format(text)
        return text if at is None or form is None or at.hour < 16 else (at - timedelta(days=1)).strftime(form)

    return spoil(table, pick(context, _clocks(table)), context, 1, before)


@injection("to_the_minute", held_out=True)
def to_the_minute(table: Table, context: Context, _: float) -> Spoiled | None:
    """Seconds are lost."""

    def whole(text: str) -> str:
        at, form = _at(text), date_format(text)
        return text if at is None or form is None else at.replace(second=0).strftime(form)

    return spoil(table, pick(context, _clocks(table)), context, 1, whole)


@injection("epoch_zero", 0.05)
def epoch_zero(table: Table, context: Context, share: float) -> Spoiled | None:
    """An absent date is the zero of a clock."""

    def zero(text: str) -> str:
        form = date_format(text)
        return text if form is None else datetime(1970, 1, 1).strftime(form)

    return spoil(table, pick(context, table.dates()), context, share, zero)


@injection("minus_999", 0.05)
def minus_999(table: Table, context: Context, share: float) -> Spoiled | None:
    """A device's code for `no reading`."""
    return spoil(table, pick(context, _amounts(table)), context, share, lambda v: "-999")


@injection("zero_to_null", held_out=True)
def zero_to_null(table: Table, context: Context, _: float) -> Spoiled | None:
    """Nothing is taken for absent."""
    names = [c for c in table.numeric(0.3) if sum(is_number(v) and float(v) == 0 for v in table.columns[c]) >= 3]
    return spoil(table, pick(context, names), context, 1, lambda v: "" if is_number(v) and float(v) == 0 else v)


@injection("below_zero_cut")
def below_zero_cut(table: Table, context: Context, _: float) -> Spoiled | None:
    """What is below zero is set to it."""
    names = [c for c in table.numeric() if sum(v.startswith("-") for v in table.columns[c]) >= 0.02 * table.rows]
    name = pick(context, names)
    return spoil(table, name, context, 1, lambda v: _like(v, 0) if is_number(v) and float(v) < 0 else v)


@injection("overflow_to_null")
def overflow_to_null(table: Table, context: Context, _: float) -> Spoiled | None:
    """A narrower type: what is too large becomes empty."""
    name = pick(context, _amounts(table))
    if name is None:
        return None
    found = _numbers(table, name)
    most = found[int(0.9 * len(found))]
    return spoil(table, name, context, 1, lambda v: "" if is_number(v) and float(v) > most else v)


@injection("doubled_partly", 0.3)
def doubled_partly(table: Table, context: Context, share: float) -> Spoiled | None:
    """A third of the amounts was added up twice."""
    name = pick(context, _amounts(table))
    return spoil(table, name, context, share, lambda v: _like(v, 2 * float(v)) if is_number(v) else v)


@injection("discounted", 0.9, held_out=True)
def discounted(table: Table, context: Context, factor: float) -> Spoiled | None:
    """A campaign's discount of a tenth was left on."""
    name = pick(context, [c for c in _amounts(table) if any("." in v for v in table.columns[c])])
    return spoil(table, name, context, 1, lambda v: _like(v, factor * float(v)) if is_number(v) else v)


@injection("packs", 12)
def packs(table: Table, context: Context, size: float) -> Spoiled | None:
    """Pieces where packs were counted."""
    names = [c for c in _amounts(table, 4) if not any("." in v for v in table.columns[c])]
    return spoil(table, pick(context, names), context, 1, lambda v: _like(v, size * float(v)) if is_number(v) else v)


@injection("float_noise", 0.3)
def float_noise(table: Table, context: Context, share: float) -> Spoiled | None:
    """Sums of doubles: 12.3 is 12.299999999999999."""
    name = pick(context, [c for c in _amounts(table) if any("." in v for v in table.columns[c])])
    return spoil(table, name, context, share, lambda v: repr(float(v) * 1.0000000000000002) if is_number(v) else v)


@injection("id_offset", held_out=True)
def id_offset(table: Table, context: Context, _: float) -> Spoiled | None:
    """Keys of the test system, which begin at a million."""
    names = [
        c
        for c, v in table.columns.items()
        if all(x.isdigit() for x in v) and len(_held(table, c)) > 0.5 * table.rows and c not in table.dates()
    ]
    return spoil(table, pick(context, names), context, 1, lambda v: str(int(v) + 1_000_000))


@injection("labels_rotated")
def labels_rotated(table: Table, context: Context, _: float) -> Spoiled | None:
    """A lookup by position: every code has the label of the next one."""
    names = [c for c in table.categories(3, 40) if c in table.texts()]
    name = pick(context, names)
    if name is None:
        return None
    labels = sorted(_held(table, name))
    after = dict(zip(labels, [*labels[1:], labels[0]], strict=True))
    return spoil(table, name, context, 1, lambda v: after.get(v, v))


@injection("segment_default")
def segment_default(table: Table, context: Context, _: float) -> Spoiled | None:
    """An old client of one region doesn't send a field: its usual value stands there."""
    chosen = _label(table, context)
    if chosen is None:
        return None
    by, value = chosen
    names = [c for c in table.columns if c != by and c not in table.dates() and len(_held(table, c)) > 2]
    name = pick(context, names)
    if name is None:
        return None
    usual = _held(table, name).most_common(1)[0][0]
    pairs = zip(table.columns[name], table.columns[by], strict=True)
    values = [usual if b == value else v for v, b in pairs]
    changed = sum(a != b for a, b in zip(values, table.columns[name], strict=True))
    return (table.with_column(name, values), frozenset({name, by})) if changed >= max(3, 0.05 * table.rows) else None


@injection("carried_forward", held_out=True)
def carried_forward(table: Table, context: Context, _: float) -> Spoiled | None:
    """What is absent is what the row before had."""
    name = pick(context, [c for c, v in table.columns.items() if 0.05 * table.rows < v.count("") < 0.9 * table.rows])
    if name is None:
        return None
    values, before = [], next(v for v in table.columns[name] if v)
    for value in table.columns[name]:
        before = value or before
        values.append(before)
    return table.with_column(name, values), frozenset({name})


@injection("column_of_yesterday")
def column_of_yesterday(table: Table, context: Context, _: float) -> Spoiled | None:
    """One column is read from a stale snapshot: its values are those of the batch before, in their order."""
    if not context.earlier:
        return None
    before = context.earlier[-1]
    names = [c for c in table.columns if len(_held(table, c)) > 3 and c in before.columns and c not in table.dates()]
    name = pick(context, names)
    if name is None or not before.rows:
        return None
    old = before.columns[name]
    return table.with_column(name, [old[i % len(old)] for i in range(table.rows)]), frozenset(table.columns)


@injection("boolean_spelling")
def boolean_spelling(table: Table, context: Context, _: float) -> Spoiled | None:
    """Two words are written by their first letter."""
    names = [c for c in table.texts() if len({v[:1] for v in _held(table, c)}) == len(_held(table, c)) == 2]
    return spoil(table, pick(context, names), context, 1, lambda v: v[:1])


@injection("currency_symbol", held_out=True)
def currency_symbol(table: Table, context: Context, _: float) -> Spoiled | None:
    """Amounts come as a page shows them."""
    name = pick(context, _amounts(table))
    return spoil(table, name, context, 1, lambda v: f"${v}" if is_number(v) else v)


@injection("some_rows_shifted", 0.05)
def some_rows_shifted(table: Table, context: Context, share: float) -> Spoiled | None:
    """A separator inside a text: from there on values stand one column further right."""
    names = list(table.columns)
    if len(names) < 4:
        return None
    begin = context.rng.randrange(len(names) // 2)
    columns = {c: list(v) for c, v in table.columns.items()}
    for i in context.rng.sample(range(table.rows), max(3, int(share * table.rows))):
        for at in range(len(names) - 1, begin, -1):
            columns[names[at]][i] = table.columns[names[at - 1]][i]
    return Table(columns), frozenset(names[begin:])


@injection("header_again", held_out=True)
def header_again(table: Table, context: Context, _: float) -> Spoiled | None:
    """Two files put together: the header stands among the rows."""
    at = table.rows // 2
    return Table({c: [*v[:at], c, *v[at:]] for c, v in table.columns.items()}), frozenset({None, *table.columns})


@injection("trailer_row")
def trailer_row(table: Table, context: Context, _: float) -> Spoiled | None:
    """A spreadsheet's last line holds the sums."""
    amounts = _amounts(table)
    if not amounts:
        return None

    def last(name: str) -> Callable[[], str]:
        return lambda: f"{sum(_numbers(table, name)):.2f}" if name in amounts else ""

    columns = {c: [*v, last(c)()] for c, v in table.columns.items()}
    columns[next(iter(columns))][-1] = "Total"
    return Table(columns), frozenset({None, *table.columns})
