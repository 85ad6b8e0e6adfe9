"""The figures of one profile that can be compared as they stand: shares (count of rows, of how many) and levels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from expectations.drift.implied import beyond_digits, formats
from expectations.profile.categories import FORMATS, TOP
from expectations.profile.model import BETWEEN, GRID, ColumnProfile, Profile


class Key(NamedTuple):
    """One figure: the column it blames, the kind of alert, its name, and a second column or a value it speaks of."""

    column: str | None
    kind: str
    name: str
    other: str = ""


Pair = tuple[float, float]


@dataclass
class Figures:
    """Shares as (rows that have it, rows); levels as (value, variance from the number of rows alone).

    `scaled` are levels in the unit of the column: they are compared as asinh(value / scale of the history).
    `open` are shares of a vocabulary that may grow: absent means at most
    `unlisted` of the rows `counted` under (column, kind, name), because only the commonest are kept.
    """

    shares: dict[Key, Pair] = field(default_factory=dict)
    levels: dict[Key, Pair] = field(default_factory=dict)
    scaled: dict[Key, Pair] = field(default_factory=dict)
    open: dict[Key, Pair] = field(default_factory=dict)
    counted: dict[Key, float] = field(default_factory=dict)
    unlisted: dict[Key, float] = field(default_factory=dict)


TEXT_SHARES = ("edge_space", "double_space", "upper", "lower", "digits_only", "non_ascii", "garbled")
# That a column is empty, or one value throughout, is one observation and not as many as there are rows; it counts as this
# many rows, so that it is news when it never happened in some weeks.
STATE = 20.0
# From this chance that two rows have the same value their order is told against that chance.
MIXED = 0.3
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def extract(profile: Profile) -> Figures:
    """All directly comparable figures of a profile."""
    out = Figures()
    rows = float(profile.rows)
    out.levels[Key(None, "volume", "rows")] = (math.log(max(rows, 0.5)), 1e-4 + 0.25 / max(rows, 0.5) ** 2)
    out.shares[Key(None, "duplicates", "duplicate_rows")] = (profile.duplicates, rows)
    out.shares[Key(None, "duplicates", "repeated_rows")] = (profile.same_rows_next * rows, rows)
    out.shares[Key(None, "format", "unreadable_rows")] = (float(profile.unreadable), rows + profile.unreadable)
    for name, column in profile.columns.items():
        _spelling(out, name, column, rows)
        _values(out, name, column, rows)
        _numbers(out, name, column)
        _clock(out, name, column)
        _order(out, name, column, float(profile.relations.rows))
    _pairs(out, profile)
    _segments(out, profile)
    return out


def _spelling(out: Figures, name: str, column: ColumnProfile, rows: float) -> None:
    text = column.text
    out.shares[Key(name, "completeness", "absent")] = (column.nulls, rows)
    out.shares[Key(name, "completeness", "missing")] = (column.nulls + text.nullish, rows)
    if rows >= STATE:
        out.shares[Key(name, "completeness", "all_absent")] = (STATE * (column.nulls == rows), STATE)
        out.shares[Key(name, "values", "constant")] = (STATE * (column.distinct <= 1 and column.nulls == 0), STATE)
    for share in TEXT_SHARES:
        out.shares[Key(name, "format", share)] = (getattr(text, share), text.counted)
    if text.counted:
        beyond = beyond_digits(column)
        length, error = beyond or (text.length_mean, 0.0)
        out.levels[Key(name, "format", "beyond_digits" if beyond else "length")] = (
            math.log1p(length),
            (text.length_deviation**2 / text.counted + error**2) / (1 + length) ** 2 + 1e-6,
        )
    vocabulary = Key(name, "format", "pattern")
    out.counted[vocabulary] = text.counted
    out.unlisted[vocabulary] = text.formats[-1][1] if len(text.formats) >= FORMATS else 0.0
    for pattern, count in formats(column).items():
        out.open[vocabulary._replace(other=pattern)] = (count, text.counted)
    told = text.counted - text.nullish
    numbers = column.numbers.count if column.numbers else 0.0
    out.shares[Key(name, "format", "not_a_number")] = (max(0.0, told - numbers), told)
    clock = max((c.count for c in column.clocks), default=0.0)
    out.shares[Key(name, "format", "not_a_date")] = (max(0.0, told - clock), told)


def _values(out: Figures, name: str, column: ColumnProfile, rows: float) -> None:
    if column.clocks:
        return
    counted = column.text.counted
    vocabulary = Key(name, "categories", "category")
    out.counted[vocabulary] = counted
    out.unlisted[vocabulary] = column.top[-1][1] if len(column.top) >= TOP else 0.0
    for value, count in column.top:
        out.open[vocabulary._replace(other=value)] = (count, counted)
    if column.top:
        out.shares[Key(name, "values", "commonest")] = (column.top[0][1], counted)
    if column.distinct and rows:
        out.levels[Key(name, "values", "distinct")] = (math.log(column.distinct), 1 / column.distinct + 1 / rows)


def _numbers(out: Figures, name: str, column: ColumnProfile) -> None:
    numbers = column.numbers
    if numbers is None:
        return
    n = numbers.count
    out.shares[Key(name, "values", "zero")] = (numbers.zero, n)
    out.shares[Key(name, "values", "negative")] = (numbers.negative, n)
    for digits, count in enumerate(numbers.decimals):
        out.shares[Key(name, "format", f"decimals_{digits}")] = (count, n)
    out.levels[Key(name, "values", "log_mean")] = (numbers.log_mean, numbers.log_deviation**2 / n + 1e-6)
    # A column of one number has no spread, but for what a sum of doubles loses.
    if numbers.log_deviation > 1e-9 * max(1.0, abs(numbers.log_mean)):
        # Where nearly all rows hold one value, the others make the spread: a coin that rarely falls has few throws.
        rest = max(0.0, 1 - column.top[0][1] / max(n, 1.0)) if column.top else 1.0
        out.levels[Key(name, "values", "log_spread")] = (
            math.log(numbers.log_deviation),
            max(2, 0.5 / max(rest, 1 / n)) / n,
        )
    out.scaled[Key(name, "values", "mean")] = (numbers.mean, numbers.deviation**2 / n)
    for p in QUANTILES:
        out.scaled[Key(name, "values", "quantile", str(p))] = _quantile(p, n, numbers.quantiles)


def _quantile(p: float, n: float, quantiles: tuple[float, ...]) -> Pair:
    """A quantile with its variance: from the quantiles one and three standard errors of rank away.

    The wider pair matters for values with few steps, where a quantile stays put for long and then jumps.
    """
    one, three = max(math.sqrt(p * (1 - p) / n), 0.5 / n), 3 * max(math.sqrt(p * (1 - p) / n), 0.5 / n)
    points = [p, *(min(1.0, max(0.0, p + d)) for d in (-one, one, -three, three))]
    at, low, high, lowest, highest = (float(x) for x in np.interp(points, GRID, quantiles))
    if sum(q == at for q in quantiles) > 1:
        # A value that many rows share: its quantiles jump, and the shares below the usual quantiles tell more.
        return at, math.nan
    return at, max((high - low) / 2, (highest - lowest) / 4, 0.005 * abs(at)) ** 2


def _clock(out: Figures, name: str, column: ColumnProfile) -> None:
    for clock in column.clocks[:1]:
        out.shares[Key(name, "clock", "midnight")] = (clock.midnight, clock.count)
        out.shares[Key(name, "clock", "whole_minutes")] = (clock.whole_minutes, clock.count)
        # Days that only the first or last twentieth of the rows reach come and go by chance.
        firm = len({math.floor(q / 86_400) for q in clock.quantiles[2:-2]})
        out.levels[Key(name, "clock", "days")] = (math.log(clock.days), 0.01 + math.log(clock.days / firm) ** 2)
        for hour, count in enumerate(clock.hours):
            out.shares[Key(name, "clock", "hour", f"{hour:02d}")] = (count, clock.count)


def _order(out: Figures, name: str, column: ColumnProfile, rows: float) -> None:
    if rows > 10:
        counted = column.text.counted
        alike = sum((count / counted) ** 2 for _, count in column.top) if counted else 0.0
        if alike < MIXED:
            out.shares[Key(name, "order", "same_as_next")] = (column.same_next * (rows - 1), rows - 1)
        else:
            # How often few values change from row to row follows from their mix.
            changes, chance = ((1 - share) * (rows - 1) + 0.5 for share in (column.same_next, alike))
            changing = Key(name, "order", "changes")
            out.levels[changing] = (math.log(changes / chance), 2 / min(changes, chance) + 1e-4)
        if column.autocorrelation is not None:
            rare = rows * max(0.0, 1 - column.top[0][1] / counted) if column.top and counted else rows
            # Two rare values that happen to stand together make a correlation of one over their number.
            chance = 1 / (rows - 3) + (0.3 / max(rare, 1.0)) ** 2
            out.levels[Key(name, "order", "follows")] = (_fisher(column.autocorrelation), chance)


def _fisher(correlation: float) -> float:
    return math.atanh(min(0.999, max(-0.999, correlation)))


def _pairs(out: Figures, profile: Profile) -> None:
    r = profile.relations
    if r.rows < 12:
        return
    for key, together in r.pairs.items():
        a, b = key.split(BETWEEN)
        for of, by in ((b, a), (a, b)):
            free = r.rows - r.distinct[by]
            if free >= 20:
                out.shares[Key(of, "relation", "determined", by)] = (together - r.distinct[by], free)
    for key, value in r.ranks.items():
        a, b = key.split(BETWEEN)
        out.levels[Key(a, "relation", "correlation", b)] = (_fisher(value), 1.1 / (r.rows - 3))
    for key, value in r.explained.items():
        by, name = key.split(BETWEEN)
        groups = r.distinct[by]
        out.levels[Key(name, "relation", "explained", by)] = (
            math.asin(math.sqrt(min(1.0, max(0.0, value)))),
            (1 + groups / max(1, r.rows - groups)) / r.rows,
        )
    for key, gap in r.gaps.items():
        a, b = key.split(BETWEEN)
        out.shares[Key(b, "clock", "in_order", a)] = (gap[0] * gap[1], gap[0])
        for p, low, at, high in ((0.25, 1, 2, 3), (0.5, 2, 3, 4), (0.75, 3, 4, 5)):
            # The quantiles next to it bound the error: a quarter of the rows lies between them.
            error = (gap[2 + high] - gap[2 + low]) / 2 * 2 * math.sqrt(p * (1 - p) / gap[0]) * 2
            out.scaled[Key(b, "clock", f"gap_{p}", a)] = (gap[2 + at], error**2 + 1)


def _segments(out: Figures, profile: Profile) -> None:
    middle = _middles(profile)
    for key, figures in profile.relations.segments.items():
        by, value, name = key.split(BETWEEN)
        rows, missing, *measured = figures
        where = f"{by}{BETWEEN}{value}"
        out.shares[Key(name, "segment", "missing", where)] = (missing, rows)
        if measured:
            count, mean, deviation = measured
            when = middle.get((by, name))
            mean -= when or 0.0
            figure = Key(name, "segment", "mean" if when is None else "hour", where)
            out.levels[figure] = (mean, max(deviation**2, 0.01) / count + 1e-6)


def _middles(profile: Profile) -> dict[tuple[str, str], float]:
    """The mean hour over all segments of a column: when one happens is told against when the others do, because an
    hourly batch is an hour later than the last, and the first rows of a longer day end earlier.
    """
    total: dict[tuple[str, str], Pair] = {}
    for key, figures in profile.relations.segments.items():
        by, _, name = key.split(BETWEEN)
        if len(figures) == 5 and profile.columns[name].clocks:
            rows, hours = total.get((by, name), (0.0, 0.0))
            total[by, name] = rows + figures[2], hours + figures[2] * figures[3]
    return {key: hours / rows for key, (rows, hours) in total.items()}


def each_column(profiles: list[Profile]) -> Iterator[str]:
    """Columns that every profile has, in the order of the last one."""
    for name in profiles[-1].columns:
        if all(name in p.columns for p in profiles):
            yield name
