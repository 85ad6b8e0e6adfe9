"""All figures of the history and the batch side by side: one row per batch (the batch last), one column per figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.drift import compare, given_others
from expectations.drift.calendar import muted, repeats_a_date, ticking
from expectations.drift.figures import Figures, Key, Pair, each_column
from expectations.drift.implied import counting
from expectations.profile.model import ColumnProfile, Profile

Array = NDArray[np.float64]

# A value or pattern is followed by itself where it makes up this share of some batch; the others are told together.
FOLLOWED = 0.01
# A figure needs this share of the history's batches to be compared.
PRESENT = 0.6
# Rows of one batch are not independent draws; a count tells as much as this many times fewer rows would.
CLUSTERED = 2.0
# Figures whose rows come in runs as the column's values do, and at most how long a run is believed to be. How a value is
# written (case, spaces, readable or not) is a matter of the program that wrote it, and changes for all rows at once.
IN_RUNS = frozenset({"values", "categories", "reference", "clock", "segment"})
BY_VALUE = frozenset(
    {"pattern", "new_pattern", "length", "beyond_digits", "digits_only", *(f"decimals_{n}" for n in range(4))}
)
# What the numbers in a text imply where they only went on.
SPELLED = frozenset({"pattern", "new_pattern", "length"})
LONGEST = 10.0
LONGEST_IN_SEGMENT = 50.0
LIMITS = frozenset({"above_limit", "below_limit"})
# Rules that one program keeps for every row.
RULES = frozenset({"constant", "formulas", "date_part", "determined", "in_order", "negative", *LIMITS})
# Share of the history's batches in which all rows or none must be so, for a figure to be a matter of the program: notes
# that somebody types in lower case now and then are not.
SETTLED = 0.9
# Counts of a sample are raised to the batch and lose their last digits.
ALMOST = 1e-9
STATES = frozenset({"constant", "all_absent"})
ROW_FREE = frozenset({"starts", "middle", "ends", "shift", "distinct", "constant", "largest", "smallest"})


@dataclass(frozen=True)
class Block:
    """Figures of one sort. Shares: `a` rows of `b`. Levels: value `a` with sampling variance `b`. NaN: not there."""

    keys: tuple[Key, ...]
    a: Array
    b: Array


@dataclass(frozen=True)
class Frame:
    """Everything that is scored. `scales` give the unit of scaled levels (value = scale * sinh(a)), NaN for others.
    `written` are the figures that only change when somebody changes a program, and not with what the data is about.
    """

    shares: Block
    levels: Block
    scales: Array
    written: frozenset[Key]


def frame(profiles: Sequence[Profile], figures: Sequence[Figures], days: Sequence[float | None]) -> Frame:
    """Builds the frame of a history and its batch (last)."""
    columns = set(each_column(list(profiles)))
    last = len(profiles) - 1
    repeated = repeats_a_date(profiles, days)

    going_on = counting(profiles) | ticking(profiles)

    def usable(key: Key) -> bool:
        if key.column in going_on and key.name in SPELLED and profiles[last].columns[key.column].numbers is None:
            return False
        return key.column is None or (key.column in columns and not muted(key, repeated))

    shares = {k: _column(figures, "shares", k) for k in figures[last].shares if usable(k)}
    shares.update({k: v for k, v in _open(figures).items() if usable(k)})
    levels = {k: _column(figures, "levels", k) for k in figures[last].levels if usable(k)}
    scaled = {k: _column(figures, "scaled", k) for k in figures[last].scaled if usable(k)}
    for found in (compare.unseen, compare.out_of_range, compare.redelivered, given_others.held):
        shares.update((k, v) for k, v in found(profiles) if usable(k))
    shares.update({Key(name, "clock", "date_part"): pairs for name, pairs in repeated.items() if pairs})
    for extra in (compare.advance(profiles, days), given_others.residuals(profiles)):
        levels.update((k, v) for k, v in extra if usable(k))
    shares = {k: v for k, v in shares.items() if k.name not in STATES or _far_from(profiles[:last], k)}
    runs = {name: _runs([p.columns[name] for p in profiles[:last]]) for name in columns}
    shares = {k: v for k, v in shares.items() if _told(v) and _worth(k, v)}
    written = frozenset(k for k, v in shares.items() if _is_written(k, v[:last]))
    shares = {k: _thinned(k, v, runs, k in written) for k, v in shares.items()}
    levels = {k: _blurred(k, v, runs) for k, v in levels.items() if _told(v)}
    scaled = {k: _blurred(k, v, runs) for k, v in scaled.items() if _told(v)}
    plain = _block(levels, last)
    in_units, scales = _scaled(scaled, last)
    return Frame(
        _block(shares, last),
        Block(plain.keys + in_units.keys, np.hstack([plain.a, in_units.a]), np.hstack([plain.b, in_units.b])),
        np.concatenate([np.full(len(plain.keys), np.nan), scales]),
        written,
    )


ABSENT = (math.nan, math.nan)


def _column(figures: Sequence[Figures], sort: str, key: Key) -> list[Pair]:
    return [getattr(f, sort).get(key, ABSENT) for f in figures]


def _open(figures: Sequence[Figures]) -> dict[Key, list[Pair]]:
    """Shares of values and patterns that are common somewhere in the history."""
    common: dict[Key, int] = {}
    for f in figures[:-1]:
        for key, (count, rows) in f.open.items():
            if rows and count >= FOLLOWED * rows and count >= 3:
                common[key] = common.get(key, 0) + 1
    least = max(2, 0.2 * (len(figures) - 1))
    result = {}
    for key, batches in common.items():
        if batches >= least:
            vocabulary = key._replace(other="")
            result[key] = [
                f.open.get(key, (f.unlisted.get(vocabulary, 0.0), f.counted.get(vocabulary, math.nan))) for f in figures
            ]
    return result


def _told(pairs: Sequence[Pair]) -> bool:
    """Whether the batch has the figure and enough of the history had it."""
    *history, batch = pairs
    there = sum(map(math.isfinite, map(sum, history)))
    return math.isfinite(sum(batch)) and there >= max(2, PRESENT * len(history))


def _worth(key: Key, pairs: Sequence[Pair]) -> bool:
    """Leaves out dependencies that the history doesn't have, and what is never and nowhere."""
    total = sum(b for _, b in pairs if math.isfinite(b))
    rows = sum(a for a, b in pairs if math.isfinite(b))
    if key.name == "determined":
        *history, _ = pairs
        there = [a / b for a, b in history if math.isfinite(a) and b > 0]
        return bool(there) and float(np.median(there)) < 0.3
    if key.name in ("constant", "all_absent"):
        return rows <= 0.5 * total
    return 0 < rows < total or key.kind == "redelivery"


def _far_from(history: Sequence[Profile], key: Key) -> bool:
    """Whether the column was usually far from being empty or constant: only then it is news that it is."""
    usual = []
    for profile in history:
        column = profile.columns[key.column or ""]
        commonest = column.top[0][1] if column.top else 0.0
        usual.append(
            (column.nulls if key.name == "all_absent" else max(commonest, column.nulls)) / max(1, profile.rows)
        )
    return float(np.median(usual)) < 0.75


@dataclass(frozen=True)
class _Runs:
    """How many rows of a column tell as much as one independent row: because values come in runs (`equal`), or because
    they change slowly from row to row as well (`slow`, at least `equal`).
    """

    equal: float = 1.0
    slow: float = 1.0


def _runs(columns: Sequence[ColumnProfile]) -> _Runs:
    repeated = float(np.median([c.same_next for c in columns]))
    slow = [c.autocorrelation for c in columns if c.autocorrelation is not None and not c.clocks]
    smooth = float(np.median(slow)) if len(slow) > len(columns) / 2 else 0.0
    equal = max(1.0, 1 / max(1e-3, 1 - repeated))
    return _Runs(equal, max(equal, (1 + smooth) / max(1e-3, 1 - smooth)))


def _thinned(key: Key, pairs: list[Pair], runs: dict[str, _Runs], written: bool) -> list[Pair]:
    by = _run(key, runs)
    if written and key.kind != "redelivery":
        # What a program writes it writes for each row alone: there every row counts fully.
        by = (by if key.kind == "values" else 1.0) / CLUSTERED
    return [(a / by, b / by) for a, b in pairs]


def _blurred(key: Key, pairs: list[Pair], runs: dict[str, _Runs]) -> list[Pair]:
    by = _run(key, runs)
    if key.kind == "segment":
        # A small segment may happen to be one order of many rows: it varies less within than between batches.
        usual = float(np.nanmean([b for _, b in pairs[:-1]]))
        return [(a, max(b, usual) * by) for a, b in pairs]
    return [(a, b * by) for a, b in pairs]


def _run(key: Key, runs: dict[str, _Runs]) -> float:
    by_value = key.kind == "format" and key.name in BY_VALUE
    if not (key.kind in IN_RUNS or by_value) or key.name in ROW_FREE:
        return 1.0
    of = runs.get(key.column or "", _Runs())
    # A value that changes slowly still is another value, spelled anew, and crosses a limit in every row.
    by = of.equal if by_value or key.name in LIMITS else of.slow
    return min(LONGEST_IN_SEGMENT if key.kind == "segment" else LONGEST, by)


def _is_written(key: Key, history: Sequence[Pair]) -> bool:
    """Whether a share only changes when somebody changes a program: by its name, and by what it was so far."""
    if key.kind == "redelivery":
        return True
    spelled = key.kind == "format" and key.name not in BY_VALUE
    if not (spelled or key.name in RULES or key.kind in ("completeness", "duplicates")):
        return False
    settled = [a < ALMOST * b or a > (1 - ALMOST) * b for a, b in history if b > 0]
    return bool(settled) and sum(settled) >= SETTLED * len(settled)


def _block(pairs: dict[Key, list[Pair]], last: int) -> Block:
    if not pairs:
        return Block((), np.zeros((last + 1, 0)), np.zeros((last + 1, 0)))
    both = np.array(list(pairs.values()), dtype=float).transpose(1, 2, 0)
    return Block(tuple(pairs), both[:, 0], both[:, 1])


def _scaled(pairs: dict[Key, list[Pair]], last: int) -> tuple[Block, Array]:
    """Levels in units become asinh(value / scale): linear near zero, logarithmic far away, and free of the unit."""
    block = _block(pairs, last)
    if not block.keys:
        return block, np.zeros(0)
    sizes: dict[tuple[str | None, str, str], list[float]] = {}
    for i, key in enumerate(block.keys):
        size = np.abs(block.a[:last, i])
        # What is 0 on most days has the unit of the others.
        sizes.setdefault(_unit(key), []).append(float(np.nanmedian(size)) or float(np.nanmean(size)))
    scale = np.array([max(float(np.median(sizes[_unit(key)])), 1e-6) for key in block.keys])
    return Block(block.keys, np.arcsinh(block.a / scale), block.b / (scale**2 + block.a**2)), scale


def _unit(key: Key) -> tuple[str | None, str, str]:
    return key.column, key.kind, key.other if key.name.startswith("gap") else ""
