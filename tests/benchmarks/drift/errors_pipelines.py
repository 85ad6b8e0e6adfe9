"""Errors of pipelines, as public incident reports tell of them: pages, filters, aggregates, retries, another system."""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from injections import Context, Spoiled, injection, pick, spoil
from tables import Table, date_format, is_number

PAGE = 25


def _held(table: Table, name: str) -> Counter[str]:
    return Counter(v for v in table.columns[name] if v != "")


def _amounts(table: Table) -> list[str]:
    """Number columns of at least ten values that are no dates."""
    return [c for c in table.numeric(0.5) if c not in table.dates() and len(_held(table, c)) >= 10]


def _things(table: Table) -> list[str]:
    """Columns of things that come several times."""
    return [c for c in table.columns if c not in table.dates() and 5 <= len(_held(table, c)) <= 0.5 * table.rows]


def _like(old: str, value: float) -> str:
    return f"{value:.{len(old.partition('.')[2])}f}" if "." in old else str(round(value))


def _by_row(table: Table, name: str | None, new: Callable[[int, float], float]) -> Spoiled | None:
    """Every number of a column replaced by what its place and itself lead to."""
    if name is None:
        return None
    old = table.columns[name]
    values = [_like(v, new(i, float(v))) if is_number(v) else v for i, v in enumerate(old)]
    changed = sum(a != b for a, b in zip(old, values, strict=True))
    return (table.with_column(name, values), frozenset({name})) if changed >= max(3, 0.05 * table.rows) else None


def _kept(table: Table, kept: list[int], *guilty: str | None) -> Spoiled | None:
    """Some rows only, if at least a twentieth of them are lost."""
    return (table.take(kept), frozenset({None, *guilty})) if 3 <= len(kept) <= 0.95 * table.rows else None


@injection("first_page_only")
def first_page_only(table: Table, context: Context, _: float) -> Spoiled | None:
    """An API gave its first page: a round number of rows."""
    limit = max((n for n in (20, 50, 100, 200, 500, 1000, 2000) if n < 0.8 * table.rows), default=None)
    return None if limit is None else _kept(table, list(range(limit)), *table.dates())


@injection("pages_overlap")
def pages_overlap(table: Table, context: Context, _: float) -> Spoiled | None:
    """Rows came in while pages were read: each page begins with the last three rows of the one before."""
    order = [i for i in range(table.rows) for _ in range(2 if i % PAGE >= PAGE - 3 and i < table.rows - 3 else 1)]
    return (table.take(order), frozenset({None})) if len(order) > table.rows else None


@injection("page_skipped", 0.2)
def page_skipped(table: Table, context: Context, share: float) -> Spoiled | None:
    """A page failed and was passed over: rows in one piece are missing."""
    begin, lost = int(table.rows * context.rng.uniform(0.2, 0.7)), int(share * table.rows)
    return _kept(table, [i for i in range(table.rows) if not begin <= i < begin + lost], *table.columns)


@injection("wrapped")
def wrapped(table: Table, context: Context, _: float) -> Spoiled | None:
    """A counter of two bytes (one, four): what is too large comes out below zero."""
    largest = {c: max(abs(float(v)) for v in table.columns[c] if is_number(v)) for c in _amounts(table)}
    name = pick(context, [c for c, size in largest.items() if size > 2**7])
    if name is None:
        return None
    half = max(2**bits for bits in (7, 15, 31, 63) if 2**bits < largest[name])
    return _by_row(table, name, lambda _, x: x if -half <= x < half else (x + half) % (2 * half) - half)


@injection("quotes_kept")
def quotes_kept(table: Table, context: Context, _: float) -> Spoiled | None:
    """A reader that doesn't know quotes leaves them in."""
    return spoil(table, pick(context, table.texts()), context, 1, lambda v: f'"{v}"' if v else v)


@injection("as_json")
def as_json(table: Table, context: Context, _: float) -> Spoiled | None:
    """A field became a list of one."""
    name = pick(context, [c for c in table.columns if c not in table.dates()])
    return spoil(table, name, context, 1, lambda v: json.dumps([v]) if v else v)


@injection("boolean_as_number")
def boolean_as_number(table: Table, context: Context, _: float) -> Spoiled | None:
    """Two words become 1 and 0."""
    name = pick(context, [c for c in table.texts() if len(_held(table, c)) == 2])
    if name is None:
        return None
    one = max(_held(table, name))
    return spoil(table, name, context, 1, lambda v: str(int(v == one)) if v else v)


@injection("two_spellings")
def two_spellings(table: Table, context: Context, _: float) -> Spoiled | None:
    """Half of the rows of a common label come from a system that writes it otherwise."""
    names = [c for c in _things(table) if c in table.texts() and _held(table, c).most_common(1)[0][1] >= 8]
    name = pick(context, names)
    if name is None:
        return None
    label = _held(table, name).most_common(1)[0][0]
    return spoil(table, name, context, 0.5, lambda v: f"{v.replace(' ', '_')}_v2" if v == label else v)


@injection("running_total")
def running_total(table: Table, context: Context, _: float) -> Spoiled | None:
    """An amount comes as the sum of all rows so far."""
    total = 0.0

    def add(_: int, x: float) -> float:
        nonlocal total
        total += x
        return total

    return _by_row(table, pick(context, _amounts(table)), add)


@injection("difference")
def difference(table: Table, context: Context, _: float) -> Spoiled | None:
    """A reading comes as the step from the one before."""
    before = 0.0

    def step(_: int, x: float) -> float:
        nonlocal before
        before, result = x, x - before
        return result

    return _by_row(table, pick(context, _amounts(table)), step)


@injection("group_mean")
def group_mean(table: Table, context: Context, _: float) -> Spoiled | None:
    """A number was aggregated too early: each row holds the mean of its group."""
    name, by = pick(context, _amounts(table)), pick(context, [c for c in table.categories() if c in table.texts()])
    if name is None or by is None:
        return None
    groups: dict[str, list[float]] = {}
    for value, group in zip(table.columns[name], table.columns[by], strict=True):
        if is_number(value):
            groups.setdefault(group, []).append(float(value))
    means = {group: math.fsum(values) / len(values) for group, values in groups.items()}
    return _by_row(table, name, lambda i, _: means[table.columns[by][i]])


@injection("imputed", held_out=True)
def imputed(table: Table, context: Context, _: float) -> Spoiled | None:
    """What is absent was filled with the middle number."""
    name = pick(context, [c for c in _amounts(table) if table.columns[c].count("") >= 0.03 * table.rows])
    if name is None:
        return None
    numbers = sorted((v for v in table.columns[name] if is_number(v)), key=float)
    return spoil(table, name, context, 1, lambda v: v or numbers[len(numbers) // 2])


@injection("zeros_filtered")
def zeros_filtered(table: Table, context: Context, _: float) -> Spoiled | None:
    """`WHERE amount > 0` came along: rows of nothing are gone."""

    def empty(c: str) -> list[int]:
        return [i for i, v in enumerate(table.columns[c]) if is_number(v) and float(v) <= 0]

    names = [c for c in table.numeric(0.5) if 0.05 * table.rows < len(empty(c)) < 0.8 * table.rows]
    name = pick(context, names)
    if name is None:
        return None
    lost = set(empty(name))
    return _kept(table, [i for i in range(table.rows) if i not in lost], name)


@injection("once_only_lost", held_out=True)
def once_only_lost(table: Table, context: Context, _: float) -> Spoiled | None:
    """Whoever came once is filtered as noise."""
    name = pick(context, _things(table))
    if name is None:
        return None
    held = _held(table, name)
    return _kept(table, [i for i, v in enumerate(table.columns[name]) if held.get(v, 0) > 1], name)


@injection("largest_only")
def largest_only(table: Table, context: Context, _: float) -> Spoiled | None:
    """`ORDER BY amount DESC LIMIT`: the smaller three tenths are missing, and the rest is sorted."""
    name = pick(context, _amounts(table))
    if name is None:
        return None
    size = {i: float(v) for i, v in enumerate(table.columns[name]) if is_number(v)}
    order = sorted(size, key=lambda i: -size[i])
    return _kept(table, order[: int(0.7 * len(order))], name, *table.columns)


@injection("twelve_hours")
def twelve_hours(table: Table, context: Context, _: float) -> Spoiled | None:
    """A clock of twelve hours lost its PM."""

    def morning(text: str) -> str:
        form = date_format(text)
        if form is None:
            return text
        at = datetime.strptime(text, form)
        return (at - timedelta(hours=12)).strftime(form) if at.hour >= 13 else text

    names = [c for c in table.dates() if any(":" in v for v in table.columns[c])]
    return spoil(table, pick(context, names), context, 1, morning)


@injection("one_server_zone", 5, held_out=True)
def one_server_zone(table: Table, context: Context, hours: float) -> Spoiled | None:
    """One of four servers writes its own zone."""

    def moved(text: str) -> str:
        form = date_format(text)
        return text if form is None else (datetime.strptime(text, form) + timedelta(hours=hours)).strftime(form)

    names = [c for c in table.dates() if any(":" in v for v in table.columns[c])]
    return spoil(table, pick(context, names), context, 0.25, moved)


@injection("id_padded")
def id_padded(table: Table, context: Context, _: float) -> Spoiled | None:
    """A system of fixed widths fills ids with zeros."""
    names = [c for c in _things(table) if sum(v.isdigit() for v in table.columns[c]) > 0.8 * table.rows]
    return spoil(table, pick(context, names), context, 1, lambda v: v.zfill(10) if v.isdigit() else v)


@injection("hashed_anew")
def hashed_anew(table: Table, context: Context, _: float) -> Spoiled | None:
    """Another salt: every id is another one of the same form."""
    names = [c for c in _things(table) if c not in table.categories()]
    name = pick(context, names)
    if name is None:
        return None
    new = {v: "".join(_other(context, char) for char in v) for v in _held(table, name)}
    return spoil(table, name, context, 1, lambda v: new.get(v, v))


def _other(context: Context, char: str) -> str:
    if char.isdigit():
        return str(context.rng.randrange(10))
    return chr(context.rng.randrange(26) + ord("a" if char.islower() else "A")) if char.isalpha() else char


@injection("second_source", 0.3)
def second_source(table: Table, context: Context, share: float) -> Spoiled | None:
    """Rows of a second system come along, which fills one column less."""
    name = pick(context, [c for c, v in table.columns.items() if v.count("") < 0.1 * table.rows])
    if name is None:
        return None
    extra = [context.rng.randrange(table.rows) for _ in range(int(share * table.rows))]
    grown = table.take([*range(table.rows), *extra])
    values = grown.columns[name][: table.rows] + [""] * len(extra)
    return grown.with_column(name, values), frozenset({None, name})


@injection("one_row_many_times", 0.1)
def one_row_many_times(table: Table, context: Context, share: float) -> Spoiled | None:
    """A retry without end sends one row again and again."""
    at = context.rng.randrange(table.rows)
    order = [*range(at), *[at] * (1 + max(3, int(share * table.rows))), *range(at + 1, table.rows)]
    return table.take(order), frozenset({None, *table.columns})


@injection("late_rows", 0.15)
def late_rows(table: Table, context: Context, share: float) -> Spoiled | None:
    """A phone that was off: some rows tell of the day before yesterday."""

    def before(text: str) -> str:
        form = date_format(text)
        return text if form is None else (datetime.strptime(text, form) - timedelta(days=2)).strftime(form)

    return spoil(table, pick(context, table.dates()), context, share, before)


@injection("total_for_unit", held_out=True)
def total_for_unit(table: Table, context: Context, _: float) -> Spoiled | None:
    """The price column holds price times pieces."""
    amounts = [c for c in _amounts(table) if any("." in v for v in table.columns[c])]
    counts = [
        c
        for c in table.numeric(0.9)
        if c not in amounts and c not in table.dates() and 3 <= len(_held(table, c)) <= 200
    ]
    name, by = pick(context, amounts), pick(context, counts)
    if name is None or by is None:
        return None
    made = _by_row(table, name, lambda i, x: x * float(v) if is_number(v := table.columns[by][i]) else x)
    return None if made is None else (made[0], frozenset({name, by}))


@injection("concatenated", held_out=True)
def concatenated(table: Table, context: Context, _: float) -> Spoiled | None:
    """A column holds its neighbour's value as well."""
    texts = sorted(table.texts())
    if len(texts) < 2:
        return None
    name, other = context.rng.sample(texts, 2)
    values = [f"{a} {b}".strip() for a, b in zip(table.columns[name], table.columns[other], strict=True)]
    return table.with_column(name, values), frozenset({name})


@injection("cash_rounding")
def cash_rounding(table: Table, context: Context, _: float) -> Spoiled | None:
    """Amounts are rounded as cash is: to .05, whole numbers to 5."""
    name = pick(context, _amounts(table))
    if name is None:
        return None
    step = 0.05 if any("." in v for v in table.columns[name]) else 5.0
    return _by_row(table, name, lambda _, x: round(x / step) * step)


@injection("decomposed", held_out=True)
def decomposed(table: Table, context: Context, _: float) -> Spoiled | None:
    """Letters with accents come in two characters."""
    names = [c for c in table.texts() if sum(not v.isascii() for v in table.columns[c]) >= 3]
    return spoil(table, pick(context, names), context, 1, lambda v: unicodedata.normalize("NFD", v))
