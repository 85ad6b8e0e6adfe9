"""The figures of one profile that can be compared as they stand: shares (count of rows, of how many) and levels."""

from __future__ import annotations

import math

import numpy as np

from expectations.drift import between
from expectations.drift.figures import Figures, Pair, named
from expectations.drift.implied import alike, beyond_digits, formats
from expectations.profile.categories import FORMATS, TOP
from expectations.profile.model import GRID, ColumnProfile, Profile
from expectations.profile.numbers import MULTIPLES

TEXT_SHARES = ("edge_space", "double_space", "upper", "lower", "digits_only", "non_ascii", "garbled")
# That a column is empty, or one value throughout, is one observation and not as many as there are rows; it counts as this
# many rows, so that it is news when it never happened in some weeks.
STATE = 18.0
# From this chance that two rows have the same value their order is told against that chance.
MIXED = 0.3
# Least variance of the outermost number, in squares of its size: how far one row may stray is learned from the history.
ONE_ROW = 0.1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def extract(profile: Profile) -> Figures:
    """All directly comparable figures of a profile."""
    out = Figures()
    rows = float(profile.rows)
    # A few hundredths of the rows come and go in the most regular of tables.
    out.levels[named(None, "volume", "rows")] = (math.log(max(rows, 0.5)), 6e-4 + 0.25 / max(rows, 0.5) ** 2)
    out.shares[named(None, "duplicates", "duplicate_rows")] = (profile.duplicates, rows)
    out.shares[named(None, "duplicates", "repeated_rows")] = (profile.same_rows_next * rows, rows)
    out.shares[named(None, "format", "unreadable_rows")] = (float(profile.unreadable), rows + profile.unreadable)
    for name, column in profile.columns.items():
        _spelling(out, name, column, rows)
        _values(out, name, column, rows, profile.sampled)
        _numbers(out, name, column)
        _clock(out, name, column)
        _order(out, name, column, float(profile.relations.rows))
    between.pairs(out, profile)
    between.segments(out, profile)
    return out


def _spelling(out: Figures, name: str, column: ColumnProfile, rows: float) -> None:
    text = column.text
    out.shares[named(name, "completeness", "absent")] = (column.nulls, rows)
    out.shares[named(name, "completeness", "missing")] = (column.nulls + text.nullish, rows)
    if rows >= STATE:
        out.shares[named(name, "completeness", "all_absent")] = (STATE * (column.nulls == rows), STATE)
        out.shares[named(name, "values", "constant")] = (STATE * (column.distinct <= 1 and column.nulls == 0), STATE)
    for share in TEXT_SHARES:
        out.shares[named(name, "format", share)] = (getattr(text, share), text.counted)
    if text.escaped is not None:
        out.shares[named(name, "format", "escaped")] = (text.escaped, text.counted)
    if text.counted:
        beyond = beyond_digits(column)
        length, error = beyond or (text.length_mean, 0.0)
        out.levels[named(name, "format", "beyond_digits" if beyond else "length")] = (
            math.log1p(length),
            (_length_variance(column) + error**2) / (1 + length) ** 2 + 1e-6,
        )
    vocabulary = named(name, "format", "pattern")
    out.counted[vocabulary] = text.counted
    out.unlisted[vocabulary] = text.formats[-1][1] if len(text.formats) >= FORMATS else 0.0
    for pattern, count in formats(column).items():
        out.open[named(name, "format", "pattern", pattern)] = (count, text.counted)
    told = text.counted - text.nullish
    numbers = column.numbers.count if column.numbers else 0.0
    out.shares[named(name, "format", "not_a_number")] = (max(0.0, told - numbers), told)
    clock = max((c.count for c in column.clocks), default=0.0)
    out.shares[named(name, "format", "not_a_date")] = (max(0.0, told - clock), told)


def _length_variance(column: ColumnProfile) -> float:
    """Variance of a mean length; a few equal lengths don't show how far lengths vary."""
    text = column.text
    doubt = (0.25 * (1 + text.length_mean)) ** 2
    return (text.length_deviation**2 * text.counted + doubt) / (text.counted + 1) / text.counted


def _values(out: Figures, name: str, column: ColumnProfile, rows: float, sampled: float) -> None:
    counted = column.text.counted
    if column.distinct and rows == sampled:
        # A value too many in a key, told where the history shows it to be one (see `frame`).
        out.shares[named(name, "duplicates", "repeated")] = (max(0.0, counted - column.distinct), counted)
    if column.clocks:
        return
    vocabulary = named(name, "categories", "category")
    out.counted[vocabulary] = counted
    out.unlisted[vocabulary] = column.top[-1][1] if len(column.top) >= TOP else 0.0
    for value, count in column.top:
        out.open[named(name, "categories", "category", value)] = (count, counted)
    if column.top:
        # One large order makes many rows with one number: how large the largest is strays by factors, not by points.
        most, others = column.top[0][1] + 0.5, counted - column.top[0][1] + 0.5
        out.levels[named(name, "values", "commonest")] = (math.log(most / others), 1 / most + 1 / others)
    if column.distinct and rows:
        out.levels[named(name, "values", "distinct")] = (math.log(column.distinct), 1 / column.distinct + 1 / rows)


def _numbers(out: Figures, name: str, column: ColumnProfile) -> None:
    numbers = column.numbers
    if numbers is None:
        return
    n = numbers.count
    out.shares[named(name, "values", "zero")] = (numbers.zero, n)
    out.shares[named(name, "values", "negative")] = (numbers.negative, n)
    for of, count in zip(MULTIPLES, numbers.multiples[1:], strict=False):
        out.shares[named(name, "values", "multiples", f"{of:,}")] = (count, numbers.multiples[0])
    for digits, count in enumerate(numbers.decimals):
        out.shares[named(name, "format", f"decimals_{digits}")] = (count, n)
    out.levels[named(name, "values", "log_mean")] = (numbers.log_mean, numbers.log_deviation**2 / n + 1e-6)
    # A column of one number has no spread, but for what a sum of doubles loses.
    if numbers.log_deviation > 1e-9 * max(1.0, abs(numbers.log_mean)):
        # Where nearly all rows hold one value, the others make the spread: a coin that rarely falls has few throws.
        rest = max(0.0, 1 - column.top[0][1] / max(n, 1.0)) if column.top else 1.0
        out.levels[named(name, "values", "log_spread")] = (
            math.log(numbers.log_deviation),
            max(2, 0.5 / max(rest, 1 / n)) / n,
        )
    for extreme, at in (("largest", -1), ("smallest", 0)):
        value = numbers.quantiles[at]
        out.scaled[named(name, "values", extreme)] = (value, ONE_ROW * (value**2 + numbers.deviation**2))
    # A few equal numbers don't show how far numbers vary.
    doubt = (0.5 * numbers.mean) ** 2
    out.scaled[named(name, "values", "mean")] = (numbers.mean, (numbers.deviation**2 * n + doubt) / (n + 1) / n)
    for p, pair in zip(QUANTILES, _quantiles(n, numbers.quantiles), strict=True):
        out.scaled[named(name, "values", "quantile", str(p))] = pair


def _quantiles(n: float, quantiles: tuple[float, ...]) -> list[Pair]:
    """QUANTILES with their variances: from the quantiles one and three standard errors of rank away.

    The wider pair matters for values with few steps, where a quantile stays put for long and then jumps.
    """
    p = np.array(QUANTILES)
    one = np.maximum(np.sqrt(p * (1 - p) / n), 0.5 / n)
    # Beyond the ends of the grid the extremes are meant, which is what interpolation gives there.
    at, low, high, lowest, highest = np.interp([p, p - one, p + one, p - 3 * one, p + 3 * one], GRID, quantiles)
    # One or two numbers don't show how far numbers vary.
    doubt = max(0.005, 0.5 / (n * math.sqrt(n + 1)))
    error = np.maximum(np.maximum((high - low) / 2, (highest - lowest) / 4), doubt * np.abs(at))
    # Of few rows one alone stands for several quantiles. A value that many rows share is another matter: its quantiles
    # jump, and the shares below the usual quantiles tell more.
    grid = np.array(GRID)
    first, last = np.searchsorted(quantiles, at, "left"), np.searchsorted(quantiles, at, "right") - 1
    shared = (last > first) & (grid[last] - grid[np.minimum(first, last)] > 2 / n)
    return list(zip(at.tolist(), np.where(shared, np.nan, error**2).tolist(), strict=True))


def _clock(out: Figures, name: str, column: ColumnProfile) -> None:
    for clock in column.clocks[:1]:
        out.shares[named(name, "clock", "midnight")] = (clock.midnight, clock.count)
        out.shares[named(name, "clock", "whole_minutes")] = (clock.whole_minutes, clock.count)
        # Days that only the first or last twentieth of the rows reach come and go by chance.
        firm = len({math.floor(q / 86_400) for q in clock.quantiles[2:-2]})
        out.levels[named(name, "clock", "days")] = (
            math.log(clock.days),
            0.01 + math.log(clock.days / firm) ** 2 + math.log1p(1 / clock.days) ** 2 / 9,
        )
        for hour, count in enumerate(clock.hours):
            out.shares[named(name, "clock", "hour", f"{hour:02d}")] = (count, clock.count)


def _order(out: Figures, name: str, column: ColumnProfile, rows: float) -> None:
    if rows > 10:
        mix = alike(column)
        changes, chance = ((1 - share) * (rows - 1) + 0.5 for share in (column.same_next, mix))
        if mix < MIXED or changes < chance / 2:
            out.shares[named(name, "order", "same_as_next")] = (column.same_next * (rows - 1), rows - 1)
        else:
            # How often few values change from row to row follows from their mix, unless they come in runs.
            changing = named(name, "order", "changes")
            out.levels[changing] = (math.log(changes / chance), 2 / min(changes, chance) + 1e-4)
        if column.autocorrelation is not None:
            # Two rare values that happen to stand together make a correlation of one over their number.
            chance = 1 / (rows - 3) + (0.3 / between.rare(column, rows)) ** 2
            if column.clocks:
                # How near to 1 it is for rows in order of time depends on how long the day is; out of order it is far from 1.
                chance += 0.05
            out.levels[named(name, "order", "follows")] = (between.fisher(column.autocorrelation), chance)
