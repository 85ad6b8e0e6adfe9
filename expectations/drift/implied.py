"""What a value implies: its number of digits, and so its spelling, is no news where the value moved as it usually does.

An id that goes from 9,999 to 10,000 is a character longer, T999 becomes T1000 and 1.9.4 becomes 1.10.0. Padding, a lost
zero or another prefix aren't implied by anything and stay figures.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from statistics import median_low

import numpy as np

from expectations.profile.model import GRID, ColumnProfile, Profile

# Share of a column's values that must be numbers for its length to be held against what they take.
NUMERIC = 0.9
# A counter may go this many of its largest usual steps further.
STRIDE = 10
_WHOLE = re.compile(r"([+-]?)9+\+?(?=\.9*\+?\Z|\Z)")
_RUNS = re.compile(r"\d+")
_FINE = np.linspace(0, 1, 401)
Place = tuple[int, ...]


def formats(column: ColumnProfile) -> dict[str, float]:
    """Patterns with their rows; of numbers all that differ only in the digits before the point are one."""
    found: dict[str, float] = {}
    for pattern, count in column.text.formats:
        shape = _whole(pattern)
        found[shape] = found.get(shape, 0.0) + count
    return found


@lru_cache(maxsize=4096)
def _whole(pattern: str) -> str:
    return _WHOLE.sub(r"\g<1>9+", pattern, count=1) if _WHOLE.match(pattern) else pattern


def beyond_digits(column: ColumnProfile) -> tuple[float, float] | None:
    """Characters of a value on average that its number doesn't ask for (zeros in front, a unit, separators), and how exact
    that is.

    None for a column that doesn't hold numbers. Characters after the point don't count, as the patterns tell them: that a
    dry day's 0 has none and a wet day's 0.01 has two is a matter of rain.
    """
    numbers, text = column.numbers, column.text
    if numbers is None or numbers.count < NUMERIC * max(text.counted - text.nullish, 1.0):
        return None
    sizes = np.abs(np.interp(_FINE, GRID, numbers.quantiles))
    # Rounding noise must not make 999.9999999 of 1000.
    digits = np.floor(np.log10(np.maximum(sizes, 1.0)) + 1e-12) + 1
    steps = np.abs(np.diff(np.floor(np.log10(np.maximum(np.abs(numbers.quantiles), 1.0)) + 1e-12)))
    # Where between two known quantiles a digit more begins is not known.
    error = 0.3 * float(np.sqrt(((np.diff(GRID) * steps) ** 2).sum()))
    listed = sum(count for _, count in text.formats)
    after = sum(count * len(pattern) - count * len(pattern.partition(".")[0]) for pattern, count in text.formats)
    after /= max(listed, 1.0)
    rest = text.length_mean - float(digits.mean()) - after - numbers.negative / numbers.count
    return max(0.0, rest), error


def alike(column: ColumnProfile) -> float:
    """The chance that two rows have the same value, or none, as the mix of values has it: of rows in random order that share
    equals the next one.
    """
    size = column.text.counted + column.nulls
    return sum((count / size) ** 2 for count in (column.nulls, *(count for _, count in column.top))) if size else 0.0


def counting(profiles: Sequence[Profile]) -> set[str]:
    """Text columns whose numbers in otherwise equal texts went on in every batch, the last one included."""
    last = profiles[-1]
    return {
        name
        for name, column in last.columns.items()
        if column.numbers is None and not column.clocks and _counts([p.columns.get(name) for p in profiles])
    }


def _counts(columns: Sequence[ColumnProfile | None]) -> bool:
    read = [place(c) for c in columns if c is not None]
    places = [found[1] for found in read if found is not None]
    if len(places) < max(3, len(columns)) or len({found[0] for found in read if found is not None}) > 1:
        return False
    if sum(a <= b for a, b in pairwise(places[:-1])) < 0.9 * (len(places) - 2) or places[-1] < places[-2]:
        return False
    at = next((i for i, (a, b) in enumerate(zip(*places[-2:], strict=True)) if a != b), None)
    if at is None:
        return len(set(places)) > 1
    usual = max((b[at] - a[at] for a, b in pairwise(places[:-1]) if a[:at] == b[:at]), default=0)
    return places[-1][at] - places[-2][at] <= max(STRIDE * usual, at > 0)


def place(column: ColumnProfile, padded: bool = False) -> tuple[str, Place] | None:
    """The text around the numbers and the middle of the numbers of some values; None where they aren't all alike, or
    where numbers begin with a zero unless these are `padded`.
    """
    texts = [value for value, _ in column.top]
    zeros = any(len(run) > 1 and run[0] == "0" for t in texts for run in _RUNS.findall(t))
    if column.masked or not texts or (zeros and not padded):
        return None
    around = {_RUNS.sub("9", text) for text in texts}
    if len(around) != 1 or "9" not in next(iter(around)):
        return None
    return around.pop(), median_low([tuple(int(run) for run in _RUNS.findall(text)) for text in texts])
