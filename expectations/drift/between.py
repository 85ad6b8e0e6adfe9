"""The figures of one profile that lie between two columns, or within the rows of one value."""

from __future__ import annotations

import math

from expectations.drift.figures import Figures, named
from expectations.profile.model import BETWEEN, ColumnProfile, Profile
from expectations.profile.numbers import DAY

# Of the hour of a row within its day, in square hours, when a day is as long as usual.
DAY_VARIANCE = 24.0
# Rows of a rare value that tell as much as one.
GROUPED = 2.0
# So few different pairs of values make a correlation of one.
ONLY = 2


def fisher(correlation: float) -> float:
    return math.atanh(min(0.999, max(-0.999, correlation)))


def rare(column: ColumnProfile, rows: float) -> float:
    """Of so many rows those that don't hold the commonest value, at least one: what a column varies by. Of a column that is
    read as numbers only the values that are one.
    """
    counted = column.text.counted
    if not column.top or not counted:
        return max(1.0, rows)
    value, most = column.top[0]
    if column.numbers is None:
        return max(1.0, rows * (1 - most / counted))
    numbers = column.numbers.count
    return max(1.0, rows * (numbers - most * _is_number(value)) / counted)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def pairs(out: Figures, profile: Profile) -> None:
    r = profile.relations
    if r.rows < 12:
        return
    for key, together in r.pairs.items():
        a, b = key.split(BETWEEN)
        for of, by in ((b, a), (a, b)):
            free = r.rows - r.distinct[by]
            if free >= 20:
                out.shares[named(of, "relation", "determined", by)] = (together - r.distinct[by], free)
    varied = {name: rare(column, r.rows) for name, column in profile.columns.items()}
    for key, value in r.ranks.items():
        a, b = key.split(BETWEEN)
        if r.pairs.get(key, ONLY + 1) <= ONLY:
            # A group of like rows beside another: two points lie on a line whatever holds between the columns.
            continue
        # Two rare values that happen to stand in one row make a correlation of one over their number; rare rows come in groups.
        chance = 1.1 / (r.rows - 3) + (GROUPED / min(varied[a], varied[b])) ** 2
        out.levels[named(a, "relation", "correlation", b)] = (fisher(value), chance)
    for key, value in r.explained.items():
        by, name = key.split(BETWEEN)
        groups = r.distinct[by]
        out.levels[named(name, "relation", "explained", by)] = (
            math.asin(math.sqrt(min(1.0, max(0.0, value)))),
            (1 + groups / max(1, r.rows - groups)) / r.rows + 0.25 / varied[name],
        )
    for key, gap in r.gaps.items():
        a, b = key.split(BETWEEN)
        out.shares[named(b, "clock", "in_order", a)] = (gap[0] * gap[1], gap[0])
        whole_days = all(seconds % DAY == 0 for seconds in gap[2:])
        for p, low, at, high in ((0.25, 1, 2, 3), (0.5, 2, 3, 4), (0.75, 3, 4, 5)):
            # The quantiles next to it bound the error: a quarter of the rows lies between them.
            error = (gap[2 + high] - gap[2 + low]) / 2 * 2 * math.sqrt(p * (1 - p) / gap[0]) * 2
            # A quantile of whole days jumps by a day, unless most rows share it.
            if whole_days and gap[2 + low] < gap[2 + high]:
                error += DAY / 4
            # Where many share the value the quantile stands at the edge of, it jumps.
            if gap[2 + low] < gap[2 + high] and gap[2 + at] in (gap[2 + low], gap[2 + high]):
                error += (gap[2 + high] - gap[2 + low]) / 4
            # A few equal gaps don't show how far gaps vary.
            doubt = gap[2 + at] ** 2 / gap[0] / (gap[0] + 1)
            out.scaled[named(b, "clock", f"gap_{p}", a)] = (gap[2 + at], error**2 + doubt + 1)


def segments(out: Figures, profile: Profile) -> None:
    rows_of_all = profile.relations.rows
    for key, figures in profile.relations.segments.items():
        by, value, name = key.split(BETWEEN)
        rows, missing, *measured = figures
        where = f"{by}{BETWEEN}{value}"
        out.shares[named(name, "segment", "missing", where)] = (missing, rows)
        if measured:
            count, mean, deviation = measured
            clocks = bool(profile.columns[name].clocks)
            # Where all rows stand, from which hours are counted, strays as well; and a few rows may come close to each other at
            # any time of the day.
            error = DAY_VARIANCE * (1 / rows_of_all + 10 / count**2) if clocks else 1e-6
            figure = named(name, "segment", "hour" if clocks else "mean", where)
            out.levels[figure] = (mean, max(deviation**2, 0.01) / count + error)
