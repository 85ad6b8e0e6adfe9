"""Causes of what is odd in one column: another unit or sign, another zone, a word or a code for nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from expectations.drift.causes_labels import usual_share
from expectations.drift.compare import likely_clocks
from expectations.drift.first_time import names_things
from expectations.drift.model import OF_VALUES, Cause
from expectations.drift.words import factor, many_times, percent, percent_of, than
from expectations.profile.categories import TOP
from expectations.profile.model import GRID, ColumnProfile
from expectations.profile.numbers import DAY
from expectations.profile.spelling import NULLISH

# Places of GRID whose ratios must agree for a column to be multiplied as a whole.
PLACES = tuple(GRID.index(p) for p in (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9))
# Factors that units differ by, with what they turn.
UNITS = {
    10.0: "", 100.0: "", 1000.0: "", 10_000.0: "", 1e6: "", 60.0: "minutes and seconds", 3600.0: "hours and seconds",
    24.0: "days and hours", 86_400.0: "days and seconds", 12.0: "years and months", 2.20462: "kilograms and pounds",
    1.60934: "miles and kilometres", 3.28084: "metres and feet", 2.54: "inches and centimetres",
}  # fmt: skip
MIDDLE = GRID.index(0.5)
SAME_FACTOR = 0.04
# Places that differ by more, as logarithms, were not multiplied by one factor.
ANOTHER = 0.5
# Numbers were moved as a whole where the moves of their places differ by so little of the move.
AS_MUCH = 0.35
MOVED = 0.02
HOUR = 3600.0
# Digits beyond these are noise, and a number near the largest there is has three hundred.
FULLY_WRITTEN = 1e15
# One value that is nearly all of the rows and usually few of them.
NEARLY_ALL = 0.95
RARE = 0.2
# So many values that are all others are no single label that was renamed.
SEVERAL = 3
# Numbers are as the sizes of before where the shares below any number differ by so much at most.
SAME_SIZES = 0.15
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)\Z")
# Fewer rows than this share of zeros may be none by chance.
SOME = 0.05
OF_NOTHING = OF_VALUES | {"completeness"}
# The afternoon of a clock: hours that a clock of twelve writes as those of the morning.
NOON = 12


def causes(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Every cause that fits the last of the columns, those before it being its history."""
    yield from _words_for_nothing(name, columns)
    yield from _other_values(name, columns)
    yield from _one_value(name, columns)
    yield from _sign(name, columns)
    yield from _minus_lost(name, columns)
    yield from _code(name, columns)
    yield from _factor(name, columns)
    yield from _moved(name, columns)
    yield from _clock(name, columns)


def _one_value(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """One value that nearly all rows hold and that was rare: a default that a program wrote."""
    batch = columns[-1]
    if batch.masked or not batch.top or not batch.text.counted:
        return
    value, rows = batch.top[0]
    share, then = rows / batch.text.counted, usual_share(columns, value)
    if share >= NEARLY_ALL and then < RARE and median(_commonest(c) for c in columns[:-1]) < NEARLY_ALL:
        whole = "Every value" if share == 1 else percent(share)
        yield Cause(f"all {value}", 0.985, f"{whole} of {name} is `{value}`; {percent(then)} usually are.")


def _commonest(column: ColumnProfile) -> float:
    return column.top[0][1] / max(column.text.counted, 1.0) if column.top else 0.0


def _usual(columns: Sequence[ColumnProfile]) -> np.ndarray | None:
    """The usual quantiles of the history; None where fewer than half of it holds numbers."""
    found = [c.numbers.quantiles for c in columns[:-1] if c.numbers is not None]
    return np.median(np.array(found), axis=0) if 2 * len(found) > len(columns) - 1 else None


def _factor(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    numbers, usual = columns[-1].numbers, _usual(columns)
    if numbers is None or usual is None:
        return
    then, now = (np.array([quantiles[at] for at in PLACES]) for quantiles in (usual, numbers.quantiles))
    told = (np.abs(then) > 1e-12) & (np.abs(now) > 1e-12) & (np.sign(then) == np.sign(now))
    if told.sum() < 4 or len(set(then[told].tolist())) < 3:
        return
    logs = np.log(now[told] / then[told])
    middle, spread = float(np.median(logs)), float(np.ptp(logs))
    # The days themselves differ: a factor is one where it is much more than its places differ by.
    if abs(middle) < max(MOVED, 3 * spread):
        return
    if spread > ANOTHER:
        return
    ratio = math.exp(abs(middle))
    unit = next((u for u in UNITS if abs(middle) > 0.5 and abs(math.log(ratio / u)) < max(SAME_FACTOR, spread)), None)
    # What moved as far before is a colder week.
    before = [
        q for c in columns[:-1] if c.numbers is not None and (q := c.numbers.quantiles[MIDDLE]) * usual[MIDDLE] > 0
    ]
    if unit is None and before and abs(middle) < max(abs(math.log(q / usual[MIDDLE])) for q in before):
        return
    times = (unit or ratio) if middle > 0 else 1 / (unit or ratio)
    turned = f", as between {UNITS[unit]}" if unit is not None and UNITS[unit] else ""
    middles = f"the middle number was {_number(usual[MIDDLE])} and is {_number(numbers.quantiles[MIDDLE])}"
    yield Cause(
        factor(times) if unit is None else f"unit {'x' if middle > 0 else '/'} {many_times(unit)}",
        (0.95 if unit is not None else 0.8) - min(0.1, spread / 5),
        f"Every number of {name} is about {than(times, 'what it was')}{turned}: {middles}.",
        shown_in=OF_VALUES - {"relation", "order"} if unit is not None else frozenset(),
    )  # fmt: skip


def _moved(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Every number is higher, or lower, by as much, and by more than the batches differ."""
    numbers, usual = columns[-1].numbers, _usual(columns)
    if numbers is None or usual is None or columns[-1].clocks or columns[-1].distinct < SEVERAL or names_things(name):
        return
    by = np.array([numbers.quantiles[at] - usual[at] for at in PLACES])
    middle = float(np.median(by))
    before = [c.numbers.quantiles[MIDDLE] - usual[MIDDLE] for c in columns[:-1] if c.numbers is not None]
    if len({usual[at] for at in PLACES}) < SEVERAL or float(np.ptp(by)) > AS_MUCH * abs(middle):
        return
    if abs(middle) > 2 * max(map(abs, before)):
        yield Cause(
            f"moved by {middle:+.3g}", 0.79,
            f"Every number of {name} is about {_number(abs(middle))} {'higher' if middle > 0 else 'lower'} than it was: the "
            f"middle number was {_number(usual[MIDDLE])} and is {_number(numbers.quantiles[MIDDLE])}.",
        )  # fmt: skip


def _sign(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    numbers, usual = columns[-1].numbers, _usual(columns)
    before = [c.numbers.negative / c.numbers.count for c in columns[:-1] if c.numbers is not None and c.numbers.count]
    if numbers is None or usual is None or not before or not numbers.count:
        return
    negative, then = numbers.negative / numbers.count, median(before)
    if abs(negative - then) < 0.5 * max(then, 1 - then):
        # Where numbers are far from what they were, that some are negative is the least of it.
        near = 1 / 3 < abs(numbers.quantiles[MIDDLE]) / max(abs(float(usual[MIDDLE])), 1e-9) < 3
        if negative > 0 and max(before) == 0 and near:
            yield Cause(
                "negative numbers", 0.7, f"{percent_of(negative, numbers.count)} of {name} are negative; none ever was."
            )
        return
    mirrored = -np.array(usual)[::-1]
    size = float(np.median(np.abs(usual))) or 1.0
    off = float(np.median(np.abs(np.array(numbers.quantiles) - mirrored))) / size
    if off < 0.5:
        example = f"the middle number was {_number(usual[MIDDLE])} and is {_number(numbers.quantiles[MIDDLE])}"
        shares = (
            f"{percent(negative)} of the values are negative, {percent(then)} were before"
            if negative > then
            else f"{percent(1 - negative)} of the values aren't negative, {percent(1 - then)} were so before"
        )
        yield Cause("sign flipped", 0.98 - 0.3 * off, f"The sign of {name} is flipped: {shares}; {example}.")


def _minus_lost(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """No number below zero where many always were, and those above are as the sizes of all were."""
    found, now = [c.numbers for c in columns[:-1] if c.numbers is not None and c.numbers.count], columns[-1].numbers
    if len(found) < 4 or now is None or now.negative or not now.count:
        return
    below = [n.negative / n.count for n in found]
    if min(below) <= 0 or median(below) < MOVED:
        return
    usual, here = np.median(np.array([n.quantiles for n in found]), axis=0), np.array(now.quantiles)
    grid, at = np.array(GRID), np.linspace(0.01, 0.99, 99)
    drawn = np.interp(at, grid, usual)
    seen = np.interp(at, grid, here)
    lost = _apart(seen, np.abs(drawn))
    # Where they are missing, or were set to zero, the others are as they were.
    missing, cut = _apart(seen, drawn[drawn >= 0]), _apart(seen, np.maximum(drawn, 0.0))
    # Numbers on both sides of zero are the same without those below and with them above: as many rows as ever tell.
    counts = [c.text.counted for c in columns]
    all_there = counts[-1] > (1 - median(below) / 2) * median(counts[:-1]) and lost < 1.2 * missing
    if lost < SAME_SIZES and lost < 0.6 * cut and (lost < 0.6 * missing or all_there):
        there = f"{percent_of(median(below), now.count)} usually are"
        yield Cause(
            "minus signs lost", 0.93,
            f"No number of {name} is negative, {there}; as many more are above zero: they have lost their minus signs.",
        )  # fmt: skip


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """How far two sets of numbers lie apart: the largest difference of the shares below a number."""
    if not len(other):
        return 1.0
    at = np.unique(np.concatenate([one, other]))
    below = [np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (one, other)]
    return float(np.abs(below[0] - below[1]).max())


def _code(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """One number in several rows, further out than any ever was, where all others are as usual: a code for no value."""
    batch = columns[-1]
    found, now = [c.numbers for c in columns[:-1] if c.numbers is not None and c.numbers.count], batch.numbers
    if len(found) < 4 or now is None or not now.count or batch.masked or batch.clocks:
        return
    low, high = min(n.quantiles[0] for n in found), max(n.quantiles[-1] for n in found)
    for value, rows in batch.top:
        number = float(value) if _NUMBER.match(value) else math.nan
        share = rows / now.count
        # The others end where numbers always did.
        low_end = next((q for p, q in zip(GRID, now.quantiles, strict=True) if p > share + 0.01), now.quantiles[-1])
        high_end = next(
            (q for p, q in zip(GRID[::-1], now.quantiles[::-1], strict=True) if p < 0.99 - share), now.quantiles[0]
        )
        alone = (number < low <= low_end) or (number > high >= high_end)
        if (
            rows >= SEVERAL
            and share < NEARLY_ALL
            and alone
            and not low - (high - low) / 4 <= number <= high + (high - low) / 4
        ):
            yield Cause(
                f"placeholder {value}", 0.9,
                f"{percent_of(share, now.count)} of {name} are `{value}`, and numbers lay from {_number(low)} to {_number(high)} "
                f"before: a code for no value, or a default.",
                OF_NOTHING,
            )  # fmt: skip
            return


def _clock(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    if not all(c.clocks for c in columns) or len(columns) < 4:
        return
    hours = [np.array(clock.hours) / max(sum(clock.hours), 1.0) for clock in likely_clocks(columns)]
    usual, now = np.mean(hours[:-1], axis=0), hours[-1]
    fits = {turn: float(np.sqrt(np.roll(usual, turn)) @ np.sqrt(now)) for turn in range(-11, 13)}
    afternoon = float(usual[NOON + 1 :].sum())
    if afternoon > RARE and not now[NOON + 1 :].any():
        of_twelve = float(np.sqrt(usual[:NOON] + usual[NOON:]) @ np.sqrt(now[:NOON] + now[NOON:]))
        if of_twelve > max(0.85, *fits.values()):
            moved = f"{percent(afternoon)} of the rows lay after 13:00 before, none does now"
            yield Cause(
                "afternoon written as morning", min(0.95, of_twelve),
                f"The hours of {name} are those of a clock of twelve without AM and PM: {moved}.",
            )  # fmt: skip
            return
    if not float(np.sqrt(usual) @ np.sqrt(np.roll(usual, 6))) < 0.9:
        return
    best = max(fits, key=lambda turn: (round(fits[turn], 3), -abs(turn)))
    # Rows that are missing at an end of the day move none of the others.
    there = np.where(now > 0, usual, 0.0)
    if there.any() and float(np.sqrt(there / there.sum()) @ np.sqrt(now)) >= fits[best] - 0.02:
        return
    if best and fits[best] > 0.85 and fits[best] - fits[0] > 0.05:
        first, last = (clock.quantiles[5] % DAY / HOUR for clock in likely_clocks(columns)[-2:])
        middles = f"the middle of the day was {_time(first)} and is {_time(last)}"
        yield Cause(
            f"shifted by {best:+d} h",
            min(0.95, fits[best]),
            f"The hours of {name} are shifted by {best:+d} h: {middles}.",
        )


def _words_for_nothing(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    rows = [max(c.nulls + c.text.counted, 1.0) for c in columns]
    empty = [c.nulls / n for c, n in zip(columns, rows, strict=True)]
    words = [c.text.nullish / n for c, n in zip(columns, rows, strict=True)]
    then, now, then_words, now_words = median(empty[:-1]), empty[-1], median(words[:-1]), words[-1]
    zeros = [(c.numbers.zero if c.numbers else 0.0) / n for c, n in zip(columns, rows, strict=True)]
    if then > 0.005 and now < 0.2 * then and zeros[-1] - median(zeros[:-1]) > 0.4 * then:
        rows_empty = f"{percent(then)} of the rows were empty before, {percent(now)} are now"
        yield Cause("0 instead of empty", 0.99, f"{name} holds 0 where it was empty: {rows_empty}.", OF_NOTHING)
    elif median(zeros[:-1]) > SOME and zeros[-1] < 0.2 * median(zeros[:-1]) and now - then > 0.4 * median(zeros[:-1]):
        rows_zero = f"{percent(median(zeros[:-1]))} of the rows held 0 before, {percent(zeros[-1])} do now"
        yield Cause("empty instead of 0", 0.97, f"{name} is empty where it held 0: {rows_zero}.", OF_NOTHING)
    elif then > 0.005 and now < 0.2 * then and now_words - then_words > 0.4 * then:
        word = next((v for v, _ in columns[-1].top if v.strip().lower() in NULLISH), "a word for it")
        rows_empty = f"{percent(then)} of the rows were empty before, {percent(now)} are now"
        sentence = f"{name} holds the text `{word}` where it was empty: {rows_empty}."
        yield Cause(f"text {word} instead of empty", 0.97, sentence, OF_NOTHING)
    elif then > SOME / 2 and now < 0.2 * then and (filled := _filled(columns, then)) is not None:
        rows_empty = f"{percent(then)} of the rows were empty before, {percent(now)} are now"
        shares = (
            f"{percent(_of_rows(columns[-1], filled))} hold `{filled}`, {percent(_usually(columns, filled))} usually do"
        )
        yield Cause(
            f"{filled} instead of empty",
            0.97,
            f"{name} holds `{filled}` where it was empty: {rows_empty}; {shares}.",
            OF_NOTHING,
        )
    elif now_words > 0.005 and max(words[:-1]) == 0:
        word = next((v for v, _ in columns[-1].top if v.strip().lower() in NULLISH), "a placeholder")
        yield Cause(
            f"placeholder {word}",
            0.85,
            f"{percent_of(now_words, rows[-1])} of {name} are the placeholder `{word}`, never seen before.",
            OF_NOTHING,
        )
    elif now > max(empty[:-1]) and now - then > 0.01:
        whole = "All" if now == 1 else percent_of(now, rows[-1])
        yield Cause(
            "values missing",
            0.8,
            f"{whole} of {name} {'is' if now == 1 else 'are'} empty; {percent(then)} usually are.",
            OF_NOTHING,
            # Of several columns that are empty in as many rows it is one thing.
            same=f"{columns[-1].nulls - then * rows[-1]:.0f} values missing",
            shown_in=OF_NOTHING - {"relation", "order"},
        )


def _filled(columns: Sequence[ColumnProfile], empty: float) -> str | None:
    """The value that has as many more of the rows as usually are empty; None where there is none, or values aren't named."""
    if columns[-1].masked or not columns[-1].top:
        return None
    more = {value: _of_rows(columns[-1], value) - _usually(columns, value) for value, _ in columns[-1].top[:SEVERAL]}
    value = max(more, key=lambda one: more[one])
    return value if 0.6 * empty < more[value] < 1.6 * empty else None


def _of_rows(column: ColumnProfile, value: str) -> float:
    """The share of all rows that hold a value."""
    return dict(column.top).get(value, 0.0) / max(column.nulls + column.text.counted, 1.0)


def _usually(columns: Sequence[ColumnProfile], value: str) -> float:
    return median(_of_rows(c, value) for c in columns[:-1])


def _other_values(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Every value is another one, several of them, and written as before: another list of codes, or another key of a hash."""
    batch = columns[-1]
    if batch.masked or batch.clocks or batch.numbers or any(len(c.top) >= TOP for c in columns):
        return
    seen = {value for c in columns[:-1] for value, _ in c.top}
    if len(batch.top) < SEVERAL or any(value in seen for value, _ in batch.top):
        return
    usual = max(seen, key=lambda value: usual_share(columns, value))
    share, then = batch.top[0][1] / batch.text.counted, usual_share(columns, usual)
    if then < RARE / 2:
        return
    yield Cause(
        "all values are others", 0.95,
        f"None of the values of {name} was ever seen before: its commonest was `{usual}` ({percent(then)} of the rows) and is "
        f"`{batch.top[0][0]}` ({percent(share)}).",
    )  # fmt: skip


def _number(value: float) -> str:
    return f"{value:,.0f}" if 10_000 <= abs(value) < FULLY_WRITTEN else f"{value:,.4g}"


def _time(hours: float) -> str:
    return f"{int(hours):02d}:{int(hours % 1 * 60):02d}"
