"""The different values of a column: how often each stands there, a sketch of all of them, and their spelling."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest

import duckdb
import numpy as np

from expectations.profile.model import LENGTH_GRID, Sketch, Text
from expectations.profile.spelling import Facts, facts

KEPT = 200
READ = 2048
TOP = 32
FORMATS = 12
LONGEST = 60
# No more digits than doubles hold exactly.
_AT_END = re.compile(r"(?<![0-9])[0-9]{1,15}\Z")


@dataclass(frozen=True)
class Values:
    """Different values of a column with rows each. `weights` scale a sample of the rare ones up to all."""

    values: list[str]
    weights: list[float]
    hashes: list[int]
    distinct: float
    complete: bool

    def spelled(self) -> list[tuple[Facts, float]]:
        """The different facts of the values read, with the weight of each."""
        found: dict[Facts, float] = {}
        for value, weight in zip(self.values, self.weights, strict=True):
            told = facts(value)
            found[told] = found.get(told, 0.0) + weight
        return list(found.items())


def lasting_hash(text: str) -> str:
    """SQL of a 64-bit hash of a text that stays the same over versions: the lower half of its MD5.

    It is DuckDB's `md5_number_lower`, which takes five times as long (measured with 2.0).
    """
    return f"(md5_number({text}) >> 64)::UBIGINT"


def read_values(con: duckdb.DuckDBPyConnection, table: str, column: str, salt: str) -> Values:
    """The values of one column: all of them up to READ, else the commonest and those with the smallest hashes."""
    hashed = lasting_hash(f"'{salt}' || v" if salt else "v")
    rows = con.execute(
        f"""WITH v AS MATERIALIZED (
              SELECT v, c, {hashed} h FROM (
                SELECT {column} v, count(*) c FROM {table} WHERE {column} IS NOT NULL GROUP BY 1))
            (SELECT v, c, h, 0 AS part FROM v ORDER BY h LIMIT {READ + 1})
            UNION ALL (SELECT v, c, h, 1 FROM v ORDER BY c DESC, h LIMIT {TOP})
            UNION ALL (SELECT NULL, sum(c)::BIGINT, count(*)::UBIGINT, 2 FROM v)"""
    ).fetchall()
    low = [row for row in rows if row[3] == 0]
    if len(low) <= READ:
        return Values([r[0] for r in low], [float(r[1]) for r in low], [r[2] for r in low], len(low), complete=True)
    top = [row for row in rows if row[3] == 1]
    _, total, distinct, _ = next(row for row in rows if row[3] == 2)
    common = {row[0] for row in top}
    rare = [row for row in low if row[0] not in common]
    factor = (total - sum(r[1] for r in top)) / max(1, sum(r[1] for r in rare))
    both = top + rare
    weights = [float(r[1]) for r in top] + [r[1] * factor for r in rare]
    return Values([r[0] for r in both], weights, [r[2] for r in both], distinct, complete=False)


def sketch(values: Values) -> Sketch:
    """The KEPT smallest hashes (upper 32 bits) with their rows; comparable between any two batches."""
    order = sorted(range(len(values.hashes)), key=values.hashes.__getitem__)
    chosen = order[:KEPT]
    return Sketch(
        tuple(values.hashes[i] >> 32 for i in chosen),
        tuple(float(f"{values.weights[i]:.4g}") for i in chosen),
        complete=values.complete and len(order) <= KEPT,
    )


def top(values: Values, masked: bool) -> tuple[tuple[str, float], ...]:
    """The commonest values with their rows; of a masked column their hashes. Long texts are cut."""
    order = nsmallest(TOP, range(len(values.values)), key=lambda i: (-values.weights[i], values.hashes[i]))
    return tuple(
        (f"#{values.hashes[i] >> 32:08x}" if masked else values.values[i][:LONGEST], values.weights[i]) for i in order
    )


def text(spelled: Sequence[tuple[Facts, float]], scale: float) -> Text:
    """Counts of rows by how their value is spelled; `scale` raises a sample to the batch."""
    weights = np.array([w * scale for _, w in spelled], dtype=float)
    flags = np.array(
        [
            (
                f.nullish,
                f.edge_space,
                f.double_space,
                f.upper,
                f.lower,
                f.digits_only,
                f.non_ascii,
                f.garbled,
                f.escaped,
            )
            for f, _ in spelled
        ],
        dtype=float,
    ).reshape(-1, 9)
    lengths = np.array([f.length for f, _ in spelled], dtype=float)
    total = float(weights.sum())
    mean = float(lengths @ weights / total) if total else 0.0
    deviation = float(np.sqrt(((lengths - mean) ** 2) @ weights / total)) if total else 0.0
    patterns: dict[str, float] = {}
    for (f, _), w in zip(spelled, weights, strict=True):
        patterns[f.pattern] = patterns.get(f.pattern, 0.0) + float(w)
    formats = sorted(patterns.items(), key=lambda item: (-item[1], item[0]))[:FORMATS]
    counts = (float(x) for x in weights @ flags)
    nullish, edge, double, upper, lower, digits, non_ascii, garbled, escaped = counts
    return Text(
        counted=total,
        nullish=nullish,
        edge_space=edge,
        double_space=double,
        upper=upper,
        lower=lower,
        digits_only=digits,
        non_ascii=non_ascii,
        garbled=garbled,
        length_mean=mean,
        length_deviation=deviation,
        lengths=weighted_quantiles(lengths, weights, LENGTH_GRID),
        formats=tuple(formats),
        escaped=escaped,
    )


def ends(values: Values) -> tuple[float, float] | None:
    """The smallest and the largest number at the end of texts that differ in it alone (`2015-001670`), if all values were read
    and have as many characters.
    """
    if not values.complete or len(values.values) < 2 or len({len(value) for value in values.values}) > 1:
        return None
    low, high = min(values.values), max(values.values)
    # What these two have in common all have.
    number = _AT_END.search(low)
    if number is None or low[: number.start()] != high[: number.start()]:
        return None
    found = [value[number.start() :] for value in values.values]
    if not all(text.isascii() and text.isdigit() for text in found):
        return None
    return float(low[number.start() :]), float(high[number.start() :])


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, grid: Sequence[float]) -> tuple[float, ...]:
    """Lower quantiles of weighted values; empty for no values."""
    if not len(values):
        return ()
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    at = np.searchsorted(cumulated, np.array(grid) * cumulated[-1] * (1 - 1e-12), side="left")
    return tuple(float(v) for v in values[order][np.minimum(at, len(values) - 1)])
