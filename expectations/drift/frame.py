"""All figures of the history and the batch side by side: one row per batch (the batch last), one column per figure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np
from numpy.typing import NDArray

from expectations.drift import at_once, combined, compare, crowds, exchanged, given_others, labels, mixes, sequences
from expectations.drift.block import Array, Block, beside, gathered, listed, median
from expectations.drift.by_two import by_two
from expectations.drift.calendar import muted, repeats_a_date, ticking, turned_clocks
from expectations.drift.catalogue import having, known
from expectations.drift.figures import Figures, Key, Pair, each_column, named
from expectations.drift.implied import alike, counting
from expectations.profile.categories import TOP
from expectations.profile.model import ColumnProfile, Profile

Mask = NDArray[np.bool_]

# A value or pattern is followed by itself where it makes up this share of some batch; the others are told together.
FOLLOWED = 0.01
# A figure needs this share of the history's batches to be compared.
PRESENT = 0.6
# Rows of one batch are not independent draws; a count tells as much as this many times fewer rows would.
CLUSTERED = 2.0
# What was usual weeks ago and then ended is news when it comes back: so many batches are the latest ones.
LATELY = 14
# At most how many rows a run is believed to be.
LONGEST = 10.0
ONE_VALUE = 1000.0
# How much more a share may stray than it has been seen to, from so many batches on.
REGULAR = 9.0
KNOWN = 10
LONGEST_IN_SEGMENT = 50.0
IMPLIED, EXTREMES = having("implied"), having("extreme")
SIZES, STATES, CLOSED = having("size"), having("state"), having("closed")
PROGRAM, COPIES = having("program"), having("copy")
ALL_ABSENT, DETERMINED = known("completeness", "all_absent"), known("relation", "determined")
REPEATED = known("duplicates", "repeated")
NEW_PATTERN, WHOLE_MINUTES = known("format", "new_pattern"), known("clock", "whole_minutes")
# Share of the history's batches in which all rows or none must be so, for a figure to be a matter of the program: notes
# that somebody types in lower case now and then are not.
SETTLED = 0.9
# Counts of a sample are raised to the batch and lose their last digits.
ALMOST = 1e-9
# Rows that happen to be all alike are news where this is less likely.
BY_CHANCE = 1e-3
# A spelling that so many rows have and no other batch is no run of one value.
WIDESPREAD = 0.5
# A number column rests in batches in which one value has this share of the rows, if that is so in so many of them, and that value
# has less than MOVING in some other one.
STILL = 0.9
RESTING = 0.3
MOVING = 0.6
# Degrees end at the full circle, and some of many lie in its last quarter.
DIRECTION = re.compile(r"(?:.*_)?(?:dir|direction|bearing|heading|azimuth|course)(?:_deg|_degrees)?\Z", re.IGNORECASE)
AROUND, CIRCLE = 270.0, 360.0


@dataclass(frozen=True)
class Frame:
    """Everything that is scored. `scales` give the unit of scaled levels (value = scale * sinh(a)), NaN for others.
    `written` are the figures that only change when somebody changes a program, and not with what the data is about; `closed`
    tell of values that no other batch has, in columns where that was never so. `mixed`: by how much the chance that two rows of
    a column have the same value, or none, lies above the usual one. `familiar`: of columns of texts the share of the rows whose
    text stood there lately. `resting`: number columns that held next to one value in many batches and moved in others: rain.
    `directions`: columns of degrees round a circle, which have no mean: the next to 359 is 0. `counted`: of how many rows of the
    batch each share is, before they are thinned.
    """

    shares: Block
    levels: Block
    scales: Array
    written: frozenset[Key]
    closed: frozenset[Key]
    mixed: dict[str | None, float]
    familiar: dict[str | None, float]
    resting: frozenset[str | None]
    directions: frozenset[str | None]
    counted: Array


def frame(profiles: Sequence[Profile], figures: Sequence[Figures], days: Sequence[float | None]) -> Frame:
    """Builds the frame of a history and its batch (last)."""
    columns = set(each_column(list(profiles)))
    *history, batch = profiles
    repeated = repeats_a_date(profiles, days)
    going_on = counting(profiles) | ticking(profiles)

    def usable(key: Key) -> bool:
        if key.column in going_on and key.of in IMPLIED and batch.columns[key.column].numbers is None:
            return False
        there = key.column is None or (key.column in columns and not muted(key, repeated))
        if key.of in STATES:
            return there and _is_news(profiles, key)
        # One absurd number is one all the same, where another stood there before.
        nearly = 1.0 if key.of in EXTREMES else SETTLED
        return there and (key.of not in SIZES or not _one_number(history, key.column or "", nearly))

    def only_usable(found: Iterable[tuple[Key, list[Pair]]]) -> dict[Key, list[Pair]]:
        return {key: pairs for key, pairs in found if usable(key)}

    against_others = (
        compare.unseen, compare.out_of_range, compare.redelivered, given_others.held,
        labels.gone, labels.filled, labels.pauses, labels.capped, labels.off_grid,
        sequences.out_of_order, sequences.skipped, combined.combined, by_two,
        labels.left_out,
    )  # fmt: skip
    against = (function(profiles) for function in against_others)
    odd = at_once.odd_at_once(profiles, figures)
    found = chain(_open(figures).items(), *against, odd, compare.outside(profiles, days, turned_clocks(profiles, days)))
    dated = {named(name, "clock", "date_part"): pairs for name, pairs in repeated.items() if pairs}
    shares = beside(
        gathered([f.shares for f in figures], [k for k in figures[-1].shares if usable(k)]),
        listed(only_usable(found) | dated, len(profiles)),
    )
    levels = beside(
        gathered([f.levels for f in figures], [k for k in figures[-1].levels if usable(k)]),
        listed(
            only_usable(
                chain(
                    compare.advance(profiles, days),
                    given_others.residuals(profiles),
                    exchanged.exchanged(profiles),
                    sequences.per_value(profiles),
                )
            ),
            len(profiles),
        ),
    )
    scaled = gathered([f.scaled for f in figures], [k for k in figures[-1].scaled if usable(k)])
    levels, scaled = _of_those_left(levels, profiles), _of_those_left(scaled, profiles)

    shares = shares.only(_told(shares))
    runs = {name: _runs([p.columns[name] for p in history]) for name in columns}
    # The lines of an order have its country, its prices and its season.
    each = crowds.rows_of_one(profiles)
    counted = {name: (min(LONGEST, of.slow), each) for name, of in runs.items()}
    mixtures = chain(mixes.labels_mixed(shares, counted), mixes.last_digits(profiles, counted))
    levels = beside(levels, listed(only_usable(mixtures), len(profiles)))
    shares = shares.only(_worth(shares))
    written = _written(shares)
    # That a value stands twice is news in a key only; how many differ tells of the others.
    kept = written | shares.where(lambda key: key.of != REPEATED)
    shares, written = shares.only(kept), written[kept]

    def is_closed(key: Key) -> bool:
        return key.of in CLOSED and key.column not in resting

    resting = frozenset(name for name in columns if _rests([p.columns[name] for p in history]))
    plain = _blurred(levels.only(_told(levels)), runs)
    in_units, scales = _scaled(_blurred(scaled.only(_told(scaled)), runs))
    return Frame(
        crowds.thinned(_thinned(shares, runs, written), profiles),
        beside(plain, in_units),
        np.concatenate([np.full(len(plain.keys), np.nan), scales]),
        frozenset(compress(shares.keys, written)),
        frozenset(compress(shares.keys, _settled(shares) & shares.where(is_closed))),
        {name: _more_alike([p.columns[name] for p in profiles]) for name in columns},
        {name: _familiar([p.columns[name] for p in profiles]) for name in columns},
        resting,
        frozenset(name for name in columns if _is_direction(name, [p.columns[name] for p in history])),
        shares.b[-1],
    )


def _of_those_left(levels: Block, profiles: Sequence[Profile]) -> Block:
    """The levels with the variance that is due to more values being absent than usual: those that are left are others."""
    variance = levels.b.copy()
    for at, key in enumerate(levels.keys):
        by = key.figure.spread
        if not by or key.column is None:
            continue
        absent = np.array([given_others.absent(p, key.column) for p in profiles])
        more = np.maximum(0.0, absent - float(np.median(absent[:-1])))
        if more[-1] == 0:
            continue
        numbers = [p.columns[key.column].numbers for p in profiles]
        spread = [0.0 if n is None else getattr(n, by) for n in numbers]
        variance[:, at] += (more * np.array(spread)) ** 2
    return Block(levels.keys, levels.a, variance)


def _more_alike(columns: Sequence[ColumnProfile]) -> float:
    """By how much the chance that two rows of the last batch are alike lies above the usual one."""
    *history, batch = columns
    return max(0.0, alike(batch) - float(np.median([alike(c) for c in history])))


def _familiar(columns: Sequence[ColumnProfile]) -> float:
    """The share of the last batch's rows whose text stood in one of the latest before it: how these are written follows from
    which came. 0 for numbers, times and columns of many texts.
    """
    *history, batch = columns
    if batch.numbers is not None or batch.clocks or not batch.top or len(batch.top) >= TOP:
        return 0.0
    lately = {value for column in history[-LATELY:] for value, _ in column.top}
    known = sum(rows for value, rows in batch.top if value in lately)
    return 1.0 if all(value in lately for value, _ in batch.top) else known / max(batch.text.counted, 1.0)


def _rests(columns: Sequence[ColumnProfile]) -> bool:
    """Whether numbers stood still in many batches and moved in others: how they move was seen in few."""
    shares = [c.top[0][1] / max(c.text.counted, 1.0) for c in columns if c.numbers is not None and c.top]
    still = sum(share >= STILL for share in shares)
    return still >= RESTING * len(columns) and min(shares, default=1.0) < MOVING


def _is_direction(name: str, columns: Sequence[ColumnProfile]) -> bool:
    """Whether numbers are degrees round a circle: called so, and up to its last quarter."""
    ends = [(n.quantiles[0], n.quantiles[-1]) for c in columns if (n := c.numbers) is not None]
    around = bool(ends) and min(low for low, _ in ends) >= 0 and AROUND <= max(high for _, high in ends) <= CIRCLE
    return around and DIRECTION.match(name) is not None


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
        if batches >= least or (
            key in figures[-1].open and labels.since_it_ended([key not in f.open for f in figures[:-1]])
        ):
            vocabulary = key._replace(other="")
            result[key] = [
                f.open.get(key, (f.unlisted.get(vocabulary, 0.0), f.counted.get(vocabulary, math.nan))) for f in figures
            ]
    return result


def _told(block: Block) -> Mask:
    """Which figures the batch has and enough of the history had."""
    there = np.isfinite(block.a + block.b)
    least = max(2, PRESENT * (len(there) - 1))
    return np.asarray(there[-1] & (there[:-1].sum(axis=0) >= least))


def _worth(shares: Block) -> Mask:
    """Leaves out dependencies that the history doesn't have, and what is never and nowhere."""
    counted = np.isfinite(shares.b)
    rows, total = (np.where(counted, x, 0.0).sum(axis=0) for x in (shares.a, shares.b))
    worth = ((rows > 0) & (rows < total)) | shares.where(lambda key: key.of in COPIES)
    worth = np.where(shares.where(lambda key: key.of in STATES), rows <= 0.5 * total, worth)
    determined = shares.where(lambda key: key.of == DETERMINED)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth[determined] = median((shares.a[:-1] / shares.b[:-1])[:, determined]) < 0.3
    return np.asarray(worth)


def _is_news(profiles: Sequence[Profile], key: Key) -> bool:
    """Whether it is news that a column is empty or constant: it usually was far from it, and so many rows as the batch has
    don't come out alike by chance.
    """
    *history, batch = profiles
    usual = []
    for profile in history:
        column = profile.columns[key.column or ""]
        commonest = column.top[0][1] if column.top else 0.0
        usual.append((column.nulls if key.of == ALL_ABSENT else max(commonest, column.nulls)) / max(1, profile.rows))
    rows = batch.rows / CLUSTERED / _runs([p.columns[key.column or ""] for p in history]).within
    # A version that rolled out further every day is everywhere in the end.
    return max(float(np.median(usual)), usual[-1]) < 0.75 and max(usual) ** rows < BY_CHANCE


def _one_number(history: Sequence[Profile], name: str, share: float) -> bool:
    """Whether a column held one and the same number in every row of this share of the batches so far: how far another may lie
    has no measure, and how many rows have another is told by shares.
    """
    ends = [(n.quantiles[0], n.quantiles[-1]) for p in history if (n := p.columns[name].numbers) is not None]
    held = Counter(low for low, high in ends if low == high)
    return bool(held) and max(held.values()) >= share * len(ends)


@dataclass(frozen=True)
class _Runs:
    """How many rows of a column tell as much as one independent row: because values come in runs (`within`: rows per change
    against what their mix would make in random order), because each batch has one of its own (`equal`), or because they
    change slowly from row to row as well (`slow`). Each is at least the one before.
    """

    within: float = 1.0
    equal: float = 1.0
    slow: float = 1.0


def _runs(columns: Sequence[ColumnProfile]) -> _Runs:
    changes = [(1 - alike(c)) / max(1e-3, 1 - c.same_next) for c in columns]
    slow = [c.autocorrelation for c in columns if c.autocorrelation is not None and not c.clocks]
    smooth = float(np.median(slow)) if len(slow) > len(columns) / 2 else 0.0
    within = max(1.0, float(np.median(changes)))
    # Another value in each batch, which all its rows have, is one observation however many they are.
    each = len({c.top[:1] and c.top[0][0] for c in columns}) > 1 and np.median([c.same_next for c in columns]) == 1
    equal = max(within, LONGEST) if each else within
    return _Runs(within, equal, max(equal, (1 + smooth) / max(1e-3, 1 - smooth)))


def _thinned(shares: Block, runs: dict[str, _Runs], written: Mask) -> Block:
    by = _each_run(shares.keys, runs)
    # What a program writes it writes for each row alone: there every row counts fully. The columns of a row aren't alone.
    alone = written & shares.where(lambda key: key.of not in COPIES and key.figure.unit != "columns")
    by = np.where(alone, np.where(shares.where(lambda key: key.kind == "values"), by, 1.0) / CLUSTERED, by)
    with np.errstate(invalid="ignore"):
        anew = shares.where(lambda key: key.of == NEW_PATTERN) & (shares.a[-1] >= WIDESPREAD * shares.b[-1])
    by = np.where(anew, np.minimum(by, 1.0), by)
    by = np.where(shares.where(lambda key: key.kind == "categories"), np.minimum(by, _regular(shares)), by)
    return Block(shares.keys, shares.a / by, shares.b / by)


def _regular(shares: Block) -> Array:
    """How many rows can count as one at most, by how little a share strayed from batch to batch: rows in the order of their
    station come in runs, and each station has a third of them every day.
    """
    counted = np.nan_to_num(shares.b[:-1]) > 0
    batches = np.maximum(counted.sum(axis=0), 1)
    rows = np.where(counted, shares.b[:-1], 0.0)
    ratio = np.where(counted, shares.a[:-1], 0.0) / np.where(counted, rows, 1.0)
    mean = ratio.sum(axis=0) / batches
    spread = np.where(counted, (ratio - mean) ** 2, 0.0).sum(axis=0) / batches
    with np.errstate(all="ignore"):
        by = np.maximum(1.0, REGULAR * spread * (rows.sum(axis=0) / batches) / (mean * (1 - mean)))
    enough = batches >= KNOWN
    return np.asarray(np.where(enough & np.isfinite(by) & (mean > 0), by, np.inf))


def _blurred(levels: Block, runs: dict[str, _Runs]) -> Block:
    variance = levels.b.copy()
    # A small segment may happen to be one order of many rows: it varies less within than between batches.
    segment = levels.where(lambda key: key.kind == "segment")
    usual = np.nanmean(variance[:-1, segment], axis=0)
    variance[:, segment] = np.maximum(variance[:, segment], usual)
    return Block(levels.keys, levels.a, variance * _each_run(levels.keys, runs))


def _each_run(keys: Sequence[Key], runs: dict[str, _Runs]) -> Array:
    return np.array([_run(key, runs) for key in keys])


def _run(key: Key, runs: dict[str, _Runs]) -> float:
    counted = key.figure.runs
    if not counted:
        return 1.0
    of = runs.get(key.column or "", _Runs())
    if key.of == WHOLE_MINUTES and of.equal > of.within:
        # A snapshot's one time is on the full minute or not: that is one observation.
        return ONE_VALUE
    by = {"within": of.within, "equal": of.equal, "slow": of.slow}[counted]
    return min(LONGEST_IN_SEGMENT if key.kind == "segment" else LONGEST, by)


def _written(shares: Block) -> Mask:
    """Which shares only change when somebody changes a program: by their name, and by what they were so far."""
    by_program = shares.where(lambda key: key.of in PROGRAM) & _settled(shares)
    return np.asarray(shares.where(lambda key: key.of in COPIES) | by_program)


def _settled(shares: Block) -> Mask:
    """Which shares were none or all of the rows in nearly every batch of the history."""
    a, b = shares.a[:-1], shares.b[:-1]
    counted = b > 0
    settled = counted & ((a < ALMOST * b) | (a > (1 - ALMOST) * b))
    return np.asarray(counted.any(axis=0) & (settled.sum(axis=0) >= SETTLED * counted.sum(axis=0)))


def _scaled(block: Block) -> tuple[Block, Array]:
    """Levels in units become asinh(value / scale): linear near zero, logarithmic far away, and free of the unit."""
    size = np.abs(block.a[:-1])
    middle = median(size)
    # What is 0 on most days has the unit of the others.
    middle = np.where(middle == 0, np.nanmean(size, axis=0), middle)
    sizes: dict[tuple[str | None, str, str], list[float]] = {}
    for key, usual in zip(block.keys, middle.tolist(), strict=True):
        sizes.setdefault(_unit(key), []).append(usual)
    scale = np.array([_middle_size(sizes[_unit(key)]) for key in block.keys])
    return Block(block.keys, np.arcsinh(block.a / scale), block.b / (scale**2 + block.a**2)), scale


def _middle_size(sizes: Sequence[float]) -> float:
    """The middle of the sizes that are any."""
    told = [size for size in sizes if size > 0]
    return max(float(np.median(told)), 1e-6) if told else 1e-6


def _unit(key: Key) -> tuple[str | None, str, str]:
    return key.column, key.kind, key.second or ""
