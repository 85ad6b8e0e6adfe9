"""Sums and products that hold row by row, such as total = fare + tip: found on a few rows, counted on all."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from expectations.profile.numbers import Array

TRIED = 400
LEAST = 0.3


def formulas(numbers: Mapping[str, Array]) -> dict[str, float]:
    """Formulas that hold in at least LEAST of the rows, with that share. The key reads `total = fare + tip`."""
    names = [name for name, values in numbers.items() if np.isfinite(values).mean() > 0.5 and np.nanstd(values) > 0]
    if len(names) < 2:
        return {}
    block = np.vstack([numbers[name] for name in names])
    block = block[:, np.isfinite(block).all(axis=0)]
    if block.shape[1] < 20:
        return {}
    few = block[:, :: max(1, block.shape[1] // TRIED)]
    found: dict[str, float] = {}
    for target in range(len(names)):
        for terms, signs in [*_sums(few, target), *_equal(few, target)]:
            share = _holds(block[target], signs @ block[list(terms)])
            if share >= LEAST:
                found[_spelled(names, target, terms, signs)] = share
    for a, b in combinations(range(len(names)), 2):
        for target in np.flatnonzero(_hold(few, few[a] * few[b]) >= LEAST).tolist():
            if target not in (a, b):
                share = _holds(block[target], block[a] * block[b])
                found[f"{names[target]} = {names[a]} * {names[b]}"] = share
    return found


def _holds(left: Array, right: Array) -> float:
    """Share of rows that agree to half a cent or a ten thousandth; rows where both sides are 0 don't count."""
    return float(_hold(left[None], right)[0])


def _hold(lefts: Array, right: Array) -> Array:
    """The same share for each of several left sides (sides x rows); 0 where fewer than ten rows count."""
    told = (lefts != 0) | (np.abs(right) > 1e-9)
    close = told & (np.abs(lefts - right) <= np.maximum(0.0051, 1e-4 * np.abs(lefts)))
    counted = told.sum(axis=1)
    return np.where(counted >= 10, close.sum(axis=1) / np.maximum(counted, 1), 0.0)


def _sums(few: Array, target: int) -> list[tuple[tuple[int, ...], Array]]:
    """The sum with coefficients 1 and -1 that a linear fit suggests, with at least one term added."""
    others = [i for i in range(len(few)) if i != target]
    fit, *_ = np.linalg.lstsq(few[others].T, few[target], rcond=None)
    miss = np.abs(few[target] - fit @ few[others])
    if np.median(miss) > 1e-3:
        # A second fit without the rows that disagree most, so that a few wrong rows don't hide the formula.
        good = miss <= np.quantile(miss, 0.7)
        fit, *_ = np.linalg.lstsq(few[others][:, good].T, few[target][good], rcond=None)
    rounded: Array = np.asarray(np.round(fit), dtype=float)
    terms = tuple(others[i] for i in np.flatnonzero(rounded))
    # Of the ways to write one sum only the one without a minus is kept: the others say the same.
    if len(terms) < 2 or rounded.max() > 1 or rounded.min() < 0:
        return []
    return [(terms, rounded[rounded != 0])]


def _equal(few: Array, target: int) -> list[tuple[tuple[int, ...], Array]]:
    """Columns that mostly equal the target."""
    return [((other,), np.ones(1)) for other in range(target) if _holds(few[target], few[other]) > LEAST]


def _spelled(names: list[str], target: int, terms: tuple[int, ...], signs: Array) -> str:
    text = " ".join(f"{'+' if sign > 0 else '-'} {names[i]}" for i, sign in zip(terms, signs, strict=True))
    return f"{names[target]} = {text.removeprefix('+ ')}"
