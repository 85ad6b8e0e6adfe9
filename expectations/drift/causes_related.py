"""Causes of what is odd in a column next to those it goes with: a sum so far, a factor where no sum holds, some rows in another
zone, a formula of which a column was renamed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from expectations.drift.model import Cause
from expectations.drift.schema import renamed_columns
from expectations.drift.words import factor, listed, percent, than
from expectations.profile.model import BETWEEN, GRID, ColumnProfile, Profile
from expectations.profile.relations import GAP_GRID

# Batches that must have shown what is usual.
SHOWN = 7
# Of the steps from row to row those that fall where each number is the sum of all up to its row, at most; and that usually do.
FALLS = 0.01
FELL = 0.25
# Rows that a sum so far must have, and how far its rise may be from what so many usual numbers make, as a factor.
ROWS = 10
AS_MUCH = 2.0
# Two columns go together where one explains so much of the other's variance, in logarithms.
RELATED = 0.8
# A column has a factor where what the others make of it is off by so much at least, as a logarithm, and by so many times what it
# ever was; and by the same from each of them, as a share of it.
LEAST = math.log(1.02)
FURTHER = 3.0
AGREE = 0.25
# Of smaller numbers the logarithms that are kept are no logarithms.
LARGE = 10.0
# Seconds of whole hours; a gap may differ from them by so much, and usually be as wide at most.
HOUR = 3600.0
NARROW = 1800.0
OFF = 600.0
# Hours of a label's rows next to the others': off a whole number of hours by so much at most, in errors of the mean as well; as
# wide as usual, as a factor.
WHOLE = 0.3
ERRORS = 4.0
AS_WIDE = 1.3
HALF_A_DAY = 12.0


def causes(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile, and has to do with this column."""
    columns = [p.columns[name] for p in profiles if name in p.columns]
    yield from _renamed(name, profiles)
    if len(columns) <= SHOWN:
        return
    yield from _running_total(name, columns)
    yield from _factor(name, profiles)
    yield from _some_rows(name, profiles)
    yield from _rows_of_a_label(name, profiles)


def _running_total(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Numbers that rise from row to row, and by as much as the usual ones make together."""
    now, found = (
        columns[-1],
        [c for c in columns[:-1] if c.numbers is not None and c.steps is not None and any(c.steps)],
    )
    if now.numbers is None or now.steps is None or now.numbers.count < ROWS or len(found) < SHOWN:
        return
    usual = median(_falls(c.steps) for c in found)
    if not any(now.steps) or _falls(now.steps) > FALLS or usual < FELL:
        return
    mean = median(c.numbers.mean for c in found if c.numbers is not None)
    rise = now.numbers.quantiles[-1] - now.numbers.quantiles[0]
    made = (now.numbers.count - 1) * mean
    if made <= 0 or not made / AS_MUCH < rise < made * AS_MUCH:
        return
    yield Cause(
        "sums so far", 0.985,
        f"Each number of {name} is the sum of those up to its row: none is below the one before it, where {percent(usual)} "
        f"usually are, and they rise by {rise:,.6g} over {now.numbers.count:,.0f} rows of usually {mean:,.4g} each.",
    )  # fmt: skip


def _falls(steps: tuple[float, float] | None) -> float:
    down, up = steps or (0.0, 0.0)
    return down / max(down + up, 1.0)


@dataclass(frozen=True)
class _Logs:
    """Means and covariance of the logarithms of a batch's numbers, by column."""

    means: Mapping[str, float]
    of: Mapping[tuple[str, str], float]


def _logs(profile: Profile) -> _Logs | None:
    r = profile.relations
    if len(r.means) != 2 or not np.isfinite(r.covariance[1]).all():
        return None
    rows, others = np.triu_indices(len(r.number_columns))
    both = [(r.number_columns[i], r.number_columns[j]) for i, j in zip(rows.tolist(), others.tolist(), strict=True)]
    pairs = dict(zip(both, r.covariance[1], strict=True))
    return _Logs(
        dict(zip(r.number_columns, r.means[1], strict=True)), pairs | {(b, a): value for (a, b), value in pairs.items()}
    )


def _factor(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """A column that is off by one factor from what each of the columns that go with it makes of it, while these agree among
    themselves: with one of them alone, the one that is as large as it was in some batch.
    """
    formulas = {formula for p in profiles[:-1] for formula in p.relations.formulas}
    if any(name in (target, *terms) for target, _, terms in map(_parts, formulas)):
        return
    found = [logs for p in profiles if (logs := _logs(p)) is not None and name in logs.means]
    if len(found) <= SHOWN or not _is_large(profiles, name) or name not in (_logs(profiles[-1]) or found[0]).means:
        return
    history, now = found[:-1], found[-1]
    off: dict[str, float] = {}
    for other in now.means:
        if other != name and _is_large(profiles, other):
            by = _off(name, other, history, now)
            if by is not None:
                off[other] = by
    # Of those that go with it one strays as usual: then it is no factor.
    moved = list(off.values())
    if not moved or min(map(abs, moved)) < LEAST:
        return
    middle = median(moved)
    if any(abs(value - middle) > AGREE * abs(middle) for value in moved):
        return
    own = now.means[name] - np.array([h.means[name] for h in history])
    for other in off:
        usual = [h.means[other] for h in history]
        # It must be this one that moved, and not the other.
        if not min(usual) - AGREE * abs(middle) <= now.means[other] <= max(usual) + AGREE * abs(middle):
            return
    if abs(float(np.median(own)) - middle) > abs(middle) / 2:
        return
    # The logarithms are those of one more than each number.
    ratio = math.expm1(now.means[name]) / math.expm1(now.means[name] - middle)
    yield Cause(
        factor(ratio), 0.83,
        f"{name} is {than(ratio, f'what {listed(sorted(off))} of its row usually go with')}.",
        same=f"{name} {factor(ratio)}",
    )  # fmt: skip


def _is_large(profiles: Sequence[Profile], name: str) -> bool:
    numbers = [p.columns[name].numbers for p in profiles if name in p.columns]
    found = [n for n in numbers if n is not None]
    middle = GRID.index(0.5)
    return len(found) == len(profiles) and all(
        n.quantiles[middle] >= LARGE and not n.negative and not n.zero for n in found
    )


def _off(name: str, other: str, history: Sequence[_Logs], now: _Logs) -> float | None:
    """By how much a column is off from what another one makes of it, as a logarithm, 0.0 where it strays as usual; None where the
    two don't go together.
    """
    both = [h for h in history if name in h.means and other in h.means]
    if len(both) < SHOWN or name not in now.means:
        return None
    own, others, together = (
        float(np.median([h.of[pair] for h in both])) for pair in ((name, name), (other, other), (name, other))
    )
    if own <= 0 or others <= 0 or together**2 < RELATED * own * others:
        return None
    slope = together / others
    left = [h.means[name] - slope * h.means[other] for h in both]
    usual = median(left)
    moved = now.means[name] - slope * now.means[other] - usual
    return moved if abs(moved) > FURTHER * max(abs(value - usual) for value in left) else 0.0


def _some_rows(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Some rows in which two clocks lie whole hours further apart than they ever do, while the others are as usual."""
    *history, batch = profiles
    for key, gap in batch.relations.gaps.items():
        a, b = key.split(BETWEEN)
        before = [p.relations.gaps[key] for p in history if key in p.relations.gaps]
        if name not in (a, b) or len(before) < SHOWN:
            continue
        usual, now = np.median(np.array(before), axis=0)[2:], np.array(gap[2:])
        wide = usual[1:-1].max() - usual[1:-1].min()
        # The outermost gap may be one row's.
        strayed = [at for at in range(1, len(now) - 1) if abs(now[at] - usual[at]) > HOUR / 2]
        middle = len(now) // 2
        if wide > NARROW or not strayed or middle in strayed:
            continue
        furthest = max(strayed, key=lambda at: abs(now[at] - usual[at]))
        moved = float(now[furthest] - usual[middle])
        hours = round(moved / HOUR)
        if not hours or abs(moved - hours * HOUR) > max(OFF, wide):
            continue
        sign = 1 if hours > 0 else -1
        if any((at - middle) * sign < 0 for at in strayed):
            continue
        nearest = min(strayed, key=lambda at: abs(at - middle))
        share = GAP_GRID[nearest] if sign < 0 else 1 - GAP_GRID[nearest]
        hours *= 1 if name == b else -1
        other = a if name == b else b
        yield Cause(
            f"{hours:+d} h in some rows", 0.72,
            f"In {percent(share)} of the rows or more {name} lies {_apart(hours)} than usual next to {other}, as where some come "
            f"from another time zone; in the others it is as it was.",
            between=(a, b), same=f"some rows apart {a} {b}",
        )  # fmt: skip


def _rows_of_a_label(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """The rows of one label whose time of day lies whole hours from where it usually lies next to the others' rows."""
    *history, batch = profiles
    if not batch.columns[name].clocks:
        return
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for key, figures in batch.relations.segments.items():
        by, label, of = key.split(BETWEEN)
        before = [p.relations.segments[key] for p in history if len(p.relations.segments.get(key, ())) == len(figures)]
        if of != name or len(figures) < 5 or len(before) < SHOWN:
            continue
        means, spreads = ([one[at] for one in before] for at in (3, 4))
        if figures[4] > AS_WIDE * max(median(spreads), 0.1):
            continue
        usual = median(means)
        error = math.sqrt(figures[4] ** 2 / figures[2] + float(np.var(means)))
        found.setdefault(by, {})[label] = _around(figures[3] - usual), error
    for by, labels in sorted(found.items()):
        for label, (moved, error) in sorted(labels.items()):
            others = [(shift, e) for other, (shift, e) in labels.items() if other != label]
            if not others:
                continue
            rest = median(shift for shift, _ in others)
            apart = _around(moved - rest)
            hours = round(apart)
            together = error + max(e for _, e in others)
            agree = all(abs(_around(shift - rest)) < max(WHOLE, ERRORS * e) for shift, e in others)
            # Where two labels are all, the smaller one has moved.
            smaller = len(others) > 1 or abs(moved) > abs(rest)
            if hours and agree and smaller and abs(apart) > ERRORS * together and abs(apart - hours) < WHOLE:
                yield Cause(
                    f"{hours:+d} h where {by} is {label}", 0.87,
                    f"The hours of {name} lie {_apart(hours)} where {by} is {label}, next to the other rows: as where these rows "
                    f"are told in another time zone.",
                )  # fmt: skip


def _around(hours: float) -> float:
    """Hours round the clock, -12 to 12."""
    return (hours + HALF_A_DAY) % (2 * HALF_A_DAY) - HALF_A_DAY


def _apart(hours: int) -> str:
    return f"{abs(hours)} h {'later' if hours > 0 else 'earlier'}"


def _renamed(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """A formula that held and can't any more, as a column of it is called otherwise or is gone."""
    *history, batch = profiles
    gone = [column for column in history[-1].columns if column not in batch.columns]
    if not gone:
        return
    come = [column for column in batch.columns if all(column not in p.columns for p in history)]
    new = renamed_columns(history[-1], batch, gone, come)
    now = {_parts(formula): share for formula, share in batch.relations.formulas.items()}
    for formula, held in history[-1].relations.formulas.items():
        target, _, terms = _parts(formula)
        lost = sorted({target, *terms} & set(gone))
        if not lost or name not in (target, *terms):
            continue
        renamed = _parts(formula, new)
        names = {column: new[column] for column in lost if column in new}
        if len(names) == len(lost) and now.get(renamed, 0.0) >= held / 2:
            told = f"{formula} holds as before under the new name: {_called(names)}."
        elif names:
            told = f"{formula} held in {percent(held)} of the rows and doesn't under the new name: {_called(names)}."
        else:
            told = f"{formula} can't be checked any more: {listed(lost)} {'is' if len(lost) == 1 else 'are'} gone."
        what = f"renamed to {listed(list(names.values()))}" if len(names) == len(lost) else "gone"
        yield Cause(f"{listed(lost)} {what}", 0.97, told, between=(target, *sorted(terms)), same=formula)


def _parts(formula: str, new: Mapping[str, str] | None = None) -> tuple[str, str, frozenset[str]]:
    """Left side, sign and terms of a formula, in the new names of columns that have one."""
    target, _, right = formula.partition(" = ")
    sign = " * " if " * " in right else " + "
    names = new or {}
    return names.get(target, target), sign, frozenset(names.get(term, term) for term in right.split(sign))


def _called(names: Mapping[str, str]) -> str:
    return listed([f"{old} is called {new} now" for old, new in names.items()])
