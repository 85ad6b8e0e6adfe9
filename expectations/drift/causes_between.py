"""Causes of what is odd between columns: a sum that no longer agrees, two clocks that lie further apart by whole half hours,
columns or labels in each other's place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

import numpy as np
from numpy.typing import NDArray

from expectations.drift.exchanged import exchanged, labels
from expectations.drift.model import Cause
from expectations.drift.words import factor, listed, than
from expectations.profile.model import BETWEEN, ColumnProfile, Profile
from expectations.profile.numbers import DAY

# Share of the rows in which a formula held, and of that what is left of it where it no longer does.
HELD = 0.8
BROKEN = 0.9
STEP = 1800.0
# Seconds by which the move of a gap may differ from whole steps.
EXACT = 300.0
KNOWN = 3
# Share of the variance that a line may leave which goes through all rows but for rounding, and how far a slope may be from 1.
LEAVES_NOTHING = 1e-4
SAME_SLOPE = 0.005
# Two columns are swapped where each is so much like the other was, and neither like itself.
ALIKE = 0.8
UNLIKE = 0.6
# Labels are exchanged where their rows differ by so much of the usual, the other way round, and never did so before.
THE_OTHER_WAY = -0.5
EXCHANGED = "labels exchanged"
# Places of the quartiles in `Relations.gaps`.
LOW, MIDDLE, HIGH = 3, 4, 5


def causes(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile, and has to do with this column."""
    yield from _swapped(name, profiles)
    yield from _exchanged(name, profiles)
    yield from _sums(name, profiles)
    yield from _gaps(name, profiles)


def _swapped(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Another column that holds now what this one usually holds, and the other way round."""
    *history, batch = profiles
    last = history[-1]
    for other in batch.columns:
        if other == name or not {name, other} <= last.columns.keys() or batch.columns[other].masked:
            continue
        mine, others = (likeness(batch.columns[a], last.columns[b]) for a, b in ((name, other), (other, name)))
        own = max(likeness(batch.columns[one], last.columns[one]) for one in (name, other))
        if min(mine, others) >= ALIKE and own < UNLIKE:
            yield Cause(
                f"columns {name} and {other} swapped", 0.98 * min(mine, others) + 0.01,
                f"{name} holds what {other} held before, and {other} what {name} held.",
                between=tuple(sorted((name, other))), same=f"swapped {sorted((name, other))}",
            )  # fmt: skip


def _exchanged(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """The two commonest labels in each other's place."""
    for _, pairs in exchanged(profiles, [name]):
        if pairs[-1][0] <= THE_OTHER_WAY < min(value for value, _ in pairs[:-1]):
            one, other = labels(profiles[-1], name)
            yield Cause(
                f"labels {one} and {other} exchanged", 0.9,
                f"Rows with {one} in {name} are like those with {other} were, and the other way round.",
                same=EXCHANGED,
            )  # fmt: skip


def likeness(a: ColumnProfile, b: ColumnProfile) -> float:
    """From 0 to 1 how far two columns hold the like: numbers of the same sizes with as many decimals, or texts many of which are
    the same.
    """
    if a.numbers is not None and b.numbers is not None:
        digits = [np.array(c.decimals) / max(sum(c.decimals), 1.0) for c in (a.numbers, b.numbers)]
        one, two = (np.array(c.numbers.quantiles)[3:-3] for c in (a, b) if c.numbers is not None)
        scale = max(float(np.median(np.abs(two))), 1e-9)
        sizes = 1 - float(np.median(np.abs(np.arcsinh(one / scale) - np.arcsinh(two / scale))))
        return max(0.0, min(sizes, float(np.minimum(*digits).sum())))
    if (a.numbers is None) != (b.numbers is None) or not a.top or not b.top:
        return 0.0
    known = {value for value, _ in b.top}
    shapes = {shape for shape, _ in b.text.formats}
    of_values = sum(rows for value, rows in a.top if value in known) / sum(rows for _, rows in a.top)
    of_shapes = sum(rows for shape, rows in a.text.formats if shape in shapes) / max(a.text.counted, 1.0)
    return max(of_values, 0.9 * of_shapes if of_values else 0.0)


def _sums(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    for formula in sorted({key for p in history for key in p.relations.formulas}):
        target, _, right = formula.partition(" = ")
        terms = right.split(" * ") if " * " in right else right.split(" + ")
        if name not in (target, *terms) or not {target, *terms} <= batch.columns.keys():
            continue
        held = [p.relations.formulas.get(formula, 0.0) for p in history]
        # Below what is recorded it holds in few rows, if in any.
        then, now = median(held), batch.relations.formulas.get(formula, 0.0)
        if then >= HELD and now < BROKEN * then:
            moved = _the_moved(target, terms, batch) if len(terms) > 1 and " + " in right else None
            if moved is not None:
                at, cause = moved
                yield (
                    cause
                    if at == name
                    else replace(cause, between=(target, *terms), same=f"{formula} no longer agrees")
                )
                continue
            seen = f"in {100 * now:.0f} % now" if now else "in few rows now, if in any"
            made = _on_average(target, terms, batch) if " + " in right else ""
            sentence = f"{formula} held in {100 * then:.0f} % of the rows and holds {seen}{made}."
            yield Cause(f"{formula} no longer holds", 0.75, sentence, between=(target, *terms))


def _the_moved(target: str, terms: Sequence[str], batch: Profile) -> tuple[str, Cause] | None:
    """Which column of a sum was multiplied or moved, and its cause, where the others tell it row by row; None where none fits.

    What the others make of a column goes with it in a line that leaves nothing, and its slope isn't 1 or it doesn't go through 0.
    """
    r = batch.relations
    if not r.means or not {target, *terms} <= set(r.number_columns):
        return None
    places = [r.number_columns.index(name) for name in (target, *terms)]
    covariance = _whole(r.covariance[0], len(r.number_columns))[np.ix_(places, places)]
    if not np.isfinite(covariance).all():
        return None
    means, signs = np.array(r.means[0])[places], np.array([1.0, *[-1.0] * len(terms)])
    found = []
    for at, name in enumerate((target, *terms)):
        own = covariance[at, at]
        # The sum as it should be, solved for this column.
        weights = -signs * signs[at]
        weights[at] = 0.0
        made, with_own = weights @ covariance @ weights, weights @ covariance[:, at]
        if own > 0 and made > 0:
            slope = with_own / own
            found.append((1 - with_own**2 / (own * made), name, slope, weights @ means - slope * means[at], own**0.5))
    left, name, slope, offset, size = min(found, default=(1.0, "", 1.0, 0.0, 1.0))
    if left > LEAVES_NOTHING or slope <= 0:
        return None
    others = [other for other in (target, *terms) if other != name]
    broken = f"{target} = {' + '.join(terms)} no longer agrees"
    if abs(slope - 1) > SAME_SLOPE:
        told = than(1 / slope, f"what {listed(others)} of its row make it")
        return name, Cause(factor(1 / slope), 0.9, f"{name} is {told}: {broken}.")
    if abs(offset) > SAME_SLOPE * size:
        told = f"what {listed(others)} of its row make it"
        return name, Cause(f"moved by {-offset:+.4g}", 0.9, f"{name} lies {-offset:+,.4g} from {told}: {broken}.")
    return None


def _whole(upper: Sequence[float], size: int) -> NDArray[np.float64]:
    """A symmetric matrix from its upper half."""
    whole = np.zeros((size, size))
    whole[np.triu_indices(size)] = upper
    return np.asarray(whole + whole.T - np.diag(whole.diagonal()))


def _on_average(target: str, terms: Sequence[str], batch: Profile) -> str:
    """What both sides of a sum are on average; nothing where they are hardly apart or a mean isn't known."""
    means = [numbers.mean for name in (target, *terms) if (numbers := batch.columns[name].numbers) is not None]
    if len(means) <= len(terms) or len(terms) < 2:
        return ""
    left, right = means[0], sum(means[1:])
    if f"{left:.2f}" == f"{right:.2f}":
        return ""
    return f": on average {target} is {left:,.2f}, and {' + '.join(terms)} make {right:,.2f}"


def _gaps(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    for key, gap in batch.relations.gaps.items():
        a, b = key.split(BETWEEN)
        before = [p.relations.gaps[key] for p in history if key in p.relations.gaps]
        if name not in (a, b) or len(before) < KNOWN:
            continue
        usual = median(one[MIDDLE] for one in before)
        moved = gap[MIDDLE] - usual
        steps = round(moved / STEP)
        # Gaps that vary widely by themselves move by such steps now and then.
        wide = median(one[HIGH] - one[LOW] for one in before)
        if not steps or wide > STEP or abs(moved - steps * STEP) > EXACT:
            continue
        other = a if name == b else b
        hours = steps * STEP / 3600 * (1 if name == b else -1)
        side, zone = "later" if hours > 0 else "earlier", ", as with another time zone for one of them"
        lies = f"{abs(hours):g} h {side}"
        if abs(hours) >= 24:
            # No zone is a day away.
            lies, zone = f"{abs(hours) / 24:,.3g} day{'s' * (abs(hours) != 24)} {side}", ""
        yield Cause(
            f"{hours:+g} h next to {other}", 0.7,
            f"{name} lies {lies} than usual next to {other}{zone}: between them were "
            f"{_minutes(usual)} and are {_minutes(gap[MIDDLE])}.",
            between=(a, b), same=f"apart {a} {b}",
        )  # fmt: skip


def _minutes(seconds: float) -> str:
    return f"{abs(seconds) / 60:.0f} min" if abs(seconds) < 2 * DAY else f"{abs(seconds) / DAY:.1f} days"
