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
    "distinct": "the number of different values of {column}",
    "log_mean": "the logarithmic mean of {column}",
    "log_spread": "the relative spread of {column}",
    "mean": "the mean of {column}",
    "quantile": "the {other} quantile of {column}",
    "days": "the number of days in {column}",
    "starts": "the start of {column}",
    "middle": "the middle of {column}",
    "ends": "the end of {column}",
    "shift": "the hours of the day in {column}, turned against the usual",
    "follows": "how smoothly {column} goes on from row to row",
    "correlation": "the rank correlation of {column} and {other}",
    "explained": "how far {other} explains {column}",
    "given_others": "the mean of {column} given the other numbers",
    "given_others_log": "the mean of {column} given the other numbers (logarithmic)",
    "given_others_spread": "the spread of {column} given the other numbers",
    "given_others_log_spread": "the spread of {column} given the other numbers (logarithmic)",
    "gap": "the time from {other} to {column}",
    "segment_mean": "the mean of {column} where {segment}",
    "drifting": "the last week of {column}",
}


@dataclass(frozen=True)
class Said:
    """One figure in words."""

    figure: str
    expected: str
    observed: str
    smallest: str

    @property
    def message(self) -> str:
        """One sentence: what, expected, seen."""
        return f"{self.figure[:1].upper()}{self.figure[1:]}: expected {self.expected}, seen {self.observed}."


def say_share(key: Key, low: float, expected: float, high: float, seen: float, rows: float) -> Said:
    """Words for a share."""
    name = "missing_in" if key.kind == "segment" else key.name
    around = f"{_percent(expected)} ({_percent(low)} to {_percent(high)})"
    if key.name == "same_figures":
        return Said(_fill(SHARES[name], key), f"{expected * rows:.0f}", f"{seen * rows:.0f} of {rows:.0f}", "1 column")
    smallest = f"below {_percent(low)} or above {_percent(high)}" if low > 0 and high < 1 else (
        f"above {_percent(high)}" if high < 1 else f"below {_percent(low)}" if low > 0 else "none: it varies too much"
    )  # fmt: skip
    return Said(f"share of {_fill(SHARES[name], key)}", around, _percent(seen), smallest)


def say_level(key: Key, low: float, expected: float, high: float, seen: float, scale: float) -> Said:
    """Words for a level; `scale` is the unit of a scaled level, else NaN."""
    name = "gap" if key.name.startswith("gap_") else "segment_mean" if key.kind == "segment" else key.name
    told = _unit(key, scale)
    return Said(
        _fill(LEVELS[name], key),
        f"{told(expected)} ({told(low)} to {told(high)})",
        told(seen),
        f"below {told(low)} or above {told(high)}",
    )


def _fill(text: str, key: Key) -> str:
    by, _, value = key.other.partition(BETWEEN)
    other = (
        key.other if key.kind not in ("clock", "relation") or key.name == "formulas" else key.other.split(BETWEEN)[0]
    )
    return text.format(column=key.column, other=other or "empty text", segment=f"{by} is {value}")


def _unit(key: Key, scale: float) -> Callable[[float], str]:
    if math.isfinite(scale):
        if key.name.startswith("gap_"):
            return lambda x: _duration(scale * math.sinh(_bounded(x)))
        return lambda x: _number(scale * math.sinh(_bounded(x)))
    if key.name in ("rows", "distinct", "days"):
        return lambda x: f"{math.exp(_bounded(x)):,.0f}"
    if key.name == "length":
        return lambda x: f"{math.expm1(_bounded(x)):.1f} characters"
    if key.name in ("starts", "middle", "ends"):
        return lambda x: f"{'-' if x < 0 else '+'}{_duration(abs(x) * 3600)}"
    if key.name in ("log_mean", "mean"):
        return lambda x: _number(math.copysign(math.expm1(_bounded(abs(x))), x))
    if key.name == "shift":
        return lambda x: f"{x:+.0f} h"
    if key.name == "log_spread":
        return lambda x: _number(math.exp(_bounded(x)))
    if key.name in ("follows", "correlation"):
        return lambda x: f"{math.tanh(x):.2f}"
    if key.name == "explained":
        return lambda x: _percent(math.sin(min(max(x, 0.0), math.pi / 2)) ** 2)
    return lambda x: f"{x:+.2f} standard deviations"


def _bounded(x: float) -> float:
    return min(max(x, -200.0), 200.0)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else f"{100 * share:.2g} %"


def _number(value: float) -> str:
    if value == 0 or 0.01 <= abs(value) < 1e6:
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"


def _duration(seconds: float) -> str:
    size = abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if size >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
