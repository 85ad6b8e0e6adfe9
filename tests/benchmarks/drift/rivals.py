"""What other tools do by their documented defaults, on the same figures: the peers of the benchmark.

elementary: 14 days that include the tested one, more than 3 standard deviations. z-score: the same over all history,
the tested batch left out. Nearest neighbours (Redyuk et al., EDBT 2021): mean distance of the scaled metric vector to its
5 nearest, alarm above the 99th percentile of the history's own distances.
"""

from __future__ import annotations

import numpy as np

from expectations.profile import Profile

Metrics = dict[tuple[str | None, str], float]


def metrics(profile: Profile) -> Metrics:
    """The column metrics these tools collect."""
    out: Metrics = {(None, "row_count"): float(profile.rows)}
    for name, c in profile.columns.items():
        out[name, "null_percent"] = c.nulls / max(profile.rows, 1)
        out[name, "distinct"] = c.distinct
        if c.text.lengths:
            out[name, "min_length"], out[name, "max_length"] = c.text.lengths[0], c.text.lengths[-1]
            out[name, "average_length"] = c.text.length_mean
        if c.numbers is not None and c.numbers.count > 0.5 * (profile.rows - c.nulls):
            n = c.numbers
            out |= {(name, "min"): n.quantiles[0], (name, "max"): n.quantiles[-1], (name, "average"): n.mean}
            out |= {(name, "deviation"): n.deviation, (name, "zero_percent"): n.zero / n.count}
    return out


def elementary(history: list[Metrics], batch: Metrics) -> tuple[set[str | None], float]:
    """Alarmed columns and the largest score (1 at the threshold)."""
    return _z(history[-13:], batch, with_batch=True)


def z_score(history: list[Metrics], batch: Metrics) -> tuple[set[str | None], float]:
    """As `elementary`, over all history and without the batch's own vote."""
    return _z(history, batch, with_batch=False)


def _z(history: list[Metrics], batch: Metrics, with_batch: bool) -> tuple[set[str | None], float]:
    alarmed, worst = set(), 0.0
    for key, value in batch.items():
        values = [m[key] for m in history if key in m] + ([value] if with_batch else [])
        if len(values) < 7:
            continue
        deviation = float(np.std(values, ddof=1))
        z = abs(value - float(np.mean(values))) / deviation if deviation > 0 else (0.0 if value == values[0] else 100.0)
        worst = max(worst, z / 3)
        if z > 3:
            alarmed.add(key[0])
    return alarmed, worst


def neighbours(history: list[Metrics], batch: Metrics) -> tuple[set[str | None], float]:
    """Names the three columns whose metrics lie furthest from the neighbours', when the whole vector is far."""
    keys = [k for k in batch if all(k in m for m in history)]
    block = np.array([[m[k] for k in keys] for m in history])
    low, span = block.min(axis=0), np.ptp(block, axis=0)
    scaled = (block - low) / np.where(span > 0, span, 1)
    point = (np.array([batch[k] for k in keys]) - low) / np.where(span > 0, span, 1)
    own = np.sqrt(((scaled[:, None] - scaled[None]) ** 2).sum(axis=2))
    np.fill_diagonal(own, np.inf)
    limit = float(np.quantile(np.sort(own, axis=1)[:, :5].mean(axis=1), 0.99))
    distance = np.sqrt(((scaled - point) ** 2).sum(axis=1))
    near = np.argsort(distance)[:5]
    score = float(distance[near].mean()) / max(limit, 1e-9)
    if score <= 1:
        return set(), score
    off = np.abs(point - scaled[near].mean(axis=0))
    return {keys[i][0] for i in np.argsort(-off)[:3]}, score
