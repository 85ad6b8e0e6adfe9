"""Figures in plain words: what was expected, what was seen, and the smallest change that would have been noticed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from expectations.drift.extract import Key
from expectations.profile.model import BETWEEN

SHARES = {
    "duplicate_rows": "rows that repeat another row",
    "repeated_rows": "rows equal to the row after them",
    "unreadable_rows": "lines that don't fit the header",
    "absent": "empty values in {column}",
    "all_absent": "rows in a {column} that is empty throughout",
    "constant": "rows in a {column} that holds one value throughout",
    "missing": "empty or placeholder values in {column}",
    "edge_space": "values with a space at their edge in {column}",
    "double_space": "values with a double space in {column}",
    "upper": "values in upper case in {column}",
    "lower": "values in lower case in {column}",
    "digits_only": "values of digits only in {column}",
    "non_ascii": "values with letters beyond ASCII in {column}",
    "garbled": "values with garbled letters (wrong encoding) in {column}",
    "pattern": "values spelled like {other} in {column}",
    "new_pattern": "values spelled in a way never seen in {column}",
    "not_a_number": "values that are no number in {column}",
    "not_a_date": "values that are no date in {column}",
    "category": "rows with {other} in {column}",
    "commonest": "rows with the commonest value of {column}",
    "zero": "zeros in {column}",
    "negative": "negative numbers in {column}",
    "decimals_0": "whole numbers in {column}",
    "decimals_1": "numbers with one decimal in {column}",
    "decimals_2": "numbers with two decimals in {column}",
    "decimals_3": "numbers with three or more decimals in {column}",
    "above": "numbers above all earlier ones in {column}",
    "below": "numbers below all earlier ones in {column}",
    "below_usual": "numbers below the usual {other} quantile of {column}",
    "midnight": "timestamps at exactly midnight in {column}",
    "whole_minutes": "timestamps on the full minute in {column}",
    "hour": "timestamps of {column} between {other}:00 and {other}:59",
    "date_part": "rows in which {column} agrees with the batch's date",
    "same_as_next": "rows whose {column} equals the next row's",
    "determined": "rows in which the same {other} has another {column}",
    "in_order": "rows in which {column} is not before {other}",
    "formulas": "rows in which {other} holds",
    "parts": "rows in which {column} agrees with the date it is part of",
    "unseen": "rows whose {column} stands in no earlier batch",
    "exact": "rows that an earlier batch already had",
    "restamped": "rows that an earlier batch already had, dates aside",
    "same_figures": "columns whose values equal an earlier batch's",
    "missing_in": "empty values in {column} where {segment}",
}
LEVELS = {
    "rows": "the number of rows",
    "length": "the mean length of {column}",
    "beyond_digits": "the mean number of characters of {column} besides the digits before the point",
    "distinct": "the number of different values of {column}",
    "log_mean": "the typical size of {column} (geometric mean)",
    "log_spread": "the relative spread of {column}",
    "mean": "the mean of {column}",
    "quantile": "the {other} quantile of {column}",
    "days": "the number of days in {column}",
    "starts": "the start of {column}",
    "middle": "the middle of {column}",
    "ends": "the end of {column}",
    "shift": "the hours of the day in {column}, turned against the usual",
    "changes": "how often {column} changes from row to row, next to chance",
    "follows": "how smoothly {column} goes on from row to row",
    "correlation": "the rank correlation of {column} and {other}",
    "explained": "how far {other} explains {column}",
    "given_others": "the mean of {column} next to the other numbers of its row",
    "given_others_log": "the size of {column} next to the other numbers of its row",
    "given_others_spread": "the spread of {column} next to the other numbers of its row",
    "given_others_log_spread": "the relative spread of {column} next to the other numbers of its row",
    "gap": "the time from {other} to {column}",
    "segment_mean": "the typical size of {column} where {segment}",
    "segment_hour": "the time of day of {column} where {segment}, next to the other rows",
    "drifting": "the last week of {column}",
}


# Times the usual from which a sentence says how many: at once seen for cents (100), pounds (2.2), hours (60).
TIMES = 1.5
# Digits beyond the usual ones that are tried before two different figures are told with the same digits.
MORE_DIGITS = 5


@dataclass(frozen=True)
class Said:
    """One figure in words. `times` is what was seen in units of what was expected, where that says something."""

    figure: str
    expected: str
    observed: str
    low: str
    high: str
    smallest: str
    times: float | None = None

    @property
    def message(self) -> str:
        """One sentence: what, expected, seen."""
        return f"{self._figure}: expected {self.expected} ({self.low} to {self.high}), seen {self.observed}{self._so}."

    @property
    def aside(self) -> str:
        """One sentence about a figure that stayed within its bounds, told because others did not."""
        return f"{self._figure}: usually {self.expected}, now {self.observed}{self._so}; alone it would not be told."

    @property
    def _figure(self) -> str:
        return f"{self.figure[:1].upper()}{self.figure[1:]}"

    @property
    def _so(self) -> str:
        if self.times is None or 1 / TIMES < self.times < TIMES:
            return ""
        return f", {_times(self.times)} the usual"


def say_share(key: Key, low: float, expected: float, high: float, seen: float, rows: float) -> Said:
    """Words for a share."""
    figure = _fill(SHARES["missing_in" if key.kind == "segment" else key.name], key)
    if key.name == "same_figures":
        usual, most = f"{expected * rows:.0f}", f"{high * rows:.0f}"
        return Said(figure, usual, f"{seen * rows:.0f} of {rows:.0f}", "0", most, "1 column")
    told = _apart(lambda more: lambda x: _percent(x, more), (low, expected, high), seen)
    limits = [f"below {told(low)}"] * (low > 0) + [f"above {told(high)}"] * (high < 1)
    smallest = " or ".join(limits) or "none: it varies too much"
    return Said(f"share of {figure}", told(expected), told(seen), told(low), told(high), smallest)


def say_level(key: Key, low: float, expected: float, high: float, seen: float, scale: float) -> Said:
    """Words for a level; `scale` is the unit of a scaled level, else NaN."""
    name = "gap" if key.name.startswith("gap_") else f"segment_{key.name}" if key.kind == "segment" else key.name
    told = _apart(lambda more: _unit(key, scale, more), (low, expected, high), seen)
    return Said(
        _fill(LEVELS[name], key),
        told(expected),
        told(seen),
        told(low),
        told(high),
        f"below {told(low)} or above {told(high)}",
        _ratio(key, expected, seen, scale),
    )


Told = Callable[[float], str]


def _apart(make: Callable[[int], Told], bounds: tuple[float, ...], seen: float) -> Told:
    """With as many more digits as it takes to tell what was seen from bounds that differ from it."""
    for more in range(MORE_DIGITS):
        told = make(more)
        if all(told(bound) != told(seen) for bound in bounds if bound != seen):
            return told
    return make(0)


def _ratio(key: Key, expected: float, seen: float, scale: float) -> float | None:
    """How many times the usual; None where a ratio means nothing."""
    if math.isfinite(scale):
        usual, now = math.sinh(_bounded(expected)), math.sinh(_bounded(seen))
    elif key.name in ("rows", "distinct", "days", "log_spread"):
        usual, now = math.exp(_bounded(expected)), math.exp(_bounded(seen))
    elif key.name in ("length", "log_mean", "mean"):
        usual, now = math.expm1(_bounded(expected)), math.expm1(_bounded(seen))
    else:
        return None
    return now / usual if usual > 0 and now > 0 else None


def _times(ratio: float) -> str:
    """91 times, 2.2 times, 1/100 of."""
    if ratio >= 1:
        return f"{ratio:.3g} times" if ratio < 1000 else f"{ratio:,.0f} times"
    return f"1/{1 / ratio:.3g} of" if ratio > 0.001 else f"1/{1 / ratio:,.0f} of"


def _fill(text: str, key: Key) -> str:
    by, _, value = key.other.partition(BETWEEN)
    other = (
        key.other if key.kind not in ("clock", "relation") or key.name == "formulas" else key.other.split(BETWEEN)[0]
    )
    return text.format(column=key.column, other=other or "empty text", segment=f"{by} is {value}")


def _unit(key: Key, scale: float, more: int) -> Told:
    """How a level is told, with `more` digits than usual."""
    if math.isfinite(scale):
        if key.name.startswith("gap_"):
            return lambda x: _duration(scale * math.sinh(_bounded(x)), more)
        return lambda x: _number(scale * math.sinh(_bounded(x)), more)
    if key.name == "changes":
        return lambda x: f"{_number(math.exp(_bounded(x)), more)} times"
    if key.name in ("rows", "distinct", "days"):
        return lambda x: f"{math.exp(_bounded(x)):,.{more}f}"
    if key.name in ("length", "beyond_digits"):
        return lambda x: f"{math.expm1(_bounded(x)):.{1 + more}f} characters"
    if key.name in ("starts", "middle", "ends"):
        return lambda x: f"{'-' if x < 0 else '+'}{_duration(abs(x) * 3600, more)}"
    if key.name in ("log_mean", "mean"):
        return lambda x: _number(math.copysign(math.expm1(_bounded(abs(x))), x), more)
    if key.name == "hour":
        return lambda x: f"{x:+.{1 + more}f} h"
    if key.name == "shift":
        return lambda x: f"{x:+.{more}f} h"
    if key.name == "log_spread":
        return lambda x: _number(math.exp(_bounded(x)), more)
    if key.name in ("follows", "correlation"):
        return lambda x: f"{math.tanh(x):.{2 + more}f}"
    if key.name == "explained":
        return lambda x: _percent(math.sin(min(max(x, 0.0), math.pi / 2)) ** 2, more)
    return lambda x: f"{x:+.{2 + more}f} standard deviations"


def _bounded(x: float) -> float:
    return min(max(x, -200.0), 200.0)


def _percent(share: float, more: int = 0) -> str:
    usual = share == 0 or share >= 0.001
    return f"{100 * share:.{1 + more}f} %" if usual else f"{100 * share:.{2 + more}g} %"


def _number(value: float, more: int = 0) -> str:
    if value == 0 or 0.01 <= abs(value) < 1e6:
        return f"{value:,.{2 + more}f}".rstrip("0").rstrip(".")
    return f"{value:.{3 + more}g}"


def _duration(seconds: float, more: int = 0) -> str:
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if size >= 2 * length:
            return f"{seconds / length:.{1 + more}f} {unit}"
    return f"{seconds:.{more}f} s"
