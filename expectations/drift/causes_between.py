"""Causes of what is odd between columns: a sum that no longer agrees, two clocks that lie further apart by whole half hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from expectations.drift.model import Cause
from expectations.profile.model import BETWEEN, Profile

# Share of the rows in which a formula held, and of that what is left of it where it no longer does.
HELD = 0.8
BROKEN = 0.9
STEP = 1800.0
# Seconds by which the move of a gap may differ from whole steps.
EXACT = 300.0
KNOWN = 3
# Places of the quartiles in `Relations.gaps`.
LOW, MIDDLE, HIGH = 3, 4, 5


def causes(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile, and has to do with this column."""
    yield from _sums(name, profiles)
    yield from _gaps(name, profiles)


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
            seen = f"in {100 * now:.0f} % now" if now else "in few rows now, if in any"
            sentence = (
                f"{formula} held in {100 * then:.0f} % of the rows and holds {seen}{_on_average(target, terms, batch)}."
            )
            yield Cause(f"{formula} no longer holds", 0.75, sentence)


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
        lies = f"{abs(hours):g} h {'later' if hours > 0 else 'earlier'}"
        yield Cause(
            f"{hours:+g} h next to {other}", 0.7,
            f"{name} lies {lies} than usual next to {other}, as with another time zone for one of them: between them were "
            f"{_minutes(usual)} and are {_minutes(gap[MIDDLE])}.",
        )  # fmt: skip


def _minutes(seconds: float) -> str:
    return f"{abs(seconds) / 60:.0f} min"
