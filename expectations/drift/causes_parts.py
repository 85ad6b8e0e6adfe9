"""Causes of what is odd in a part of the rows, or in which row a value stands: one label's rows in another unit, some numbers
times a hundred, another column's values, values in other rows than they belong to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from expectations.drift.model import Cause
from expectations.drift.words import bounded, factor, listed, percent, percent_of, than
from expectations.profile.model import BETWEEN, ColumnProfile, Profile

SHOWN = 7
# A column is another one's copy where it has so many different values.
VARIED = 3
# Within one label numbers are others where their mean, as a logarithm, is so many times what it strayed away, and so far at
# least; and the labels beside it hardly are.
AWAY = 4.0
FAR = 0.18
BESIDE = 0.4
# So many rows make the mean of a label.
ROWS = 4
# Numbers that are known ones multiplied by one of these, in so many rows and of so many values.
FACTORS = (10.0, 100.0, 1000.0, 12.0, 0.1, 0.01, 0.001, 60.0, 1 / 60)
LEAST_ROWS = 2
LEAST = 0.02
# Of the numbers never seen before those that are.
MOSTLY = 0.7
ALL = 0.95
# Two columns went together where their ranks did so far, and no longer do where so much of it is lost.
TOGETHER = 0.5
LOST = 0.15
# A column's numbers are as usual where so many of their places lie within what they were.
USUAL = 0.7
# Rows stand by a column where so many of them are next to one of its values, of those that could be; and never were so many.
GROUPED = 0.97
APART = 0.8
# And its values come so many times each.
OFTEN = 3
# Where so many of the rows repeat another, that says more than their order.
COPIES = 0.1
OF_ROWS = frozenset({"relation", "order", "segment"})


def causes(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile, and has to do with this column, which isn't masked."""
    columns = [p.columns[name] for p in profiles if name in p.columns]
    if len(columns) <= SHOWN:
        return
    yield from _copied(name, profiles)
    yield from _within_a_label(name, profiles)
    yield from _times(name, columns)
    yield from _in_other_rows(name, profiles)
    yield from _grouped(profiles)


def _copied(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Every value, as often as it stands there, is another column's: a mapping took its neighbour twice."""
    *history, batch = profiles
    own = batch.columns[name]
    if own.distinct < VARIED or _alike(own, history[-1].columns.get(name)):
        return
    for other, column in batch.columns.items():
        before = [p for p in history if {name, other} <= p.columns.keys()]
        if other == name or column.masked or not before or not _alike(own, column):
            continue
        # Of the two that are equal now it is the one that isn't what it was.
        if any(_alike(p.columns[name], p.columns[other]) for p in before) or _further(other, name, profiles):
            continue
        value = own.top[0][0] if own.top else ""
        yield Cause(
            f"{name} holds {other}", 0.975,
            f"{name} holds the values of {other}, each as often (`{value}` is the commonest of both), and none of its own.",
            between=tuple(sorted((name, other))),
        )  # fmt: skip
        return


def _alike(one: ColumnProfile, other: ColumnProfile | None) -> bool:
    return other is not None and bool(one.sketch.hashes) and one.sketch == other.sketch and one.nulls == other.nulls


def _further(one: str, other: str, profiles: Sequence[Profile]) -> bool:
    """Whether the first of two columns is less like it was than the second."""
    batch = profiles[-1]

    def known(name: str) -> float:
        seen = {h for p in profiles[:-1] if name in p.columns for h in p.columns[name].sketch.hashes}
        now = batch.columns[name].sketch.hashes
        return sum(h in seen for h in now) / max(len(now), 1)

    return known(one) < known(other)


def _within_a_label(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Numbers of the rows with one label are another unit's, those of the rows beside it as usual."""
    *history, batch = profiles
    found: list[tuple[float, str, str, float, float]] = []
    off: dict[str, list[tuple[float, float]]] = {}
    for key, now in batch.relations.segments.items():
        by, label, of = key.split(BETWEEN)
        before = [s for p in history if len(s := p.relations.segments.get(key, ())) == 5 and s[2] >= ROWS]
        if of != name or len(now) != 5 or now[2] < ROWS or len(before) < SHOWN or batch.columns[name].clocks:
            continue
        means = np.array([s[3] for s in before])
        usual = float(np.median(means))
        chance = now[4] / math.sqrt(now[2])
        stray = max(float(np.abs(means - usual).max()) / 2, float(np.std(means)), chance, 1e-3)
        off.setdefault(by, []).append((abs(now[3] - usual), abs(now[3] - usual) / stray))
        found.append((abs(now[3] - usual) / stray, by, label, now[3] - usual, usual))
    if not found or (best := max(found))[0] < AWAY or abs(best[3]) < FAR:
        return
    _, by, label, moved, usual = best
    others = [(far, times) for far, times in off[by] if far < abs(moved)]
    if (
        batch.columns[by].masked
        or not others
        or any(far > BESIDE * abs(moved) or times > AWAY / 2 for far, times in others)
    ):
        return
    # Means are those of log(1 + x).
    times = (
        math.expm1(bounded(usual + moved)) / math.expm1(bounded(usual))
        if usual and usual * (usual + moved) > 0
        else math.nan
    )
    if not times > 0:
        return
    rows = batch.relations.segments[BETWEEN.join((by, label, name))][0]
    yield Cause(
        f"{factor(times)} where {by} is {label}", 0.87,
        f"Where {by} is `{label}` ({rows:,.0f} rows), {name} is typically {than(times, 'what it was')}; elsewhere it is as "
        f"usual: one label's rows in another unit or currency.",
    )  # fmt: skip


def _times(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Numbers never seen before that are known ones multiplied."""
    *history, batch = columns
    if batch.numbers is None or batch.clocks:
        return
    known = {number for c in history for number, _ in _numbers(c) if number}
    fresh = [(number, rows) for number, rows in _numbers(batch) if number and number not in known]
    rows = sum(count for _, count in fresh)
    if rows < max(LEAST_ROWS, LEAST * batch.text.counted):
        return
    for times in FACTORS:
        made = {round(number * times, 9): number for number in known}
        same = [(number, made[number], count) for number, count in fresh if number in made]
        theirs = sum(count for _, _, count in same)
        number, was, _ = max(same, key=lambda one: one[2], default=(0.0, 0.0, 0.0))
        if theirs >= MOSTLY * rows and (len(same) > 1 or (same and _is_less(was, columns))):
            of_all = sum(count for n, count in _numbers(batch) if n in made)
            commonest = max(known, key=lambda n: median(_share(c, n) for c in history))
            whole = of_all >= ALL * (batch.text.counted - batch.numbers.zero) and _is_less(commonest, columns)
            if not whole and theirs > batch.text.counted / 2:
                # Of the others the number before isn't known: that all of them are larger is told by their middle.
                return
            theirs = of_all if whole else theirs
            unit = f"unit {'x' if times > 1 else '/'} {max(times, 1 / times):,.0f}"
            share = percent_of(theirs / batch.text.counted, batch.text.counted)
            yield Cause(
                unit if whole else f"{unit} in some rows", 0.965 if whole else 0.9,
                f"{'All' if whole else share} of {name} are known numbers {'times' if times > 1 else 'divided by'} "
                f"{max(times, 1 / times):,.0f}: `{was:.6g}` before, `{number:.6g}` now.",
            )  # fmt: skip
            return


def _is_less(number: float, columns: Sequence[ColumnProfile]) -> bool:
    """Whether a number stands in fewer than half of its usual rows."""
    shares = [_share(c, number) for c in columns]
    return median(shares[:-1]) > LEAST and shares[-1] < median(shares[:-1]) / 2


def _share(column: ColumnProfile, number: float) -> float:
    return sum(rows for n, rows in _numbers(column) if n == number) / max(column.text.counted, 1.0)


def _numbers(column: ColumnProfile) -> Iterator[tuple[float, float]]:
    for text, rows in column.top:
        try:
            yield round(float(text), 9), rows
        except ValueError:
            continue


def _in_other_rows(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """A column as usual by itself that no longer goes with those it went with: its values stand in other rows."""
    *history, batch = profiles
    lost: list[tuple[float, float, float, str]] = []
    of: dict[str, int] = {}
    for key, now in batch.relations.ranks.items():
        before = [p.relations.ranks[key] for p in history if key in p.relations.ranks]
        if len(before) < SHOWN:
            continue
        usual = median(before)
        most = max(abs(b - usual) for b in before)
        if abs(usual) < TOGETHER or abs(now) > abs(usual) - LOST or abs(now - usual) < 2 * most:
            continue
        one, other = key.split(BETWEEN)
        of[one], of[other] = of.get(one, 0) + 1, of.get(other, 0) + 1
        if name in (one, other):
            lost.append((abs(usual), usual, now, other if name == one else one))
    if not lost or not _as_usual([p.columns[name] for p in profiles if name in p.columns]):
        return
    _, usual, now, other = max(lost)
    which = "some" if abs(now) > LOST else "they"
    # Of two that no longer go together it is the one that goes with none of the others either.
    sure = of[name] > 1 and of[name] > max((of[o] for _, _, _, o in lost), default=0)
    others = listed(sorted(o for _, _, _, o in lost)[:3])
    yield Cause(
        f"{name} in other rows", 0.7 if sure else 0.61,
        f"{name} no longer fits {others} of its row (how far it goes with {other}, 1 being always: {abs(usual):.2f} before, "
        f"{abs(now):.2f} now), while its values as such are as usual: {which} stand in other rows than they belong "
        f"to{'' if sure else f', or those of {other} do'}.",
        OF_ROWS, between=() if sure else tuple(sorted((name, other))), shown_in=OF_ROWS,
        same=f"in other rows {sorted((name, other))}" if not sure else "",
    )  # fmt: skip


def _as_usual(columns: Sequence[ColumnProfile]) -> bool:
    """Whether numbers, or points in time, have the sizes that they had."""
    found = [c.numbers for c in columns if c.numbers is not None]
    if columns[-1].clocks:
        return True
    if len(found) <= SHOWN or columns[-1].numbers is None:
        return False
    each = np.array([n.quantiles for n in found])[:, 3:-3]
    reach = np.ptp(each[:-1], axis=0) / 4
    inside = (each[-1] >= each[:-1].min(axis=0) - reach) & (each[-1] <= each[:-1].max(axis=0) + reach)
    return bool(inside.mean() >= USUAL)


def _grouped(profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Rows in another order: those with one value of a column stand together, which breaks whatever order others had."""
    *history, batch = profiles
    if batch.duplicates > COPIES * batch.rows:
        # Copies that stand beside their rows are together in every column.
        return
    for name, column in batch.columns.items():
        before = [p for p in history if name in p.columns]
        if column.masked or not before or not 2 <= column.distinct <= batch.rows / OFTEN:
            continue
        if _together(name, batch) >= GROUPED and max(_together(name, p) for p in before) < APART:
            yield Cause(
                f"rows sorted by {name}", 0.96,
                f"The rows stand in another order, sorted or grouped by {name}: {percent(column.same_next)} have the {name} of "
                f"the next row, {percent(max(p.columns[name].same_next for p in before))} at most had.",
                frozenset({"order"}), all_of=tuple(batch.columns), same="rows sorted", shown_in=frozenset({"order"}),
            )  # fmt: skip
            return


def _together(name: str, profile: Profile) -> float:
    """Of the rows that could have the value of the next one in a column, those that do."""
    column = profile.columns[name]
    could = 1 - (column.distinct - 1) / max(profile.rows - 1, 1)
    return column.same_next / could if could > 0 else 0.0
