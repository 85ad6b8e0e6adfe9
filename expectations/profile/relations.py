"""What holds between the columns of the first rows: dependencies, correlations, sums, date parts, order, segments."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from expectations.profile.formulas import formulas
from expectations.profile.model import BETWEEN, COMBINATIONS, Relations
from expectations.profile.numbers import DAY, Array, signed_log

Codes = NDArray[np.int64]
SEGMENT_COLUMNS = 4
SEGMENT_VALUES = 12
# At most this many segments of values and columns together, so that a wide table's profile stays small.
SEGMENTS = 400
# Of a wide table only columns that stand this near to each other are held against each other: all pairs would grow with the
# square of the width, and what belongs together mostly stands together.
WIDE = 60
NEAR = 30
# Combinations of values are kept of so many columns, those with the most values first, each of which stands in so many rows on
# average: what is chosen doesn't depend on how they stand together. Of two columns so many combinations at most.
COMBINED = 6
REPEATED = 2
# An odd number near the golden section of 2 ** 32 spreads neighbours (Knuth's multiplicative hash).
SCRAMBLE = 2654435761
# Under this length of the mean direction of the hours of a day it points nowhere.
SPREAD = 0.2
# The furthest time zones from UTC.
ZONES = (np.timedelta64(0, "h"), np.timedelta64(-12, "h"), np.timedelta64(14, "h"))
GAP_GRID = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def relations(
    codes: Mapping[str, Codes],
    labels: Mapping[str, list[str]],
    numbers: Mapping[str, Array],
    clocks: Mapping[str, Array],
) -> Relations:
    """Relations of one block of rows in the order of delivery.

    `codes` number the values of every column (0: absent; in their order in the table), `labels` name the codes of columns
    with few values, `numbers` and `clocks` hold NaN where a value can't be read as one.
    """
    rows = len(next(iter(codes.values()))) if codes else 0
    if rows < 2:
        return Relations(rows=rows)
    near = Neighbours(list(codes))
    # By name, so that a relation keeps its key when the columns stand in another order.
    codes, numbers, clocks = dict(sorted(codes.items())), dict(sorted(numbers.items())), dict(sorted(clocks.items()))
    width = {name: int(values.max()) + 1 for name, values in codes.items()}
    distinct = {name: int(np.count_nonzero(np.bincount(values))) for name, values in codes.items()}
    names = [name for name, count in distinct.items() if count > 1]
    keyed = [name for name in names if distinct[name] <= 0.98 * rows]
    numeric = {
        name: values for name, values in {**numbers, **clocks}.items() if np.isfinite(values).sum() > 0.05 * rows
    }
    ranked = {name: ranks(values) for name, values in numeric.items() if name in names}
    means, covariance, used = moments({name: numbers[name] for name in near.first(numbers) if name in ranked})
    return Relations(
        rows=rows,
        distinct=distinct,
        pairs={_key(a, b): pair_count(codes[a], codes[b], width[b]) for a, b in near.pairs(keyed)},
        ranks=rank_correlations(ranked, near),
        explained=explained(codes, distinct, ranked, near),
        number_columns=used,
        means=means,
        covariance=covariance,
        formulas={
            formula: share
            for block in near.blocks([name for name in numbers if name in names])
            for formula, share in formulas({name: numbers[name] for name in block}).items()
        },
        parts=date_parts(numbers, clocks, near),
        gaps=gaps(clocks, near),
        segments=segments(codes, labels, distinct, numbers, clocks),
        combinations=combinations_of(codes, labels, distinct, clocks),
    )


class Neighbours:
    """Which columns are held against each other: all of them, in a wide table those that stand near to each other."""

    def __init__(self, names: list[str]) -> None:
        self._place = {name: place for place, name in enumerate(names)}
        self._wide = len(names) > WIDE

    def near(self, a: str, b: str) -> bool:
        return not self._wide or abs(self._place[a] - self._place[b]) <= NEAR

    def pairs(self, names: Collection[str]) -> Iterator[tuple[str, str]]:
        """Every two of the names, the first of which comes first among the names, that are near."""
        if not self._wide:
            yield from combinations(names, 2)
            return
        order = {name: i for i, name in enumerate(names)}
        placed = sorted(names, key=self._place.__getitem__)
        for i, a in enumerate(placed):
            for b in placed[i + 1 : i + 1 + NEAR]:
                if self.near(a, b):
                    yield (a, b) if order[a] < order[b] else (b, a)

    def around(self, names: Collection[str], of: str) -> Iterator[str]:
        return (name for name in names if name != of and self.near(name, of))

    def first(self, names: Collection[str]) -> list[str]:
        """All the names, of a wide table the first WIDE of them, in the order given."""
        if not self._wide:
            return list(names)
        chosen = set(sorted(names, key=self._place.__getitem__)[:WIDE])
        return [name for name in names if name in chosen]

    def blocks(self, names: Collection[str]) -> Iterator[list[str]]:
        """The names, of a wide table NEAR of them at a time, in the order given."""
        if not self._wide:
            yield list(names)
            return
        placed = sorted(names, key=self._place.__getitem__)
        for start in range(0, len(placed), NEAR):
            chosen = set(placed[start : start + NEAR])
            yield [name for name in names if name in chosen]


def _key(*names: str) -> str:
    return BETWEEN.join(names)


def pair_count(a: Codes, b: Codes, b_count: int) -> int:
    """How many different pairs of values stand together."""
    # Sorting is several times faster here than numpy's unique, and small numbers twice as fast as large ones.
    pair = a * b_count + b
    together = np.sort(pair.astype(np.int32) if (int(a.max()) + 1) * b_count < 2**31 else pair)
    return 1 + int(np.count_nonzero(together[1:] != together[:-1]))


def ranks(values: Array) -> Array:
    """Mean-free ranks scaled to unit variance; ties get their middle rank, absent values 0."""
    found = np.isfinite(values)
    out = np.zeros(len(values))
    _, inverse, counts = np.unique(values[found], return_inverse=True, return_counts=True)
    if len(counts) < 2:
        return out
    middle = np.cumsum(counts) - (counts - 1) / 2
    rank = middle[inverse] - middle[inverse].mean()
    out[found] = rank / rank.std()
    return out


def rank_correlations(ranked: Mapping[str, Array], near: Neighbours) -> dict[str, float]:
    """Spearman's correlation of every pair of number and date columns."""
    return {_key(a, b): float(np.mean(ranked[a] * ranked[b])) for a, b in near.pairs(ranked)}


def explained(
    codes: Mapping[str, Codes], distinct: Mapping[str, int], ranked: Mapping[str, Array], near: Neighbours
) -> dict[str, float]:
    """Share of a number's rank variance that a repeated value of another column explains, corrected for its freedom."""
    result = {}
    for by, code in codes.items():
        rows, groups = len(code), distinct[by]
        if not 1 < groups <= rows / 2:
            continue
        size = np.maximum(np.bincount(code), 1)
        for name in near.around(ranked, by):
            rank = ranked[name]
            total = float(rank @ rank)
            between = float((np.bincount(code, rank) ** 2 / size).sum())
            raw = between / total if total else 0.0
            result[_key(by, name)] = 1 - (1 - raw) * (rows - 1) / (rows - groups)
    return result


def moments(
    numbers: Mapping[str, Array],
) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...], tuple[str, ...]]:
    """Means and covariance (upper triangle) of the raw and of the logarithmic numbers, over rows that have them all.

    Columns that are absent in more than a third of the rows are left out, so that enough rows remain.
    """
    names = tuple(name for name, values in numbers.items() if np.isfinite(values).mean() > 0.66)
    if len(names) < 2:
        return (), (), ()
    block = np.vstack([numbers[name] for name in names])
    block = block[:, np.isfinite(block).all(axis=0)]
    if block.shape[1] < 10:
        return (), (), ()
    upper = np.triu_indices(len(names))
    both = (block, signed_log(block))
    means = tuple(tuple(float(m) for m in form.mean(axis=1)) for form in both)
    return means, tuple(tuple(float(c) for c in np.cov(form)[upper]) for form in both), names


def date_parts(numbers: Mapping[str, Array], clocks: Mapping[str, Array], near: Neighbours) -> dict[str, float]:
    """Where a small whole number is a part of a date: the share of rows in which it is.

    A month or year may be that of another time zone, which differs in the rows of one day only; a day and an hour may not.
    """
    result = {}
    for clock, seconds in clocks.items():
        found = np.isfinite(seconds)
        stamps = seconds[found].astype("int64").astype("datetime64[s]")
        if not len(stamps):
            continue
        days, months = stamps.astype("datetime64[D]"), stamps.astype("datetime64[M]")
        elsewhere = [(stamps + zone).astype("datetime64[M]").astype(int) for zone in ZONES]
        parts = {
            "year": [month // 12 + 1970 for month in elsewhere],
            "month": [month % 12 + 1 for month in elsewhere],
            "day": [(days - months).astype(int) + 1],
            "hour": [(stamps.astype("int64") % DAY) // 3600],
            "weekday": [(days.astype(int) + 4) % 7],
        }
        if not parts["hour"][0].any():
            # Of dates without a time: any 0 would be its hour.
            del parts["hour"]
        for name in near.around(numbers, clock):
            part_values = numbers[name][found]
            if not np.isfinite(part_values).any() or np.nanmax(np.abs(part_values)) > 3000:
                continue
            for part, truths in parts.items():
                share = float(np.mean(np.any([part_values == truth for truth in truths], axis=0)))
                if share > 0.3:
                    result[_key(name, clock, part)] = share
    return result


def hours_from_mean(seconds: Array) -> Array:
    """Hours of the day from the mean time of day, -12 to 12: times round midnight have a mean at midnight, and rows of a whole
    batch that is an hour later stay where they are. Hours from noon where the rows are spread over the whole day.
    """
    hours = np.mod(seconds, DAY) / 3600
    found = hours[np.isfinite(hours)]
    around = complex(np.exp(found * (2j * np.pi / 24)).mean()) if len(found) else 0j
    mean = np.angle(around) * 12 / np.pi if abs(around) > SPREAD else 12.0
    return np.asarray(np.mod(hours - mean + 12, 24) - 12)


def gaps(clocks: Mapping[str, Array], near: Neighbours) -> dict[str, tuple[float, ...]]:
    """For every two clocks: share of rows in order, and quantiles of the seconds between them."""
    result = {}
    for a, b in near.pairs(clocks):
        gap = clocks[b] - clocks[a]
        gap = gap[np.isfinite(gap)]
        if len(gap):
            quantiles = np.quantile(gap, GAP_GRID, method="inverted_cdf")
            result[_key(a, b)] = (float(len(gap)), float((gap >= 0).mean()), *(float(q) for q in quantiles))
    return result


def segments(
    codes: Mapping[str, Codes],
    labels: Mapping[str, list[str]],
    distinct: Mapping[str, int],
    numbers: Mapping[str, Array],
    clocks: Mapping[str, Array],
) -> dict[str, tuple[float, ...]]:
    """Figures of every column within the commonest values of the columns with few values."""
    rows = len(next(iter(codes.values())))
    by_columns = [c for c in labels if 1 < distinct[c] <= max(2, min(40, rows // 8)) and c not in clocks]
    by_columns = sorted(by_columns, key=lambda c: (distinct[c], c))[:SEGMENT_COLUMNS]
    most = min(SEGMENT_VALUES, max(3, SEGMENTS // max(1, len(by_columns) * len(codes))))
    measured = {
        **{c: signed_log(v) for c, v in numbers.items()},
        **{c: hours_from_mean(v) for c, v in clocks.items()},
    }
    result = {}
    for by in by_columns:
        counts = np.bincount(codes[by])
        for code in np.argsort(-counts, kind="stable")[:most]:
            if counts[code] < 5 or code == 0:
                continue
            chosen = codes[by] == code
            for name in codes:
                if name != by:
                    missing = float((codes[name][chosen] == 0).sum())
                    figures = [float(counts[code]), missing]
                    if name in measured:
                        values = measured[name][chosen]
                        values = values[np.isfinite(values)]
                        if len(values):
                            figures += [float(len(values)), float(values.mean()), float(values.std())]
                    if len(figures) > 2 or missing < counts[code]:
                        result[_key(by, labels[by][code], name)] = tuple(float(f"{x:.5g}") for x in figures)
    return result


def combinations_of(
    codes: Mapping[str, Codes], labels: Mapping[str, list[str]], distinct: Mapping[str, int], clocks: Collection[str]
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Which values of two columns with few of them stand together in a row, and in how many rows."""
    rows = len(next(iter(codes.values())))
    chosen = [c for c in labels if c not in clocks and 1 < distinct[c] <= rows / REPEATED]
    chosen = sorted(sorted(chosen, key=lambda c: (-distinct[c], c))[:COMBINED])
    marks = {c: np.array([_mark(label) for label in labels[c]]) for c in chosen}
    result = {}
    for a, b in combinations(chosen, 2):
        counts = np.bincount(codes[a] * len(labels[b]) + codes[b])
        there = np.flatnonzero(counts)
        both = (marks[a][there // len(labels[b])] << 16) | marks[b][there % len(labels[b])]
        kept = np.argsort(scrambled(both), kind="stable")[:COMBINATIONS]
        result[_key(a, b)] = (tuple(both[kept].tolist()), tuple(counts[there][kept].tolist()))
    return result


def scrambled(combined: Codes) -> Codes:
    """The order in which combinations are kept, the same in every batch: where there are more, those that come first are all."""
    return np.asarray(combined * SCRAMBLE % 2**32)


def _mark(label: str) -> int:
    """A hash of a value that stays the same over versions, in 16 bits; 0 for an absent one."""
    return int.from_bytes(hashlib.blake2b(label.encode(), digest_size=2).digest()) if label else 0
