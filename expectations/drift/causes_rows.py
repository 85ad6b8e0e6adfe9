"""Causes of what is odd in a table as a whole: an earlier file again, rows multiplied by a join, most of the rows missing, a
header among them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from deployments.quantities import plural
from expectations.drift import whose
from expectations.drift.at_once import SEVERAL
from expectations.drift.calendar import Label
from expectations.drift.compare import new_patterns
from expectations.drift.figures import each_column
from expectations.drift.model import EVERYTHING, OF_VALUES, Cause
from expectations.drift.volume import is_a_page
from expectations.drift.words import listed, percent
from expectations.profile.categories import TOP
from expectations.profile.model import Profile
from expectations.profile.spelling import pattern

AGAIN = 0.8
# Nothing of a batch can be another's where so many of its rows are.
ALL = 0.99
REPEATED = 0.4
# What follows where rows stand there twice: how often they come, and not how the values of each are.
OF_COPIES = frozenset({"volume", "duplicates", "order", "per_value", "distinct", "commonest"})
# Where all of them do, their values' shares are of fewer rows than it seems, and every relation of more.
OF_ALL_COPIES = OF_COPIES | {"values", "categories", "relation", "segment"}
OF_HEADER = OF_VALUES | {"completeness"}
# A column is a key where so few of its values ever stood in another row; so many keys of repeated rows are named.
KEY = 0.001
# Of the repeated rows those that one row makes.
ONE = 0.8
NAMED = 3
FEW = 0.67
# That rows are missing says not which: what else is told says that.
OF_COUNT = frozenset({"volume"})
# Where they are a label's, its share follows.
OF_LABEL = OF_COUNT | {"categories", "order", "commonest", "distinct", "mix"}
# Rows that are so few are strays.
STRAY = 2
# Batches that must have shown how many rows come, and of those the share that had the same number.
SHOWN = 7
MOSTLY_SO = 0.7
# A label's rows stand there twice where nearly all of them do.
WHOLE = 0.9
# And where it has about as much of the rows, each taken once, as it usually has, as a logarithm.
NEAR = 0.5
# An earlier batch's rows are among those of today from this share on, where none ever were as many.
PART = 0.03
# Of the columns in which something is written in a new way: those where that is how their own name is.
NAMES = 0.8


def causes(profiles: Sequence[Profile], labels: Sequence[Label]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile."""
    yield from _again(profiles, labels)
    yield from _multiplied(profiles)
    yield from _repeated(profiles)
    yield from _header(profiles)
    yield from _stray(profiles)
    yield from _page(profiles)
    yield from _few(profiles)
    yield from _some(profiles)


def _again(profiles: Sequence[Profile], labels: Sequence[Label]) -> Iterator[Cause]:
    *history, batch = profiles
    marks = {whole for _, whole in batch.row_marks}
    alike = [p for p in history if p.marked_by == batch.marked_by and p.row_marks]
    if not marks or not alike:
        return
    best = max(alike, key=lambda p: len(marks & {whole for _, whole in p.row_marks}))
    share = len(marks & {whole for _, whole in best.row_marks}) / len(marks)
    label = labels[profiles.index(best)]
    named = f"the batch {label}" if label is not None else "an earlier batch"
    if share < AGAIN:
        yield from _partly_again(profiles, labels, share, named)
        return
    yield Cause(
        "an earlier file again", share, f"{100 * share:.0f} % of the rows are those of {named}.", EVERYTHING,
        all_of=tuple(batch.columns) if share >= ALL else (),
    )  # fmt: skip


def _partly_again(profiles: Sequence[Profile], labels: Sequence[Label], share: float, named: str) -> Iterator[Cause]:
    """Rows of an earlier batch beside those of this one, or all of them with other dates."""
    *history, batch = profiles
    bare = {without for without, _ in batch.row_marks}
    old = [(len(bare & {a for a, _ in p.row_marks}) / len(bare), at) for at, p in enumerate(history)
           if p.row_marks and p.marked_by == batch.marked_by]  # fmt: skip
    same, at = max(old)
    # Where rows have little beside their dates, those of any two batches are alike.
    alike = max((_alike(p, q) for p, q in pairwise(history)), default=0.0)
    if same >= AGAIN and same > 2 * max(share, alike):
        label = labels[at]
        yield Cause(
            "an earlier file with new dates", 0.96 * same,
            f"But for their dates {100 * same:.0f} % of the rows are those of "
            f"{f'the batch {label}' if label is not None else 'an earlier batch'}.",
            EVERYTHING,
        )  # fmt: skip
    elif share >= PART and share > 2 * max(_again_before(history), 0.005):
        rows = share * batch.rows
        yield Cause(
            "rows of an earlier batch", 0.915,
            f"About {percent(share)} of the rows ({rows:,.0f} of {batch.rows:,}) are those of {named}, delivered once more "
            f"beside those of today.",
            OF_COPIES | {"redelivery", "clock", "relation"}, shown_in=frozenset({"redelivery"}),
        )  # fmt: skip


def _alike(one: Profile, other: Profile) -> float:
    """The share of a batch's rows that are another's but for their dates."""
    bare = {without for without, _ in other.row_marks}
    return len(bare & {without for without, _ in one.row_marks}) / max(len(bare), 1)


def _again_before(history: Sequence[Profile]) -> float:
    """The most that any batch before shared with the one before it."""
    found = []
    for one, other in pairwise(history):
        marks = {whole for _, whole in other.row_marks}
        found.append(len(marks & {whole for _, whole in one.row_marks}) / max(len(marks), 1))
    return max(found, default=0.0)


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
        OF_ALL_COPIES,
    )  # fmt: skip


def _repeated(profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Some rows stand there twice or more often; told by keys where a column was one."""
    *history, batch = profiles
    most = max(p.duplicates / max(p.rows, 1) for p in history)
    share = batch.duplicates / max(batch.rows, 1)
    if batch.duplicates < 1 or share <= 2 * most or share >= REPEATED:
        return
    again, told = f"{batch.duplicates:,.0f} of {batch.rows:,} rows", ""
    name = next((name for name in batch.columns if _is_key(name, profiles)), None)
    twice = [(value, round(rows)) for value, rows in batch.columns[name].top if rows > 1] if name else []
    if name and len(twice) == 1:
        value, times = twice[0]
        yield Cause(
            f"one row {times:,} times",
            0.92,
            f"One row stands there {times:,} times, that of {name} `{value}`.",
            OF_COPIES,
        )
        return
    one = [] if name else _one_row(profiles, batch.duplicates - most * batch.rows)
    if one:
        count = round(min(rows for _, _, rows in one))
        told = " and ".join(f"{name} `{value}`" for name, value, _ in one[:2])
        yield Cause(
            f"one row {count:,} times", 0.92, f"One row stands there about {count:,} times, that with {told}.",
            OF_ALL_COPIES | {"format", "reference"},
        )  # fmt: skip
        return
    label = _all_of_a_label(profiles)
    if label is not None:
        column, value, rows = label
        yield Cause(
            f"rows with {value} twice", 0.93,
            f"All {rows / 2:,.0f} rows with `{value}` in {column} stand there twice, as where a join has that key twice; no "
            f"others do.",
            OF_COPIES | {"categories"}, all_of=(column,),
        )  # fmt: skip
        return
    if twice:
        often = {rows for _, rows in twice}
        each = f", each {'twice' if often == {2} else f'{min(often)} times'}" if len(often) == 1 else ""
        told = f": {name} {', '.join(f'`{value}`' for value, _ in twice[:NAMED])}"
        told += f"{' and others' if batch.duplicates > NAMED else ''}{each}"
    usual, largest = median(p.rows for p in history), max(p.rows for p in history)
    more, of = "", tuple[str, ...]()
    # Those that are too many are more than those that are repeated.
    if batch.rows - usual > 2 * batch.duplicates and batch.rows > largest:
        theirs, of = whose.told(profiles)
        more = f". {batch.rows:,} rows came where about {usual:,.0f} are usual{theirs}"
    yield Cause(
        "rows repeated", 0.9, f"{again} repeat another row{told}; {percent(most)} at most did before{more}.",
        OF_COPIES | (OF_LABEL if of else frozenset()), all_of=of,
    )  # fmt: skip


def _all_of_a_label(profiles: Sequence[Profile]) -> tuple[str, str, float] | None:
    """Column, label and how many of its rows there are, where all that are repeated, and no others, are that label's."""
    *history, batch = profiles
    found = []
    once = batch.rows - batch.duplicates
    for name in each_column(list(profiles)):
        column = batch.columns[name]
        if column.masked or column.clocks or (column.numbers is not None and column.distinct > TOP):
            continue
        for value, rows in column.top:
            share = median(dict(p.columns[name].top).get(value, 0.0) / max(p.rows, 1) for p in history)
            if abs(rows - 2 * batch.duplicates) <= (1 - WHOLE) * rows and rows / 2 >= SEVERAL and 0 < share < 0.8:
                # Once, it has as much of the rows as it usually has.
                off = abs(math.log(rows / 2 / once / share))
                found.append((off, name, value, rows))
    off, name, value, rows = min(found, default=(math.inf, "", "", 0.0))
    return (name, value, rows) if off < NEAR else None


def _one_row(profiles: Sequence[Profile], again: float) -> list[tuple[str, str, float]]:
    """The values of the one row that stands there so often (`again`), the rarest first, with their rows; empty for none."""
    *history, batch = profiles
    found, once = [], batch.rows - again
    for name in each_column(list(profiles)):
        column = batch.columns[name]
        usual = {value: median(dict(p.columns[name].top).get(value, 0.0) / max(p.rows, 1) for p in history)
                 for value, _ in column.top[:NAMED]}  # fmt: skip
        # What each value usually has strays by chance.
        least = {value: ONE * again + share * once - 2 * math.sqrt(share * once) for value, share in usual.items()}
        more = [value for value, rows in column.top[:NAMED] if rows >= least[value]]
        if column.masked or not more:
            if column.nulls < ONE * again and not column.masked:
                return []
            continue
        found.append((usual[more[0]], name, more[0], dict(column.top)[more[0]]))
    return [(name, value, rows) for _, name, value, rows in sorted(found)] if again >= SEVERAL else []


def _is_key(name: str, profiles: Sequence[Profile]) -> bool:
    """Whether the values of a column that may be named never stood in two rows of a batch before."""
    if profiles[-1].columns[name].masked:
        return False
    columns = [p.columns[name] for p in profiles[:-1] if name in p.columns and p.rows == p.sampled]
    return bool(columns) and all(c.text.counted - c.distinct <= KEY * c.text.counted for c in columns)


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
            "header among the rows", 0.97,
            "A row holds the names of the columns, as where files are put one behind the other with their headers.",
            OF_HEADER,
        )  # fmt: skip


def _stray(profiles: Sequence[Profile]) -> Iterator[Cause]:
    """A row or two without a value, or written as none ever was, in several columns at once: a line of sums, a remark."""
    *_, batch = profiles
    empty, odd = [], []
    for name in each_column(list(profiles)):
        columns = [p.columns[name] for p in profiles]
        fresh = new_patterns(columns)[-1][0]
        if 0 < columns[-1].nulls <= STRAY and not any(c.nulls for c in columns[:-1]):
            empty.append(name)
        elif 0 < fresh <= STRAY:
            odd.append(name)
    if len(empty) + len(odd) < SEVERAL or batch.rows <= STRAY:
        return
    told = [f"no value in {listed(empty)}"] * bool(empty)
    told += [f"another way of writing in {listed(odd)}"] * bool(odd)
    yield Cause(
        "a row of another kind", 0.94,
        f"A row among the {batch.rows:,} is of another kind, as a line of sums at the end or a remark: it has "
        f"{' and '.join(told)}.",
        OF_HEADER,
    )  # fmt: skip


def _page(profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    counts = [float(p.rows) for p in history]
    if is_a_page(float(batch.rows), counts):
        yield Cause(
            f"the first {batch.rows:,} rows", 0.95,
            f"Exactly {batch.rows:,} rows came, as from a page or query with that limit; about {median(counts):,.0f} are usual.",
            OF_COUNT, shown_in=OF_COUNT,
        )  # fmt: skip


def _few(profiles: Sequence[Profile]) -> Iterator[Cause]:
    *history, batch = profiles
    usual = median(p.rows for p in history)
    if 0 < batch.rows < FEW * usual:
        share = batch.rows / usual
        confidence = min(0.94, 0.6 + 0.3 * abs(math.log10(share)))
        theirs, of = whose.told(profiles)
        yield Cause(
            f"{100 * share:.0f} % of the rows" if share >= 0.01 else "next to no rows", confidence,
            f"{plural(batch.rows, 'row')} came where about {usual:,.0f} are usual{theirs}.",
            OF_LABEL if of else OF_COUNT, all_of=of, shown_in=OF_COUNT,
        )  # fmt: skip


def _some(profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Fewer or more rows than ever: how many, and whose."""
    *history, batch = profiles
    usual, counts = median(p.rows for p in history), [p.rows for p in history]
    more = batch.rows - usual
    if not batch.rows or len(history) < SHOWN or min(counts) <= batch.rows <= max(counts):
        return
    often = sum(count == usual for count in counts)
    each = f" (in {often} of the last {len(counts)} batches exactly)" if often > MOSTLY_SO * len(counts) else ""
    theirs, of = whose.told(profiles)
    few = f"{plural(round(abs(more)), 'row')} {'more' if more > 0 else 'missing'}"
    yield Cause(
        few, 0.62,
        f"{plural(batch.rows, 'row')} came where about {usual:,.0f} are usual{each}, "
        f"{abs(more):,.0f} {'more' if more > 0 else 'fewer'}{theirs}.",
        OF_LABEL if of else OF_COUNT, all_of=of, shown_in=OF_COUNT,
    )  # fmt: skip
