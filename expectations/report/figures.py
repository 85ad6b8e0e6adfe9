"""The figures of a run that are worth a trend: rows, missing values, means and counts of different values.

Names are 'rows', 'aside', 'nulls:COLUMN' (share), 'mean:COLUMN', 'distinct:COLUMN'. Of a masked column only shares and
counts are kept. Learned bounds are turned back into the unit of the figure, as a reader knows it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from expectations.record import RunRecord
from expectations.report.about import Column

MAX_COLUMNS = 40
MAX_LABELS, LONGEST_LABEL, LABELED_COLUMNS = 12, 40, 8
_KINDS = {"nulls": ("completeness",), "mean": ("values", "slow_drift"), "distinct": ("categories", "reference"),
          "rows": ("volume",), "aside": ()}  # fmt: skip
Bounds = tuple[float, float, float]


def figures(record: RunRecord, columns: Sequence[Column]) -> dict[str, float]:
    """Figures by name, rounded to six significant digits."""
    found: dict[str, float] = {}
    if "extracted" in record.counts:
        found["rows"] = record.counts["extracted"]
        found["aside"] = record.counts.get("quarantined", 0)
    profile = record.profile
    if profile is None:
        return found
    rows = profile.get("rows") or 0
    found.setdefault("rows", rows + sum(reason.rows for reason in record.quarantine))
    found.setdefault("aside", sum(reason.rows for reason in record.quarantine))
    measured: Mapping[str, Any] = profile.get("columns", {})
    for column in columns[:MAX_COLUMNS]:
        of = measured.get(column.name)
        if of is not None and rows:
            found |= _of_column(column, of, rows)
    return {name: _rounded(value) for name, value in found.items()}


def _of_column(column: Column, measured: Mapping[str, Any], rows: int) -> dict[str, float]:
    found: dict[str, float] = {}
    if column.nullable:
        found[f"nulls:{column.name}"] = measured.get("nulls", 0) / rows
    distinct = measured.get("distinct") or 0
    numbers = measured.get("numbers")
    is_text = column.type.startswith("varchar")
    # Every row its own value says nothing; of numbers the mean says more, unless they only name things.
    if (column.key or column.masked or is_text) and 2 < distinct < 0.98 * rows:
        found[f"distinct:{column.name}"] = distinct
    if numbers and not (column.masked or column.key or is_text):
        found[f"mean:{column.name}"] = numbers["mean"]
    return found


def labels(record: RunRecord, columns: Sequence[Column]) -> dict[str, tuple[str, ...]]:
    """All values of text columns that have at most MAX_LABELS of them, none of them long; of masked columns none."""
    measured: Mapping[str, Any] = (record.profile or {}).get("columns", {})
    found: dict[str, tuple[str, ...]] = {}
    for column in columns:
        of = measured.get(column.name) or {}
        top = [str(value) for value, _ in of.get("top", ())]
        complete = of.get("sketch", {}).get("complete", False) and len(top) == of.get("distinct")
        if column.masked or column.key or not column.type.startswith("varchar") or not complete:
            continue
        if 0 < len(top) <= MAX_LABELS and max(map(len, top)) <= LONGEST_LABEL and len(found) < LABELED_COLUMNS:
            found[column.name] = tuple(sorted(top))
    return found


def is_about(kind: str, column: str | None, name: str) -> bool:
    """Whether an alert of this kind and column is about the figure of this name."""
    figure, _, of = name.partition(":")
    return kind in _KINDS[figure] and (column or "") == of


def learned(record: RunRecord, figures: Mapping[str, float]) -> dict[str, Bounds]:
    """(low, expected, high) that the drift watch had learned for the figures it shares with the report."""
    found: dict[str, Bounds] = {}
    bands = record.drift.bands.get("figures", ()) if record.drift else ()
    for band in bands:
        name = _name(band)
        if name is None or name not in figures or name in found:
            continue
        bounds = _in_units(name, band, figures[name])
        if bounds is not None:
            low, expected, high = map(_rounded, bounds)
            found[name] = (low, expected, high)
    return found


def _name(band: Mapping[str, Any]) -> str | None:
    column, figure = band.get("column"), str(band.get("figure", ""))
    if column is None:
        return "rows" if band.get("kind") == "volume" and figure == "the number of rows" else None
    known = {
        f"share of empty values in {column}": "nulls",
        f"the mean of {column}": "mean",
        f"the number of different values of {column}": "distinct",
    }
    return f"{known[figure]}:{column}" if figure in known else None


def _in_units(name: str, band: Mapping[str, Any], value: float) -> Bounds | None:
    low, expected, high, seen = (float(band[key]) for key in ("low", "expected", "high", "observed"))
    if not all(map(math.isfinite, (low, expected, high, seen))):
        return None
    if name.startswith("nulls:"):
        return low, expected, high
    if name.startswith("mean:"):
        # Means are watched as asinh(mean / scale); the figure itself gives the scale back.
        if abs(seen) < 1e-6 or max(abs(low), abs(high)) > 50:
            return None
        scale = value / math.sinh(seen)
        a, b = scale * math.sinh(low), scale * math.sinh(high)
        return min(a, b), scale * math.sinh(expected), max(a, b)
    if max(low, high) > 50:
        return None
    return math.exp(low), math.exp(expected), math.exp(high)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}") if isinstance(value, float) and not value.is_integer() else value
