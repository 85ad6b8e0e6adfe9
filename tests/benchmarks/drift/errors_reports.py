"""More errors that public incident reports tell of, in what values mean: defaults, segments, joins, stuck feeds, cut texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from injections import Context, Spoiled, injection, pick, spoil
from tables import Table, date_format, is_number


def _held(table: Table, name: str) -> Counter[str]:
    return Counter(v for v in table.columns[name] if v != "")


def _varied(table: Table, least: int = 8) -> list[str]:
    return [c for c in table.numeric(0.5) if len(_held(table, c)) >= least]


def _with_point(table: Table) -> list[str]:
    return [c for c in _varied(table) if sum("." in v for v in table.columns[c]) > 0.3 * table.rows]


def _entities(table: Table) -> list[str]:
    """Columns of things that come several times and vary."""
    skip = set(table.dates()) | set(_with_point(table))
    return [c for c in table.columns if c not in skip and 5 <= len(_held(table, c)) <= 0.5 * table.rows]


def _written_like(old: str, value: float) -> str:
    return f"{value:.{len(old.partition('.')[2])}f}" if "." in old else str(round(value))


def _clocks(table: Table) -> list[str]:
    """Dates with a time."""
    return [c for c in table.dates() if any(":" in v for v in table.columns[c])]


def _moved(text: str, change: timedelta) -> str:
    form = date_format(text)
    return text if form is None else (datetime.strptime(text, form) + change).strftime(form)


def _hours(table: Table, name: str) -> list[str]:
    """The hour of each row, as a text."""
    found = []
    for text in table.columns[name]:
        form = date_format(text)
        found.append("" if form is None else datetime.strptime(text, form).strftime("%H"))
    return found


@injection("hour_twice")
def hour_twice(table: Table, context: Context, _: float) -> Spoiled | None:
    """Clocks are put back: the rows of an hour come twice."""
    name = pick(context, _clocks(table))
    if name is None:
        return None
    hours = _hours(table, name)
    hour = Counter(hours).most_common(1)[0][0]
    order = [i for i in range(table.rows) for _ in range(2 if hours[i] == hour else 1)]
    return (table.take(order), frozenset({None, *table.dates()})) if hours.count(hour) < table.rows else None


@injection("decimal_comma")
def decimal_comma(table: Table, context: Context, _: float) -> Spoiled | None:
    """A comma that is a decimal point is read as one between thousands: 12.5 is 125, 12.34 is 1234."""
    return spoil(table, pick(context, _with_point(table)), context, 1, lambda v: v.replace(".", ""))


@injection("default_after_deploy")
def default_after_deploy(table: Table, context: Context, _: float) -> Spoiled | None:
    """From the middle of the batch on a column holds its usual value only."""
    name = pick(context, [c for c in table.columns if c not in table.dates() and len(_held(table, c)) > 2])
    if name is None:
        return None
    value, rows = _held(table, name).most_common(1)[0]
    if rows > 0.7 * table.rows:
        return None
    values, half = table.columns[name], table.rows // 2
    return table.with_column(name, values[:half] + [value] * (table.rows - half)), frozenset({name})


@injection("segment_factor", 1.3, 110)
def segment_factor(table: Table, context: Context, factor: float) -> Spoiled | None:
    """The amounts of one country come in another currency."""
    name = pick(context, _with_point(table))
    return _in_segment(table, context, name, lambda old: _written_like(old, float(old) * factor))


@injection("segment_fahrenheit", held_out=True)
def segment_fahrenheit(table: Table, context: Context, _: float) -> Spoiled | None:
    """One sensor tells degrees Celsius where all tell Fahrenheit."""
    name = pick(context, _with_point(table))
    return _in_segment(table, context, name, lambda old: _written_like(old, (float(old) - 32) / 1.8))


def _in_segment(table: Table, context: Context, name: str | None, new: Callable[[str], str]) -> Spoiled | None:
    found = [
        (c, v)
        for c in table.categories()
        if c != name
        for v, n in _held(table, c).items()
        if 0.08 < n / table.rows < 0.6
    ]
    if name is None or not found:
        return None
    by, value = context.rng.choice(sorted(found))
    pairs = zip(table.columns[name], table.columns[by], strict=True)
    values = [new(v) if b == value and is_number(v) else v for v, b in pairs]
    changed = sum(a != b for a, b in zip(values, table.columns[name], strict=True))
    return (table.with_column(name, values), frozenset({name, by})) if changed >= max(3, 0.02 * table.rows) else None


@injection("test_accounts", 0.05)
def test_accounts(table: Table, context: Context, share: float) -> Spoiled | None:
    """Rows of a trial stand among the real ones: a text says `test`, numbers are 1."""
    name = pick(context, table.texts())
    if name is None:
        return None
    numbers = [c for c in _varied(table) if c not in table.dates()]
    columns = {c: list(v) for c, v in table.columns.items()}
    chosen = context.rng.sample(range(table.rows), max(3, int(share * table.rows)))
    for i in chosen:
        columns[name][i] = f"test{context.rng.randint(1, 5)}"
        for number in numbers:
            columns[number][i] = "1"
    return Table(columns), frozenset({name, *numbers})


@injection("ids_reused", held_out=True)
def ids_reused(table: Table, context: Context, _: float) -> Spoiled | None:
    """A sequence that was set back: the keys of five batches ago, for other rows."""
    if len(context.earlier) < 5:
        return None
    before = context.earlier[-5]
    names = [
        c
        for c in table.columns
        if len(_held(table, c)) > 0.95 * table.rows
        and c not in table.dates()
        and "." not in "".join(table.columns[c][:20])
    ]
    names = [c for c in names if c in before.columns and not set(before.columns[c]) & set(table.columns[c])]
    name = pick(context, names)
    if name is None:
        return None
    old = before.columns[name]
    return table.with_column(name, [old[i % len(old)] for i in range(table.rows)]), frozenset({name})


@injection("enum_renumbered")
def enum_renumbered(table: Table, context: Context, _: float) -> Spoiled | None:
    """A value was put first into an enumeration: every code is one more."""
    names = [c for c in table.categories(3, 12) if c in table.numeric(0.9) and c not in table.dates()]
    return spoil(
        table, pick(context, names), context, 1, lambda v: _written_like(v, float(v) + 1) if is_number(v) else v
    )


@injection("bots", 0.5)
def bots(table: Table, context: Context, share: float) -> Spoiled | None:
    """One thing makes half as many rows again, each of them somebody else's otherwise."""
    name = pick(context, _entities(table))
    if name is None:
        return None
    value = context.rng.choice(sorted(_held(table, name)))
    extra = [context.rng.randrange(table.rows) for _ in range(int(share * table.rows))]
    grown = table.take([*range(table.rows), *extra])
    values = grown.columns[name][: table.rows] + [value] * len(extra)
    return grown.with_column(name, values), frozenset({name, None})


@injection("stuck_sensor", held_out=True)
def stuck_sensor(table: Table, context: Context, _: float) -> Spoiled | None:
    """From two thirds of the batch on a number stays what it was."""
    name = pick(context, _varied(table))
    if name is None:
        return None
    values, at = table.columns[name], 2 * table.rows // 3
    return table.with_column(name, values[:at] + [values[at]] * (table.rows - at)), frozenset({name})


@injection("cut_long")
def cut_long(table: Table, context: Context, _: float) -> Spoiled | None:
    """A narrower column: the longest tenth of the texts loses its end."""
    names = [c for c in table.texts() if len({len(v) for v in table.columns[c]}) > 5]
    name = pick(context, names)
    if name is None:
        return None
    limit = sorted(len(v) for v in table.columns[name])[int(0.9 * table.rows)] - 1
    return spoil(table, name, context, 1, lambda v: v[:limit])


@injection("encoded_twice", held_out=True)
def encoded_twice(table: Table, context: Context, _: float) -> Spoiled | None:
    """UTF-8 taken for Latin-1, two times."""

    def twice(text: str) -> str:
        return text.encode().decode("latin-1").encode().decode("latin-1")

    names = [c for c in table.texts() if sum(not v.isascii() for v in table.columns[c]) >= 3]
    return spoil(table, pick(context, names), context, 1, twice)


@injection("html_escapes")
def html_escapes(table: Table, context: Context, _: float) -> Spoiled | None:
    """Names went through a web page."""

    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("'", "&#39;").replace("/", "&#47;")

    names = [c for c in table.texts() if sum(escaped(v) != v for v in table.columns[c]) >= 0.02 * table.rows]
    return spoil(table, pick(context, names), context, 1, escaped)


@injection("zero_for_null")
def zero_for_null(table: Table, context: Context, _: float) -> Spoiled | None:
    """A number that wasn't there is 0."""
    names = [c for c in table.numeric(0.1) if 0.03 * table.rows < table.columns[c].count("") < table.rows]
    return spoil(table, pick(context, names), context, 1, lambda v: v or "0")


@injection("inner_join_loss")
def inner_join_loss(table: Table, context: Context, _: float) -> Spoiled | None:
    """A join that keeps what matches: rows without a value in one column are gone."""
    names = [c for c, v in table.columns.items() if 0.05 * table.rows < v.count("") < 0.8 * table.rows]
    name = pick(context, names)
    if name is None:
        return None
    return table.take([i for i, v in enumerate(table.columns[name]) if v != ""]), frozenset({name, None})
