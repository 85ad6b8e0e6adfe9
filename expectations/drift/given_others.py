"""Each number given the other columns: what a linear fit over the history leaves, and formulas and date parts that held.

Like `compare`: profiles in (the batch last), one pair per profile out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from expectations.drift.block import Array
from expectations.drift.calendar import is_part
from expectations.drift.compare import Column
from expectations.drift.figures import Key, named
from expectations.profile.model import BETWEEN, Profile, Relations

# How uncertain the slope of a fit is, as a share of it, beyond the numbers it was learned from.
SLOPE = 0.25


def residuals(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Each number given the others: the mean and spread of what a linear fit over the whole history leaves, in the unit of the
    column, or as a logarithm.
    """
    last = len(profiles) - 1
    names = list(profiles[last].relations.number_columns)
    usable = [p.relations for p in profiles[:last] if len(p.relations.means) == 2]
    names = [n for n in names if sum(n in r.number_columns for r in usable) >= max(3, 0.8 * last)]
    keep = [i for i, p in enumerate(profiles) if all(n in p.relations.number_columns for n in names)]
    if len(names) < 2 or last not in keep or len(keep) < max(4, 0.6 * last):
        return
    names = [n for n in names if not _advances(n, [profiles[i].relations for i in keep if i != last])]
    if len(names) < 2:
        return
    of_sizes = [n for n in names if not any(_negative(profiles[i], n) for i in keep)]
    for form, label, together in ((0, "given_others", names), (1, "given_others_log", of_sizes)):
        if len(together) < 2:
            continue
        means, within = {}, {}
        for i in keep:
            r = profiles[i].relations
            at = [r.number_columns.index(n) for n in together]
            full = np.zeros((len(r.number_columns),) * 2)
            full[np.triu_indices(len(full))] = r.covariance[form]
            full = full + full.T - np.diag(full.diagonal())
            means[i], within[i] = np.array(r.means[form])[at], full[np.ix_(at, at)]
        rows = {i: profiles[i].relations.rows for i in keep}
        # Only rows that have all of the numbers are fitted: where more are absent than usual, these are others.
        without = {i: max(absent(profiles[i], n) for n in together) for i in keep}
        usual_without = float(np.median([without[i] for i in keep if i != last]))
        picked = {i: abs(without[i] - usual_without) for i in keep}
        # The middle covariance, not the mean: one batch with an outlier must not decide the fit.
        pooled = np.median([within[i] for i in keep if i != last], axis=0)
        scale = np.sqrt(np.maximum(pooled.diagonal(), 1e-12))
        beyond = _beyond(means, last)
        if not np.isfinite(scale).all():
            continue
        for target in range(len(together)):
            if pooled[target, target] <= 1e-12:
                continue
            others = [i for i in range(len(together)) if i != target and pooled[i, i] > 1e-12]
            if not others:
                continue
            corr = pooled / np.outer(scale, scale)
            beta = np.linalg.solve(corr[np.ix_(others, others)] + 0.01 * np.eye(len(others)), corr[others, target])
            weights = np.zeros(len(together))
            weights[target], weights[others] = 1 / scale[target], -beta / scale[others]
            # A fit that leaves nothing is told by its formula; here a hundredth of the variance is always allowed.
            left = max(float(weights @ pooled @ weights), 1e-2)
            if left > 0.8:
                continue
            mean_pairs, spread_pairs = [], []
            # As large as it is usually, in the unit of the column.
            size = math.sqrt(left) * float(scale[target])
            for i in range(len(profiles)):
                if i in means:
                    outside = float(np.abs(weights[others]) @ beyond[i][others])
                    strayed = picked[i] ** 2 + (SLOPE * outside) ** 2 / left
                    off = float(weights @ means[i]) / math.sqrt(left)
                    mean_pairs.append((size * off, size**2 * (1 / rows[i] + 1e-4 + strayed)))
                    spread = max(float(weights @ within[i] @ weights), 1e-4) / left
                    spread_pairs.append((0.5 * math.log(spread) + math.log(size), 1 / rows[i] + 1e-3))
                else:
                    mean_pairs.append((math.nan, 1.0))
                    spread_pairs.append((math.nan, 1.0))
            usual = float(np.nanmedian([m for m, _ in mean_pairs[:last]]))
            yield named(together[target], "relation", label), [(m - usual, v) for m, v in mean_pairs]
            yield named(together[target], "relation", f"{label}_spread"), spread_pairs


def _beyond(means: Mapping[int, Array], last: int) -> dict[int, Array]:
    """How far the means of each batch lie outside those of all the others but the `last`, which has no vote: there the fit was
    never tried.
    """
    result = {}
    for i, mean in means.items():
        others = np.array([m for j, m in means.items() if j not in (i, last)])
        result[i] = np.maximum(0.0, np.maximum(mean - others.max(axis=0), others.min(axis=0) - mean))
    return result


def absent(profile: Profile, name: str) -> float:
    """The share of rows in which a column has no number."""
    numbers = profile.columns[name].numbers
    return 1 - (numbers.count if numbers is not None else 0.0) / max(1, profile.rows)


def _negative(profile: Profile, name: str) -> bool:
    """Whether a column has numbers below zero. Their sizes fall while they rise: no line goes through both."""
    numbers = profile.columns[name].numbers
    return numbers is not None and numbers.negative > 0


def _advances(name: str, relations: Sequence[Relations]) -> bool:
    """Whether a number moves from batch to batch far more than within one (a running key): it explains nothing."""
    means, within = [], []
    for r in relations:
        at = r.number_columns.index(name)
        width = len(r.number_columns)
        means.append(r.means[0][at])
        # Place of the diagonal in the row-wise upper triangle.
        within.append(r.covariance[0][at * width - at * (at - 1) // 2])
    return float(np.var(means)) > 10 * float(np.median(within))


def held(profiles: Sequence[Profile]) -> Iterator[tuple[Key, Column]]:
    """Formulas and date parts that the history shows to hold; below what is recorded counts as half of that."""
    last = len(profiles) - 1
    for attribute, least in (("formulas", 0.8), ("parts", 0.5)):
        tables: list[dict[str, float]] = [getattr(p.relations, attribute) for p in profiles]
        for key in sorted({k for t in tables[:last] for k in t}):
            shares = [t.get(key) for t in tables]
            known = [
                s for s in shares[:last] if s is not None and s >= least and (attribute != "parts" or is_part(key, s))
            ]
            if len(known) >= max(3, 0.9 * last):
                columns = key.split(BETWEEN) if attribute == "parts" else key.replace(" = ", " ").split(" ")
                present = [c for c in columns if c in profiles[last].columns]
                for column in present[:1] if attribute == "parts" else present:
                    yield (
                        named(column, "relation", attribute, key),
                        [
                            ((s if s is not None else 0.15) * p.relations.rows, float(p.relations.rows))
                            for s, p in zip(shares, profiles, strict=True)
                        ],
                    )
