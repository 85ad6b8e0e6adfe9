"""Errors of values: nulls, placeholders, units, signs, shifts, outliers, categories, text."""

from __future__ import annotations

import statistics

from injections import Context, Spoiled, injection, pick, spoil
from tables import Table, is_number


def _scaled(text: str, factor: float) -> str:
    if not is_number(text):
        return text
    value = float(text) * factor
    return str(int(value)) if "." not in text and value == int(value) else f"{value:.6g}"


def _varied(table: Table) -> list[str]:
    """Number columns with at least three values, not all zero: those where a change of scale means something."""
    return [
        c
        for c in table.numeric()
        if len(set(table.columns[c])) > 2
        and sum(is_number(v) and float(v) != 0 for v in table.columns[c]) > 0.1 * table.rows
    ]


def _spread(values: list[str]) -> float:
    return statistics.pstdev([float(v) for v in values if is_number(v)] or [0.0])


@injection("nulls", 0.05, 0.2, 1.0)
def nulls(table: Table, context: Context, share: float) -> Spoiled | None:
    names = [c for c, v in table.columns.items() if sum(x != "" for x in v) > 0.5 * table.rows]
    return spoil(table, pick(context, names), context, share, lambda _: "")


@injection("placeholder", 0.05, 0.3)
def placeholder(table: Table, context: Context, share: float) -> Spoiled | None:
    name = pick(context, list(table.columns))
    numeric = name in table.numeric(0.8)
    token = context.rng.choice(["-1", "9999", "0"]) if numeric else context.rng.choice(["N/A", "unknown", "-"])
    if name in table.dates():
        token = "1970-01-01 00:00:00"
    return spoil(table, name, context, share, lambda _: token)


@injection("unit_up", 100, 1000)
def unit_up(table: Table, context: Context, factor: float) -> Spoiled | None:
    return spoil(table, pick(context, _varied(table)), context, 1, lambda v: _scaled(v, factor))


@injection("unit_down", 0.01, 0.1, held_out=True)
def unit_down(table: Table, context: Context, factor: float) -> Spoiled | None:
    return spoil(table, pick(context, _varied(table)), context, 1, lambda v: _scaled(v, factor))


@injection("unit_partly", 0.05, 0.3)
def unit_partly(table: Table, context: Context, share: float) -> Spoiled | None:
    return spoil(table, pick(context, _varied(table)), context, share, lambda v: _scaled(v, 100))


@injection("sign", 0.1, 1.0)
def sign(table: Table, context: Context, share: float) -> Spoiled | None:
    return spoil(table, pick(context, _varied(table)), context, share, lambda v: _scaled(v, -1))


@injection("mean_shift", 0.5, 1, 3)
def mean_shift(table: Table, context: Context, deviations: float) -> Spoiled | None:
    name = pick(context, _varied(table))
    if name is None:
        return None
    step = deviations * _spread(table.columns[name])
    whole = all("." not in v for v in table.columns[name])

    def moved(text: str) -> str:
        if not is_number(text):
            return text
        return str(round(float(text) + step)) if whole else f"{float(text) + step:.6g}"

    return spoil(table, name, context, 1, moved)


@injection("scale", 1.5, 3, held_out=True)
def scale(table: Table, context: Context, factor: float) -> Spoiled | None:
    return spoil(table, pick(context, _varied(table)), context, 1, lambda v: _scaled(v, factor))


@injection("outliers", 0.02, 0.05)
def outliers(table: Table, context: Context, share: float) -> Spoiled | None:
    name = pick(context, _varied(table))
    top = max((float(v) for v in table.columns[name] if is_number(v)), default=0.0) if name else 0.0
    return spoil(table, name, context, share, lambda v: f"{(abs(top) + 1) * 20:.6g}" if v else v)


@injection("constant")
def constant(table: Table, context: Context, _: float) -> Spoiled | None:
    name = pick(context, [c for c, v in table.columns.items() if len(set(v)) > 3])
    value = context.rng.choice(table.columns[name]) if name else ""
    return spoil(table, name, context, 1, lambda v: value)


@injection("rounding", 0, held_out=True)
def rounding(table: Table, context: Context, digits: float) -> Spoiled | None:
    names = [
        c
        for c in table.numeric(0.5)
        if sum("." in v and not v.endswith(".0") for v in table.columns[c]) > 0.3 * table.rows
    ]
    return spoil(table, pick(context, names), context, 1, lambda v: f"{round(float(v)):d}" if is_number(v) else v)


@injection("dropped_category")
def dropped_category(table: Table, context: Context, _: float) -> Spoiled | None:
    found = _category(table, context, 0.03, 0.7)
    if found is None:
        return None
    name, value = found
    kept = [i for i, v in enumerate(table.columns[name]) if v != value]
    return table.take(kept), frozenset({name, None})


@injection("renamed_category")
def renamed_category(table: Table, context: Context, _: float) -> Spoiled | None:
    found = _category(table, context, 0.02, 1.0)
    if found is None:
        return None
    name, value = found
    new = f"{value}9" if is_number(value) else f"{value[:3]}_new"
    return spoil(table, name, context, 1, lambda v: new if v == value else v)


@injection("new_category", 0.05, 0.2, held_out=True)
def new_category(table: Table, context: Context, share: float) -> Spoiled | None:
    name = pick(context, [c for c in table.categories() if c in table.texts()])
    return spoil(table, name, context, share, lambda _: "ZZ-other")


@injection("case", 0.2, 1.0)
def case(table: Table, context: Context, share: float) -> Spoiled | None:
    lower = context.rng.random() < 0.5
    return spoil(table, pick(context, table.texts()), context, share, lambda v: v.lower() if lower else v.swapcase())


@injection("edge_space", 0.1, 1.0, held_out=True)
def edge_space(table: Table, context: Context, share: float) -> Spoiled | None:
    return spoil(table, pick(context, table.texts()), context, share, lambda v: f"{v} " if v else v)


@injection("encoding", 0.1, 1.0)
def encoding(table: Table, context: Context, share: float) -> Spoiled | None:
    wrong = str.maketrans({"e": "Ã©", "a": "Ã¤", "E": "Ã‰", "A": "Ã„", "o": "�"})
    return spoil(table, pick(context, table.texts()), context, share, lambda v: v.translate(wrong))


@injection("cut_text", 3, 5)
def cut_text(table: Table, context: Context, length: float) -> Spoiled | None:
    names = [c for c in table.texts() if sum(len(v) > length for v in table.columns[c]) > 0.2 * table.rows]
    return spoil(table, pick(context, names), context, 1, lambda v: v[: int(length)])


@injection("broken_reference", 0.05, 0.3, held_out=True)
def broken_reference(table: Table, context: Context, share: float) -> Spoiled | None:
    """Keys that nobody has seen, spelled like the real ones, in a column whose values mostly came before."""
    seen: dict[str, set[str]] = {c: set() for c in table.columns}
    for batch in context.earlier:
        for column, values in batch.columns.items():
            seen.get(column, set()).update(values)
    known = [
        c
        for c, v in table.columns.items()
        if len(set(v)) > 10
        and c not in table.dates()
        and sum(x in seen[c] for x in v) > 0.7 * len(v)
        and "." not in v[0]
    ]
    rng = context.rng

    def unknown(text: str) -> str:
        return "".join(
            rng.choice("0123456789") if ch.isdigit() else rng.choice("QXZJ") if ch.isalpha() else ch for ch in text
        )

    return spoil(table, pick(context, known), context, share, unknown)


@injection("number_spelling", held_out=True)
def number_spelling(table: Table, context: Context, _: float) -> Spoiled | None:
    name = pick(context, table.numeric(0.8))
    decimal = context.rng.random() < 0.5
    return spoil(
        table,
        name,
        context,
        1,
        lambda v: v.replace(".", ",") if decimal and "." in v else (f"{v}.0" if v and "." not in v else f"{v}0"),
    )


def _category(table: Table, context: Context, least: float, most: float) -> tuple[str, str] | None:
    """A column and one of its values that is common enough to be missed."""
    choices = [
        (c, v)
        for c in table.categories()
        for v in sorted(set(table.columns[c]))
        if v and max(least * table.rows, 5) <= table.columns[c].count(v) <= most * table.rows
    ]
    return context.rng.choice(choices) if choices else None
