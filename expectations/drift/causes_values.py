"""Causes of what is odd in one column: another unit or sign, another zone, a word for nothing, labels renamed or merged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from expectations.drift.compare import likely_clocks
from expectations.drift.implied import formats
from expectations.drift.labels import GONE, lost_values
from expectations.drift.model import Cause
from expectations.drift.words import MILLION, many_times
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
SAME_FACTOR = 0.04
MOVED = 0.02
HOUR = 3600.0
MOSTLY = 0.8
# Digits beyond these are noise, and a number near the largest there is has three hundred.
FULLY_WRITTEN = 1e15
# One value that is nearly all of the rows and usually few of them.
NEARLY_ALL = 0.95
RARE = 0.2
# So many values that are all others are no single label that was renamed.
SEVERAL = 3
# Fewer rows than this share of zeros may be none by chance.
SOME = 0.05
# The afternoon of a clock: hours that a clock of twelve writes as those of the morning.
NOON = 12


def causes(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Every cause that fits the last of the columns, those before it being its history."""
    yield from _words_for_nothing(name, columns)
    yield from _labels(name, columns)
    yield from _written(name, columns)
    yield from _cut(name, columns)
    yield from _other_values(name, columns)
    yield from _one_value(name, columns)
    yield from _sign(name, columns)
    yield from _factor(name, columns)
    yield from _clock(name, columns)


def _one_value(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """One value that nearly all rows hold and that was rare: a default that a program wrote."""
    batch = columns[-1]
    if batch.masked or not batch.top or not batch.text.counted or batch.clocks:
        return
    value, rows = batch.top[0]
    share, then = rows / batch.text.counted, _usual_share(columns, value)
    if share >= NEARLY_ALL and then < RARE and median(_commonest(c) for c in columns[:-1]) < NEARLY_ALL:
        whole = "Every value" if share == 1 else _percent(share)
        yield Cause(f"all {value}", 0.985, f"{whole} of {name} is `{value}`; {_percent(then)} usually are.")


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
    factor = math.exp(abs(middle))
    unit = next((u for u in UNITS if abs(middle) > 0.5 and abs(math.log(factor / u)) < max(SAME_FACTOR, spread)), None)
    sign = "x" if middle > 0 else "/"
    shown = many_times(unit or factor)
    times = f"{shown} times" if middle > 0 else f"1/{shown} of" if factor < MILLION else "less than a millionth of"
    turned = f", as between {UNITS[unit]}" if unit is not None and UNITS[unit] else ""
    middles = (
        f"the middle number was {_number(usual[GRID.index(0.5)])} and is {_number(numbers.quantiles[GRID.index(0.5)])}"
    )
    confidence = (0.95 if unit is not None else 0.8) - min(0.1, spread / 5)
    yield Cause(
        f"{'unit' if unit is not None else 'factor'} {sign} {shown}", confidence,
        f"Every number of {name} is about {times} what it was{turned}: {middles}.",
    )  # fmt: skip


def _sign(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    numbers, usual = columns[-1].numbers, _usual(columns)
    before = [c.numbers.negative / c.numbers.count for c in columns[:-1] if c.numbers is not None and c.numbers.count]
    if numbers is None or usual is None or not before or not numbers.count:
        return
    negative, then = numbers.negative / numbers.count, median(before)
    if abs(negative - then) < 0.5 * max(then, 1 - then):
        if negative > 0 and max(before) == 0:
            yield Cause("negative numbers", 0.7, f"{_percent(negative)} of {name} are negative; none ever was.")
        return
    mirrored = -np.array(usual)[::-1]
    size = float(np.median(np.abs(usual))) or 1.0
    off = float(np.median(np.abs(np.array(numbers.quantiles) - mirrored))) / size
    if off < 0.5:
        example = f"the middle number was {_number(usual[GRID.index(0.5)])} and is {_number(numbers.quantiles[GRID.index(0.5)])}"
        shares = (
            f"{_percent(negative)} of the values are negative, {_percent(then)} were before"
            if negative > then
            else f"{_percent(1 - negative)} of the values aren't negative, {_percent(1 - then)} were so before"
        )
        yield Cause("sign flipped", 0.98 - 0.3 * off, f"The sign of {name} is flipped: {shares}; {example}.")


def _clock(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    if not all(c.clocks for c in columns) or len(columns) < 4:
        return
    hours = [np.array(clock.hours) / max(sum(clock.hours), 1.0) for clock in likely_clocks(columns)]
    usual, now = np.mean(hours[:-1], axis=0), hours[-1]
    if not float(np.sqrt(usual) @ np.sqrt(np.roll(usual, 6))) < 0.9:
        return
    fits = {turn: float(np.sqrt(np.roll(usual, turn)) @ np.sqrt(now)) for turn in range(-11, 13)}
    afternoon = float(usual[NOON + 1 :].sum())
    if afternoon > RARE and not now[NOON + 1 :].any():
        of_twelve = float(np.sqrt(usual[:NOON] + usual[NOON:]) @ np.sqrt(now[:NOON] + now[NOON:]))
        if of_twelve > max(0.85, *fits.values()):
            moved = f"{_percent(afternoon)} of the rows lay after 13:00 before, none does now"
            yield Cause(
                "afternoon written as morning", min(0.95, of_twelve),
                f"The hours of {name} are those of a clock of twelve without AM and PM: {moved}.",
            )  # fmt: skip
            return
    best = max(fits, key=lambda turn: (round(fits[turn], 3), -abs(turn)))
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
        rows_empty = f"{_percent(then)} of the rows were empty before, {_percent(now)} are now"
        yield Cause("0 instead of empty", 0.99, f"{name} holds 0 where it was empty: {rows_empty}.")
    elif median(zeros[:-1]) > SOME and zeros[-1] < 0.2 * median(zeros[:-1]) and now - then > 0.4 * median(zeros[:-1]):
        rows_zero = f"{_percent(median(zeros[:-1]))} of the rows held 0 before, {_percent(zeros[-1])} do now"
        yield Cause("empty instead of 0", 0.97, f"{name} is empty where it held 0: {rows_zero}.")
    elif then > 0.005 and now < 0.2 * then and now_words - then_words > 0.4 * then:
        word = next((v for v, _ in columns[-1].top if v.strip().lower() in NULLISH), "a word for it")
        rows_empty = f"{_percent(then)} of the rows were empty before, {_percent(now)} are now"
        sentence = f"{name} holds the text `{word}` where it was empty: {rows_empty}."
        yield Cause(f"text {word} instead of empty", 0.97, sentence)
    elif now_words > 0.005 and max(words[:-1]) == 0:
        word = next((v for v, _ in columns[-1].top if v.strip().lower() in NULLISH), "a placeholder")
        yield Cause(
            f"placeholder {word}",
            0.85,
            f"{_percent(now_words)} of {name} are the placeholder `{word}`, never seen before.",
        )
    elif now > max(empty[:-1]) and now - then > 0.01:
        whole = "All" if now == 1 else _percent(now)
        yield Cause(
            "values missing",
            0.8,
            f"{whole} of {name} {'is' if now == 1 else 'are'} empty; {_percent(then)} usually are.",
        )


def _labels(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    batch = columns[-1]
    if batch.clocks or any(len(c.top) >= TOP for c in columns):
        return
    lost = lost_values(columns)
    if not lost or batch.masked:
        return
    gone = max(lost, key=lambda value: lost[value])
    share = _usual_share(columns, gone)
    seen = {value for c in columns[:-1] for value, _ in c.top}
    now = {value: rows / batch.text.counted for value, rows in batch.top}
    usual = {value: _usual_share(columns, value) for value in now}
    fresh = max(((v, s) for v, s in now.items() if v not in seen), key=lambda item: item[1], default=None)
    grown = max(((v, s - usual[v]) for v, s in now.items() if v in seen), key=lambda item: item[1], default=None)
    if fresh is not None and 0.6 * share < fresh[1] < 1.6 * share:
        yield Cause(
            f"label renamed {gone} -> {fresh[0]}", 0.93,
            f"`{gone}` of {name} is called `{fresh[0]}` now ({_percent(share)} before, {_percent(fresh[1])} now).",
        )  # fmt: skip
    elif grown is not None and grown[1] > 0.6 * share and share > 0.05:
        yield Cause(
            f"label {gone} merged into {grown[0]}", 0.8,
            f"`{gone}` of {name} ({_percent(share)} before) is gone, and `{grown[0]}` has as many more.",
        )  # fmt: skip
    else:
        yield Cause(f"label {gone} gone", 0.7, f"`{gone}` of {name}, {_percent(share)} of the rows before, is gone.")


def _usual_share(columns: Sequence[ColumnProfile], value: str) -> float:
    return median(dict(c.top).get(value, 0.0) / max(c.text.counted, 1.0) for c in columns[:-1])


def _written(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Another spelling of the same kind of value: most rows are written in a way that no earlier batch had, or none of the
    latest.
    """
    batch, shapes = columns[-1], [formats(c) for c in columns]
    if not batch.top or not columns[-2].top:
        return
    shown = "" if batch.masked else f": `{columns[-2].top[0][0]}` before, `{batch.top[0][0]}` now"
    ended = 0
    for at in range(len(shapes) - 2, -1, -1):
        if any(shape in shapes[at] for shape in shapes[-1]):
            break
        ended += 1
    known = {shape for found in shapes[:-1] for shape in found}
    fresh = sum(rows for shape, rows in shapes[-1].items() if shape not in known) / max(batch.text.counted, 1.0)
    if fresh >= MOSTLY:
        yield Cause(
            "written differently", 0.65, f"{_percent(fresh)} of {name} are written in a way never seen before{shown}."
        )
    elif ended >= GONE:
        told = f"{name} is written as none of the last {ended} batches was, and as those before were{shown}."
        yield Cause("written as once before", 0.65, told)


def _cut(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Texts that end at a limit: values never seen before, as long as the longest now, are the beginnings of longer ones."""
    batch = columns[-1]
    if batch.masked or batch.clocks or batch.numbers or not batch.text.counted:
        return
    limit = batch.text.lengths[-1]
    if limit >= min((c.text.lengths[-1] for c in columns[:-1] if c.text.counted), default=0.0):
        return
    seen = dict.fromkeys(value for c in reversed(columns[:-1]) for value, _ in c.top)
    fresh = [(value, rows) for value, rows in batch.top if value not in seen]
    whole = {
        v: next((w for w in seen if len(w) > limit and w.startswith(v)), None) for v, _ in fresh if len(v) == limit
    }
    begun = sum(rows for value, rows in fresh if whole.get(value))
    if not begun or begun < MOSTLY * sum(rows for _, rows in fresh):
        return
    value, long = next((value, long) for value, long in whole.items() if long)
    yield Cause(
        f"cut at {limit:.0f} characters", 0.96,
        f"Texts of {name} end after {limit:.0f} characters: `{long}` before, `{value}` now.",
    )  # fmt: skip


def _other_values(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Every value is another one, several of them, and written as before: another list of codes, or another key of a hash."""
    batch = columns[-1]
    if batch.masked or batch.clocks or batch.numbers or any(len(c.top) >= TOP for c in columns):
        return
    seen = {value for c in columns[:-1] for value, _ in c.top}
    if len(batch.top) < SEVERAL or any(value in seen for value, _ in batch.top):
        return
    usual = max(seen, key=lambda value: _usual_share(columns, value))
    share, then = batch.top[0][1] / batch.text.counted, _usual_share(columns, usual)
    if then < RARE / 2:
        return
    yield Cause(
        "all values are others", 0.95,
        f"None of the values of {name} was ever seen before: its commonest was `{usual}` ({_percent(then)} of the rows) and is "
        f"`{batch.top[0][0]}` ({_percent(share)}).",
    )  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if 10_000 <= abs(value) < FULLY_WRITTEN else f"{value:,.4g}"


def _time(hours: float) -> str:
    return f"{int(hours):02d}:{int(hours % 1 * 60):02d}"
