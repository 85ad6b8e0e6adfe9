"""The figures of one profile that lie between two columns, or within the rows of one value."""

from __future__ import annotations

import math

from expectations.drift.figures import Figures, Pair, named
from expectations.profile.model import BETWEEN, ColumnProfile, Profile
from expectations.profile.numbers import DAY


def fisher(correlation: float) -> float:
    return math.atanh(min(0.999, max(-0.999, correlation)))


def rare(column: ColumnProfile, rows: float) -> float:
    """Of so many rows those that don't hold the commonest value, at least one: what a column varies by."""
    counted = column.text.counted
    return max(1.0, rows * (1 - column.top[0][1] / counted)) if column.top and counted else max(1.0, rows)


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
    for key, value in r.ranks.items():
        a, b = key.split(BETWEEN)
        out.levels[named(a, "relation", "correlation", b)] = (fisher(value), 1.1 / (r.rows - 3))
    varied = {name: rare(column, r.rows) for name, column in profile.columns.items()}
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
            # A few equal gaps don't show how far gaps vary.
            doubt = gap[2 + at] ** 2 / gap[0] / (gap[0] + 1)
            out.scaled[named(b, "clock", f"gap_{p}", a)] = (gap[2 + at], error**2 + doubt + 1)


def segments(out: Figures, profile: Profile) -> None:
    middle = _middles(profile)
    for key, figures in profile.relations.segments.items():
        by, value, name = key.split(BETWEEN)
        rows, missing, *measured = figures
        where = f"{by}{BETWEEN}{value}"
        out.shares[named(name, "segment", "missing", where)] = (missing, rows)
        if measured:
            count, mean, deviation = measured
            when = middle.get((by, name))
            mean -= when or 0.0
            figure = named(name, "segment", "mean" if when is None else "hour", where)
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
