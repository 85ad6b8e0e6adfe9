"""Causes of what is odd in which values a column holds: labels renamed, merged or gone, one value in many more rows, the same
values written otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from statistics import median

from expectations.drift.labels import lost_values
from expectations.drift.model import OF_VALUES, Cause
from expectations.drift.words import percent, percent_of
from expectations.profile.categories import TOP
from expectations.profile.model import ColumnProfile, Profile

# Labels that say by their shares whether another one grew or all did, in so much of the rows each.
SAYS = 0.05
# One value has many more rows where these are so much of all, most of what any value has more, and more than it ever had.
MUCH = 0.08
MOST = 0.5
EVER = 1.25
MOSTLY_ALL = 0.9
SAYS_NEW = 0.02
# From here on what is told of its column follows from that.
NEARLY_A_FIFTH = 0.18
# Of the rows that a value has more, those that stand one behind the other, where a program began to write it.
IN_ONE_PIECE = 0.6
# Values that are those of before in another writing, in so much of the rows.
WRITTEN = 0.01
# Numbers are labels where there are so few of them; and labels have changed places where so little of what moved is left when the
# shares are put in order.
FEW_LABELS = 12
IN_PLACES = 0.35
LEAST_ROWS = 2
OF_SHARES = frozenset({"categories", "order", "commonest", "distinct", "mix"})


def causes(name: str, profiles: Sequence[Profile]) -> Iterator[Cause]:
    """Every cause that fits the batch, the last profile, in a column that isn't masked."""
    columns = [p.columns[name] for p in profiles if name in p.columns]
    if columns[-1].clocks or not columns[-1].text.counted:
        return
    if all(len(c.top) < TOP for c in columns):
        yield from _lost(name, columns)
        yield from _other_shares(name, columns)
    yield from _more(name, columns)
    yield from _otherwise(name, columns)


def usual_share(columns: Sequence[ColumnProfile], value: str) -> float:
    """The share of the rows with a value that hold this one, in the middle of the history."""
    return median(_share(c, value) for c in columns[:-1])


def _share(column: ColumnProfile, value: str) -> float:
    return dict(column.top).get(value, 0.0) / max(column.text.counted, 1.0)


def _lost(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """A label that was always there and isn't: called otherwise, part of another one, or gone with its rows."""
    *history, batch = columns
    lost = lost_values(columns)
    if not lost:
        return
    gone = max(lost, key=lambda value: lost[value])
    share = usual_share(columns, gone)
    seen = {value for c in history for value, _ in c.top}
    now = {value: rows / batch.text.counted for value, rows in batch.top}
    usual = {value: usual_share(columns, value) for value in now}
    fresh = max(((v, s) for v, s in now.items() if v not in seen), key=lambda item: item[1], default=None)
    grown = max(((v, s - usual[v]) for v, s in now.items() if v in seen), key=lambda item: item[1], default=None)
    all_fresh = sum(s for v, s in now.items() if v not in seen)
    # Where many others came as well, every value is another one.
    few = sum(v not in seen for v in now) <= min(2, len(lost))
    if not few and all_fresh > MOST:
        return
    if fresh is not None and 0.6 * share < fresh[1] < 1.6 * share and (few or all_fresh < 1.5 * fresh[1]):
        yield Cause(
            f"label renamed {gone} -> {fresh[0]}", 0.93,
            f"`{gone}` of {name} is called `{fresh[0]}` now ({percent(share)} before, {percent(fresh[1])} now).",
        )  # fmt: skip
        return
    rows = median(c.text.counted for c in history)
    if grown is not None and grown[1] > 0.6 * share and share > 0.05 and _is_merged(grown[0], share, usual, columns):
        yield Cause(
            f"label {gone} merged into {grown[0]}", 0.8,
            f"`{gone}` of {name} ({percent(share)} before) is gone, and `{grown[0]}` has as many more.",
        )  # fmt: skip
        return
    fewer = f": {batch.text.counted:,.0f} rows came where about {rows:,.0f} are usual, and these are missing"
    yield Cause(
        f"label {gone} gone", 0.7,
        f"No row has `{gone}` in {name}; {percent_of(share, batch.text.counted)} usually have"
        f"{fewer if batch.text.counted < (1 - share / 2) * rows else ''}.",
    )  # fmt: skip


def _is_merged(grown: str, share: float, usual: dict[str, float], columns: Sequence[ColumnProfile]) -> bool:
    """Whether one label took what another had. Where its rows are missing all of the others have more of the rest; where there
    is but one other the number of rows tells.
    """
    *history, batch = columns
    if sum(then >= SAYS for then in usual.values()) > 1:
        merged = sum(abs(_share(batch, v) - then - share * (v == grown)) for v, then in usual.items())
        missing = sum(abs(_share(batch, v) - then / (1 - share)) for v, then in usual.items())
        return merged <= missing
    return batch.text.counted > (1 - share / 2) * median(c.text.counted for c in history)


def _more(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """One value in many more rows than it ever had: a default that a program writes, or somebody's rows."""
    *history, batch = columns
    more = {value: _share(batch, value) - usual_share(columns, value) for value, _ in batch.top}
    value = max(more, key=lambda one: more[one])
    share, most = _share(batch, value), max(_share(c, value) for c in history)
    if (fresh := _new_label(name, columns)) is not None:
        yield fresh
        return
    if more[value] < MUCH or more[value] < MOST * sum(max(0.0, m) for m in more.values()) or share < EVER * most:
        return
    then = usual_share(columns, value)
    if share >= MOSTLY_ALL:
        # Where it is nearly all of them another cause says it better: another way of writing, a label that is gone.
        return
    # Whose rows these were.
    fewer = {v: usual_share(columns, v) - _share(batch, v) for v, _ in history[-1].top}
    lost = max(fewer, key=lambda one: fewer[one], default="")
    whose = f"; `{lost}` are {percent(_share(batch, lost))}, {percent(usual_share(columns, lost))} usually are"
    next_to = [c.same_next for c in columns]
    in_one = next_to[-1] - median(next_to[:-1]) > IN_ONE_PIECE * more[value] and next_to[-1] > max(next_to[:-1])
    piece = ", one behind the other, as where a program writes a default from some row on" if in_one else ""
    yield Cause(
        f"more rows with {value}", 0.78 if in_one else 0.68,
        f"{percent_of(share, batch.text.counted)} of {name} are `{value}`{piece}; {percent(then)} usually are, "
        f"{percent(most)} at most were{whose if fewer.get(lost, 0.0) > MOST * more[value] else ''}.",
        OF_VALUES if more[value] >= NEARLY_A_FIFTH else OF_SHARES,
        shown_in=OF_VALUES,
    )  # fmt: skip


def _new_label(name: str, columns: Sequence[ColumnProfile]) -> Cause | None:
    """One label that no batch ever had, in several rows, where all labels are known and nearly none are new beside it."""
    *history, batch = columns
    if any(len(c.top) >= TOP for c in columns):
        return None
    seen = {value for c in history for value, _ in c.top}
    fresh = [(rows, value) for value, rows in batch.top if value not in seen]
    if not fresh or not SAYS_NEW <= (share := max(fresh)[0] / batch.text.counted) < MOSTLY_ALL:
        return None
    rows, value = max(fresh)
    if rows < MOSTLY_ALL * sum(count for count, _ in fresh) or rows <= LEAST_ROWS:
        return None
    fewer = {v: usual_share(columns, v) - _share(batch, v) for v in seen}
    lost = max(fewer, key=lambda one: fewer[one], default="")
    whose = f"; `{lost}` are {percent(_share(batch, lost))}, {percent(usual_share(columns, lost))} usually are"
    return Cause(
        f"new label {value}", 0.68,
        f"{percent_of(share, batch.text.counted)} of {name} are `{value}`, which no batch ever had"
        f"{whose if fewer.get(lost, 0.0) > MOST * share else ''}.",
    )  # fmt: skip


def _other_shares(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """The labels of always in other shares: the two that moved most, and whether they are the usual shares in other places."""
    batch = columns[-1]
    seen = {value for c in columns[:-1] for value, _ in c.top}
    if any(value not in seen for value, _ in batch.top) or (batch.numbers is not None and batch.distinct > FEW_LABELS):
        return
    usual = {value: usual_share(columns, value) for value in seen}
    moved = {value: _share(batch, value) - then for value, then in usual.items()}
    up, down = max(moved, key=lambda v: moved[v]), min(moved, key=lambda v: moved[v])
    if min(moved[up], -moved[down]) < MUCH:
        return
    told = [
        f"`{v}` stands in {percent(_share(batch, v))} of the rows of {name} ({percent(usual[v])} usually)"
        for v in (up, down)
    ]
    places = zip(sorted(usual.values()), sorted(_share(batch, v) for v in usual), strict=True)
    turned = sum(abs(a - b) for a, b in places) < IN_PLACES * sum(map(abs, moved.values()))
    yield Cause(
        "labels in other shares", 0.63,
        f"{told[0]}, and {told[1].replace(f' of the rows of {name}', '')}"
        f"{': the shares are the usual ones in other places, as where labels were exchanged' if turned else ''}.",
        OF_SHARES, shown_in=frozenset({"categories"}),
    )  # fmt: skip


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).lower()


def _words(text: str) -> str:
    return " ".join(sorted(re.findall(r"\w+", text)))


# What is the same in two ways to write a value, and what such a way is called.
FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("with no-break spaces", lambda v: v.replace("\u00a0", " ")),
    ("in another case", str.lower),
    ("with its words in another order", _words),
    ("with other marks or spaces", _plain),
)


def _otherwise(name: str, columns: Sequence[ColumnProfile]) -> Iterator[Cause]:
    """Values never seen before that are known ones in another case, with other spaces or marks, or with something in front."""
    *history, batch = columns
    seen = {value: None for c in reversed(history) for value, _ in c.top}
    fresh = {value: rows for value, rows in batch.top if value not in seen and value.strip() not in seen}
    for how, form in FORMS:
        before = {form(value): value for value in reversed(seen) if any(map(str.isalpha, value))}
        same = {value: before[form(value)] for value in fresh if form(value) in before}
        rows = sum(fresh[value] for value in same)
        if rows >= max(LEAST_ROWS, WRITTEN * batch.text.counted):
            yield _same(name, how, same, rows, batch)
            return
    for how, of in (("with {} in front", str.endswith), ("with {} behind", str.startswith)):
        longer = {v: max((w for w in seen if w and len(w) < len(v) and of(v, w)), key=len, default="") for v in fresh}
        longer = {v: w for v, w in longer.items() if w}
        added = {v[: -len(w)] if "front" in how else v[len(w) :] for v, w in longer.items()}
        # Digits in front make another number.
        if len(longer) < 2 or not all(any(not c.isdigit() and c not in ". ,-" for c in one) for one in added):
            continue
        rows = sum(fresh[value] for value in longer)
        enough = max(LEAST_ROWS, WRITTEN * batch.text.counted)
        if rows >= enough and (len(added) == 1 or rows > MOST * sum(fresh.values())):
            one = f"`{added.pop()}`" if len(added) == 1 else "something else"
            yield _same(name, how.format(one), longer, rows, batch)
            return


def _same(name: str, how: str, same: dict[str, str], rows: float, batch: ColumnProfile) -> Cause:
    value, then = next(iter(same.items()))
    if how == "in another case" and all(v == v.lower() for v in same):
        how = "in lower case"
    elif how == "in another case" and all(v == v.upper() for v in same):
        how = "in upper case"
    least = percent_of(rows / batch.text.counted, batch.text.counted)
    # Only the commonest values are known.
    every = rows >= MOSTLY_ALL * sum(count for _, count in batch.top)
    shown = f"`{then}` before, `{value}` now" if how != "with no-break spaces" else f"`{then}` is one of them"
    return Cause(
        how, 0.965, f"{'Values' if every else f'At least {least}'} of {name} are known ones {how}: {shown}.",
        same=f"written {how}",
    )  # fmt: skip
