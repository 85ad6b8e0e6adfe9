"""Figures in plain words: what was expected, what was seen, and the smallest change that would have been noticed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deployments.quantities import plural
from expectations.drift.catalogue import Unit, known
from expectations.drift.figures import Key
from expectations.profile.model import BETWEEN

# Times the usual from which a sentence says how many: at once seen for cents (100), pounds (2.2), hours (60).
TIMES = 1.5
# Under so many times, and over their inverse, people say by how many percent it is more or less.
DOUBLED = 1.95
# From so many times the usual on, more digits say nothing more.
MILLION = 1e6
# The quantile that people call by a name of its own.
BY_NAME = {0.5: "the middle number of {column}"}
# Where no change of a figure would be told.
NOTHING = "none"
NO_LIMIT = "no limit"
# So many times e away from the usual, which few batches of history make of it, is no limit that says anything.
FAR = 30.0
# Rows are counted beside their share where they are so few of all, or so few at all.
FEW = 0.1
FEW_ROWS = 100
# Shares that aren't of the rows of a batch: of numbers in a sequence, of those of which the digits are read, of those of which
# marks are kept; and those of rows that aren't there.
UNCOUNTED = frozenset(
    known("values", name)
    for name in ("skipped", "skipped_before", "multiples", "off_grid", "none_below", "none_above")
) | {known("categories", "gone"), known("clock", "pause"), known("completeness", "filled")}  # fmt: skip
OF_ROWS = frozenset({"completeness", "format", "values", "categories", "reference", "duplicates", "clock"})
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
        return f"{self._figure}: usually {self.expected}, now {self.observed}{self._so} (not unusual by itself)."

    @property
    def bounds(self) -> str:
        """What is expected, with its limits where it has any; a unit in words is said once."""
        if not self.low:
            return self.expected
        unit = self.expected.partition(" ")[2]
        once = unit.isalpha() and self.low.endswith(f" {unit}") and self.high.endswith(f" {unit}")
        low, high = (text.removesuffix(f" {unit}") if once else text for text in (self.low, self.high))
        if NO_LIMIT in (low, high):
            limits = [f"{low} or more"] * (low != NO_LIMIT) + [f"{high} or less"] * (high != NO_LIMIT)
            return f"{self.expected} ({''.join(limits) or 'any'})"
        return f"{self.expected} ({low} to {high})"

    @property
    def _figure(self) -> str:
        return f"{self.figure[:1].upper()}{self.figure[1:]}"

    @property
    def _so(self) -> str:
        if self.times is None or 1 / TIMES < self.times < TIMES:
            return ""
        return f", {times_of(self.times)} the usual"


def say_share(
    key: Key, low: float, expected: float, high: float, seen: float, rows: float, counted: float = math.nan
) -> Said:  # fmt: skip
    """Words for a share of `rows`, which may be thinned; `counted`: of how many rows it really is, NaN where that isn't known."""
    figure, unit = _fill(key.figure.sentence, key), key.figure.unit
    if unit == "columns":
        usual, most = f"{expected * rows:.0f}", f"{high * rows:.0f}"
        return Said(figure, usual, f"{seen * rows:.0f} of {rows:.0f}", "0", most, "1 column")
    if unit == "yes":
        usual = f"in {_percent(expected)} of the batches" if expected > 0 else "never"
        return Said(figure, usual, "yes" if seen > 0.5 else "no", "", "", "once")
    told = _apart(lambda more: lambda x: _percent(x, more), (low, expected, high), seen)
    limits = [f"below {told(low)}"] * (low > 0) + [f"above {told(high)}"] * (high < 1)
    smallest = " or ".join(limits) or f"{NOTHING}: it varies too much"
    of_rows = key.kind in OF_ROWS and key.of not in UNCOUNTED
    now = f"{told(seen)}{counted_rows(seen, counted) if of_rows else ''}"
    return Said(f"share of {figure}", told(expected), now, told(low), told(high), smallest)


def say_level(key: Key, low: float, expected: float, high: float, seen: float, scale: float) -> Said:
    """Words for a level; `scale` is the unit of a scaled level, else NaN."""
    sentence, unit = key.figure.sentence, key.figure.unit
    if key.figure.form == "scaled" and key.figure.other == "share":
        sentence = BY_NAME.get(float(key.other), sentence)
    told = _apart(lambda more: lambda x: TOLD[unit](x, scale, more), (low, expected, high), seen)
    # Below nothing there is nothing.
    least = NO_LIMIT if unit in GROWING - COUNTED and expected - low > FAR else told(low)
    most = NO_LIMIT if unit in GROWING and high - expected > FAR else told(high)
    counts = unit in COUNTED and (least.startswith("-") or not least.partition(" ")[0].strip("0."))
    # Nothing comes below the least there can be, or above the most.
    ends = [told(end) for end in (-FAR, FAR)] if unit in BOUNDED else []
    limits = [f"below {least}"] * (least not in (NO_LIMIT, *ends[:1]) and not counts)
    limits += [f"above {most}"] * (most not in (NO_LIMIT, *ends[1:]))
    return Said(
        _fill(sentence, key),
        told(expected),
        told(seen),
        least,
        most,
        " or ".join(limits) or f"{NOTHING}: it varies too much",
        _ratio(unit, expected, seen),
    )


def counted_rows(share: float, rows: float) -> str:
    """` (36 of 2,000 rows)` behind a share of few rows; nothing where they are many or none."""
    few = share * rows
    if not few >= 0.5 or not (share < FEW or few < FEW_ROWS):
        return ""
    return f" ({few:,.0f} of {plural(round(rows), 'row')})"


def percent_of(share: float, rows: float) -> str:
    """A share as a cause tells it, with the rows where these are few: `96 %`, `1.8 % (36 of 2,000 rows)`."""
    return f"{percent(share)}{counted_rows(share, rows)}"


def percent(share: float) -> str:
    """A share in the digits that a cause needs."""
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([*[", ".join(names[:-1])] * (len(names) > 1), *names[-1:]])


def than(ratio: float, other: str) -> str:
    """How something compares with another: `19 % higher than what it was`, `100 times what it was`, `1/100 of what it was`."""
    if 1 / DOUBLED < ratio < DOUBLED:
        return f"{_more_or_less(ratio)} than {other}"
    if ratio >= 1:
        return f"{many_times(ratio)} times {other}"
    return f"1/{many_times(1 / ratio)} of {other}" if ratio > 1 / MILLION else f"less than a millionth of {other}"


def factor(ratio: float) -> str:
    """The name of such a cause: `19 % higher`, `factor x 3`, `factor / 7.5`."""
    if 1 / DOUBLED < ratio < DOUBLED:
        return _more_or_less(ratio)
    return f"factor x {many_times(ratio)}" if ratio > 1 else f"factor / {many_times(1 / ratio)}"


def _more_or_less(ratio: float) -> str:
    change = 100 * abs(ratio - 1)
    return f"{change:.{0 if change >= 10 else 1}f}".removesuffix(".0") + f" % {'higher' if ratio > 1 else 'lower'}"


Told = Callable[[float], str]


def _apart(make: Callable[[int], Told], bounds: tuple[float, ...], seen: float) -> Told:
    """With as many more digits as it takes to tell what was seen from bounds that differ from it."""
    for more in range(MORE_DIGITS):
        told = make(more)
        if all(told(bound) != told(seen) for bound in bounds if bound != seen):
            return told
    return make(0)


def _ratio(unit: Unit, expected: float, seen: float) -> float | None:
    """How many times the usual; None where a ratio means nothing."""
    size = SIZE_OF.get(unit)
    if size is None:
        return None
    usual, now = size(expected), size(seen)
    return now / usual if usual > 0 and now > 0 else None


def times_of(ratio: float) -> str:
    """91 times, 2.2 times, 1/100 of; from a million on no figure, which would be hundreds of digits or none at all."""
    if ratio >= 1:
        return f"{many_times(ratio)} times"
    if ratio >= 0.1:
        return f"{100 * ratio:.0f} % of"
    # Of numbers near the smallest there are, the ratio itself is zero.
    return f"1/{many_times(1 / ratio)} of" if ratio > 1 / MILLION else "less than a millionth of"


def many_times(ratio: float) -> str:
    """A ratio of at least 1 in few digits: 2.2, 91, 1,611."""
    if ratio >= MILLION:
        return "more than a million"
    return f"{ratio:.3g}" if ratio < 1000 else f"{ratio:,.0f}"


def _fill(text: str, key: Key) -> str:
    by, _, value = key.other.partition(BETWEEN)
    holds = key.figure.other
    return text.format(
        column=key.column,
        other=(key.other if holds in ("value", "formula", "place") else by) or "empty text",
        segment=f"{by} is {value}",
        percent=f"{100 * float(key.other):g}" if holds == "share" else "",
        since=key.other,
    )


def _exp(x: float) -> float:
    return math.exp(bounded(x))


def _expm1(x: float) -> float:
    return math.expm1(bounded(x))


def _sinh(x: float) -> float:
    return math.sinh(bounded(x))


def _stand(x: float, scale: float, more: int) -> str:
    return f"{'-' if x < 0 else '+'}{_duration(abs(x) * 3600, more)}"


# How a level of each unit is told: from the value that is compared, the scale of a scaled level, and more digits than usual.
TOLD: dict[Unit, Callable[[float, float, int], str]] = {
    "number": lambda x, scale, more: _number(scale * _sinh(x), more),
    "duration": lambda x, scale, more: _duration(scale * _sinh(x), more),
    "rows": lambda x, _, more: f"{_exp(x):,.{more}f}",
    "characters": lambda x, _, more: f"{max(0.0, _expm1(x)):.{1 + more}f} characters",
    "more_characters": lambda x, _, more: f"{max(0.0, _expm1(x)):.{1 + more}f} characters",
    "odds": lambda x, _, more: _percent(1 / (1 + _exp(-x)), more),
    "times": lambda x, _, more: f"{_number(_exp(x), more)} times",
    "clock": _stand,
    "hours": lambda x, _, more: f"{x:+.{1 + more}f} h",
    "whole_hours": lambda x, _, more: f"{x:+.{more}f} h",
    "size": lambda x, _, more: _number(math.copysign(_expm1(abs(x)), x), more),
    # The deviation of logarithms is the factor from one number to the next.
    "factor": lambda x, _, more: f"{_number(_exp(_exp(x)), more)} times",
    "percent_off": lambda x, _, more: _change(_expm1(x), more),
    "percent_spread": lambda x, _, more: f"{100 * math.expm1(_exp(min(x, 5.0))):,.{1 + more}f} %",
    "correlation": lambda x, _, more: f"{math.tanh(x):.{2 + more}f}",
    "explained": lambda x, _, more: _percent(math.sin(min(max(x, 0.0), math.pi / 2)) ** 2, more),
    "spread": lambda x, _, more: _number(_exp(x), more),
    "percent": lambda x, _, more: _percent(max(x, 0.0), more),
    "plain": lambda x, _, more: f"{x:+,.{2 + more}f}",
}
# How large it is, of the units whose ratio says something.
SIZE_OF: dict[Unit, Callable[[float], float]] = {
    "number": _sinh, "duration": _sinh, "rows": _exp, "spread": _exp, "characters": _expm1, "size": _expm1,
}  # fmt: skip
# Of these there is nothing below zero.
# Of these the logarithm is compared, at least far away.
GROWING: frozenset[Unit] = frozenset({"number", "duration", "rows", "characters", "more_characters", "times", "size"})
COUNTED: frozenset[Unit] = frozenset({"rows", "characters", "more_characters"})
# Of these there are a least and a most.
BOUNDED: frozenset[Unit] = frozenset({"correlation", "explained", "odds"})


def bounded(x: float) -> float:
    return min(max(x, -200.0), 200.0)


def _percent(share: float, more: int = 0) -> str:
    usual = share == 0 or share >= 0.001
    return f"{100 * share:.{1 + more}f} %" if usual else f"{100 * share:.{2 + more}g} %"


def _change(share: float, more: int) -> str:
    percent = 100 * share
    return f"{percent:+,.{1 + more}f} %" if abs(percent) < MILLION else f"{percent:+.3g} %"


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
