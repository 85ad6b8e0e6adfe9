"""Figures in plain words: what was expected, what was seen, and the smallest change that would have been noticed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from expectations.drift.figures import Key
from expectations.drift.vocabulary import COUNTS, LEVELS, ONCE, SHARES, STANDS
from expectations.profile.model import BETWEEN

# Times the usual from which a sentence says how many: at once seen for cents (100), pounds (2.2), hours (60).
TIMES = 1.5
# The quantile that people call the middle.
MIDDLE = 0.5
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
        if not self.low:
            return f"{self._figure}: so far {self.expected}, now {self.observed}."
        return f"{self._figure}: expected {self.bounds}, seen {self.observed}{self._so}."

    @property
    def aside(self) -> str:
        """One sentence about a figure that stayed within its bounds, told because others did not."""
        return f"{self._figure}: usually {self.expected}, now {self.observed}{self._so}; alone it would not be told."

    @property
    def bounds(self) -> str:
        """What is expected, with its limits where it has any; a unit in words is said once."""
        if not self.low:
            return self.expected
        unit = self.expected.partition(" ")[2]
        once = unit.isalpha() and self.low.endswith(f" {unit}") and self.high.endswith(f" {unit}")
        low, high = (text.removesuffix(f" {unit}") if once else text for text in (self.low, self.high))
        return f"{self.expected} ({low} to {high})"

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
    if key.name in ONCE:
        usual = f"in {_percent(expected)} of the batches" if expected > 0 else "never"
        return Said(figure, usual, "yes" if seen > 0.5 else "no", "", "", "once")
    told = _apart(lambda more: lambda x: _percent(x, more), (low, expected, high), seen)
    limits = [f"below {told(low)}"] * (low > 0) + [f"above {told(high)}"] * (high < 1)
    smallest = " or ".join(limits) or "none: it varies too much"
    return Said(f"share of {figure}", told(expected), told(seen), told(low), told(high), smallest)


def say_level(key: Key, low: float, expected: float, high: float, seen: float, scale: float) -> Said:
    """Words for a level; `scale` is the unit of a scaled level, else NaN."""
    name = "gap" if key.name.startswith("gap_") else f"segment_{key.name}" if key.kind == "segment" else key.name
    if name == "quantile" and float(key.other) == MIDDLE:
        name = "middle_number"
    told = _apart(lambda more: _unit(key, scale, more), (low, expected, high), seen)
    # Below nothing there is nothing.
    below = "" if key.name in COUNTS and told(low).startswith(("-", "0 ", "0.0 ")) else f"below {told(low)} or "
    return Said(
        _fill(LEVELS[name], key),
        told(expected),
        told(seen),
        told(low),
        told(high),
        f"{below}above {told(high)}",
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
    elif key.name in ("rows", "distinct", "days", "given_others_spread"):
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
    if ratio >= 0.1:
        return f"{100 * ratio:.0f} % of"
    return f"1/{1 / ratio:.3g} of" if ratio > 0.001 else f"1/{1 / ratio:,.0f} of"


def _fill(text: str, key: Key) -> str:
    by, _, value = key.other.partition(BETWEEN)
    other = (
        key.other if key.kind not in ("clock", "relation") or key.name == "formulas" else key.other.split(BETWEEN)[0]
    )
    percent = f"{100 * float(key.other):g}" if key.name in ("quantile", "below_usual") else ""
    since = key.other if key.name in STANDS else ""
    return text.format(
        column=key.column, other=other or "empty text", segment=f"{by} is {value}", percent=percent, since=since
    )


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
    if key.name == "commonest":
        return lambda x: _percent(1 / (1 + math.exp(-_bounded(x))), more)
    if key.name in ("length", "beyond_digits"):
        return lambda x: f"{max(0.0, math.expm1(_bounded(x))):.{1 + more}f} characters"
    if key.name in STANDS:
        return lambda x: f"{'-' if x < 0 else '+'}{_duration(abs(x) * 3600, more)}"
    if key.name in ("log_mean", "mean"):
        return lambda x: _number(math.copysign(math.expm1(_bounded(abs(x))), x), more)
    if key.name == "hour":
        return lambda x: f"{x:+.{1 + more}f} h"
    if key.name == "shift":
        return lambda x: f"{x:+.{more}f} h"
    if key.name == "log_spread":
        # The deviation of logarithms is the factor from one number to the next.
        return lambda x: f"{_number(math.exp(_bounded(math.exp(_bounded(x)))), more)} times"
    if key.name == "given_others_log":
        return lambda x: f"{100 * math.expm1(_bounded(x)):+,.{1 + more}f} %"
    if key.name == "given_others_log_spread":
        return lambda x: f"{100 * math.expm1(math.exp(_bounded(min(x, 5.0)))):,.{1 + more}f} %"
    if key.name in ("follows", "correlation"):
        return lambda x: f"{math.tanh(x):.{2 + more}f}"
    if key.name == "explained":
        return lambda x: _percent(math.sin(min(max(x, 0.0), math.pi / 2)) ** 2, more)
    if key.name.endswith("_spread"):
        return lambda x: _number(math.exp(_bounded(x)), more)
    return lambda x: f"{x:+,.{2 + more}f}"


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
