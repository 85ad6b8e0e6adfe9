"""Causes of what is odd in a table as a whole: an earlier file again, rows multiplied by a join, most of the rows missing, a
header among them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

from expectations.drift.at_once import SEVERAL
from expectations.drift.calendar import Label
from expectations.drift.figures import each_column
from expectations.drift.model import Cause
from expectations.drift.volume import is_a_page
from expectations.profile.model import Profile
from expectations.profile.spelling import pattern

AGAIN = 0.8
REPEATED = 0.4
FEW = 0.67
# Of the columns in which something is written in a new way: those where that is how their own name is.
NAMES = 0.8


def causes(profiles: Sequence[Profile], labels: Sequence[Label]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile."""
    yield from _again(profiles, labels)
    yield from _multiplied(profiles)
    yield from _header(profiles)
    yield from _page(profiles)
    yield from _few(profiles)


def _again(profiles: Sequence[Profile], labels: Sequence[Label]) -> Iterator[Cause]:
    *history, batch = profiles
    marks = {whole for _, whole in batch.row_marks}
    alike = [p for p in history if p.marked_by == batch.marked_by and p.row_marks]
    if not marks or not alike:
        return
    best = max(alike, key=lambda p: len(marks & {whole for _, whole in p.row_marks}))
    share = len(marks & {whole for _, whole in best.row_marks}) / len(marks)
    if share >= AGAIN:
        label = labels[profiles.index(best)]
        named = f"the batch {label}" if label is not None else "an earlier batch"
        yield Cause("an earlier file again", share, f"{100 * share:.0f} % of the rows are those of {named}.")


def _multiplied(profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    usual = median(p.duplicates / max(p.rows, 1) for p in history)
    share = batch.duplicates / max(batch.rows, 1)
    if share < REPEATED or share - usual < REPEATED:
        return
    times = batch.rows / max(batch.rows - batch.duplicates, 1.0)
    whole = abs(times - round(times)) < 0.05
    count = f"{times:.0f}" if whole else f"{times:.1f}"
    yield Cause(
        f"rows multiplied by {count}", 0.95 if whole else 0.7,
        f"Every row stands there {count} times{'' if whole else ' on average'}, as after a join with a key that isn't one.",
    )  # fmt: skip


def _header(profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    new = {
        name: {spelled for spelled, _ in batch.columns[name].text.formats}
        - {spelled for p in history for spelled, _ in p.columns[name].text.formats}
        for name in each_column(list(profiles))
    }
    odd = [name for name, spelled in new.items() if spelled]
    names = [name for name in odd if pattern(name) in new[name]]
    if len(names) >= max(SEVERAL, NAMES * len(odd)):
        yield Cause(
            "header among the rows", 0.95,
            "A row holds the names of the columns, as where files are put one behind the other with their headers.",
        )  # fmt: skip


def _page(profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    counts = [float(p.rows) for p in history]
    if is_a_page(float(batch.rows), counts):
        yield Cause(
            f"the first {batch.rows:,} rows", 0.95,
            f"Exactly {batch.rows:,} rows came, as from a page or query with that limit; about {median(counts):,.0f} are usual.",
        )  # fmt: skip


def _few(profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    usual = median(p.rows for p in history)
    if 0 < batch.rows < FEW * usual:
        share = batch.rows / usual
        confidence = min(0.94, 0.6 + 0.3 * abs(math.log10(share)))
        yield Cause(
            f"{100 * share:.0f} % of the rows" if share >= 0.01 else "next to no rows", confidence,
            f"{batch.rows:,} row{'s' * (batch.rows != 1)} came where about {usual:,.0f} are usual.",
        )  # fmt: skip
