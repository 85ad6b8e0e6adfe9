"""Causes of what is odd in how the values of a column are written: another spelling, padding, texts and decimals that were cut,
rounding.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from statistics import median, pstdev

import numpy as np

from deployments.quantities import plural
from expectations.drift.implied import formats
from expectations.drift.labels import GONE
from expectations.drift.model import Cause
from expectations.drift.words import percent, percent_of
from expectations.profile.model import ColumnProfile, Numbers
from expectations.profile.numbers import MULTIPLES
from expectations.profile.spelling import NULLISH, pattern

MOSTLY = 0.8
# Of the values that are looked at those that are padded; and of those before, at most.
PADDED = 0.3
RARELY = 0.02
# A column is rounded where so few of its numbers have a digit beyond a place, and so many usually have.
HARDLY = 0.02
USUALLY = 0.3
# Numbers that are rounded are as large as before, but for a step: by so much of their size at the middle, as a logarithm.
AS_LARGE = 0.4
# How far what rounding and cutting do to the mean must lie apart, in deviations of the means of the batches; and how much better
# the commonest values must agree with one of them.
APART = 4.0
BETTER = 0.6
# Under so many values the month may be 10, or the price.
SEVERAL = 3
PLACES = ("whole numbers", "one decimal", "two decimals")
# Characters from which on a number may hold such digits.
NOISY = 12
_NUMBER = re.compile(r"[+-]?\d+\.\d+\Z")
TENS = {10: "tens", 100: "hundreds", 1000: "thousands"}


def causes(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Every cause that fits the last of the columns, those before it being its history."""
    yield from _padded(name, columns)
    yield from _rounded(name, columns)
    yield from _written(name, columns)
    yield from _cut(name, columns)
    yield from _float32(name, columns)


def _padded(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Zeros in front of numbers that had none, or none where they had; spaces at the edge of values."""
    *history, batch = columns
    if batch.masked or not batch.text.counted or not batch.top:
        return
    spaced = [c.text.edge_space / max(c.text.counted, 1.0) for c in columns]
    if spaced[-1] > 2 * max(spaced[:-1]) and spaced[-1] > RARELY / 4:
        shown = next((value for value, _ in batch.top if value != value.strip()), None)
        pair = f": `{shown.strip()}` before, `{shown}` now" if shown else ""
        share = percent_of(spaced[-1], batch.text.counted)
        yield Cause(
            "padded with spaces", 0.96,
            f"{share} of {name} have spaces at their edge, {percent(max(spaced[:-1]))} at most had before{pair}.",
        )  # fmt: skip
    zeros = [_with_zeros(c) for c in columns if c.numbers is not None and c.top]
    if batch.numbers is None or len(zeros) < len(columns) / 2:
        return
    if zeros[-1] >= PADDED and max(zeros[:-1]) <= RARELY:
        value = next(value for value, _ in batch.top if _is_padded(value))
        plain = value.lstrip("0") or "0"
        yield Cause(
            "padded with zeros", 0.97,
            f"Numbers of {name} are written with zeros in front: `{plain}` before, `{value}` now.",
        )  # fmt: skip
    elif zeros[-1] == 0 and min(zeros[:-1]) >= RARELY:
        value = next(value for value, _ in history[-1].top if _is_padded(value))
        yield Cause(
            "zeros in front lost", 0.96,
            f"Numbers of {name} have lost the zeros in front: `{value}` before, `{value.lstrip('0') or '0'}` now.",
        )  # fmt: skip


def _is_padded(value: str) -> bool:
    return len(value) > 1 and value[0] == "0" and value.isdigit()


def _with_zeros(column: ColumnProfile) -> float:
    """The share of the commonest values that begin with a zero which their number doesn't need."""
    return sum(rows for value, rows in column.top if _is_padded(value)) / sum(rows for _, rows in column.top)


def _rounded(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Numbers without the digits that they usually have after the point, or before it."""
    found = [c.numbers for c in columns[:-1] if c.numbers is not None and c.numbers.count]
    now = columns[-1].numbers
    if (
        now is None
        or not now.count
        or columns[-1].distinct < SEVERAL
        or 2 * len(found) <= len(columns) - 1
        or not _as_large(found, now)
    ):
        return
    beyond = [[1 - sum(n.decimals[: place + 1]) / n.count for n in (*found, now)] for place in range(len(PLACES))]
    of = next(
        (of for at, of in reversed(list(enumerate(MULTIPLES, start=1)))
         if _share_of(now, at) >= 1 - HARDLY and median(_share_of(n, at) for n in found) <= 1 - USUALLY), None,
    )  # fmt: skip
    place = next(
        (at for at, shares in enumerate(beyond) if shares[-1] <= HARDLY and median(shares[:-1]) >= USUALLY), None
    )
    if of is None and place is None:
        return
    step = float(of) if of is not None else 10.0 ** -(place or 0)
    whole = TENS[of] if of is not None else PLACES[place or 0]
    how = _how(columns, found, now, step)
    usual = median(_share_of(n, MULTIPLES.index(of) + 1) for n in found) if of else 1 - median(beyond[place or 0][:-1])
    seen = f"{percent(usual)} of its numbers were so before, all are now"
    shown = "" if columns[-1].masked else _pair(columns, step, how)
    said = {"round": f"is rounded to {whole}", "cut": f"is cut to {whole}", "": f"holds {whole} only, rounded or cut"}[
        how
    ]
    yield Cause(
        f"{'cut' if how == 'cut' else 'rounded'} to {whole}", 0.94,
        f"{name} {said}: {seen}{shown}.",
    )  # fmt: skip


def _share_of(numbers: Numbers, at: int) -> float:
    """The share of the numbers that are multiples of 10, 100 or 1,000 (`at` 1 to 3), zeros aside."""
    return numbers.multiples[at] / numbers.multiples[0] if numbers.multiples and numbers.multiples[0] else 0.0


def _as_large(found: Sequence[Numbers], now: Numbers) -> bool:
    """Whether numbers are as large as before: in another unit, too, they may have lost their decimals."""
    usual = np.median(np.array([n.quantiles for n in found]), axis=0)[3:-3]
    here = np.array(now.quantiles)[3:-3]
    size = np.maximum(np.abs(usual), 1e-9)
    # To round makes a number larger by half a step at most, to cut one smaller by a step.
    step = _step(now)
    steps = (here - usual <= np.maximum(AS_LARGE * size, 0.55 * step)) & (
        usual - here <= np.maximum(AS_LARGE * size, step)
    )
    return bool(steps.mean() > 0.5)


def _step(now: Numbers) -> float:
    """The place to which numbers may be rounded, at most."""
    return float(max((of for at, of in enumerate(MULTIPLES, start=1) if _share_of(now, at) >= 1 - HARDLY), default=1))


def _how(columns: Sequence[ColumnProfile], found: Sequence[Numbers], now: Numbers, step: float) -> str:
    """`round` or `cut`, by what the mean has lost or by the commonest values; '' where neither tells them apart."""
    means = [n.mean for n in found]
    # What is cut off is half a step on average, of numbers that end anywhere.
    lost, stray = median(means) - now.mean, max(pstdev(means), 1e-12)
    if step / 2 > APART * stray:
        return "cut" if lost > step / 4 else "round"
    then: dict[float, float] = {}
    for column in columns[:-1]:
        for number, share in _shares(column):
            then[number] = then.get(number, 0.0) + share / (len(columns) - 1)
    here = dict(_shares(columns[-1]))
    off = {}
    for how in ("round", "cut"):
        made: dict[float, float] = {}
        for number, share in then.items():
            at = _made(number, step, how)
            made[at] = made.get(at, 0.0) + share
        off[how] = sum(abs(made.get(v, 0.0) - here.get(v, 0.0)) for v in made.keys() | here.keys())
    best, other = sorted(off, key=lambda how: off[how])
    return best if off[best] < BETTER * off[other] else ""


def _made(number: float, step: float, how: str) -> float:
    """A number as it is rounded to a multiple of a step, or cut to one."""
    steps = math.floor(number / step + 0.5) if how == "round" else math.trunc(number / step + 1e-9)
    return round(steps * step, 6)


def _shares(column: ColumnProfile) -> Iterator[tuple[float, float]]:
    """The commonest numbers with the share of the rows that each has."""
    for text, rows in column.top:
        try:
            yield round(float(text), 6), rows / max(column.text.counted, 1.0)
        except ValueError:
            continue


def _pair(columns: Sequence[ColumnProfile], step: float, how: str) -> str:
    """One number of before with what it is now, where both are known; else the commonest of before and now."""
    here = {number for number, _ in _shares(columns[-1])}
    for text, _ in columns[-2].top if how else ():
        try:
            number = float(text)
        except ValueError:
            continue
        made = _made(number, step, how)
        # One that tells the two apart.
        if made != _made(number, step, "cut" if how == "round" else "round") and made in here:
            return f", `{text}` is `{made:g}`"
    return f"; the commonest was `{columns[-2].top[0][0]}` and is `{columns[-1].top[0][0]}`" if columns[-2].top else ""


def _written(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Another spelling of the same kind of value: most rows are written in a way that no earlier batch had, or none of the
    latest.
    """
    batch, shapes = columns[-1], [formats(c) for c in columns]
    if not batch.top or not columns[-2].top:
        return
    shown = "" if batch.masked else _before_and_now(columns)
    ended = 0
    for at in range(len(shapes) - 2, -1, -1):
        if any(shape in shapes[at] for shape in shapes[-1]):
            break
        ended += 1
    known = {shape for found in shapes[:-1] for shape in found}
    fresh = sum(rows for shape, rows in shapes[-1].items() if shape not in known) / max(batch.text.counted, 1.0)
    if fresh >= MOSTLY or fresh * batch.text.counted >= max(SEVERAL, RARELY * batch.text.counted):
        yield Cause(
            "written differently" if fresh >= MOSTLY else "some written differently",
            0.65 if fresh >= MOSTLY else 0.61,
            f"{percent_of(fresh, batch.text.counted)} of {name} are written in a way never seen before{shown}.",
            same=f"written as {sorted(shapes[-1])}",
            shown_in=frozenset({"format"}),
        )
    elif GONE <= ended < len(columns) - 1:
        told = f"{name} is written as none of the last {ended} batches was, and as those before were{shown}."
        yield Cause("written as once before", 0.65, told, shown_in=frozenset({"format"}))


def _before_and_now(columns: Sequence[ColumnProfile]) -> str:
    """One value of before and one of now that is written as none was; numbers beside numbers."""
    known = {shape for c in columns[:-1] for shape, _ in c.text.formats}
    seen = {value for c in columns[:-1] for value, _ in c.top}
    top = [value for value, _ in columns[-1].top]
    fresh = next((v for v in top if pattern(v) not in known), next((v for v in top if v not in seen), top[0]))
    letters = any(map(str.isalpha, fresh))
    usual = [v for v, _ in columns[-2].top if v.strip().lower() not in NULLISH] or [columns[-2].top[0][0]]
    before = next((v for v in usual if any(map(str.isalpha, v)) == letters), usual[0])
    return f": `{before}` before, `{fresh}` now"


def _float32(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Digits that a narrower type, or a sum of doubles, leaves behind: 12.3 is 12.300000190734863."""
    *history, batch = columns
    if batch.masked or any(_noisy(v) for c in history for v, _ in c.top):
        return
    noisy = [(v, rows) for v, rows in batch.top if _noisy(v)]
    if sum(rows for _, rows in noisy) < max(2.0, RARELY * sum(rows for _, rows in batch.top)):
        return
    value = noisy[0][0]
    yield Cause(
        "digits of a float", 0.955,
        f"Numbers of {name} have digits without a meaning behind the point, as from a float or a sum of doubles: "
        f"`{_without(value)}` is `{value}`.",
    )  # fmt: skip


def _without(value: str) -> str:
    return f"{float(value):.7g}"


def _noisy(value: str) -> bool:
    """Whether a number is written with digits beyond those of the number that it nearly is."""
    if len(value) < NOISY or not _NUMBER.match(value):
        return False
    short = _without(value)
    return len(short) <= NOISY - 3 and short != value and math.isclose(float(short), float(value), rel_tol=1e-6)


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
    ends = plural(round(limit), "character")
    yield Cause(
        f"cut at {ends}", 0.96,
        f"Texts of {name} end after {ends}: `{long}` before, `{value}` now.",
    )  # fmt: skip
